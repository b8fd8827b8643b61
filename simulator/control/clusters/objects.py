"""The objects of a hub: what it believes of its members, and what it wants of each. Karmada's names and fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.control.api.objects import ApiObject, Deployment, Job, Pod, ReplicaSet, Taint

COUNTED = (Deployment, ReplicaSet, Job, Pod)  # kinds whose copies are divided; any other goes to every member


@dataclass(slots=True, eq=False)
class Member(ApiObject):
    """A member cluster as the hub believes it to be (Karmada's Cluster)."""

    ready: str = "True"  # the Ready condition: True False Unknown
    since_ns: int = 0  # when the condition changed
    taints: list[Taint] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Applied(ApiObject):
    """A workload as somebody applied it to the hub. Of another kind than the workload itself, because nobody at the
    hub runs it: what it says is copied to the members."""

    workload: ApiObject = None  # type: ignore[assignment]  # always given; a dataclass field after defaults
    ready: int = 0  # status: ready pods over all members, as they reported last


@dataclass(frozen=True, slots=True)
class Report:
    """What a member said last of its copy of a workload."""

    ready: int = 0  # pods
    succeeded: int = 0  # of a job
    complete: bool = False


@dataclass(slots=True, eq=False)
class Binding(ApiObject):
    """Where a workload goes (Karmada's ResourceBinding). Every member in `replicas` has a copy of the object."""

    applied: Applied = None  # type: ignore[assignment]
    replicas: dict[str, int] = field(default_factory=dict)  # member -> copies; 0 where kinds have no copies
    leaving: dict[str, int] = field(default_factory=dict)  # gracefully evicted: member -> since when (ns)
    generation: int = 1  # of what was applied
    duplicated: bool = False
    divided: int = -1  # the number that was divided last; −1: to be divided anew
    scheduled: bool = False
    reason: str = ""  # why it is not

    @property
    def workload(self) -> ApiObject:
        return self.applied.workload

    @property
    def counted(self) -> bool:
        """Whether it has copies that are divided."""
        return isinstance(self.workload, COUNTED)

    @property
    def wanted(self) -> int:
        """How many copies its workload wants, over all members."""
        return copies_of(self.workload)


@dataclass(slots=True, eq=False)
class Work(ApiObject):
    """One workload for one member. It stays until the member has confirmed that it is gone there."""

    member: str = ""
    binding: Binding = None  # type: ignore[assignment]
    replicas: int = 0
    completions: int = 0  # of a job: its share
    generation: int = 1  # of what was applied
    applied_ns: int | None = None  # when the hub learned that the member has it
    report: Report = Report()


@dataclass(frozen=True, slots=True)
class Order:
    """What is sent to a member about one Work: a copy, so that what is under way does not change."""

    work: str
    member: str
    workload: ApiObject
    replicas: int
    completions: int
    generation: int
    delete: bool


def order(work: Work) -> Order:
    """The order that this Work is now."""
    gone = work.deletion_ns is not None
    return Order(work.name, work.member, work.binding.workload, work.replicas, work.completions, work.generation, gone)


def key_of(workload: ApiObject) -> str:
    """A workload's name among all that a hub is given: two kinds may share a name."""
    return f"{workload.kind}/{workload.name}"


def copies_of(workload: ApiObject) -> int:
    """How many copies a workload wants; 0 where its kind has none."""
    match workload:
        case Deployment() | ReplicaSet():
            return workload.replicas
        case Job():
            return workload.parallelism
        case Pod():
            return 1
    return 0
