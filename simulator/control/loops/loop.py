"""A loop: one look after another, as far apart as its policy says."""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine.clock import Clock


class Loop:
    """Calls `look(n)` every `every_ns`, first after that time, with n = 1, 2, …; for ever."""

    __slots__ = ("_clock", "_every_ns", "_look", "_round")

    def __init__(self, clock: Clock, every_ns: int, look: Callable[[int], None]) -> None:
        if every_ns <= 0:
            raise ValueError("a loop needs a positive period")
        self._clock, self._every_ns, self._look = clock, every_ns, look
        self._round = 0
        clock.after(every_ns, self._pass)

    def _pass(self) -> None:
        self._round += 1
        self._clock.after(self._every_ns, self._pass)
        self._look(self._round)
