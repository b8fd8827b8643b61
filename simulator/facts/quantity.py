"""A fact's number and unit, in base units. Everything that scenarios measure, and the few units only facts need."""

from __future__ import annotations

from difflib import get_close_matches
from fractions import Fraction
from math import isfinite
from typing import Any, Final

from simulator.units import UNITS, UnitError

# In a fact a number always names what it counts, so the empty suffix and the bare prefixes of Kubernetes are no units.
_NOT_IN_FACTS: Final = frozenset({"", "m", "k", "M", "G", "T", "P"})
FACT_UNITS: Final[dict[str, tuple[str, Fraction]]] = {
    unit: (dimension, factor)
    for dimension, units in UNITS.items()
    for unit, factor in units.items()
    if unit not in _NOT_IN_FACTS
} | {
    "cores": ("cpu", Fraction(1000)),
    "millicores": ("cpu", Fraction(1)),
    "ratio": ("ratio", Fraction(1)),
    "x": ("ratio", Fraction(1)),
    "count": ("count", Fraction(1)),
    "us/km": ("delay per km", Fraction(1000)),
}
_INTEGERS: Final = frozenset({"duration", "size", "cpu", "count"})


def dimension_of(unit: str) -> str:
    """The dimension of a fact's unit. Raises UnitError with the nearest unit."""
    if unit in FACT_UNITS:
        return FACT_UNITS[unit][0]
    if not unit:
        raise UnitError("a number needs a unit", "write unit: ms, MB, W, cores, ratio or count")
    near = get_close_matches(unit, FACT_UNITS, 1)
    raise UnitError(
        f"{unit!r} is no unit", f"did you mean {near[0]}?" if near else "as in ms, MB, Mbps, W, cores, ratio"
    )


def exact_value(value: Any, unit: str) -> Fraction:
    """`value` of `unit` in base units, unrounded. Raises UnitError where it is no finite number of zero or more."""
    dimension_of(unit)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnitError(f"{value!r} is no number", f"write a number of {unit}")
    if not isfinite(value) or value < 0:
        raise UnitError(f"{value!r} {unit} is impossible", "write a finite number of zero or more")
    return Fraction(str(value)) * FACT_UNITS[unit][1]


def base_value(value: Any, unit: str) -> int | float:
    """`value` of `unit` in base units: int for durations (ns), sizes (bytes), cpu (millicores) and counts.

    Raises UnitError as `exact_value`, and for a count that is not whole.
    """
    exact, dimension = exact_value(value, unit), dimension_of(unit)
    if dimension == "count" and exact.denominator != 1:
        raise UnitError(f"{value!r} is no whole number", "write a whole number")
    return round(exact) if dimension in _INTEGERS else float(exact)
