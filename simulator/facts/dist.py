"""The written forms of a distribution, checked and brought to base units. Sampling is `simulator.physics`' work.

`{exponential: 5ms}`, `{lognormal: {median: 5ms, p99: 20ms}}`, `{normal: {mean: 225ms, sd: 12ms}}`,
`{uniform: {low: 1s, high: 2s}}`, `{weibull: {shape: 0.6, scale: 6h}}`, `{empirical: file.csv#column}` or a list of
values; a bare quantity is constant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite, log, sqrt
from statistics import NormalDist
from typing import Any, Final

from simulator.units import UnitError, parse


@dataclass(frozen=True, slots=True)
class DistSpec:
    """One distribution: canonical parameters in base units (shapes and sigmas are numbers), and what was written."""

    kind: str
    parameters: Mapping[str, float]
    dimension: str
    written: Any = field(default=None, compare=False)
    values: tuple[float, ...] = ()
    file: str = ""
    column: str = ""


Number = Callable[[Any], float]


def parse_dist(written: Any, dimension: str, number: Number | None = None) -> DistSpec:
    """The distribution of a quantity of `dimension`, from one of the forms above.

    `number` reads one quantity (default: `units.parse`). Raises UnitError for an unknown form, a missing or foreign
    parameter, a wrong unit, or parameters that no distribution of non-negative quantities has.
    """
    read = number or (lambda value: parse(value, dimension))
    if not isinstance(written, Mapping):
        return DistSpec("constant", {"value": _positive(read(written), written, zero=True)}, dimension, written)
    if len(written) != 1:
        raise UnitError("a distribution has one name", f"write one of {', '.join(FORMS)}")
    ((name, body),) = written.items()
    if name not in FORMS:
        near = get_close_matches(str(name), FORMS, 1)
        raise UnitError(f"{name} is no distribution", f"did you mean {near[0]}?" if near else _known())
    if name == "empirical":
        return _empirical(body, dimension, written, read)
    body = body if isinstance(body, Mapping) else {_SHORT[name]: body} if name in _SHORT else {}
    given = {"p" if key in _quantiles(body) else key for key in body}
    for allowed in FORMS[name]:
        if given == set(allowed) and len(body) == len(allowed):
            return DistSpec(name, _CANONICAL[name](body, read), dimension, written)
    forms = " or ".join("{" + ", ".join("pNN" if a == "p" else a for a in form) + "}" for form in FORMS[name])
    raise UnitError(f"{name} takes {forms}", _foreign(body, name))


# The sets of parameters that each name takes; `p` is any quantile, as in p90 or p99.9.
FORMS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "constant": (("value",),),
    "exponential": (("mean",),),
    "lognormal": (("median", "p"), ("median", "sigma"), ("mean", "sd")),
    "normal": (("mean", "sd"),),
    "uniform": (("low", "high"),),
    "weibull": (("shape", "scale"),),
    "empirical": (("values",),),
}
_SHORT: Final = {"constant": "value", "exponential": "mean"}


def _known() -> str:
    return f"known are {', '.join(FORMS)}"


def _foreign(body: Mapping[str, Any], name: str) -> str:
    allowed = {p for form in FORMS[name] for p in form}
    for key in body:
        if key not in allowed and (near := get_close_matches(str(key), allowed - {"p"}, 1)):
            return f"did you mean {near[0]}?"
    return ""


def _quantiles(body: Mapping[str, Any]) -> set[str]:
    """The keys that are quantiles above the median, if there is exactly one."""
    found = {k for k in body if k.startswith("p") and k[1:].replace(".", "", 1).isdigit() and 50 < float(k[1:]) < 100}
    return found if len(found) == 1 else set()


def _positive(value: float, written: Any, *, zero: bool = False) -> float:
    if not isfinite(value) or value < 0 or (value == 0 and not zero):
        raise UnitError(f"{written} is {'negative' if value < 0 else 'not above zero'}", "no such quantity exists")
    return float(value)


def _plain(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnitError(f"{name} is {value!r}", "it is a number without a unit")
    return _positive(value, f"{name} {value!r}", zero=name == "sigma")


def _constant(body: Mapping[str, Any], read: Number) -> dict[str, float]:
    return {"value": _positive(read(body["value"]), body["value"], zero=True)}


def _exponential(body: Mapping[str, Any], read: Number) -> dict[str, float]:
    return {"mean": _positive(read(body["mean"]), body["mean"])}


def _lognormal(body: Mapping[str, Any], read: Number) -> dict[str, float]:
    if "mean" in body:
        mean, sd = _positive(read(body["mean"]), body["mean"]), _positive(read(body["sd"]), body["sd"], zero=True)
        variance = log(1 + (sd / mean) ** 2)
        return {"median": mean / sqrt(1 + (sd / mean) ** 2), "sigma": sqrt(variance)}
    median = _positive(read(body["median"]), body["median"])
    if "sigma" in body:
        return {"median": median, "sigma": _plain(body["sigma"], "sigma")}
    (name,) = _quantiles(body)
    high = _positive(read(body[name]), body[name])
    if high < median:
        raise UnitError(f"{name} {body[name]} lies below the median {body['median']}", "swap them")
    return {"median": median, "sigma": log(high / median) / NormalDist().inv_cdf(float(name[1:]) / 100)}


def _normal(body: Mapping[str, Any], read: Number) -> dict[str, float]:
    return {
        "mean": _positive(read(body["mean"]), body["mean"], zero=True),
        "sd": _positive(read(body["sd"]), body["sd"], zero=True),
    }


def _uniform(body: Mapping[str, Any], read: Number) -> dict[str, float]:
    low, high = (_positive(read(body[k]), body[k], zero=True) for k in ("low", "high"))
    if high < low:
        raise UnitError(f"high {body['high']} lies below low {body['low']}", "swap them")
    return {"low": low, "high": high}


def _weibull(body: Mapping[str, Any], read: Number) -> dict[str, float]:
    return {"shape": _plain(body["shape"], "shape"), "scale": _positive(read(body["scale"]), body["scale"])}


_CANONICAL: Final[dict[str, Callable[[Mapping[str, Any], Number], dict[str, float]]]] = {
    "constant": _constant,
    "exponential": _exponential,
    "lognormal": _lognormal,
    "normal": _normal,
    "uniform": _uniform,
    "weibull": _weibull,
}


def _empirical(body: Any, dimension: str, written: Any, read: Number) -> DistSpec:
    if isinstance(body, str):
        file, hash_, column = body.partition("#")
        if not (file and hash_ and column):
            raise UnitError(f"{body!r} names no column", "write file.csv#column")
        return DistSpec("empirical", {}, dimension, written, file=file, column=column)
    body = body.get("values") if isinstance(body, Mapping) and set(body) == {"values"} else body
    if not isinstance(body, list | tuple) or not body:
        raise UnitError("empirical takes a list of values or file.csv#column", "")
    return DistSpec("empirical", {}, dimension, written, tuple(_positive(read(v), v, zero=True) for v in body))
