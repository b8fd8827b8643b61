"""A mergeable sketch of latencies: counts in buckets of at most 1 % relative error, integers only.

Buckets are those of DDSketch's linearly interpolated mapping (Masson, Rim, Lee, PVLDB 12, 2019): 64 to each power
of two, read off the bits of the float64, so no logarithm is taken and every platform fills the same buckets.
Merging adds counts; order never matters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_SUB_BITS = 6
_SUB = 1 << _SUB_BITS
_SHIFT = 52 - _SUB_BITS
_ONE = 1023 << _SUB_BITS  # where the value 1 stands
# Half a bucket's width over its middle, at the lower end of an octave, where it is largest.
RELATIVE_ERROR = 1 / (2 * _SUB + 1)


def buckets(values: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bucket of each value ≥ 0, shape kept: 0 for 0, then 64 to each power of two."""
    bits = values.astype(np.float64).view(np.int64)
    found: NDArray[np.int64] = np.maximum((bits >> _SHIFT) - (_ONE - 1), 0)
    return found


def middle(bucket: int) -> float:
    """The value that stands for a bucket: within RELATIVE_ERROR of everything in it."""
    if bucket == 0:
        return 0.0
    octave, part = divmod(bucket - 1, _SUB)
    low, high = (2.0**octave * (1 + (part + end) / _SUB) for end in (0, 1))
    return 2 * low * high / (low + high)


class Sketch:
    """Counts of values ≥ 0, with their exact number, sum and largest."""

    __slots__ = ("_counts", "_first", "largest", "number", "total")

    def __init__(self) -> None:
        self._first = 0  # bucket of _counts[0]
        self._counts: NDArray[np.int64] = np.zeros(0, np.int64)
        self.number = 0
        self.total = 0
        self.largest = 0

    def add(self, values: NDArray[np.int64]) -> None:
        """Add every value of an array of int64."""
        if values.size:
            found = buckets(values)
            first = int(found.min())
            total = sum(values.tolist()) if int(values.max()) > (1 << 62) // values.size else int(values.sum())
            self.add_counts(first, np.bincount(found - first), total, int(values.max()))

    def add_counts(self, first: int, counts: NDArray[np.int64], total: int, largest: int) -> None:
        """Add `counts` of the buckets from `first` on, of values with this exact sum and largest."""
        if not len(counts):
            return
        if not len(self._counts):
            self._first, self._counts = first, counts.astype(np.int64)
        else:
            low = min(first, self._first)
            high = max(first + len(counts), self._first + len(self._counts))
            if (low, high) != (self._first, self._first + len(self._counts)):
                wider = np.zeros(high - low, np.int64)
                wider[self._first - low : self._first - low + len(self._counts)] = self._counts
                self._first, self._counts = low, wider
            self._counts[first - low : first - low + len(counts)] += counts
        self.number += int(counts.sum())
        self.total += total
        self.largest = max(self.largest, largest)

    def merge(self, other: Sketch) -> None:
        """Add all that the other has seen."""
        self.add_counts(other._first, other._counts, other.total, other.largest)

    def quantiles(self, *qs: float) -> list[float]:
        """The values at ranks ⌊q·(n - 1)⌋ (from 0), within RELATIVE_ERROR; NaN while empty."""
        if not self.number:
            return [float("nan")] * len(qs)
        ranks = [int(q * (self.number - 1)) for q in qs]
        found = self._counts.cumsum().searchsorted(ranks, side="right")
        return [min(middle(self._first + bucket), float(self.largest)) for bucket in found.tolist()]

    def quantile(self, q: float) -> float:
        """One of `quantiles`."""
        return self.quantiles(q)[0]

    @property
    def mean(self) -> float:
        """The exact mean; NaN while empty."""
        return self.total / self.number if self.number else float("nan")
