"""A zone's queue of nodes to be tainted: a token bucket of burst one, looked at by a short loop."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine.clock import Clock, Timer
from simulator.units import SECOND


class ZoneQueue:
    """First in, first out, one node per token. An empty queue, or one whose rate is 0, costs no events."""

    __slots__ = ("_clock", "_free_at", "_loop_ns", "_pop", "_start", "_timer", "_waiting", "rate")

    def __init__(self, clock: Clock, rate: float, loop_ns: int, pop: Callable[[int], object]) -> None:
        self._clock = clock
        self._loop_ns = loop_ns
        self._start = clock.now  # the loop's phase
        self._pop = pop
        self._waiting: dict[int, None] = {}  # rows, in the order in which they came
        self.rate = rate  # tokens per second; 0: none ever
        self._free_at = clock.now  # when the next token may be taken
        self._timer: Timer | None = None

    def __contains__(self, row: int) -> bool:
        return row in self._waiting

    def add(self, row: int) -> None:
        """Queue a node, if it is not queued yet."""
        self._waiting.setdefault(row)
        self._plan()

    def remove(self, row: int) -> None:
        """The node came back before its turn."""
        if row in self._waiting:
            del self._waiting[row]
            self._plan()

    def set_rate(self, rate: float) -> None:
        """Go on at another rate. A bucket that is empty now starts empty again (SwapLimiter)."""
        if rate == self.rate:
            return
        now = self._clock.now
        empty = self.rate == 0 or now < self._free_at
        self.rate = rate
        if rate:
            self._free_at = now + round(SECOND / rate) if empty else now
        self._plan()

    def close(self) -> None:
        """Forget everything: the process that held the queue has ended."""
        self._waiting.clear()
        self._plan()

    def _plan(self) -> None:
        due = None
        if self._waiting and self.rate:
            passed = max(self._clock.now, self._free_at) - self._start
            due = self._start + -(-passed // self._loop_ns) * self._loop_ns
        if self._timer is not None and self._timer.pending:
            if self._timer.time == due:
                return
            self._timer.cancel()
        self._timer = None if due is None else self._clock.at(due, self._turn)

    def _turn(self) -> None:
        row = next(iter(self._waiting))
        del self._waiting[row]
        self._free_at = self._clock.now + round(SECOND / self.rate)
        self._plan()
        self._pop(row)
