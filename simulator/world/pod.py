"""What a pod asks for: the compiled, immutable template that control planes, policies and nodes share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Probe:
    """A liveness, readiness or startup probe; Kubernetes' fields and defaults, times in ns."""

    period_ns: int = 10 * SECOND
    timeout_ns: int = 1 * SECOND
    initial_delay_ns: int = 0
    success_threshold: int = 1
    failure_threshold: int = 3


@dataclass(frozen=True, slots=True)
class Toleration:
    """Kubernetes' toleration. An empty key with Exists tolerates everything; no effect means every effect."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""
    seconds: int | None = None  # tolerationSeconds; None: without limit

    def tolerates(self, taint: tuple[str, str, str]) -> bool:
        """Whether it matches the taint (key, value, effect)."""
        key, value, effect = taint
        if self.effect and self.effect != effect:
            return False
        if self.key and self.key != key:
            return False
        return self.operator == "Exists" or (bool(self.key) and self.value == value)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One match expression over labels: In NotIn Exists DoesNotExist Gt Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels meet it; Kubernetes' rules for absent keys."""
        present, value = self.key in labels, labels.get(self.key, "")
        match self.operator:
            case "In":
                return present and value in self.values
            case "NotIn":
                return not present or value not in self.values
            case "Exists":
                return present
            case "DoesNotExist":
                return not present
            case "Gt" | "Lt":
                try:
                    have, want = int(value), int(self.values[0])
                except (ValueError, IndexError):
                    return False
                return have > want if self.operator == "Gt" else have < want
        raise ValueError(f"unknown operator {self.operator}")


# A term is met when all its requirements are; a selector when one of its terms is.
Term = tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class PodAffinityTerm:
    """Pods near (or, as anti-affinity, away from) pods whose labels meet the term, within one topology domain."""

    selector: Term
    topology_key: str
    weight: int = 0  # 0: required; 1–100: preferred


@dataclass(frozen=True, slots=True)
class SpreadConstraint:
    """topologySpreadConstraints: at most `max_skew` more matching pods in one domain than in another."""

    max_skew: int
    topology_key: str
    selector: Term
    when_unsatisfiable: str = "DoNotSchedule"


@dataclass(frozen=True, slots=True)
class ContainerTemplate:
    """One container: image, requests and limits (cpu in millicores, memory in bytes), probes."""

    name: str
    image: str
    cpu_m: int = 0
    ram_bytes: int = 0
    cpu_limit_m: int | None = None
    ram_limit_bytes: int | None = None
    pull_policy: str = "IfNotPresent"
    liveness: Probe | None = None
    readiness: Probe | None = None
    startup: Probe | None = None
    host_ports: tuple[int, ...] = ()
    has_cpu_request: bool = True
    has_ram_request: bool = True
    ram_idle_bytes: int = 0  # working set of the started, idle process
    ram_per_request_bytes: int = 0
    run_ns: int | None = None  # how long the process runs before it exits by itself; None: for ever (a server)
    exit_code: int = 0  # with which it exits
    start_ns: int = 0  # from process start until it answers
    # CPU that the process takes while it runs, beside requests; not part of the text that a hash is made from.
    background_m: int = field(default=0, repr=False)
    ram_dirty: float | None = field(default=None, repr=False)  # bytes that it writes a second; None: nobody says


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """The part of a pod that never changes. `cpu_m` and `ram_bytes` are the effective requests: the larger of
    the containers' sum and any init container's, plus the RuntimeClass overhead."""

    workload: str  # the manifest object (Deployment, DaemonSet, …) that owns it, by name
    labels: dict[str, str]
    containers: tuple[ContainerTemplate, ...]
    init_containers: tuple[ContainerTemplate, ...] = ()
    cpu_m: int = 0
    ram_bytes: int = 0
    extended: dict[str, int] = field(default_factory=dict)
    node_name: str = ""
    node_selector: dict[str, str] = field(default_factory=dict)
    node_affinity: tuple[Term, ...] = ()  # required; empty: none
    node_preferences: tuple[tuple[int, Term], ...] = ()  # (weight, term)
    pod_affinity: tuple[PodAffinityTerm, ...] = ()
    pod_anti_affinity: tuple[PodAffinityTerm, ...] = ()
    spread: tuple[SpreadConstraint, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    runtime_class: str = ""  # "": the node's default runtime
    priority: int = 0
    preempts: bool = True
    restart_policy: str = "Always"
    grace_ns: int = 30 * SECOND
    qos: str = "Burstable"  # Guaranteed, Burstable, BestEffort
    # That every one of its images has; empty: unknown. Follows from the images, and a set has no order: not part of the
    # text that the pod-template-hash is made from, which must be the same in every process.
    platforms: frozenset[str] = field(default=frozenset(), repr=False)
    image_bytes: int = 0  # unpacked size of its images, for ImageLocality

    def running(self, run_ns: int) -> PodTemplate:
        """The same for a pod whose main container runs so long, and then exits."""
        main, *others = self.containers
        return replace(self, containers=(replace(main, run_ns=run_ns), *others))

    @property
    def guest_bytes(self) -> int:
        """RAM of a virtual machine for this pod: the containers' limits, or what they ask for; 0: nothing is said."""
        return sum(c.ram_limit_bytes or c.ram_bytes for c in self.containers)
