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
    "systems": ("name", "title", "ram", "architectures", "boot", "update", "engine", "status", "sources"),
}  # fmt: skip
REVIEW: Final = ("name", "language", "wasi", "embedding", "architectures")
_FEW: Final = 7  # architectures that a cell of a table names


def with_columns(catalogue: Catalogue, kind: str, row: dict[str, Any]) -> dict[str, Any]:
    """The row with the columns of its kind. Times in s, sizes in bytes; `print_row` makes cells of them."""
    if kind not in COLUMNS:
        return row
    if kind == "orchestrators":
        return {**row, "versions": catalogue.versions(kind, row["name"])}
    model = catalogue.model(kind, row["name"])
    return {**row, **(_runtime(model) if kind == "runtimes" else _system(model))}


def print_row(row: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """The row with cells for people: quantities with units, architectures without their operating system, and of many
    only the first unless `whole`.
    """
    names = [name.removeprefix("linux/") for name in row["architectures"]]
    few = whole or len(names) <= _FEW
    cells = {"architectures": " ".join(names) if few else f"{len(names)}: {' '.join(names[:3])} …"}
    times = {"start": row.get("start_s"), "boot": row.get("boot_s")}
    sizes = {"memory": row.get("memory_bytes"), "ram": row.get("ram_bytes")}
    cells |= {key: _time(value) for key, value in times.items() if value is not None}
    cells |= {key: _size(value) for key, value in sizes.items() if value is not None}
    return {**row, **cells}


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
    }


def _text(model: Model, path: str) -> str | None:
    return model.text(path) if model.has(path) else None


def _time(seconds: float) -> str:
    return f"{seconds:.4g} s" if seconds >= 1 else f"{seconds * 1e3:.4g} ms"


def _size(size: float) -> str:
    return f"{size / 1e6:.4g} MB"
