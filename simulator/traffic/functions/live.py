"""A function's instances joined to what makes them: boots take what they take, and instances fail.

Between two changes a pool goes its own way. So a twin of it is run ahead to the first instant at which an instance is
to start or to stop, and a timer is set for that instant alone: however many requests come before, they cost no event.
If nothing changes until then, the twin is the pool from there on; if something does, the twin is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine.clock import Clock, Timer
from simulator.traffic.functions.outcome import Outcome
from simulator.traffic.functions.pool import NEVER, Book, Freeze, Limits, Pool


class LivePool:
    """Calls `start(number)` and `stop(number)` at the instants of the law; it is told `up` and `fail`.

    `started`, `came_up` and `gone` hold those instants (ns), by the number of the instance; NEVER: not yet.
    """

    __slots__ = ("_ahead", "_clock", "_end", "_pool", "_start", "_stop", "_timer", "book", "came_up", "gone",
                 "started")  # fmt: skip

    def __init__(
        self, clock: Clock, book: Book, limits: Limits, end: int, *,
        start: Callable[[int], None], stop: Callable[[int], None],
    ) -> None:  # fmt: skip
        """`end`: nobody looks further ahead than the end of the run (ns)."""
        self._clock, self.book, self._end = clock, book, end
        self._start, self._stop = start, stop
        self._pool = Pool(book, limits)
        self._ahead: Pool | None = None
        self._timer: Timer | None = None
        self.started: list[int] = []
        self.came_up: list[int] = []
        self.gone: list[int] = []
        self._look_ahead()

    def up(self, number: int, speed: float, freeze: Freeze = (0, 0)) -> None:
        """This instance can serve from now on, at this speed, and takes so long to pause and resume. Nothing happens if
        it is gone, or up already."""
        if self.gone[number] != NEVER or self.came_up[number] != NEVER:
            return
        self.settle()
        if self.gone[number] == NEVER:
            self.came_up[number] = self._clock.now
            self._pool.up(number, speed, freeze)
        self._look_ahead()

    def pace(self, number: int, speed: float) -> None:
        """What this instance begins from now on it does at this speed. Nothing happens unless it is up."""
        if self.gone[number] != NEVER or self.came_up[number] == NEVER:
            return
        self.settle()
        if self.gone[number] == NEVER:
            self._pool.pace(number, speed)
        self._look_ahead()

    def fail(self, number: int) -> None:
        """This instance is no more, though nobody has stopped it. Nothing happens if it is gone already."""
        if self.gone[number] != NEVER:
            return
        self.settle()
        if self.gone[number] == NEVER:
            self.gone[number] = self._clock.now
            self._pool.fail(number)
        self._look_ahead()

    def settle(self) -> None:
        """Let everything happen up to now."""
        if self._ahead is not None and self._timer is None and self._clock.now == self._end:
            self._pool = self._ahead
        elif self._ahead is not None:
            self._pool.disown(self._ahead)
        if self._timer is not None:
            self._timer.cancel()
        self._ahead = self._timer = None
        self._act()
        while self._pool.run(self._clock.now) is not None:
            self._act()

    def outcome(self) -> Outcome:
        """What has become of requests and instances by now."""
        self.settle()
        return Outcome.of(self.book, self.started, self.came_up, self.gone, self._clock.now)

    def _act(self) -> None:
        pool, now = self._pool, self._clock.now
        started, stopped = tuple(pool.started), tuple(pool.stopped)
        pool.started.clear()
        pool.stopped.clear()
        for number in started:
            self.started.append(now)
            self.came_up.append(NEVER)
            self.gone.append(NEVER)
            self._start(number)
        for number in stopped:
            self.gone[number] = now
            self._stop(number)

    def _look_ahead(self) -> None:
        self._act()
        ahead = self._pool.twin()
        at = ahead.run(self._end)
        self._ahead = ahead
        self._timer = None if at is None else self._clock.at(at, self._due)

    def _due(self) -> None:
        assert self._ahead is not None
        self._pool = self._ahead
        self._look_ahead()
