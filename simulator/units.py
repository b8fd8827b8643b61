"""The quantity grammar: text with a unit in, base units out. Nothing else.

Each field accepts only its own dimension. Base units inside: time int ns, sizes int bytes, cpu int millicores,
rates float bit/s, everything else float SI. Suffixes are Kubernetes' (`500m`, `128Mi`), the network's (`10Mbps`)
and the common ones (`10ms`, `1h30min`); what could be read in two ways is an error with a hint.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import isfinite
from typing import Final

NS: Final = 1
US: Final = 1_000
MS: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 3_600 * SECOND
DAY: Final = 86_400 * SECOND

_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}


def _scaled(prefixes: dict[str, int], *units: str) -> dict[str, Fraction]:
    return {prefix + unit: Fraction(factor) for unit in units for prefix, factor in prefixes.items()}


# dimension -> {suffix: factor to the base unit}. The first suffix of equal factor is the one written back.
UNITS: Final[dict[str, dict[str, Fraction]]] = {
    "duration": {
        "ns": Fraction(1), "us": Fraction(US), "µs": Fraction(US), "ms": Fraction(MS), "s": Fraction(SECOND),
        "min": Fraction(MINUTE), "h": Fraction(HOUR), "d": Fraction(DAY),
    },
    "size": _scaled(_DECIMAL, "B") | {k: Fraction(v) for k, v in _BINARY.items()}
    | {k + "B": Fraction(v) for k, v in _BINARY.items()}
    | {k: Fraction(v) for k, v in _DECIMAL.items() if k},
    "cpu": {"": Fraction(1000), "m": Fraction(1)},
    "bitrate": _scaled(_DECIMAL, "bps", "bit/s"),
    "byterate": _scaled(_DECIMAL, "B/s"),
    "frequency": {"/s": Fraction(1), "/min": Fraction(1, 60), "/h": Fraction(1, 3600), "/d": Fraction(1, 86400),
                  "Hz": Fraction(1), "kHz": Fraction(1000)},
    "power": {"W": Fraction(1), "uW": Fraction(1, 10**6), "mW": Fraction(1, 1000), "kW": Fraction(1000)},
    "energy": {"J": Fraction(1), "mJ": Fraction(1, 1000), "kJ": Fraction(1000), "Wh": Fraction(3600),
               "kWh": Fraction(3_600_000)},
    "energy per bit": {"J/bit": Fraction(1), "nJ/bit": Fraction(1, 10**9), "mW/Mbps": Fraction(1, 10**9)},
    "length": {"m": Fraction(1), "km": Fraction(1000)},
    "speed": {"m/s": Fraction(1), "km/h": Fraction(1000, 3600)},
    "carbon intensity": {"g/J": Fraction(1), "g/kWh": Fraction(1, 3_600_000), "kg/kWh": Fraction(1, 3600)},
    "price of time": {"USD/s": Fraction(1), "USD/h": Fraction(1, 3600)},
    "price of data": {"USD/B": Fraction(1), "USD/GB": Fraction(1, 10**9), "USD/MB": Fraction(1, 10**6)},
    "price of energy": {"USD/J": Fraction(1), "USD/kWh": Fraction(1, 3_600_000)},
    "ratio": {"": Fraction(1), "%": Fraction(1, 100)},
    "count": {"": Fraction(1)},
}  # fmt: skip
_INTEGERS: Final = frozenset({"duration", "size", "cpu", "count"})
# Dimensions in which a bare number has one meaning only.
_BARE: Final = frozenset({"cpu", "ratio", "count"})
_EXAMPLE: Final = {
    "duration": "10ms, 5min or 1h30min", "size": "64Mi or 45MB", "cpu": "500m or 2", "bitrate": "10Mbps",
    "byterate": "20MB/s", "frequency": "10/s", "power": "3.5W", "energy": "50Wh", "energy per bit": "50nJ/bit",
    "length": "12km", "speed": "50km/h",
    "ratio": "0.5 or 50%", "count": "3", "carbon intensity": "300g/kWh", "price of time": "0.19USD/h",
    "price of data": "0.09USD/GB", "price of energy": "0.25USD/kWh",
}  # fmt: skip
_LARGEST: Final = 10**30
_LONGEST: Final = 200  # characters; Python converts no number of thousands of digits
_NUMBER: Final = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_ONE: Final = re.compile(rf"\s*({_NUMBER})\s*([^\s\d.+-]\S*)?\s*")
_COMPOUND: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|min|s|h|d)\s*")


class UnitError(ValueError):
    """The text is no quantity of the wanted dimension. `hint` says what would be."""

    def __init__(self, message: str, hint: str) -> None:
        self.message, self.hint = message, hint
        super().__init__(f"{message} ({hint})" if hint else message)


def _hint(unit: str, dimension: str) -> str:
    if dimension == "size" and re.fullmatch(r"[kKMGTP]i?b(it)?", unit):
        return f"bits occur only in rates; for bytes write {unit[:-1].removesuffix('bi')}B"
    if dimension == "size" and unit.upper() in {"KB", "K"}:
        return "kilo is a small k: kB, or Ki for 1024 bytes"
    if dimension == "duration" and unit == "m":
        return "m is milli or minutes: write min, or ms"
    if dimension == "bitrate" and unit.endswith(("B/s", "Bps")):
        return "a link's rate is in bits: write Mbps"
    for other, units in UNITS.items():
        if unit and unit in units and other != dimension:
            return f"{unit} is a unit of {other}; write {_EXAMPLE[dimension]}"
    return f"write {_EXAMPLE[dimension]}"


def parse(text: str | float, dimension: str) -> int | float:
    """The quantity in base units: int for duration (ns), size (bytes), cpu (millicores) and count, else float.

    Raises UnitError where the unit is missing, unknown, of another dimension, or the value is not finite.
    """
    units = UNITS[dimension]
    if isinstance(text, bool) or not isinstance(text, int | float | str):
        raise UnitError(f"{text!r} is no {dimension}", f"write {_EXAMPLE[dimension]}")
    if not isinstance(text, str):
        if dimension not in _BARE and text != 0:
            raise UnitError(f"{text!r} has no unit", f"write {_EXAMPLE[dimension]}")
        if isinstance(text, float) and not isfinite(text):
            raise UnitError(f"{text!r} is not finite", f"write {_EXAMPLE[dimension]}")
        if abs(text) > _LARGEST:
            raise UnitError(f"the number is beyond any {dimension}", f"write {_EXAMPLE[dimension]}")
        return _rounded(Fraction(str(text)) * units.get("", Fraction(1)), dimension)
    if len(text) > _LONGEST:
        raise UnitError(f"{text[:20]!r}… is no {dimension}", f"write {_EXAMPLE[dimension]}")
    if dimension == "duration" and text.strip() and _COMPOUND.sub("", text.strip()) == "":
        parts = _COMPOUND.findall(text)
        return _rounded(sum((Fraction(n) * units[u] for n, u in parts), Fraction(0)), dimension)
    match = _ONE.fullmatch(text)
    if match is None:
        raise UnitError(f"{text!r} is no {dimension}", f"write {_EXAMPLE[dimension]}")
    number, unit = match.group(1), match.group(2) or ""
    if abs(int(match.group(1).lower().partition("e")[2] or 0)) > 30:
        raise UnitError(f"{text!r} is beyond any {dimension}", f"write {_EXAMPLE[dimension]}")
    if unit not in units:
        if not unit and Fraction(number) == 0:
            return _rounded(Fraction(0), dimension)
        said = f"{text!r} has no unit" if not unit else f"{text!r} is no {dimension}"
        raise UnitError(said, _hint(unit, dimension))
    return _rounded(Fraction(number) * units[unit], dimension)


def _rounded(value: Fraction, dimension: str) -> int | float:
    if dimension in _INTEGERS:
        if dimension == "count" and value.denominator != 1:
            raise UnitError(f"{float(value):g} is no whole number", f"write {_EXAMPLE[dimension]}")
        return round(value)
    return float(value)


def write(value: float, dimension: str) -> str:
    """The shortest text that parses back to exactly this value."""
    if dimension in _INTEGERS:
        exact = Fraction(value)
        for unit, factor in sorted(UNITS[dimension].items(), key=lambda item: -item[1]):
            if exact % factor == 0 and (exact or factor == 1) and unit not in ("µs",):
                return f"{exact // factor}{unit}"
        return f"{value}"
    base = next(u for u, f in UNITS[dimension].items() if f == 1)
    return f"{value!r}{base}"


def duration(text: str | float) -> int:
    """A duration in ns; a bare number is seconds here, and only here: it is what Python callers pass."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return round(Fraction(str(text)) * SECOND)
    return int(parse(text, "duration"))


def seconds(ns: int) -> float:
    """Nanoseconds as float seconds: for views, tables and reports only."""
    return ns / SECOND
