"""What a model of each kind says: its fields, the dimension of each, and which it cannot do without.

An orchestrator's page is a tree of mechanisms; `simulator.spec.orchestrator` holds its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from simulator.errors import Problem
from simulator.facts.dist import DistSpec
from simulator.facts.fact import Fact, near
from simulator.facts.platforms import platform
from simulator.facts.tree import Tree
from simulator.units import UnitError


@dataclass(frozen=True, slots=True)
class Field:
    """One field: a dimension of units, or share (a ratio up to 1), platforms, list, text, flag."""

    dimension: str
    required: bool = True
    dist: bool = False  # whether a distribution may stand here


SHAPES: Final[Mapping[str, Mapping[str, Field]]] = {
    "nodes": {
        "platforms": Field("platforms"),
        "cores": Field("count"),
        "speed": Field("ratio"),
        "ram": Field("size"),
        "disk": Field("size"),
        "disk_write": Field("byterate"),
        "boot": Field("duration"),
        "power.idle": Field("power"),
        "power.max": Field("power"),
        "max_pods": Field("count", required=False),
    },
    "links": {
        "latency": Field("duration"),
        "per_km": Field("delay per km", required=False),
        "jitter": Field("duration"),
        "up": Field("bitrate"),
        "down": Field("bitrate"),
        "loss": Field("share"),
    },
    "runtimes": {
        "platforms": Field("platforms"),
        "start.sandbox": Field("duration", required=False, dist=True),
        "start.container": Field("duration", dist=True),
        "start.extra_per_concurrent": Field("duration", required=False),
        "start.speed": Field("ratio"),  # of the measuring host's cores: a time scales with it
        "stop": Field("duration", required=False, dist=True),
        "memory.per_instance": Field("size"),
        "memory.daemon": Field("size"),
        "binary": Field("size"),
        "slowdown": Field("ratio"),
        "oci": Field("flag"),
        "kvm": Field("flag"),
    },
    "images": {
        "platforms": Field("platforms"),
        "compressed": Field("size"),
        "unpacked": Field("size"),
        "layers": Field("count"),
        "format": Field("text"),
    },
    "protocols": {
        "retransmit.least": Field("duration", required=False),
        "retransmit.most": Field("duration", required=False),
        "retransmit.tries": Field("count", required=False),
        "overhead": Field("size", required=False),
    },
    "orchestrators": {},
}


def check_shape(kind: str, tree: Tree) -> list[Problem]:
    """Every field of the tree that a model of this kind does not have, or that has another dimension."""
    fields = SHAPES[kind]
    if not fields:
        return []
    problems: list[Problem] = []
    for path, facts in tree.facts.items():
        if path not in fields:
            problems.append(facts[0].problem(f"{kind} have no fact {path}", path, near(path, fields)))
            continue
        for fact in facts:
            if (problem := _check(fact, path, fields[path])) is not None:
                problems.append(problem)
    for path, plain in tree.plain.items():
        hint = near(path, fields) if path not in fields else "write {value, kind, source}"
        problems.append(Problem(f"{path} is no fact", plain.file, plain.line, path, hint))
    for path in tree.lists:
        file, line = tree.line(path)
        problems.append(Problem(f"{kind} have no mechanisms, as in {path}", file, line, path))
    return problems


def missing(kind: str, tree: Tree) -> list[str]:
    """The required fields that the tree does not have."""
    return [path for path, field in SHAPES[kind].items() if field.required and path not in tree.facts]


def _check(fact: Fact, path: str, field: Field) -> Problem | None:
    wanted = {"share": "ratio", "platforms": "list"}.get(field.dimension, field.dimension)
    if fact.dimension != wanted:
        return fact.problem(f"{path} is a {wanted}, not a {fact.dimension}", path, _unit_hint(wanted))
    if isinstance(fact.value, DistSpec) and not field.dist:
        return fact.problem(f"{path} is one value, not a distribution", path, "write value")
    if field.dimension == "share" and fact.base > 1:
        return fact.problem(f"{path} is a share: {fact.value} is above 1", path, "a percentage has the unit %")
    if field.dimension == "platforms":
        for name in fact.value:
            try:
                platform(name)
            except UnitError as error:
                return fact.problem(error.message, path, error.hint)
    return None


def _unit_hint(dimension: str) -> str:
    examples = {"duration": "ms", "size": "MB", "cpu": "cores", "byterate": "MB/s", "bitrate": "Mbps", "power": "W"}
    return f"its unit is one of {dimension}, as {examples[dimension]}" if dimension in examples else ""
