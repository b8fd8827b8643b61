"""Nodes and pods of a real cluster, as JSON, as the objects that a scheduler here believes in.

A newer cluster may send fields that are not known here: they are dropped, as the API's rules say. What is known and
wrong is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from simulator.control.api.objects import Node, Pod
from simulator.simulation.template import Cluster, pod_template
from simulator.spec.kubernetes.base import ObjectMeta
from simulator.spec.kubernetes.cluster import NodeSpec
from simulator.spec.kubernetes.container import Container
from simulator.spec.kubernetes.pod import PodSpec, PodTemplateSpec, TemplateMeta
from simulator.spec.kubernetes.quantity import cpu_m, whole
from simulator.world.image import Image
from simulator.world.pod import PodTemplate

Json = Mapping[str, Any]
_ZONE = "topology.kubernetes.io/zone"
_OVER = ("Succeeded", "Failed")


class Unreadable(ValueError):
    """What was sent is no pod or node that can be read; one sentence."""


def node_of(data: Json) -> Node:
    """A node with what it says it can give. Raises Unreadable."""
    meta = _parsed(ObjectMeta, data.get("metadata", {}), "metadata")
    spec, status = _parsed(NodeSpec, data.get("spec") or {}, "spec"), data.get("status") or {}
    given, info = dict(status.get("allocatable") or {}), status.get("nodeInfo") or {}
    system, architecture = info.get("operatingSystem", "linux"), info.get("architecture", "")
    ready = next((c.get("status") for c in status.get("conditions") or () if c.get("type") == "Ready"), "True")
    try:
        return Node(
            str(meta.name),
            zone=meta.labels.get(_ZONE, ""),
            platform=f"{system}/{architecture}" if architecture else "",
            labels=dict(meta.labels),
            taints=[(taint.key, taint.value, taint.effect) for taint in spec.taints],
            unschedulable=spec.unschedulable,
            ready=str(ready),
            allocatable_cpu_m=cpu_m(given.get("cpu", 0)),
            allocatable_ram_bytes=whole(given.get("memory", 0)),
            max_pods=whole(given.get("pods", 110)),
            extended={name: whole(amount) for name, amount in given.items() if "/" in name},
            images={name: int(i.get("sizeBytes", 0)) for i in status.get("images") or () for name in i["names"] or ()},
        )
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(f"node {meta.name}: {_line(error)}") from None


def template_of(data: Json) -> PodTemplate:
    """What a pod asks for. Raises Unreadable."""
    meta = data.get("metadata") or {}
    spec = _parsed(PodSpec, data.get("spec") or {}, f"pod {meta.get('name')}")
    written = PodTemplateSpec(metadata=TemplateMeta(labels=meta.get("labels") or {}), spec=spec)
    used: list[Container] = [*spec.init_containers, *spec.containers]
    images = {container.image: Image(container.image, ()) for container in used}  # nobody says for which platforms
    return pod_template(str(meta.get("name", "")), written, None, Cluster(images, {}, {}, {}))


def placed(items: list[Json]) -> Iterator[tuple[str, Pod]]:
    """The pods of a list that hold room on a node: its name, and the pod. Raises Unreadable."""
    for data in items:
        node = (data.get("spec") or {}).get("nodeName")
        if node and (data.get("status") or {}).get("phase") not in _OVER:
            yield node, Pod(str((data.get("metadata") or {}).get("name", "")), template=template_of(data))


def _parsed(cls: type[Any], data: Any, what: str) -> Any:
    try:
        return cls.model_validate(data, by_alias=True, by_name=False, extra="ignore")
    except ValidationError as error:
        raise Unreadable(f"{what}: {_line(error)}") from None


def _line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error) or type(error).__name__
