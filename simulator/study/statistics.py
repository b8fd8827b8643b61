"""What may be said of replications: t intervals, batch means, the MSER-5 warm-up check, paired differences.

Pure functions over sequences of numbers. NaN means "undefined in this replication" and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isnan, nan
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
# By which sums may differ for how their terms were rounded: energies are kept in whole 2^-20 J by node and interval,
# some 1e-9 of what a machine takes in minutes.
_ROUNDING = 1e-8


class Interval(NamedTuple):
    """A mean, its confidence interval (NaN for fewer than two values), and how many values it rests on."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def significant(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low > 0 or self.high < 0


def t_quantile(p: float, degrees: int) -> float:
    """The p-quantile of Student's t with so many degrees of freedom."""
    from scipy.special import stdtrit  # noqa: PLC0415  # heavy

    return float(stdtrit(degrees, p))


def t_interval(values: Iterable[float], confidence: float = CONFIDENCE) -> Interval:
    """mean ± t(1 - (1 - confidence) / 2, n - 1) · s / √n, s the sample's standard deviation (n - 1).

    Holds for independent values whose mean is near normal. An infinite value makes the mean infinite, the interval
    undefined.
    """
    x = np.array([v for v in values if not isnan(v)], np.float64)
    n = len(x)
    if n == 0:
        return Interval(nan, nan, nan, 0)
    if not np.isfinite(x).all():
        return Interval(float(x.sum()), nan, nan, n)
    # A constant's mean is that constant, to the last bit: no noise from summing.
    if x.min() == x.max():
        mean = float(x[0])
        return Interval(mean, mean, mean, n) if n > 1 else Interval(mean, nan, nan, n)
    mean = float(x.mean())
    half = t_quantile((1 + confidence) / 2, n - 1) * float(x.std(ddof=1)) / n**0.5
    return Interval(mean, mean - half, mean + half, n)


def t_test(values: Iterable[float]) -> float:
    """The two-sided p value of a mean of zero by Student's t: below 1 - confidence where `t_interval` excludes zero.

    NaN for fewer than two values or an infinite one. A constant, but for rounding, has no spread: 1 if it is zero,
    else 0.
    """
    from scipy.special import stdtr  # noqa: PLC0415  # heavy

    x = evened([v for v in values if not isnan(v)])
    if len(x) < 2 or not np.isfinite(x).all():
        return nan
    if x.min() == x.max():
        return 0.0 if x[0] else 1.0
    return float(2 * stdtr(len(x) - 1, -abs(x.mean()) / (x.std(ddof=1) / len(x) ** 0.5)))


def gap(first: float, second: float) -> float:
    """second - first; 0 where only rounding tells them apart."""
    rounding = _ROUNDING * min(abs(first), abs(second))
    return 0.0 if abs(second - first) <= rounding else second - first


def evened(values: ArrayLike) -> NDArray[np.float64]:
    """The same, but those that only rounding tells apart are equal: of a chain of such, all are its least."""
    x = np.asarray(values, np.float64)
    order = np.argsort(x, kind="stable")
    rising = x[order]
    rounding = _ROUNDING * np.minimum(np.abs(rising[:-1]), np.abs(rising[1:]))
    with np.errstate(invalid="ignore"):  # of two infinite ones, which stay as they are
        first = np.append(True, ~(np.diff(rising) <= rounding))
    out = np.empty_like(x)
    out[order] = rising[np.maximum.accumulate(np.where(first, np.arange(len(x)), 0))]
    return out


def paired_interval(ours: Sequence[float], theirs: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """The t interval of ours[i] - theirs[i], where i is one replication on the same random numbers.

    What both share cancels: the variance is Var(X) + Var(Y) - 2 Cov(X, Y). Raises ValueError on unequal lengths.
    """
    return t_interval((gap(b, a) for a, b in zip(ours, theirs, strict=True)), confidence)


def batch_means(series: ArrayLike, batches: int = 20, confidence: float = CONFIDENCE) -> Interval:
    """A t interval from one long, stationary run: the means of equal consecutive batches as near-independent values.

    The remainder of len(series) / batches is left out at the front. Raises ValueError for fewer values than batches.
    """
    x = np.asarray(series, np.float64)
    size = len(x) // batches
    if size == 0:
        raise ValueError(f"{len(x)} values do not fill {batches} batches")
    return t_interval(x[len(x) - size * batches :].reshape(batches, size).mean(axis=1).tolist(), confidence)


def mser5(series: ArrayLike, size: int = 5) -> int | None:
    """Where the start-up transient of a series ends by the MSER-5 rule: the number of leading values to cut.

    Over the k means z of consecutive batches of five, the cut d minimises sum_{i ≥ d} (z_i - mean_{i ≥ d} z)² /
    (k - d)². None if the minimum lies in the second half, which says that the run is too short to tell, or if there
    are fewer than ten batches. K. P. White, "An effective truncation heuristic for bias reduction in simulation
    output", Simulation 69(6), 1997; the batches of five: White, Cobb, Spratt, WSC 2000.
    """
    x = np.asarray(series, np.float64)
    k = len(x) // size
    if k < 10:
        return None
    z: NDArray[np.float64] = x[: k * size].reshape(k, size).mean(axis=1)
    # Sums over the tails from d on, all at once; centred first, for precision. The last batches are left out of the
    # search: a tail of a few values has a small spread by chance.
    tail = (z - z.mean())[::-1]
    left = np.arange(k, 0, -1)
    first, second = np.cumsum(tail)[::-1], np.cumsum(tail**2)[::-1]
    spread = second - first**2 / left
    spread[spread < 1e-12 * second[0]] = 0.0  # what rounding leaves of a constant tail
    spread /= left**2
    cut = int(np.argmin(spread[: k - 5]))
    return cut * size if cut <= k // 2 else None
