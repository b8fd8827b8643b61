"""Nodes and pods of a real cluster, as JSON, as the objects that a scheduler here believes in.

A newer cluster may send fields that are not known here: they are dropped, as the API's rules say. What is known and
wrong is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from simulator.control.api.objects import Node, Pod
from simulator.simulation.template import Cluster, pod_template
from simulator.spec.kubernetes.base import ObjectMeta
from simulator.spec.kubernetes.cluster import NodeSpec
from simulator.spec.kubernetes.container import Container
from simulator.spec.kubernetes.pod import PodTemplateSpec
from simulator.spec.kubernetes.quantity import cpu_m, whole
from simulator.world.image import Image
from simulator.world.pod import PodTemplate

Json = Mapping[str, Any]
_ZONE = "topology.kubernetes.io/zone"
_OVER = ("Succeeded", "Failed")
_CONTAINER = ("name", "image", "resources", "ports")


class Unreadable(ValueError):
    """What was sent is no pod or node that can be read; one sentence."""


def node_of(data: Json) -> Node:
    """A node with what it says it can give. Raises Unreadable."""
    meta = _parsed(ObjectMeta, _object(data, "a node").get("metadata") or {}, "metadata")
    if meta.name is None:
        raise Unreadable("a node has no name")
    spec, status = _parsed(NodeSpec, data.get("spec") or {}, "spec"), data.get("status") or {}
    try:
        given, info = dict(status.get("allocatable") or {}), status.get("nodeInfo") or {}
        system, architecture = info.get("operatingSystem", "linux"), info.get("architecture", "")
        ready = next((c.get("status") for c in status.get("conditions") or () if c.get("type") == "Ready"), "True")
        return Node(
            meta.name,
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
            images={
                name: int(i.get("sizeBytes", 0)) for i in status.get("images") or () for name in i.get("names") or ()
            },
        )
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"node {meta.name}: {_line(error)}") from None


def template_of(data: Json) -> PodTemplate:
    """What a pod asks for: its containers, or the pod itself where it says so (`spec.resources`). Raises Unreadable."""
    given = _object(data, "a pod")
    meta = _object(given.get("metadata") or {}, "a pod's metadata")
    name, spec = str(meta.get("name", "")), _object(given.get("spec") or {}, "a pod's spec")
    try:
        written = {"metadata": {"labels": meta.get("labels") or {}}, "spec": _scheduled(spec)}
        parsed: PodTemplateSpec = _parsed(PodTemplateSpec, written, f"pod {name}")
        own = spec.get("resources") or {}
        asked = {**(own.get("limits") or {}), **(own.get("requests") or {})}
        used: list[Container] = [*parsed.spec.init_containers, *parsed.spec.containers]
        images = {container.image: Image(container.image, ()) for container in used}  # nobody says for which platforms
        template = pod_template(name, parsed, None, Cluster(images, {}, {}, {}))
        extra = parsed.spec.overhead
        if "cpu" in asked:
            template = replace(template, cpu_m=cpu_m(asked["cpu"]) + cpu_m(extra.get("cpu", 0)))
        if "memory" in asked:
            template = replace(template, ram_bytes=whole(asked["memory"]) + whole(extra.get("memory", 0)))
    except Unreadable:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise Unreadable(f"pod {name}: {_line(error)}") from None
    return template


def _scheduled(spec: Json) -> dict[str, Any]:
    """A pod's spec without what no scheduler looks at, such as probes."""

    def kept(container: Json, keys: tuple[str, ...]) -> dict[str, Any]:
        return {key: container[key] for key in keys if key in container}

    mains = [kept(each, _CONTAINER) for each in spec.get("containers") or ()]
    before = [kept(each, (*_CONTAINER, "restartPolicy")) for each in spec.get("initContainers") or ()]
    return {**spec, "containers": mains, "initContainers": before}


def placed(items: list[Json]) -> Iterator[tuple[str, Pod]]:
    """The pods of a list that hold room on a node: its name, and the pod. Raises Unreadable."""
    for data in items:
        node = (_object(data, "a pod").get("spec") or {}).get("nodeName")
        if node and (data.get("status") or {}).get("phase") not in _OVER:
            yield node, Pod(str((data.get("metadata") or {}).get("name", "")), template=template_of(data))


def _object(data: Any, what: str) -> Json:
    if not isinstance(data, Mapping):
        raise Unreadable(f"{what} is no object: {str(data)[:40]!r}")
    return data


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
