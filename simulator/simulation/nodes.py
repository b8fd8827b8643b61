"""The machines of a topology: what was written, over the facts of their models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from simulator.facts import Catalogue, Model
from simulator.spec.topology import NodeSpec, expand_nodes
from simulator.world.node import NodeRow

# Well-known labels of Kubernetes, which its agents set on every node.
_OS, _ARCH, _HOSTNAME = "kubernetes.io/os", "kubernetes.io/arch", "kubernetes.io/hostname"
_ZONE, _TYPE = "topology.kubernetes.io/zone", "node.kubernetes.io/instance-type"
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"


def node_rows(specs: Sequence[NodeSpec], catalogue: Catalogue, max_pods: Callable[[str], int]) -> list[NodeRow]:
    """One row per machine, in the order of the file. Only facts that nothing was written over are read; `max_pods` says
    how many pods the orchestrator allows on a machine, by its name.

    Raises UserError for models that the catalogue does not have, with near names.
    """
    models: dict[str, Model] = {}
    rows = []
    for name, spec in expand_nodes(specs):
        model = models.setdefault(spec.model, catalogue.model("nodes", spec.model))
        platform = spec.platform or model.list("platforms")[0]
        zone = spec.zone or "default"
        rows.append(
            NodeRow(
                name=name,
                model=spec.model,
                zone=zone,
                role=spec.role,
                platform=platform,
                cores=int(spec.cores or model.quantity("cores")),
                speed=float(spec.speed or model.quantity("speed")),
                ram_bytes=int(spec.ram or model.quantity("ram")),
                disk_bytes=int(spec.disk or model.quantity("disk")),
                disk_write_bytes_per_s=float(spec.disk_write or model.quantity("disk_write")),
                boot_ns=int(model.quantity("boot") if spec.boot is None else spec.boot),
                max_pods=spec.max_pods or max_pods(name),
                runtimes=spec.runtimes,
                extended=dict(spec.extended),
                labels=_labels(name, zone, platform, spec),
                taints=tuple((taint.key, taint.value, taint.effect) for taint in spec.taints),
                latitude=float("nan") if spec.latitude is None else float(spec.latitude),
                longitude=float("nan") if spec.longitude is None else float(spec.longitude),
            )
        )
    return rows


def _labels(name: str, zone: str, platform: str, spec: NodeSpec) -> dict[str, str]:
    system, architecture, *_ = platform.split("/")
    known: Mapping[str, str] = {
        _OS: system, _ARCH: architecture, _HOSTNAME: name, _ZONE: zone, _TYPE: spec.model
    }  # fmt: skip
    return {**known, **({_CONTROL_PLANE: ""} if spec.role == "control-plane" else {}), **spec.labels}
