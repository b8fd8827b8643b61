"""The scenario: one world, one orchestrator, its workloads, and what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, PrivateAttr, model_validator

from simulator.spec.base import (
    Flag,
    Glob,
    ModelName,
    Name,
    Number,
    Reference,
    Spec,
    Text,
    Use,
    empty,
    use,
    wrong,
)
from simulator.spec.behaviour import Behaviour, Wait
from simulator.spec.clusters import ClusterSpec, check_family
from simulator.spec.coverage import CoverageItem
from simulator.spec.distribution import RandomDuration
from simulator.spec.faults import FaultItem
from simulator.spec.image import Image, RegistrySpec
from simulator.spec.movement import MovementItem
from simulator.spec.power import Carbon, Prices
from simulator.spec.quantity import Duration, Ratio
from simulator.spec.readers.topology import TopologyFile, read_topology
from simulator.spec.topology import Topology, TopologyField
from simulator.spec.workload import WorkloadItem


def _instant(text: str) -> str:
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise wrong(f"epoch: {text!r} is no instant", "write it as 2026-06-01T00:00:00Z") from None
    if when.tzinfo is None:
        raise wrong(
            f"epoch: {text!r} has no time zone", f"write {text}Z for UTC" if "T" in text else "write …T00:00:00Z"
        )
    return text


Instant = Annotated[Text, AfterValidator(_instant)]


# A point that nobody decides may be said to be so.
Undecided = Annotated[Reference | None, AfterValidator(lambda given: None if given == "none" else given)]


class Weighted(Use):
    """A score plug-in and its weight; the orchestrator's own stand on its page."""

    weight: Annotated[Number, Field(gt=0)] = 1


class Policies(Spec):
    """Who decides, by decision point; and filter and score plug-ins that join the orchestrator's own. `placement` may
    stand outside, too, as the scenario's `policy`.

    With `perfect_knowledge` those who choose nodes see what is, not what is believed: which nodes are up and in reach,
    the cpu and memory that is free there, age 0. Nobody's controller can; it is for bounds, and the results say so.

    `order` says which of the pods that are due is tried first, `preemption` who is deleted for one that found no node,
    `rescheduling` which running pods move, `autoscaling` how many replicas a Deployment has, `caching` which images
    nodes pull ahead; without them the queue is by priority, and nothing of that happens. `scaling` is for the functions
    that name no policy of their own. `routing` says which endpoint serves a request: without it one is drawn uniformly.
    """

    placement: Reference = "kube-default"
    perfect_knowledge: Flag = False
    filters: tuple[Reference, ...] = ()
    scores: tuple[Weighted, ...] = ()
    order: Reference | None = None
    preemption: Reference | None = None
    rescheduling: Reference | None = None
    autoscaling: Reference | None = None
    caching: Reference | None = None
    clusters: Reference | None = None
    scaling: Reference | None = None
    routing: Undecided = None


class RecordRequests(Spec):
    """Which requests leave a row of their own: a deterministic sample."""

    sample: Ratio = Ratio(0.01)


class Record(Spec):
    """What is recorded, and how finely. `energy` is recorded, too, where a scenario has batteries, carbon or prices;
    `links` is what each of them carries, interval by interval. `routing` is the share of the requests for which the
    table `decisions` says where a policy that is asked about each of them sent it.
    """

    requests: RecordRequests = RecordRequests()
    interval: Wait = Duration("10s")
    energy: Flag = False
    links: Flag = False
    routing: Ratio = Ratio(0)


DEFAULT: Final = "kubernetes"  # the orchestrator of a scenario that names none


