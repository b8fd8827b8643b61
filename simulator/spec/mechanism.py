"""The mechanisms of orchestrators: one frozen class each, told apart by `kind`, numbers in base units.

Times are ns, sizes bytes, cpu millicores, rates per second. A class takes facts, quantities as text, or base units;
none of its numbers has a default. What differs between orchestrators is which of these, with which numbers.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from simulator.facts.dist import DistSpec
from simulator.facts.fact import Fact
from simulator.units import UnitError, parse


def _wrong(message: str, hint: str = "") -> PydanticCustomError:
    return PydanticCustomError("fact", "{said}", {"said": message, "hint": hint})


def _quantity(dimension: str) -> BeforeValidator:
    def read(given: Any) -> Any:
        if isinstance(given, str):
            try:
                return parse(given, dimension)
            except UnitError as error:
                raise _wrong(error.message, error.hint) from None
        if not isinstance(given, Fact):
            return given
        if given.dimension != dimension:
            raise _wrong(f"this is a {dimension}, not a {given.dimension}")
        if isinstance(given.value, DistSpec):
            raise _wrong("this is one value, not a distribution", "write value")
        return given.base

    return BeforeValidator(read)


def _span(given: Any) -> Any:
    if not isinstance(given, Fact):
        return given
    spec = given.value
    if given.dimension != "duration" or not isinstance(spec, DistSpec) or spec.kind != "uniform":
        raise _wrong("this is a range of durations", "write dist: {uniform: {low: …, high: …}}")
    return round(spec.parameters["low"]), round(spec.parameters["high"])


def _words(given: Any) -> Any:
    value = given.value if isinstance(given, Fact) else given
    return tuple(value) if isinstance(value, list) else value


Ns = Annotated[int, _quantity("duration"), Field(strict=True, ge=0)]
Period = Annotated[int, _quantity("duration"), Field(strict=True, gt=0)]
Span = Annotated[tuple[int, int], BeforeValidator(_span)]
Bytes = Annotated[int, _quantity("size"), Field(strict=True, ge=0)]
Millicores = Annotated[int, _quantity("cpu"), Field(strict=True, ge=0)]
Count = Annotated[int, _quantity("count"), Field(strict=True, ge=0)]
Some = Annotated[int, _quantity("count"), Field(strict=True, ge=1)]
Rate = Annotated[float, _quantity("frequency"), Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[float, _quantity("ratio"), Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, _quantity("ratio"), Field(ge=0, le=1)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


_ORDERED: Final = (("first", "cap"), ("retry_first", "retry_cap"), ("least", "most"), ("renew_deadline", "lease"))


class Part(BaseModel):
    """A frozen group of parameters; an unknown one is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (
            ("first", "cap"),
            ("retry_first", "retry_cap"),
            ("least", "most"),
            ("renew_deadline", "lease"),
        ):
            if hasattr(self, low) and hasattr(self, high) and getattr(self, low) > getattr(self, high):
                raise _wrong(f"{high} lies below {low}", "swap them")
        return self


class Backoff(Part):
    """A wait that grows by `factor` from `first` to `cap`, and starts again after `reset` without a failure."""

    first: Period
    factor: Annotated[float, _quantity("ratio"), Field(ge=1)]
    cap: Period
    reset: Period | None = None


class Doubling(Part):
    """A wait that doubles from `first` to `cap`."""

    first: Period
    cap: Period


class Replicas(Part):
    """The system places the copies that a workload wants wherever they fit."""

    kind: Literal["replicas"]


class Watch(Part):
    """Agents list and watch the API server; changes are pushed to them, and a lost watch relists in full."""

    kind: Literal["watch"]
    write_latency: Ns  # of the API server, for one write
    watch_latency: Ns  # from a write to the control plane's own watchers
    relist: Literal["per-object-bytes"]
    pod_bytes: Bytes
    status_bytes: Bytes
    request_bytes: Bytes


class Leader(Part):
    """Election among the copies of a control-plane component."""

    lease: Period
    renew_deadline: Period
    retry: Period
    jitter: Ratio  # a candidate looks after retry × U(1, 1 + jitter)


class Lease(Part):
    """An agent renews a lease; a pass over all nodes believes in it until `grace` after it noticed the last renewal."""

    kind: Literal["lease"]
    renew: Period
    jitter: Ratio
    retry_first: Period
    retry_cap: Period
    bytes: Bytes
    monitor: Period
    pass_work: Span
    grace: Period
    leader: Leader


class Taints(Part):
    """Unreachable nodes get a NoExecute taint, at a limited rate per zone; pods leave when their toleration ends."""

    kind: Literal["taints"]
    toleration: Ns
    node_rate: Rate
    secondary_rate: Annotated[float, _quantity("frequency"), Field(ge=0)]
    unhealthy_zone: Share
    unhealthy_nodes: Count  # up to so many NotReady nodes are no disruption
    large_zone: Count
    loop: Period
    gc_period: Period
    gc_quarantine: Ns


class Autonomy(Part):
    """What a node does by itself while cut off, and after a reboot while cut off."""

    kind: Literal["agent"]
    offline: tuple[Literal["keep"], Literal["restart"]]
    after_reboot_offline: tuple[Literal["static-pods", "keep", "restart"], ...]


