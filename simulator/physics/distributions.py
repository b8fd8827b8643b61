"""Distributions of non-negative quantities: inverse transforms of uniforms, and exact moments.

Values are floats in base units (ns, bytes, …); `ticks` rounds once, to whole base units. All methods take a column of
uniforms in [0, 1) or one, and go through the same numpy loops, so that a column and a scalar give the same bytes.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from math import erf, exp, expm1, gamma, pi, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.errors import Problem, UserError
from simulator.facts.dist import DistSpec, parse_dist
from simulator.units import UnitError, parse

Floats = NDArray[np.float64]


class Distribution:
    """What every distribution answers. `mean` and `variance` are exact, in base units and their square."""

    __slots__ = ()

    @property
    def mean(self) -> float:
        raise NotImplementedError

    @property
    def variance(self) -> float:
        raise NotImplementedError

    def sample(self, u: ArrayLike) -> Floats:
        """The quantile of each uniform: an array of u's shape, float64."""
        raise NotImplementedError

    def scaled(self, factor: float) -> Distribution:
        """The distribution of `factor` times the value: a time measured at one speed, on a core of another."""
        raise NotImplementedError

    def ticks(self, u: ArrayLike) -> NDArray[np.int64]:
        """`sample`, rounded to whole base units: the one rounding of a draw."""
        return np.rint(self.sample(u)).astype(np.int64)

    def tick(self, u: float) -> int:
        """One draw: exactly `ticks([u])[0]`."""
        return int(np.rint(self.sample(u)))


@dataclass(frozen=True, slots=True)
class Constant(Distribution):
    value: float

    @property
    def mean(self) -> float:
        return self.value

    @property
    def variance(self) -> float:
        return 0.0

    def sample(self, u: ArrayLike) -> Floats:
        return np.full(np.shape(u), self.value)

    def scaled(self, factor: float) -> Constant:
        return Constant(self.value * factor)


@dataclass(frozen=True, slots=True)
class Exponential(Distribution):
    scale: float  # the mean

    @property
    def mean(self) -> float:
        return self.scale

    @property
    def variance(self) -> float:
        return self.scale**2

    def sample(self, u: ArrayLike) -> Floats:
        return np.asarray(-np.log1p(-np.asarray(u, np.float64)) * self.scale)

    def scaled(self, factor: float) -> Exponential:
        return Exponential(self.scale * factor)


@dataclass(frozen=True, slots=True)
class LogNormal(Distribution):
    median: float
    sigma: float

    @property
    def mean(self) -> float:
        return self.median * exp(self.sigma**2 / 2)

    @property
    def variance(self) -> float:
        return expm1(self.sigma**2) * self.mean**2

    def sample(self, u: ArrayLike) -> Floats:
        return np.asarray(self.median * np.exp(self.sigma * _normal_quantile(u)))

    def scaled(self, factor: float) -> LogNormal:
        return LogNormal(self.median * factor, self.sigma)


@dataclass(frozen=True, slots=True)
class Normal(Distribution):
    """Normal with parent mean `mu` and standard deviation `sd`, conditioned on being at least zero."""

    mu: float
    sd: float

    def _tail(self) -> tuple[float, float, float]:
        """a = -mu/sd, P(parent >= 0), and the inverse Mills ratio at a (Johnson, Kotz & Balakrishnan 1994, 13.10)."""
        a = -self.mu / self.sd
        above = (1 - erf(a / sqrt(2))) / 2
        return a, above, exp(-a * a / 2) / sqrt(2 * pi) / above

    @property
    def mean(self) -> float:
        return self.mu + self.sd * self._tail()[2] if self.sd else self.mu

    @property
    def variance(self) -> float:
        if not self.sd:
            return 0.0
        a, _, mills = self._tail()
        return self.sd**2 * (1 + a * mills - mills**2)

    def sample(self, u: ArrayLike) -> Floats:
        if not self.sd:
            return np.full(np.shape(u), self.mu)
        below = 1 - self._tail()[1]
        parent = self.mu + self.sd * _normal_quantile(below + np.asarray(u, np.float64) * (1 - below))
        return np.maximum(parent, 0.0)

    def scaled(self, factor: float) -> Normal:
        return Normal(self.mu * factor, self.sd * factor)