class Scenario(Spec):
    """One resolved scenario. `folder` is where its relative files are found, `facts` the facts set over the models'.

    `unfit` says what becomes of a machine that cannot run the system, runtimes or orchestrator that are named for it:
    the scenario is wrong, or the machine stays out of its cluster, which is an outcome (`refused_nodes`). `carbon` is
    the intensity of the grid by zone, the first glob that matches: a number (300g/kWh) or a column of a file.
    `fidelity` is how much is simulated: with `scheduling` nodes have no agents, so a pod runs as soon as it is bound,
    until its run is over: for workloads of kind pods, without faults.
    """

    duration: Annotated[Duration, Field(gt=0)]
    warm_up: Duration = Duration("0")
    epoch: Instant = "2026-01-01T00:00:00Z"
    start: Literal["empty", "placed"] = "empty"
    unfit: Literal["refuse", "leave-out"] = "refuse"
    fidelity: Literal["full", "scheduling"] = "full"
    topology: TopologyField
    orchestrator: ModelName | None = None
    clusters: dict[Name, ClusterSpec] | None = None
    policy: Reference | None = None
    policies: Policies | None = None
    policy_time: RandomDuration | None = None
    on_policy_error: Literal["fallback", "stop"] = "fallback"
    images: dict[str, Image] = empty()
    registry: RegistrySpec = RegistrySpec()
    behaviour: dict[str, Behaviour] = empty()
    workloads: tuple[WorkloadItem, ...] = ()
    faults: tuple[FaultItem, ...] = ()
    movement: tuple[MovementItem, ...] = ()
    coverage: tuple[CoverageItem, ...] = ()
    carbon: dict[Glob, Carbon] = empty()
    prices: Prices | None = None
    record: Record = Record()
    _folder: Path = PrivateAttr(default_factory=Path)
    _facts: dict[str, Any] = PrivateAttr(default_factory=dict)
    _read: TopologyFile | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.clusters is not None and self.orchestrator is not None:
            raise wrong("orchestrator is short for one cluster over all nodes", "give one of the two", "orchestrator")
        if self.clusters is not None:
            check_family(self.clusters)
        if self.policy is not None and self.policies is not None and "placement" in self.policies.model_fields_set:
            raise wrong("policy is short for policies: {placement: …}", "give one of the two", "policy")
        return self

    @classmethod
    def load(cls, path: str | Path, case: str | None = None, set: Mapping[str, Any] | None = None) -> Scenario:
        """The scenario of an experiment file (or shipped experiment), with the paths of one case and of `set` applied.

        Raises UserError with every problem of the file.
        """
        from simulator.spec.load import load_experiment  # noqa: PLC0415  # the loader builds scenarios

        return load_experiment(path, set or {}, plan=False).resolve(case=case)

    def placed(self, folder: Path, facts: Mapping[str, Any]) -> Self:
        """The same scenario with the folder of its files and the facts set over the models'."""
        twin = self.model_copy()
        twin._folder, twin._facts, twin._read = folder, dict(facts), None
        return twin

    @property
    def folder(self) -> Path:
        """Where relative files are found: beside the experiment file; from Python, the current folder."""
        return self._folder

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts set over the models': `kind.name.field` to the value as written."""
        return self._facts

    @property
    def world(self) -> Topology:
        """The topology in its long form; one of a file as it was read. Raises UserError where that cannot be."""
        if isinstance(self.topology, str):
            return Topology(use=self.topology)
        return self.topology if self.topology_file is None else self.topology_file.topology

    @property
    def topology_file(self) -> TopologyFile | None:
        """What the topology's file holds, read once; None without one. Raises UserError with what is wrong in it."""
        if isinstance(self.topology, str) or self.topology.file is None:
            return None
        if self._read is None:
            self._read = read_topology(self.folder / self.topology.file, self.topology.params, self.folder)
        return self._read

    @property
    def family(self) -> Mapping[str, ClusterSpec]:
        """The clusters by name; a single one has none, and is all members of the world."""
        return self.clusters or {"": ClusterSpec(orchestrator=self.orchestrator or DEFAULT, nodes=("*",))}

    @property
    def placement(self) -> Use:
        """The placement policy in its long form."""
        if self.policy is not None:
            return use(self.policy)
        return use((self.policies or Policies()).placement)

    @property
    def begins(self) -> datetime:
        """The instant of t = 0."""
        return datetime.fromisoformat(self.epoch)
