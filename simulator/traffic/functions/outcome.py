"""What became of a function's requests and instances, in columns; and the same by interval, for the tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.functions.pool import DIED, NEVER, REFUSED, SERVED, Book, Ints
from simulator.units import SECOND

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """Everything up to `until`. Times in ns, NEVER where something has not happened.

    By request: when it arrived, began and ended (may lie after `until`), on which instance (-1: none), whether it was
    a cold start, its outcome. By instance: when it was started, came up (never up: when it was gone), and was gone.
    """

    until: int
    arrive: Ints
    begin: Ints
    end: Ints
    instance: Ints
    cold: NDArray[np.bool_]
    outcome: NDArray[np.uint8]
    started: Ints
    up: Ints
    gone: Ints

    @classmethod
    def of(cls, book: Book, started: list[int], up: list[int], gone: list[int], until: int) -> Outcome:
        """From a pool's book, and when its instances were started, came up and were gone (NEVER: not yet)."""
        n = int(np.searchsorted(np.array(book.arrive, np.int64), until, side="right"))
        ended = np.array(gone, np.int64)
        return cls(
            until=until,
            arrive=np.array(book.arrive[:n], np.int64),
            begin=np.array(book.begin[:n], np.int64),
            end=np.array(book.end[:n], np.int64),
            instance=np.array(book.instance[:n], np.int64),
            cold=np.array(book.cold[:n], np.bool_),
            outcome=np.array(book.outcome[:n], np.uint8),
            started=np.array(started, np.int64),
            up=np.minimum(np.array(up, np.int64), ended),
            gone=ended,
        )

    @property
    def cold_starts(self) -> int:
        """Requests that had to wait for a boot."""
        return int(self.cold.sum())

    @property
    def cold_share(self) -> float:
        """Among all that were not refused; NaN without any."""
        taken = int((self.outcome != REFUSED).sum())
        return self.cold_starts / taken if taken else float("nan")

    @cached_property
    def busy(self) -> tuple[Ints, Ints]:
        """Begin and end of every span in which an instance serves at least one request, in the order of instances."""
        served = np.flatnonzero(self.begin != NEVER)
        number = np.tile(self.instance[served], 2)
        times = np.concatenate([self.begin[served], self.end[served]])
        step = np.repeat([1, -1], len(served))
        order = np.lexsort((-step, times, number))
        times, depth = times[order], np.cumsum(step[order])
        first = np.append(True, depth == 0)[: len(depth)]
        return times[first], times[depth == 0]

    def mean_instances(self, from_ns: int = 0) -> float:
        """Instances that are there, booting ones among them, averaged over the time from then."""
        return self._mean(self.started, self.gone, from_ns)

    def mean_running(self, from_ns: int = 0) -> float:
        """Instances that serve, likewise."""
        return self._mean(*self.busy, from_ns)

    def mean_idle(self, from_ns: int = 0) -> float:
        """Instances that are up and have nothing to do, likewise."""
        return self._mean(self.up, self.gone, from_ns) - self.mean_running(from_ns)

    @property
    def mean_life_ns(self) -> float:
        """From start to end, of the instances that have gone; NaN without any."""
        gone = self.gone <= self.until
        return float((self.gone - self.started)[gone].mean()) if gone.any() else float("nan")

    def _mean(self, begin: Ints, end: Ints, low: int) -> float:
        inside = np.clip(end, low, self.until) - np.clip(begin, low, self.until)
        return int(inside.sum()) / (self.until - low)

    def rows(self, interval_ns: int) -> Iterator[tuple[float, ...]]:
        """By interval in which anything was there: the columns of the table `functions` but its name and bytes."""
        bins = self.until // interval_ns + 1
        edges = np.minimum(np.arange(bins + 1) * interval_ns, self.until)

        def count(times: Ints) -> Ints:
            found: Ints = np.bincount(times // interval_ns, minlength=bins)
            return found

        def mean(times: Ints, values: Ints) -> Floats:
            sums = np.bincount(times // interval_ns, values / SECOND, minlength=bins)
            with np.errstate(invalid="ignore"):
                found: Floats = sums / count(times)
            return found

        def covered(begin: Ints, end: Ints) -> Floats:
            found: Floats = np.diff(_before(begin, edges) - _before(end, edges)) / SECOND
            return found

        over = self.end <= self.until
        begun, served = self.begin <= self.until, over & (self.outcome == SERVED)
        cold = begun & self.cold
        gone = self.gone <= self.until
        running = covered(*self.busy)
        columns = (
            count(self.arrive), count(self.begin[begun]), count(self.begin[cold]), count(self.end[served]),
            count(self.end[over & (self.outcome == REFUSED)]), count(self.end[over & (self.outcome == DIED)]),
            mean(self.begin[cold], (self.begin - self.arrive)[cold]),
            mean(self.end[served], (self.end - self.arrive)[served]),
            count(self.started), count(self.gone[gone]), mean(self.gone[gone], (self.gone - self.started)[gone]),
            covered(self.started, self.gone), running, covered(self.up, self.gone) - running,
        )  # fmt: skip
        for number, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            if any(value > 0 for value in row):
                yield number * interval_ns, *row


def _before(times: Ints, at: Ints) -> Ints:
    """For each instant of `at`: how much time has passed since each of `times` that lies before it, added up."""
    times = np.sort(times)
    some = np.searchsorted(times, at)
    sums = np.append(0, np.cumsum(np.minimum(times, at[-1])))
    found: Ints = some * at - sums[some]
    return found