class Reconnect(Part):
    """How a lost connection is noticed (a ping after silence), dialled again, and what is sent then."""

    kind: Literal["backoff"]
    first: Period
    factor: Annotated[float, _quantity("ratio"), Field(ge=1)]
    cap: Period
    jitter: Ratio  # a wait is stretched by U(1, 1 + jitter)
    reset: Period
    ping_idle: Period
    ping_timeout: Period
    dial_timeout: Period
    syn_timeout: Period
    retransmit: Period
    status_flush: Period
    resync: Literal["full-list"]
    duplicates: Literal["delete-stale"]


class Sample(Part):
    """How many feasible nodes a cycle looks for: all below `least_nodes`, else a falling percentage."""

    formula: Literal["kubernetes-formula"]
    least_nodes: Some
    base_percent: Some
    nodes_per_percent: Some
    least_percent: Some


class QueueBackoff(Part):
    """Of a pod that did not fit: doubling from `first` to `cap`, looked for each `flush`."""

    first: Period
    cap: Period
    flush: Period


class Leftover(Part):
    """Pods that no event woke for `age` are tried again, looked for each `flush`."""

    age: Period
    flush: Period


class Unset(Part):
    """What a container without requests counts as, for scoring only."""

    cpu: Millicores
    ram: Bytes


class ImageLocality(Part):
    """Bytes of a pod's images on a node that score nothing, and everything."""

    least: Bytes
    most: Bytes


class Spread(Part):
    """The soft maxSkew of pods that set none themselves."""

    hostname: Some
    zone: Some


class Framework(Part):
    """Filters, scores and their weights, queues with backoff, one cycle at a time."""

    kind: Literal["framework"]
    qps: Rate
    burst: Some
    cycle: Ns
    filters: Words
    scores: dict[str, Ratio]
    sample: Sample
    backoff: QueueBackoff
    leftover: Leftover
    unset: Unset
    image_locality: ImageLocality
    default_spread: Spread
    hard_affinity_weight: Count


class EndpointsFromApi(Part):
    """Each node's proxy programs what the API server's endpoints say, at most once per `min_sync`."""

    kind: Literal["endpoints-from-api"]
    min_sync: Period
    burst: Some  # syncs that may follow at once
    slice_bytes: Bytes
    endpoint_bytes: Bytes


class Kubelet(Part):
    """Pulls, restarts, evicts and reports on its node."""

    kind: Literal["kubelet"]
    memory_eviction: Bytes | None  # none: the kernel kills by OOM score
    eviction_check: Period
    eviction_cleanup: Ns
    pressure_transition: Ns
    reserved_cpu: Millicores
    reserved_ram: Bytes
    max_pods: Some
    image_pulls: Literal["serial", "parallel"]
    layers_at_once: Some
    pull_stall: Period
    pull_dial: Period
    registry_qps: Rate
    registry_burst: Some
    pull_backoff: Backoff
    crash_backoff: Backoff
    relist: Period
    sync_retry: Period
    sync_jitter: Ratio
    status_update: Period


class ControllerManager(Part):
    """Control loops behind one client's rate limit each."""

    kind: Literal["controller-manager"]
    qps: Rate
    burst: Some
    workers: Some  # concurrent syncs of each controller but the DaemonSets'
    daemon_workers: Some
    most_per_sync: Some
    daemons_per_sync: Some
    history: Count  # old ReplicaSets that a Deployment keeps
    retry: Doubling
    retry_qps: Rate
    retry_burst: Some
    daemon_backoff: Doubling
    job_backoff: Doubling


class Minimum(Part):
    """The smallest machine that the component's makers support."""

    ram: Bytes
    cores: Some | None = None


class Server(Part):
    """What runs on the control plane's machines, and what it takes there."""

    kind: Literal["server"]
    name: str
    on: Literal["control-plane"]
    processes: Words
    ram: Bytes
    cpu: Millicores
    minimum: Minimum
    architectures: Words
    taints: Words  # key:effect, of machines whose role is control-plane

    @property
    def node_taints(self) -> list[tuple[str, str, str]]:
        """The taints as (key, value, effect)."""
        return [(key, "", effect) for key, _, effect in (text.rpartition(":") for text in self.taints)]


class NodeAgent(Part):
    """What runs on every node, and what it takes there."""

    kind: Literal["agent"]
    name: str
    on: Literal["every-node"]
    processes: Words
    ram: Bytes
    cpu: Millicores
    minimum: Minimum
    architectures: Words


Component = Server | NodeAgent
# The union that each list of a page holds, told apart by `kind`.
MECHANISMS: Final[dict[str, tuple[type[Part], ...]]] = {
    "admits": (Replicas,),
    "desired_state": (Watch,),
    "liveness": (Lease,),
    "eviction": (Taints,),
    "autonomy": (Autonomy,),
    "reconnect": (Reconnect,),
    "scheduling": (Framework,),
    "service_access": (EndpointsFromApi,),
    "node_agent": (Kubelet,),
    "controllers": (ControllerManager,),
    "components": (Server, NodeAgent),
}


def kind_of(mechanism: type[Part]) -> str:
    """The `kind` by which a page names this mechanism."""
    return str(get_args(mechanism.model_fields["kind"].annotation)[0])
