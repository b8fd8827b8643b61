"""Activities: the one life cycle of whatever takes simulated time."""

from __future__ import annotations

from math import ceil

from simpy.events import Event

from simulator.engine.clock import Clock, Timer


class Activity:
    """Something that takes time. `done` is the SimPy event to yield: it succeeds with True when the activity has
    run to its end, with False when it was cancelled or cut off."""

    __slots__ = ("done",)

    def __init__(self, clock: Clock) -> None:
        self.done: Event = clock.event()

    def wait(self) -> Event:
        """The event to yield."""
        return self.done

    @property
    def active(self) -> bool:
        """Whether it has neither ended nor been cancelled."""
        return not self.done.triggered

    def remaining(self) -> float:
        """What is left to do now, in the activity's own unit (Delay: ns of work at rate 1; Transfer: bytes)."""
        raise NotImplementedError

    def cancel(self) -> None:
        """Stop it; `done` succeeds with False. Harmless when it has ended already."""
        raise NotImplementedError

    def _end(self, completed: bool) -> None:
        if not self.done.triggered:
            self.done.succeed(completed)


class Delay(Activity):
    """Work that proceeds at a rate that may change: 0 pauses it. Ends at the first nanosecond at which all is done."""

    __slots__ = ("_clock", "_left", "_rate", "_since", "_timer")

    def __init__(self, clock: Clock, work_ns: float, rate: float = 1.0) -> None:
        if work_ns < 0 or rate < 0:
            raise ValueError("work and rate must not be negative")
        super().__init__(clock)
        self._clock = clock
        self._left = float(work_ns)
        self._rate = float(rate)
        self._since: int | None = None  # when `_left` was true; None until started
        self._timer: Timer | None = None

    def start(self) -> Delay:
        """Begin, if it has not begun. Returns itself, for `yield Delay(…).start().done`."""
        if self._since is None and self.active:
            self._since = self._clock.now
            self._plan()
        return self

    @property
    def rate(self) -> float:
        """Work done per ns of simulated time."""
        return self._rate

    def set_rate(self, rate: float) -> None:
        """Proceed at another rate from now on."""
        if rate < 0:
            raise ValueError("a rate must not be negative")
        self._left = self.remaining()
        self._rate = float(rate)
        if self._since is not None and self.active:
            self._since = self._clock.now
            self._plan()

    def remaining(self) -> float:
        """Work still to be done, in ns at rate 1."""
        if self._since is None or not self.active:
            return self._left
        return max(0.0, self._left - self._rate * (self._clock.now - self._since))

    def cancel(self) -> None:
        """Stop here; `remaining` keeps what was left."""
        if self.active:
            self._left = self.remaining()
            self._drop_timer()
            self._end(False)

    def _plan(self) -> None:
        self._drop_timer()
        if self._left == 0:
            self._timer = self._clock.after(0, self._finish)
        elif self._rate > 0:
            self._timer = self._clock.after(ceil(self._left / self._rate), self._finish)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _finish(self) -> None:
        self._left = 0.0
        self._end(True)