@dataclass(frozen=True, slots=True)
class Uniform(Distribution):
    low: float
    high: float

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    @property
    def variance(self) -> float:
        return (self.high - self.low) ** 2 / 12

    def sample(self, u: ArrayLike) -> Floats:
        return np.asarray(self.low + np.asarray(u, np.float64) * (self.high - self.low))

    def scaled(self, factor: float) -> Uniform:
        return Uniform(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Weibull(Distribution):
    shape: float
    scale: float

    @property
    def mean(self) -> float:
        return self.scale * gamma(1 + 1 / self.shape)

    @property
    def variance(self) -> float:
        return self.scale**2 * gamma(1 + 2 / self.shape) - self.mean**2

    def sample(self, u: ArrayLike) -> Floats:
        return np.asarray(self.scale * np.power(-np.log1p(-np.asarray(u, np.float64)), 1 / self.shape))

    def scaled(self, factor: float) -> Weibull:
        return Weibull(self.shape, self.scale * factor)


@dataclass(frozen=True, slots=True, eq=False)
class Empirical(Distribution):
    """The step-wise inverse of what was observed; `values` are sorted."""

    values: Floats

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def variance(self) -> float:
        return float(self.values.var())

    def sample(self, u: ArrayLike) -> Floats:
        index = np.floor(np.asarray(u, np.float64) * len(self.values)).astype(np.int64)
        return np.asarray(self.values[index])

    def scaled(self, factor: float) -> Empirical:
        return Empirical(self.values * factor)


def _normal_quantile(u: ArrayLike) -> Floats:
    from scipy.special import ndtri  # noqa: PLC0415  heavy: loaded when the first normal draw is made

    return np.asarray(ndtri(np.asarray(u, np.float64)))


def from_spec(
    spec: DistSpec | Mapping[str, Any] | float | str, dimension: str = "duration", folder: Path | None = None
) -> Distribution:
    """The distribution of a written form, or of one that is parsed already.

    Files of `{empirical: file.csv#column}` are relative to `folder`. Raises UnitError for a wrong form and UserError,
    with file and line, for a column that cannot be read.
    """
    parsed = spec if isinstance(spec, DistSpec) else parse_dist(spec, dimension)
    p = parsed.parameters
    match parsed.kind:
        case "constant":
            return Constant(p["value"])
        case "exponential":
            return Exponential(p["mean"])
        case "lognormal":
            return LogNormal(p["median"], p["sigma"])
        case "normal":
            return Normal(p["mean"], p["sd"])
        case "uniform":
            return Uniform(p["low"], p["high"])
        case "weibull":
            return Weibull(p["shape"], p["scale"])
    values = parsed.values or _column((folder or Path()) / parsed.file, parsed.column, parsed.dimension)
    return Empirical(np.sort(np.asarray(values, np.float64)))


def _column(path: Path, column: str, dimension: str) -> list[float]:
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(Problem(f"cannot be read: {error}", str(path))) from None
    rows = csv.DictReader(text.splitlines())
    if column not in (rows.fieldnames or ()):
        known = ", ".join(rows.fieldnames or ())
        raise UserError(Problem(f"has no column {column}", str(path), 1, hint=f"its columns are {known}"))
    if list(rows.fieldnames or ()).count(column) > 1:
        raise UserError(Problem(f"two columns are named {column}", str(path), 1))
    values: list[float] = []
    problems: list[Problem] = []
    for row in rows:
        try:
            values.append(float(parse(row[column] or "", dimension)))
            if values[-1] < 0:
                raise UnitError(f"{row[column]} is negative", "no such quantity exists")
        except UnitError as error:
            problems.append(Problem(error.message, str(path), rows.line_num, column, error.hint))
    if not values and not problems:
        problems.append(Problem(f"column {column} is empty", str(path), 1))
    if problems:
        raise UserError(problems)
    return values
