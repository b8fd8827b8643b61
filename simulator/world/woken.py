"""A transfer that waits for a radio before it begins."""

from __future__ import annotations

from collections.abc import Callable

from simpy.events import Event

from simulator.engine.clock import Clock, Timer
from simulator.engine.sharing import Transfer


class Woken(Transfer):
    """A transfer over links of which a radio has to be connected first; then what `opens` it shares them."""

    __slots__ = ("_clock", "_opens", "_real", "_timer", "hops")

    def __init__(self, clock: Clock, size: int, hops: tuple[int, ...], opens: Callable[[], Transfer]) -> None:
        super().__init__(clock, size)
        self.hops = hops
        self._clock, self._opens = clock, opens
        self._timer: Timer | None = None
        self._real: Transfer | None = None  # once it has begun

    def begin(self, time: int) -> None:
        """It begins then (ns): now at once."""
        if time > self._clock.now:
            self._timer = self._clock.at(time, self._open)
        else:
            self._open()

    @property
    def rate_bps(self) -> float:
        """Its rate now, in bit/s; 0 while it waits, and once it has ended."""
        return 0.0 if self._real is None else self._real.rate_bps

    def remaining(self) -> float:
        """Bytes still to come."""
        return float(self.size) if self._real is None else self._real.remaining()

    def cancel(self) -> None:
        """Give up; what has crossed the links stays counted."""
        if self._timer is not None:
            self._timer.cancel()
        if self._real is not None:
            self._real.cancel()
        self._end(False)

    def _open(self) -> None:
        self._real = self._opens()
        self._real.done.callbacks.append(self._over)

    def _over(self, event: Event) -> None:
        self._end(bool(event.value))
