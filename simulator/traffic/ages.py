"""Age of information: how old the newest reading is that has arrived, integrated over time in closed form.

Between two arrivals the age grows with time, so its integral is a trapezoid, and over a run of readings that arrive
one each period a row of equal ones. ns² do not fit into 64 bits: a number is kept as three digits to the base 2**25,
exactly, so it does not matter in which portions it is added up.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.record.buffer import Recorder
from simulator.units import SECOND

Ints = NDArray[np.int64]

_KNOWN, _PEAK, _DIGITS = 0, 1, slice(2, 5)  # ns; ns; twice the integral of the age, highest digit first
_BITS: Final = 25
_BASE: Final = 1 << _BITS
_TOGETHER: Final = 1024  # products added up before a digit could overflow


class Ages:
    """By (flow and zone) and interval: the time in which a reading was known, the integral of its age, and the peak."""

    __slots__ = ("_cells", "_interval")

    def __init__(self, interval_ns: int) -> None:
        self._interval = interval_ns
        self._cells: Ints = np.zeros((0, 5, 0), np.int64)  # by group, column, interval

    def stretches(self, group: int, start: Ints, end: Ints, made: Ints) -> int:
        """Shapes (n,), in order of time: from `start` to `end` the newest reading is one made at `made`. Twice the
        integral over all, in ns²."""
        total = 0
        for part in range(0, len(start), _TOGETHER):
            of = slice(part, part + _TOGETHER)
            low, high, which = self._pieces(start[of], end[of])
            young, old = low - made[of][which], high - made[of][which]
            digits = _product(high - low, young + old)
            self._add(group, low, high, digits, old)
            total += _whole(digits.sum(axis=1))
        return total

    def run(self, group: int, first: int, every: int, number: int, delay: int) -> None:
        """From `first` to the last of `number` arrivals, one each period, of readings that take `delay`."""
        low, high, _ = self._pieces(np.array([first]), np.array([first + (number - 1) * every]))
        each = every * (2 * delay + every)
        period = np.array([each >> 2 * _BITS, each >> _BITS & _BASE - 1, each & _BASE - 1])

        def area2(at: Ints) -> Ints:
            whole, rest = np.divmod(at - first, every)
            digits: Ints = period[:, None] * whole + _product(rest, 2 * delay + rest)
            return digits

        more = (high - first) // every > (low - first) // every
        peak = delay + np.where(more, every, (high - first) % every)
        self._add(group, low, high, area2(high) - area2(low), peak)

    def _pieces(self, start: Ints, end: Ints) -> tuple[Ints, Ints, Ints]:
        """Cut at the intervals' edges: where each piece begins and ends, and of which stretch it is."""
        some = np.flatnonzero(end > start)
        first, last = start[some] // self._interval, (end[some] - 1) // self._interval
        number = last - first + 1
        which = np.repeat(np.arange(len(some)), number)
        interval = first[which] + np.arange(len(which)) - (np.cumsum(number) - number)[which]
        low = np.maximum(start[some][which], interval * self._interval)
        return low, np.minimum(end[some][which], (interval + 1) * self._interval), some[which]

    def _add(self, group: int, low: Ints, high: Ints, digits: Ints, peak: Ints) -> None:
        if not low.size:
            return
        interval = low // self._interval
        begin, end = int(interval[0]), int(interval[-1]) + 1
        groups, size = max(group + 1, self._cells.shape[0]), self._cells.shape[2]
        if (groups, max(size, end)) != (self._cells.shape[0], size):
            cells = np.zeros((groups, 5, size if end <= size else 2 * end), np.int64)
            cells[: self._cells.shape[0], :, :size] = self._cells
            self._cells = cells
        cells, at = self._cells[group, :, begin:end], interval - begin
        np.add.at(cells[_KNOWN], at, high - low)
        np.maximum.at(cells[_PEAK], at, peak)
        for digit, more in zip(cells[_DIGITS], digits, strict=True):
            np.add.at(digit, at, more)
        for higher, lower in ((3, 4), (2, 3)):
            cells[higher] += cells[lower] >> _BITS
            cells[lower] &= _BASE - 1

    def write(self, recorder: Recorder, names: list[tuple[str, str]], *, without: Collection[int] = ()) -> None:
        """Write every interval in which somebody was known; `names` are the flow and zone of each group."""
        for interval in np.flatnonzero(self._cells[:, _KNOWN].any(axis=0)).tolist():
            for group in np.flatnonzero(self._cells[:, _KNOWN, interval]).tolist():
                if group in without:
                    continue
                cell = self._cells[group, :, interval]
                known = int(cell[_KNOWN])
                mean = _whole(cell[_DIGITS]) / (2 * known) / SECOND
                row = (interval * self._interval, *names[group], known / SECOND, mean, int(cell[_PEAK]) / SECOND)
                recorder.ages.add(*row)


def _product(a: Ints, b: Ints) -> Ints:
    """The products of numbers from 0 to 2**50, shape (n,), as digits (3, n)."""
    (a1, a0), (b1, b0) = np.divmod(a, _BASE), np.divmod(b, _BASE)
    return np.stack([a1 * b1, a1 * b0 + a0 * b1, a0 * b0])


def _whole(digits: Ints) -> int:
    """The number that three digits, which may be too large, make."""
    high, middle, low = digits.tolist()
    return int((high << 2 * _BITS) + (middle << _BITS) + low)
