"""The clock: integer nanoseconds over one SimPy environment.

What branches and waits is a SimPy process; what only happens at an instant is a timer. Both live in one
event list, so their order at equal times is the order in which they were scheduled.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from heapq import heappop, heappush
from math import inf
from typing import Any

import simpy
from simpy.events import NORMAL, Event


class Timer:
    """A call that will be made at `time`, unless cancelled before. It stands among SimPy's events without being one."""

    __slots__ = ("args", "call", "time")

    def __init__(self, time: int, call: Callable[..., object], args: tuple[Any, ...]) -> None:
        self.time = time
        self.call: Callable[..., object] | None = call
        self.args = args

    def cancel(self) -> None:
        """Forget the call. Harmless when it has been made, or cancelled, already."""
        self.call = None
        self.args = ()

    @property
    def pending(self) -> bool:
        """Whether the call is still to be made."""
        return self.call is not None


class Clock:
    """Simulated time in integer nanoseconds since the scenario's epoch. One per simulation."""

    __slots__ = ("_fired", "_paused", "env")

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        self._fired = 0
        self._paused = False

    @property
    def now(self) -> int:
        """The present, in ns."""
        return self.env._now  # type: ignore[return-value]  # SimPy's stub says float; only ints are ever scheduled

    @property
    def fired(self) -> int:
        """How many timers were set so far: the count that tests and progress read."""
        return self._fired

    def at(self, time: int, call: Callable[..., object], *args: Any) -> Timer:
        """Make `call(*args)` at `time` (ns, not before now)."""
        if time < self.env._now:
            raise ValueError(f"cannot schedule at {time} ns: it is {self.env._now} ns already")
        return self._set(time, call, args)

    def after(self, delay: int, call: Callable[..., object], *args: Any) -> Timer:
        """Make `call(*args)` in `delay` ns, not less than 0."""
        if delay < 0:
            raise ValueError(f"cannot schedule in {delay} ns: that has passed")
        return self._set(self.env._now + delay, call, args)  # type: ignore[arg-type]  # as with `now`

    def _set(self, time: int, call: Callable[..., object], args: tuple[Any, ...]) -> Timer:
        env = self.env
        timer = Timer(time, call, args)
        heappush(env._queue, (time, NORMAL, next(env._eid), timer))  # type: ignore[misc]  # an event to SimPy
        self._fired += 1
        return timer

    def sleep(self, delay: int) -> simpy.Timeout:
        """The event that a process yields to let `delay` ns pass."""
        return self.env.timeout(delay)

    def event(self) -> Event:
        """A bare event, for a process to wait on and for others to succeed."""
        return self.env.event()

    def process(self, steps: Generator[Event, Any, Any]) -> simpy.Process:
        """Start a process."""
        return self.env.process(steps)

    def run(self, until: int) -> None:
        """Run every event at or before `until` (ns) and leave the clock there."""
        while self.advance(until):
            pass
        if until > self.now:
            self.env._now = until

    def step(self, until: int | None = None) -> bool:
        """Run one event; False when none is left, or none at or before `until` (ns)."""
        return self.advance(inf if until is None else until, once=True)

    def advance(self, until: float, *, once: bool = False) -> bool:
        """Run events at or before `until` (ns), up to one that pauses, or only `once`; False when none is left."""
        env, self._paused = self.env, once
        queue: list[Any] = env._queue
        while queue and queue[0][0] <= until:
            event = queue[0][3]
            if event.__class__ is Timer:
                env._now = heappop(queue)[0]
                call, args = event.call, event.args
                if call is not None:
                    event.call, event.args = None, ()
                    call(*args)
            else:
                env.step()
            if self._paused:
                return True
        return False

    def pause(self) -> None:
        """Let `advance` return once this event is over."""
        self._paused = True

    def wait(self, until: int) -> None:
        """Let time pass up to `until` (ns). Raises ValueError where an event is due before."""
        due = self.next_time()
        if due is not None and due < until:
            raise ValueError(f"an event is due at {due} ns, before {until} ns")
        self.env._now = max(until, self.now)

    def next_time(self) -> int | None:
        """When the next event is due, in ns; None when nothing is scheduled."""
        return int(self.env._queue[0][0]) if self.env._queue else None
