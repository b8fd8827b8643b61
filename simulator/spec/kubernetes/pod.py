"""Pods and pod templates."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import Flag, empty, wrong
from simulator.spec.kubernetes.base import Int, K8s, K8sObject, Labels, Natural, NotSimulated, ObjectMeta
from simulator.spec.kubernetes.container import Container
from simulator.spec.kubernetes.quantity import Resources
from simulator.spec.kubernetes.scheduling import Affinity, Toleration, TopologySpreadConstraint


class PodSpec(K8s):
    """What a pod asks for."""

    containers: Annotated[tuple[Container, ...], Field(min_length=1)]
    init_containers: tuple[Container, ...] = ()
    affinity: Affinity | None = None
    host_network: Flag = False
    node_name: str = ""
    node_selector: Labels = empty()
    overhead: Resources = empty()
    preemption_policy: Literal["PreemptLowerPriority", "Never"] | None = None
    priority: Int | None = None
    priority_class_name: str | None = None
    restart_policy: Literal["Always", "OnFailure", "Never"] = "Always"
    runtime_class_name: str | None = None
    termination_grace_period_seconds: Natural = 30
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    active_deadline_seconds: NotSimulated = None
    automount_service_account_token: NotSimulated = None
    dns_config: NotSimulated = None
    dns_policy: NotSimulated = None
    enable_service_links: NotSimulated = None
    ephemeral_containers: NotSimulated = None
    eviction_responders: NotSimulated = None
    host_aliases: NotSimulated = None
    host_ipc: NotSimulated = None
    host_pid: NotSimulated = None
    host_users: NotSimulated = None
    hostname: NotSimulated = None
    hostname_override: NotSimulated = None
    image_pull_secrets: NotSimulated = None
    os: NotSimulated = None
    readiness_gates: NotSimulated = None
    resource_claims: NotSimulated = None
    resources: NotSimulated = None
    scheduler_name: NotSimulated = None
    scheduling_gates: NotSimulated = None
    scheduling_group: NotSimulated = None
    security_context: NotSimulated = None
    service_account: NotSimulated = None
    service_account_name: NotSimulated = None
    set_hostname_as_fqdn: NotSimulated = None
    share_process_namespace: NotSimulated = None
    subdomain: NotSimulated = None
    volumes: NotSimulated = None

    @model_validator(mode="after")
    def _names(self) -> Self:
        seen: set[str] = set()
        for container in (*self.init_containers, *self.containers):
            if container.name in seen:
                raise wrong(f"two containers are named {container.name}", at="containers")
            seen.add(container.name)
        return self

    @model_validator(mode="after")
    def _devices(self) -> Self:
        names = {name for c in (*self.init_containers, *self.containers) for name in c.resources.wanted()}
        if both := sorted(name for name in names if names & {f"{name}-milli", f"{name}-memory"}):
            said = f"the pod asks for whole devices of {both[0]} and for a share of one"
            raise wrong(said, "ask for one of the two", "containers")
        return self


class TemplateMeta(ObjectMeta):
    """The metadata of a template: usually labels only."""


class PodTemplateSpec(K8s):
    """What each pod of a workload will be."""

    metadata: TemplateMeta = TemplateMeta()
    spec: PodSpec


class Pod(K8sObject):
    """One pod without a controller, or, in a dump, with one."""

    versions: ClassVar[tuple[str, ...]] = ("v1",)
    kind: Literal["Pod"]
    spec: PodSpec
    status: NotSimulated = None

    @property
    def template(self) -> PodTemplateSpec:
        """The pod as a template."""
        return PodTemplateSpec(metadata=TemplateMeta(labels=self.metadata.labels), spec=self.spec)


def template_of(obj: Any) -> PodTemplateSpec | None:
    """The pod template of an object that has one."""
    if isinstance(obj, Pod):
        return obj.template
    return getattr(getattr(obj, "spec", None), "template", None)
