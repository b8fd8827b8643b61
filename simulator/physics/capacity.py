"""The work that something does by a time, at a rate that changes: a link whose bandwidth follows a trace.

C(t) is piecewise linear; in a flat piece nothing is done, and what waits is kept. In units of work a queue before it is
an ordinary one: it comes at C(a) and needs w; it is through at the earliest nanosecond by which so much is done.

All of it is exact: rates are floats, thus whole numbers over one power of two, and work is counted in Python's integers
in the largest part of a bit of which every rate does a whole number in a nanosecond. Nothing is rounded but a time,
once, up to the next whole nanosecond.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import count, pairwise
from math import gcd, isfinite
from typing import Final

from simulator.units import SECOND

NEVER: Final = 1 << 62  # ns


class Capacity:
    """Rates (bit/s) each from a time (ns) on; `own_bps` before the first, from 0. The last rate stays, or, after
    `period_ns` from the first time on, the rates come again, and so on.

    Raises ValueError for times that do not rise from 0, rates that are negative or infinite, nothing but zeros among
    them, and a period that ends before the last rate begins.
    """

    __slots__ = ("_done", "_first", "_lap", "_period", "_rates", "_times", "bit", "fastest", "fastest_bps", "mean_bps")

    def __init__(self, own_bps: float, trace: Sequence[tuple[int, float]], period_ns: int = 0) -> None:
        times, rates = [time for time, _ in trace], [rate for _, rate in trace]
        if not times or times[0] < 0 or any(b <= a for a, b in pairwise(times)):
            raise ValueError("the times of a trace must rise from 0")
        if not all(isfinite(rate) and rate >= 0 for rate in (own_bps, *rates)):
            raise ValueError("a rate must be a number that is not negative")
        if not any(rates):
            raise ValueError("a trace must have a rate above zero")
        if period_ns and period_ns <= times[-1] - times[0]:
            raise ValueError("the period of a trace must end after its last rate begins")
        self._first, self._period = times[0], period_ns
        if times[0]:
            times, rates = [0, *times], [own_bps, *rates]
        ratios = [rate.as_integer_ratio() for rate in rates]
        parts = max(below for _, below in ratios)
        whole = [above * (parts // below) for above, below in ratios]
        unit = gcd(SECOND * parts, *whole)
        self.bit = SECOND * parts // unit  # as work
        self._times, self._rates = times, [rate // unit for rate in whole]
        self.fastest = max(self._rates)  # in work per ns
        self._done = [0]
        for i, rate in enumerate(self._rates[:-1]):
            self._done.append(self._done[i] + (times[i + 1] - times[i]) * rate)
        self._lap = 0
        if period_ns:
            end = self._done[-1] + (self._first + period_ns - times[-1]) * self._rates[-1]
            self._lap = end - self._done[times.index(self._first)]
        self.fastest_bps = max(rates)
        span, done = (period_ns, self._lap) if period_ns else (times[-1], self._done[-1])
        # Over a period, or up to the last time of the trace.
        self.mean_bps = done * SECOND / (span * self.bit) if done else self.fastest_bps

    def by(self, t: int) -> int:
        """The work that can be done by a time, not before 0."""
        laps = 0
        if self._period and t > self._first:
            laps, rest = divmod(t - self._first, self._period)
            t = self._first + rest
        i = bisect_right(self._times, t) - 1
        return laps * self._lap + self._done[i] + (t - self._times[i]) * self._rates[i]

    def when(self, work: int) -> int:
        """The earliest ns by which so much work, above 0, can be done; NEVER where it never is."""
        start = 0
        if self._period:
            before = self.by(self._first)
            if work > before:
                laps, rest = divmod(work - before - 1, self._lap)
                work, start = before + rest + 1, laps * self._period
        i = bisect_left(self._done, work) - 1  # the last piece that begins with less: no flat one, but for the last
        if not self._rates[i]:
            return NEVER
        return min(start + self._times[i] - (self._done[i] - work) // self._rates[i], NEVER)

    def pieces(self, start: int, work: int) -> Iterator[tuple[int, int, int]]:
        """From when on, with how much work done, at what rate (per ns): from `start` on until so much is done."""
        laps = 0
        if self._period and start > self._first:
            laps = (start - self._first) // self._period
        i = bisect_right(self._times, start - laps * self._period) - 1
        for lap in count(laps):
            for time, rate in zip(self._times[i:], self._rates[i:], strict=True):
                begin = max(lap * self._period + time, start)
                done = self.by(begin)
                if done >= work:
                    return
                yield begin, done, rate
            if not self._period:
                return
            i = self._times.index(self._first)

    def after(self, t: int, bits: int) -> int:
        """When so many bits are sent that begin at `t`, and wait for nobody."""
        return self.when(self.by(t) + bits * self.bit) if bits else t


Traced = tuple[Capacity, int]  # how a message is sent: at these rates, so many bits
