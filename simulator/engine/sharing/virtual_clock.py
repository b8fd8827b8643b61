"""Virtual clocks: who is served alike is served by one of them, however many they are."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from math import ceil
from typing import Any, Protocol

from simulator.units import SECOND

_BIT_NS = 8.0 * SECOND  # bytes · _BIT_NS / (bit/s) is a time in ns


class Served(Protocol):
    """Who is served by a clock, `ahead` bytes more than it shows."""

    ahead: float
    planned: int  # the flow whose end it announced last
    version: int  # the number of that announcement; no other holds

    def head(self) -> Any: ...


class Ends:
    """What comes to its end next, among all that are served alike. `numbers` numbers all announcements there are."""

    __slots__ = ("_ends", "_most", "_numbers")

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._ends: list[tuple[float, int, int, Any]] = []  # heap: service, flow, number, who announced it
        self._most = 64

    def expect(self, served: Served) -> None:
        """Another of its flows is next to end, or it is new here."""
        head = served.head()
        served.planned = head[1]
        served.version = next(self._numbers)
        heappush(self._ends, (head[0] - served.ahead, head[1], served.version, served))
        if len(self._ends) > self._most:
            self._ends = [end for end in self._ends if end[2] == end[3].version]
            heapify(self._ends)
            self._most = 64 + 2 * len(self._ends)

    def head(self) -> Any:
        """The next end; None if there is none. What no longer holds is dropped on the way."""
        ends = self._ends
        while ends and ends[0][2] != ends[0][3].version:
            heappop(ends)
        return ends[0] if ends else None


class VirtualClock(Ends):
    """What each flow served by it all along has got, in bytes, at a rate in bit/s that changes."""

    __slots__ = ("_since", "planned", "rate_bps", "served", "version")

    def __init__(self, numbers: Iterator[int], now: int) -> None:
        super().__init__(numbers)
        self.served = 0.0
        self._since = now
        self.rate_bps = 0.0
        self.planned = -1  # the flow whose end was planned
        self.version = 0  # the number of the plan; 0: no plan holds

    def served_at(self, now: int) -> float:
        if now == self._since:  # an infinite rate for no time is nothing
            return self.served
        return self.served + self.rate_bps * (now - self._since) / _BIT_NS

    def run(self, rate_bps: float, now: int) -> None:
        """Go on at this rate from now on."""
        self.served, self._since = self.served_at(now), now
        self.rate_bps = rate_bps

    def due(self, target: float) -> int:
        """When it will show `target`, from the last change of its rate on, in ns, rounded up."""
        return self._since + ceil(max(0.0, target - self.served) * _BIT_NS / self.rate_bps)
