"""The objects at the API server: what this control plane believes and wants. Kubernetes' names and fields."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.world.device import Accelerators, Held
from simulator.world.pod import PodTemplate, Term

Taint = tuple[str, str, str]  # key, value, effect


@dataclass(slots=True, eq=False)
class ApiObject:
    """What every object has."""

    name: str
    uid: int = 0  # given by the server
    created_ns: int = 0
    deletion_ns: int | None = None  # deletionTimestamp: set while it is being deleted
    deleted: bool = False  # gone from the store

    @property
    def kind(self) -> str:
        """Pod, Node, ReplicaSet, …"""
        return type(self).__name__


@dataclass(slots=True, eq=False)
class Pod(ApiObject):
    """A pod as the control plane believes it to be; what runs is the node's business."""

    template: PodTemplate = None  # type: ignore[assignment]  # always given; a dataclass field after defaults
    owner: ApiObject | None = None  # the controller: a ReplicaSet, DaemonSet, Job, or None
    node: str = ""  # spec.nodeName; set once, by a binding
    devices: Held = field(default_factory=dict)  # the accelerators that the binding names
    run_ns: int | None = None  # how long its main container runs before it exits; None: as its template says
    phase: str = "Pending"  # Pending Running Succeeded Failed
    ready: bool = False
    reason: str = ""  # ImagePullBackOff, CrashLoopBackOff, Evicted, OOMKilled, …
    restarts: int = 0
    scheduled_ns: int | None = None
    ready_ns: int | None = None
    hash: str = ""  # pod-template-hash of its ReplicaSet, for rolling updates
    move: Move | None = None  # what it is to go on with, until it has taken that pod's place

    @property
    def active(self) -> bool:
        """Counts as a replica: neither finished nor being deleted, nor the twin of a pod that goes on for now."""
        here = self.phase in ("Pending", "Running") and self.deletion_ns is None and not self.deleted
        return here and (self.move is None or self.move.source.phase == "Succeeded")


@dataclass(frozen=True, slots=True)
class Move:
    """Why a twin was made: it is to go on, on this node, where `source` is stopped; `how` is live or state."""

    source: Pod
    node: str
    how: str


@dataclass(slots=True, eq=False)
class Node(ApiObject):
    """A node as the control plane believes it to be."""

    zone: str = ""
    platform: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: list[Taint] = field(default_factory=list)
    unschedulable: bool = False
    ready: str = "True"  # the Ready condition: True False Unknown
    conditions: dict[str, bool] = field(default_factory=dict)  # MemoryPressure, DiskPressure, PIDPressure
    allocatable_cpu_m: int = 0
    allocatable_ram_bytes: int = 0
    max_pods: int = 110
    extended: dict[str, int] = field(default_factory=dict)
    accelerators: tuple[Accelerators, ...] = ()
    runtimes: tuple[str, ...] = ()
    speed: float = 1.0
    images: dict[str, int] = field(default_factory=dict)  # status.images: name -> bytes
    heard_ns: int = 0  # when the server last heard of it, for the age of belief


@dataclass(slots=True, eq=False)
class ReplicaSet(ApiObject):
    """Wants `replicas` pods of one template."""

    template: PodTemplate = None  # type: ignore[assignment]
    replicas: int = 1
    owner: Deployment | None = None
    hash: str = ""
    available: int = 0  # status: ready pods that are not being deleted


@dataclass(slots=True, eq=False)
class Deployment(ApiObject):
    """Wants `replicas` pods, rolled from one template to the next."""

    template: PodTemplate = None  # type: ignore[assignment]
    replicas: int = 1
    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"
    strategy: str = "RollingUpdate"
    generation: int = 1


@dataclass(slots=True, eq=False)
class DaemonSet(ApiObject):
    """Wants one pod on every eligible node, rolled from one template to the next."""

    template: PodTemplate = None  # type: ignore[assignment]
    max_unavailable: int = 1  # nodes without an available pod while it rolls


@dataclass(slots=True, eq=False)
class Job(ApiObject):
    """Wants `completions` pods to succeed, `parallelism` at a time."""

    template: PodTemplate = None  # type: ignore[assignment]
    completions: int = 1
    parallelism: int = 1
    backoff_limit: int = 6
    succeeded: int = 0
    failed: int = 0
    complete: bool = False
    reason: str = ""  # why it failed for good: BackoffLimitExceeded


@dataclass(slots=True, eq=False)
class Service(ApiObject):
    """A name for the ready pods that its selector matches."""

    selector: Term = ()
    distribution: str = ""  # spec.trafficDistribution: PreferClose, or empty
    internal_policy: str = "Cluster"  # spec.internalTrafficPolicy: Cluster or Local
    publish_not_ready: bool = False


@dataclass(slots=True, eq=False)
class Endpoints(ApiObject):
    """The believed endpoints of a service: what its EndpointSlices say together."""

    pods: tuple[Pod, ...] = ()
    version: int = 0
