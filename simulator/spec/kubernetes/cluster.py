"""Services, classes, configuration, autoscalers and nodes."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from simulator.spec.base import Flag, empty, wrong
from simulator.spec.kubernetes.base import Int, K8s, K8sObject, Labels, Many, Natural, NotSimulated, Port
from simulator.spec.kubernetes.quantity import Resources
from simulator.spec.kubernetes.scheduling import Toleration


def _port(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | str) or given == "":
        raise wrong(f"targetPort: {given!r} is neither a port nor a port's name")
    return given


IntOrString = Annotated[Any, AfterValidator(_port)]


class ServicePort(K8s):
    """A port of a service. Which number it has makes no difference here."""

    port: Port
    name: str = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    target_port: IntOrString | None = None
    app_protocol: NotSimulated = None
    node_port: NotSimulated = None


class ServiceSpec(K8s):
    """Which pods answer to a service's name, and who may ask which of them."""

    selector: Labels = empty()
    ports: tuple[ServicePort, ...] = ()
    type: Literal["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"] = "ClusterIP"
    internal_traffic_policy: Literal["Cluster", "Local"] = "Cluster"
    publish_not_ready_addresses: Flag = False
    traffic_distribution: Literal["PreferClose", "PreferSameZone", "PreferSameNode"] | None = None
    allocate_load_balancer_node_ports: NotSimulated = None
    cluster_ip: NotSimulated = None
    cluster_ips: NotSimulated = None
    external_ips: NotSimulated = None
    external_name: NotSimulated = None
    external_traffic_policy: NotSimulated = None
    health_check_node_port: NotSimulated = None
    ip_families: NotSimulated = None
    ip_family_policy: NotSimulated = None
    load_balancer_class: NotSimulated = None
    load_balancer_ip: NotSimulated = None
    load_balancer_source_ranges: NotSimulated = None
    session_affinity: NotSimulated = None
    session_affinity_config: NotSimulated = None


class Service(K8sObject):
    """A name for the ready pods that its selector matches."""

    versions: ClassVar[tuple[str, ...]] = ("v1",)
    kind: Literal["Service"]
    spec: ServiceSpec
    status: NotSimulated = None


class Overhead(K8s):
    """What a runtime itself takes, per pod."""

    pod_fixed: Resources = empty()


class Scheduling(K8s):
    """The nodes that have a runtime."""

    node_selector: Labels = empty()
    tolerations: tuple[Toleration, ...] = ()


class RuntimeClass(K8sObject):
    """A runtime by name: its handler."""

    versions: ClassVar[tuple[str, ...]] = ("node.k8s.io/v1",)
    kind: Literal["RuntimeClass"]
    handler: Annotated[str, Field(min_length=1)]
    overhead: Overhead = Overhead()
    scheduling: Scheduling = Scheduling()


class PriorityClass(K8sObject):
    """A priority by name."""

    versions: ClassVar[tuple[str, ...]] = ("scheduling.k8s.io/v1",)
    kind: Literal["PriorityClass"]
    value: Int = 0
    global_default: Flag = False
    preemption_policy: Literal["PreemptLowerPriority", "Never"] = "PreemptLowerPriority"
    description: NotSimulated = None


# The classes that every cluster has (pkg/apis/scheduling of Kubernetes).
SYSTEM_PRIORITIES = {"system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000}


class ConfigMap(K8sObject):
    """Configuration: its size travels, its content does not matter."""

    versions: ClassVar[tuple[str, ...]] = ("v1",)
    kind: Literal["ConfigMap"]
    data: dict[str, str] = empty()
    binary_data: dict[str, str] = empty()
    immutable: NotSimulated = None

    @property
    def size_bytes(self) -> int:
        """Of its keys and values."""
        return _size(self.data) + _size(self.binary_data)


class Secret(K8sObject):
    """As a ConfigMap."""

    versions: ClassVar[tuple[str, ...]] = ("v1",)
    kind: Literal["Secret"]
    data: dict[str, str] = empty()
    string_data: dict[str, str] = empty()
    immutable: NotSimulated = None
    type: NotSimulated = None

    @property
    def size_bytes(self) -> int:
        """Of its keys and values."""
        return _size(self.data) + _size(self.string_data)


def _size(entries: dict[str, str]) -> int:
    return sum(len(key.encode()) + len(text.encode()) for key, text in entries.items())


class CrossVersionObjectReference(K8s):
    """An object by kind and name."""

    kind: Annotated[str, Field(min_length=1)]
    name: Annotated[str, Field(min_length=1)]
    api_version: str = ""


class HorizontalPodAutoscalerSpec(K8s):
    """Between how many and how many."""

    scale_target_ref: CrossVersionObjectReference
    max_replicas: Many
    min_replicas: Natural = 1
    behavior: NotSimulated = None
    metrics: NotSimulated = None
    target_cpu_utilization_percentage: NotSimulated = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise wrong("minReplicas lies above maxReplicas", at="maxReplicas")
        return self


class HorizontalPodAutoscaler(K8sObject):
    """Scales a workload. Read, and not simulated yet."""

    versions: ClassVar[tuple[str, ...]] = ("autoscaling/v2", "autoscaling/v1")
    simulated: ClassVar[bool] = False
    kind: Literal["HorizontalPodAutoscaler"]
    spec: HorizontalPodAutoscalerSpec
    status: NotSimulated = None


class Taint(K8s):
    """Keeps pods away that do not tolerate it."""

    key: Annotated[str, Field(min_length=1)]
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]
    value: str = ""
    time_added: NotSimulated = None


class NodeSpec(K8s):
    """What somebody has decided about a node."""

    taints: tuple[Taint, ...] = ()
    unschedulable: Flag = False
    config_source: NotSimulated = None
    external_id: NotSimulated = None
    pod_cidr: NotSimulated = None
    pod_cidrs: NotSimulated = None
    pod_preemption_policy: NotSimulated = None
    provider_id: NotSimulated = None


class Node(K8sObject):
    """A node of somebody's cluster. Read, and not placed: where things are is the topology's business."""

    versions: ClassVar[tuple[str, ...]] = ("v1",)
    simulated: ClassVar[bool] = False
    kind: Literal["Node"]
    spec: NodeSpec = NodeSpec()
    status: Any = None

    @property
    def allocatable(self) -> dict[str, Any]:
        """What pods can have, as the dump says."""
        found: dict[str, Any] = (self.status or {}).get("allocatable", {})
        return found
