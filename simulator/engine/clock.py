"""The clock: integer nanoseconds over one SimPy environment.

What branches and waits is a SimPy process; what only happens at an instant is a timer. Both live in one
event list, so their order at equal times is the order in which they were scheduled.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy
from simpy.events import NORMAL, Event


class Timer:
    """A call that will be made at `time`, unless cancelled before."""

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

    def _fire(self, _event: Event) -> None:
        if self.call is not None:
            call, args = self.call, self.args
            self.call, self.args = None, ()
            call(*args)


class Clock:
    """Simulated time in integer nanoseconds since the scenario's epoch. One per simulation."""

    __slots__ = ("_fired", "env")

    def __init__(self) -> None:
        self.env = simpy.Environment(initial_time=0)
        self._fired = 0

    @property
    def now(self) -> int:
        """The present, in ns."""
        return self.env.now  # type: ignore[return-value]  # SimPy's stub says float; only ints are ever scheduled

    @property
    def fired(self) -> int:
        """How many timers were set so far: the count that tests and progress read."""
        return self._fired

    def at(self, time: int, call: Callable[..., object], *args: Any) -> Timer:
        """Make `call(*args)` at `time` (ns, not before now)."""
        delay = time - self.now
        if delay < 0:
            raise ValueError(f"cannot schedule at {time} ns: it is {self.now} ns already")
        timer = Timer(time, call, args)
        event = Event(self.env)
        event._ok = True
        event._value = None
        event.callbacks.append(timer._fire)
        self.env.schedule(event, NORMAL, delay)
        self._fired += 1
        return timer

    def after(self, delay: int, call: Callable[..., object], *args: Any) -> Timer:
        """Make `call(*args)` in `delay` ns."""
        return self.at(self.now + delay, call, *args)

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
        queue = self.env._queue
        while queue and queue[0][0] <= until:
            self.env.step()
        if until > self.now:
            self.env._now = until

    def step(self) -> bool:
        """Run one event; False when none is left."""
        if not self.env._queue:
            return False
        self.env.step()
        return True

    def next_time(self) -> int | None:
        """When the next event is due, in ns; None when nothing is scheduled."""
        return int(self.env._queue[0][0]) if self.env._queue else None
