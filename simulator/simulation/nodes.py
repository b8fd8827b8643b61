"""The machines of a topology: what was written, over the facts of their models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue, Model
from simulator.spec.system import runtimes_of
from simulator.spec.topology import NodeSpec, expand_nodes
from simulator.world.device import Accelerators
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
        system = None if spec.system is None else catalogue.model("systems", spec.system)
        boots = model if system is None else system
        accelerators = _accelerators(model, spec)
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
                boot_ns=int(boots.quantity("boot") if spec.boot is None else spec.boot),
                boot_stages=_stages(model) if system is None and spec.boot is None else (),
                max_pods=spec.max_pods or max_pods(name),
                runtimes=runtimes_of(catalogue, spec),
                extended=spec.extended | {each.resource: each.count for each in accelerators},
                accelerators=accelerators,
                labels=_products(accelerators) | _labels(name, zone, platform, spec),
                taints=tuple((taint.key, taint.value, taint.effect) for taint in spec.taints),
                latitude=float("nan") if spec.latitude is None else float(spec.latitude),
                longitude=float("nan") if spec.longitude is None else float(spec.longitude),
                system=spec.system or "",
                system_bytes=_footprint(catalogue, system),
            )
        )
    return rows


def _stages(model: Model) -> tuple[tuple[str, int], ...]:
    """Where firmware and kernel end. Raises UserError where they take longer than the whole boot."""
    ends, stages = 0, []
    for stage, event in (("firmware", "FirmwareDone"), ("kernel", "KernelBooted")):
        if model.has(f"boot_stages.{stage}"):
            ends += int(model.quantity(f"boot_stages.{stage}"))
            stages.append((event, ends))
    if ends > model.quantity("boot"):
        said = f"{model.name} boots in less time than its firmware and kernel take"
        raise UserError(Problem(said, hint="change the facts boot_stages.firmware and boot_stages.kernel, too"))
    return tuple(stages)


def _footprint(catalogue: Catalogue, system: Model | None) -> int:
    """RAM that the operating system holds beside its engine's daemon, which counts with the runtimes; of a machine that
    names no system, what its agent was measured to hold contains it."""
    if system is None or not system.has("footprint.ram"):
        return 0
    engine = catalogue.model("runtimes", system.text("engine")) if system.has("engine") else None
    daemon = 0 if engine is None else int(engine.quantity("memory.daemon"))
    return max(0, int(system.quantity("footprint.ram")) - daemon)


def _accelerators(model: Model, spec: NodeSpec) -> tuple[Accelerators, ...]:
    """What is written, or else what the model has; one whose page names no resource is offered to nobody."""
    if spec.accelerators is not None:
        return tuple(Accelerators(a.resource, a.product, a.count, int(a.memory)) for a in spec.accelerators)
    if not model.has("accelerator.resource"):
        return ()
    memory = int(model.quantity("accelerator.memory")) if model.has("accelerator.memory") else 0
    count = int(model.quantity("accelerator.count"))
    resource, product = model.text("accelerator.resource"), model.text("accelerator.product")
    return (Accelerators(resource, product, count, memory),)


def _products(accelerators: Iterable[Accelerators]) -> dict[str, str]:
    """As NVIDIA's feature discovery labels a node: `nvidia.com/gpu.product`."""
    return {f"{each.resource}.product": each.model for each in accelerators}


def _labels(name: str, zone: str, platform: str, spec: NodeSpec) -> dict[str, str]:
    system, architecture, *_ = platform.split("/")
    known: Mapping[str, str] = {
        _OS: system, _ARCH: architecture, _HOSTNAME: name, _ZONE: zone, _TYPE: spec.model
    }  # fmt: skip
    return {**known, **({_CONTROL_PLANE: ""} if spec.role == "control-plane" else {}), **spec.labels}
