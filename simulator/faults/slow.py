"""A node is slow for a while."""

from __future__ import annotations

from typing import Protocol

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder


class Paced(Protocol):
    """What works at the speed of its node: a node agent, and all that runs under it."""

    def set_speed(self, speed: float) -> None:
        """The node's cores have this speed from now on, relative to the reference core."""


class Pace:
    """The speed of one node: its own times the factors of all that slow it down now."""

    __slots__ = ("_factors", "_own", "_paced", "_tokens", "name")

    def __init__(self, name: str, speed: float, paced: Paced) -> None:
        self.name, self._own, self._paced = name, speed, paced
        self._factors: dict[int, float] = {}
        self._tokens = 0

    def slow(self, factor: float) -> int:
        """One more factor; the token returned ends it."""
        self._tokens += 1
        self._factors[self._tokens] = factor
        self._set()
        return self._tokens

    def end(self, token: int) -> None:
        """A factor no longer holds. Raises KeyError for one that has ended."""
        del self._factors[token]
        self._set()

    def _set(self) -> None:
        speed = self._own
        for factor in self._factors.values():
            speed *= factor
        self._paced.set_speed(speed)


def apply_slow(clock: Clock, recorder: Recorder, pace: Pace, factor: float, *, at: int, duration: int | None) -> None:
    """Let a node run at `factor` of its speed from `at` (ns) on, for `duration` ns (None: for good)."""

    def begin() -> None:
        recorder.events.add(clock.now, "SlowStarted", pace.name, pace.name, f"{factor:g}")
        token = pace.slow(factor)
        if duration is not None:
            clock.after(duration, end, token)

    def end(token: int) -> None:
        recorder.events.add(clock.now, "SlowEnded", pace.name, pace.name, f"{factor:g}")
        pace.end(token)

    clock.at(at, begin)
