"""What `littoral list` says of a model beside its name: the figures by which one of a kind is chosen."""

from __future__ import annotations

from typing import Any, Final

from simulator.facts import Catalogue, Model
from simulator.physics.distributions import from_spec
from simulator.units import SECOND

# The columns of a kind in print; every key of a row is in its JSON.
COLUMNS: Final = {
    "orchestrators": ("name", "title", "versions", "status", "facts", "sources", "validated"),
    "runtimes": (
        "name", "role", "mode", "start", "clock", "memory", "slowdown", "architectures", "isolation", "oci", "kvm",
        "status", "sources",
    ),
    "nodes": (
        "name", "cores", "speed", "ram", "architectures", "disk", "storage", "write", "nic", "power", "accelerator",
        "kvm", "status", "sources",
    ),
    "systems": ("name", "title", "ram", "architectures", "boot", "update", "engine", "runs", "status", "sources"),
}  # fmt: skip
REVIEW_1: Final = ("name", "kubernetes", "mesh", "autonomy", "architectures", "reviewed")
REVIEW: Final = ("name", "language", "wasi", "embedding", "architectures")
_FEW: Final = 7  # architectures that a cell of a table names


def with_columns(catalogue: Catalogue, kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the columns of its kind. Times in s, sizes in bytes, speeds by a Raspberry Pi 5's core; `print_row`
    makes cells of them.
    """
    if kind not in COLUMNS:
        return row
    if kind == "orchestrators":
        return {**row, "versions": catalogue.versions(kind, row["name"]), **_orchestrator(catalogue, row["name"])}
    model = catalogue.model(kind, row["name"])
    return {**row, **_OF_KIND[kind](model)}


def print_row(row: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """The row with cells for people: quantities with units, architectures without their operating system, and of many
    only the first unless `whole`.
    """
    names = [name.removeprefix("linux/") for name in row["architectures"]]
    few = whole or len(names) <= _FEW
    cells: dict[str, Any] = {"architectures": " ".join(names) if few else f"{len(names)}: {' '.join(names[:3])} …"}
    times = {"start": row.get("start_s"), "boot": row.get("boot_s")}
    sizes = {"memory": row.get("memory_bytes"), "ram": row.get("ram_bytes"), "disk": row.get("disk_bytes")}
    cells |= {key: _time(value) for key, value in times.items() if value is not None}
    cells |= {key: _size(value) for key, value in sizes.items() if value is not None}
    if row["kind"] == "nodes":
        cells |= {
            "write": f"{_size(row['disk_write_bytes_per_s'])}/s",
            "nic": _rate(row["nic_bps"]) if row["nic_bps"] is not None else None,
            "power": f"{row['power_idle_w']:g} to {row['power_max_w']:g} W",
        }
    return {**row, **cells}


def _orchestrator(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """The review's columns. The architectures are those of what runs on every machine, which admit it or refuse it;
    what the review, or else the project, says of the whole stands beside them.
    """
    from simulator.spec.mechanism import NodeAgent  # noqa: PLC0415  # pydantic
    from simulator.spec.orchestrator import load_orchestrator  # noqa: PLC0415

    page = load_orchestrator(catalogue, name)
    agents = [component.architectures for component in page.components if isinstance(component, NodeAgent)]
    said = catalogue.model("orchestrators", name).tree.facts["node_autonomy"]
    return {
        "kubernetes": page.kubernetes_based,
        "mesh": page.service_mesh,
        "autonomy": page.node_autonomy,
        "architectures": list(agents[0] if agents else page.architectures),
        "architectures_said": list(page.architectures),
        "reviewed": any((fact.source, fact.kind) == ("sensors2023", "seed") for fact in said),
    }


def _node(model: Model) -> dict[str, Any]:
    count = model.quantity("accelerator.count") if model.has("accelerator.count") else 1
    what = _text(model, "accelerator.kind")
    return {
        "cores": model.quantity("cores"),
        "speed": model.quantity("speed"),
        "ram_bytes": model.quantity("ram"),
        "architectures": model.list("platforms"),
        "disk_bytes": model.quantity("disk"),
        "storage": _text(model, "disk_kind"),
        "disk_write_bytes_per_s": model.quantity("disk_write"),
        "nic_bps": model.quantity("nic") if model.has("nic") else None,
        "power_idle_w": model.quantity("power.idle"),
        "power_max_w": model.quantity("power.max"),
        "accelerator": f"{count} {what}" if what and count != 1 else what,
        "kvm": model.flag("kvm") if model.has("kvm") else None,
    }


def _runtime(model: Model) -> dict[str, Any]:
    lists = ("wasi", "embedding")
    return {
        "role": _text(model, "role"),
        "mode": _text(model, "mode"),
        "start_s": from_spec(model.distribution("start.container")).mean / SECOND,
        "clock": _text(model, "start.clock"),
        "memory_bytes": model.quantity("memory.per_instance"),
        "slowdown": model.quantity("slowdown"),
        "architectures": model.list("platforms"),
        "isolation": _text(model, "isolation"),
        "oci": model.flag("oci"),
        "kvm": model.flag("kvm"),
        "extends": model.header.extends or None,
        "language": _text(model, "language"),
        **{key: model.list(key) if model.has(key) else None for key in lists},
    }


def _system(model: Model) -> dict[str, Any]:
    return {
        "ram_bytes": model.quantity("minimum.ram"),
        "architectures": model.list("platforms"),
        "boot_s": model.quantity("boot") / SECOND,
        "update": model.text("update.model"),
        "engine": _text(model, "engine"),
        "runs": model.list("runs"),
    }


_OF_KIND: Final = {"nodes": _node, "runtimes": _runtime, "systems": _system}


def _text(model: Model, path: str) -> str | None:
    return model.text(path) if model.has(path) else None


def _time(seconds: float) -> str:
    return f"{seconds:.4g} s" if seconds >= 1 else f"{seconds * 1e3:.4g} ms"


def _size(size: float) -> str:
    if size >= 1e13:
        return f"{size / 1e12:.4g} TB"
    return f"{size / 1e9:.4g} GB" if size >= 1e10 else f"{size / 1e6:.4g} MB"


def _rate(bits: float) -> str:
    return f"{bits / 1e9:g} Gbit/s" if bits >= 1e9 else f"{bits / 1e6:g} Mbit/s"
