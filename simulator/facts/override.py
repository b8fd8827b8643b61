"""Overrides: `facts.<kind>.<name>.<path>: value` in a scenario replaces what the catalogue says, and says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.errors import Problem
from simulator.facts.dist import parse_dist
from simulator.facts.fact import Fact, near
from simulator.facts.model import canonical
from simulator.facts.quantity import FACT_UNITS, exact_value
from simulator.facts.tree import Plain, Tree
from simulator.units import UNITS, UnitError, parse


def apply_overrides(tree: Tree, overrides: Mapping[str, tuple[str, Any]]) -> tuple[Tree, dict[str, str], list[Problem]]:
    """The tree with the overrides in it; path -> key of the override; and what is wrong with them.

    `overrides` maps a path within the model to the override's full key and its value: a quantity, a distribution,
    text, a flag, a list, null (or none) to switch a mechanism's parameter off, or `{source: key}` to take the
    alternative of that source.
    """
    facts, plain = dict(tree.facts), dict(tree.plain)
    overridden: dict[str, str] = {}
    problems: list[Problem] = []
    for written, (key, value) in overrides.items():
        path = canonical(tree, written)
        overridden[path] = key
        try:
            if path in tree.plain:
                plain[path] = Plain(_structure(value))
            elif path not in tree.facts:
                known = [*tree.facts, *tree.plain]
                problems.append(Problem(f"the model states no {written}", path=key, hint=near(written, known)))
            elif value in (None, "none") and tree.facts[path][0].unit:
                del facts[path]
                plain[path] = Plain(None)
            else:
                new = _replaced(tree.facts[path], value)
                facts[path] = (new, *(fact for fact in tree.facts[path] if fact is not new))
        except UnitError as error:
            problems.append(Problem(error.message, path=key, hint=error.hint))
    return Tree(facts, plain, tree.lists), overridden, problems


def _structure(value: Any) -> Any:
    if (
        value is None
        or isinstance(value, str | bool)
        or (isinstance(value, list) and all(isinstance(item, str) for item in value))
    ):
        return None if value == "none" else value
    raise UnitError(f"{value!r} is no structure", "write a name, true, false or a list of names")


def _replaced(facts: tuple[Fact, ...], value: Any) -> Fact:
    first = facts[0]
    if isinstance(value, Mapping) and set(value) == {"source"}:
        for fact in facts:
            if fact.source == value["source"]:
                return fact
        raise UnitError(
            f"no alternative has the source {value['source']}", near(str(value["source"]), [f.source for f in facts])
        )
    note = f"overridden; the catalogue says {first.shown} {first.unit} ({first.kind}, {first.source})"
    return Fact(_value(first, value), first.unit, "assumed", "assumed", note=note)


def _value(first: Fact, value: Any) -> Any:
    dimension = first.dimension
    if isinstance(value, Mapping):
        if not first.unit:
            raise UnitError(f"{dimension} has no distribution", "")
        return parse_dist(value, dimension)
    if dimension in UNITS:
        return _in_unit(parse(value, dimension), first.unit)
    if first.unit:
        exact_value(value, first.unit)
    elif not isinstance(value, {"flag": bool, "list": list}.get(dimension, str)):
        raise UnitError(f"{value!r} is no {dimension}", f"the catalogue says {first.shown!r}")
    return value


def _in_unit(base: float, unit: str) -> int | float:
    """A number of base units as a number of `unit`, exact where it is whole."""
    exact = exact_value(base, _BASE[FACT_UNITS[unit][0]]) / FACT_UNITS[unit][1]
    return int(exact) if exact.denominator == 1 else float(exact)


_BASE = {dimension: unit for unit, (dimension, factor) in FACT_UNITS.items() if factor == 1}
