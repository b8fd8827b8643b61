"""When the sources of an open flow issue their requests: drawn for each source by itself, taken in any portions."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.streams import Rng
from simulator.traffic.flows import Every, Poisson, RequestFlow, Trace
from simulator.traffic.tries import NEVER
from simulator.units import SECOND

Ints = NDArray[np.int64]
Rows = tuple[Ints, Ints, Ints]  # times (ns), source within the flow, its how-manieth request k

_BLOCK = 1 << 18  # draws made at once


class _Law(Protocol):
    rate: float  # requests/ns, all sources together

    def more(self, until: int) -> Rows:
        """Every request not given yet up to `until`, and perhaps some later ones."""


class Schedule:
    """The requests of an open flow, taken up to one time after another. Portions never change what is drawn."""

    __slots__ = ("_law", "_rest")

    def __init__(self, rng: Rng, flow: RequestFlow, identities: NDArray[np.uint64], start: int) -> None:
        self._law = _law(rng, flow, identities, start)
        self._rest: list[Rows] = []

    @property
    def rate(self) -> float:
        """Requests per ns, of all sources together, in the long run."""
        return self._law.rate

    def take(self, until: int) -> Rows:
        """All requests not taken yet that are due by `until` (ns), in no particular order."""
        found = [*self._rest, self._law.more(until)]
        times, sources, ks = (np.concatenate(column) for column in zip(*found, strict=True))
        due = times <= until
        if due.all():
            self._rest = []
            return times, sources, ks
        later = ~due
        self._rest = [(times[later], sources[later], ks[later])]
        return times[due], sources[due], ks[due]

    def give_back(self, times: Ints, sources: Ints, ks: Ints) -> None:
        """Return requests that were taken but not issued yet."""
        if times.size:
            self._rest.append((times, sources, ks))

    def ahead(self, after: int, number: int) -> Rows:
        """The next requests, about so many, looking further ahead than `after`; nothing only if none is left."""
        span = number
        while self._law.rate:
            rows = self.take(min(after + round(span / self._law.rate), NEVER - 1))
            if rows[0].size:
                return rows
            span *= 2
        return self.take(NEVER)


def _law(rng: Rng, flow: RequestFlow, identities: NDArray[np.uint64], start: int) -> _Law:
    match flow.arrivals:
        case Poisson(rate):
            return _Poisson(rng, flow.name, identities, rate, start)
        case Every(every_ns):
            phases = rng.draws(f"phase/{flow.name}", identities)
            return _Every(start + (phases * every_ns).astype(np.int64), every_ns)
        case Trace(times):
            return _Trace(times, len(identities))
    raise ValueError("closed flows have no schedule")


class _Poisson:
    """Exponential gaps, rounded to whole ns, then added up: the sum does not depend on the size of the blocks."""

    __slots__ = ("_identities", "_k", "_last", "_mean_ns", "_name", "_rng", "rate")

    def __init__(self, rng: Rng, flow: str, identities: NDArray[np.uint64], rate: float, start: int) -> None:
        if rate <= 0:
            raise ValueError("a Poisson rate must be positive")
        self._rng, self._name, self._identities = rng, f"arrival/{flow}", identities
        self._mean_ns = SECOND / rate
        self.rate = len(identities) / self._mean_ns
        self._last = np.full(len(identities), start, np.int64)
        self._k = np.zeros(len(identities), np.int64)

    def more(self, until: int) -> Rows:
        parts: list[Rows] = []
        while True:
            behind = np.flatnonzero(self._last <= until)
            if not behind.size:
                break
            wanted = (until - int(self._last[behind].min())) / self._mean_ns
            block = int(min(max(wanted + 4 * wanted**0.5 + 4, 8), max(_BLOCK // behind.size, 8)))
            k = self._k[behind, None] + np.arange(block)
            u = self._rng.draws(self._name, self._identities[behind, None], k)
            gaps = np.rint(-np.log1p(-u) * self._mean_ns).astype(np.int64)
            times = np.cumsum(gaps, axis=1, out=gaps)
            times += self._last[behind, None]
            self._last[behind] = times[:, -1]
            self._k[behind] += block
            parts.append((times.ravel(), np.repeat(behind, block), k.ravel()))
        return _joined(parts)


class _Every:
    """The first at each source's phase, then at equal distances."""

    __slots__ = ("_every", "_given", "_phases", "rate")

    def __init__(self, phases: Ints, every_ns: int) -> None:
        if every_ns < 1:
            raise ValueError("a period must be positive")
        self._phases, self._every = phases, every_ns
        self._given = np.zeros_like(phases)
        self.rate = len(phases) / every_ns

    def more(self, until: int) -> Rows:
        total = np.maximum((until - self._phases) // self._every + 1, self._given)
        counts = total - self._given
        sources = np.repeat(np.arange(len(counts)), counts)
        first = np.cumsum(counts) - counts
        ks = np.arange(len(sources)) - first[sources] + self._given[sources]
        self._given = total
        return self._phases[sources] + ks * self._every, sources, ks


class _Trace:
    """The same times at each source."""

    __slots__ = ("_given", "_sources", "_times", "rate")

    def __init__(self, times: Ints, sources: int) -> None:
        if np.any(np.diff(times) < 0):
            raise ValueError("a trace's times must not decrease")
        self._times, self._sources, self._given = times, sources, 0
        self.rate = sources * len(times) / max(1, int(times[-1])) if len(times) else 0.0

    def more(self, until: int) -> Rows:
        end = max(int(np.searchsorted(self._times, until, side="right")), self._given)
        ks = np.arange(self._given, end)
        self._given = end
        if end == len(self._times):
            self.rate = 0.0
        sources = np.repeat(np.arange(self._sources), len(ks))
        ks = np.tile(ks, self._sources)
        return self._times[ks], sources, ks


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    nothing = np.zeros(0, np.int64)
    if not parts:
        return nothing, nothing, nothing
    times, sources, ks = (np.concatenate(column) for column in zip(*parts, strict=True))
    return times, sources, ks
