"""A container of a pod: image, resources, probes, ports."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from simulator.spec.base import empty, wrong
from simulator.spec.kubernetes.base import K8s, Many, Natural, NotSimulated, Port
from simulator.spec.kubernetes.quantity import Resources, value

ContainerName = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]


class ResourceRequirements(K8s):
    """What a container is sure to get, and what it may use at most. A limit alone is a request, too."""

    requests: Resources = empty()
    limits: Resources = empty()
    claims: NotSimulated = None

    @model_validator(mode="after")
    def _within(self) -> Self:
        for name, limit in self.limits.items():
            request = self.requests.get(name, limit)
            if value(request) > value(limit):
                raise wrong(f"{name}: the request {request} is above the limit {limit}", at="requests")
            if "/" in name and value(request) != value(limit):
                raise wrong(f"{name}: request and limit of an extended resource are equal", at="requests")
        return self

    def wanted(self) -> dict[str, Any]:
        """The requests, with the limits for those that are not given."""
        return {**self.limits, **self.requests}


class Probe(K8s):
    """A question that the kubelet asks again and again. How it asks makes no difference here: it needs an answer."""

    exec: Any = None
    grpc: Any = None
    http_get: Any = None
    tcp_socket: Any = None
    initial_delay_seconds: Natural = 0
    period_seconds: Many = 10
    timeout_seconds: Many = 1
    success_threshold: Many = 1
    failure_threshold: Many = 3
    termination_grace_period_seconds: NotSimulated = None

    @model_validator(mode="after")
    def _one_handler(self) -> Self:
        ways = {"exec": self.exec, "grpc": self.grpc, "httpGet": self.http_get, "tcpSocket": self.tcp_socket}
        given = [way for way, handler in ways.items() if handler is not None]
        if len(given) != 1:
            raise wrong(
                "a probe asks in one way", f"not {' and '.join(given)}" if given else f"one of {', '.join(ways)}"
            )
        return self


class ContainerPort(K8s):
    """A port that the process listens on; a host port can be taken once per node."""

    container_port: Port
    host_port: Port | None = None
    name: str = ""
    protocol: Literal["TCP", "UDP", "SCTP"] = "TCP"
    host_ip: NotSimulated = None


class Container(K8s):
    """One container. `restart_policy: Always` makes an init container a sidecar."""

    name: ContainerName
    image: Annotated[str, Field(min_length=1)]
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None
    resources: ResourceRequirements = ResourceRequirements()
    ports: tuple[ContainerPort, ...] = ()
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    startup_probe: Probe | None = None
    restart_policy: Literal["Always"] | None = None
    args: NotSimulated = None
    command: NotSimulated = None
    env: NotSimulated = None
    env_from: NotSimulated = None
    lifecycle: NotSimulated = None
    resize_policy: NotSimulated = None
    restart_policy_rules: NotSimulated = None
    security_context: NotSimulated = None
    stdin: NotSimulated = None
    stdin_once: NotSimulated = None
    termination_message_path: NotSimulated = None
    termination_message_policy: NotSimulated = None
    tty: NotSimulated = None
    volume_devices: NotSimulated = None
    volume_mounts: NotSimulated = None
    working_dir: NotSimulated = None

    @model_validator(mode="after")
    def _succeeds_once(self) -> Self:
        for probe, name in ((self.liveness_probe, "livenessProbe"), (self.startup_probe, "startupProbe")):
            if probe is not None and probe.success_threshold != 1:
                raise wrong(f"successThreshold of a {name} is 1", at=name)
        return self
