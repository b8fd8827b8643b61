"""When a client that has lost its connection tries again: client-go's back-off, evaluated when somebody asks."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.streams import Rng, key


@dataclass(frozen=True, slots=True)
class BackoffSettings:
    """The wait before a try: first × factorⁿ, at most `cap_ns`, stretched by U(1, 1 + jitter); it starts anew after
    `reset_ns` without a wait. A dial that nobody answers repeats its SYN after 1, 2, 4 … `syn_ns` and ends after
    `dial_ns`."""

    first_ns: int
    factor: float
    cap_ns: int
    jitter: float
    reset_ns: int
    syn_ns: int
    dial_ns: int


class Dialer:
    """One client's tries. Times in ns; none costs an event before one can succeed."""

    __slots__ = ("_draws", "_identity", "_name", "_next", "_rng", "_settings", "_step", "_waited_at")

    def __init__(self, rng: Rng, name: str, identity: str, settings: BackoffSettings) -> None:
        self._rng = rng
        self._name = name
        self._identity = key(identity)
        self._settings = settings
        self._draws = 0
        self._step = 0
        self._waited_at = 0
        self._next = 0  # the try that comes, or that is under way

    def lost(self, now: int) -> None:
        """The connection is gone: the first try comes after a wait."""
        self._next = self._after_wait(now)

    def fresh(self, now: int) -> None:
        """A process that starts tries at once."""
        self._step = 0
        self._next = now

    def fail_until(self, now: int, silent: bool) -> None:
        """Every try that has ended by now was in vain: `silent`: unanswered, else refused at once."""
        took = self._settings.dial_ns if silent else 0
        while self._next + took <= now:
            self._next = self._after_wait(self._next + took)

    def succeeds(self, now: int) -> int:
        """When a try will get through if somebody answers from now on; one that is under way sends its next SYN."""
        if self._next >= now:
            return self._next
        began, gap = self._next, self._settings.syn_ns
        sent = began
        while sent < now:
            sent, gap = sent + gap, 2 * gap
        if sent <= began + self._settings.dial_ns:
            return sent
        self._next = self._after_wait(began + self._settings.dial_ns)
        return self._next

    def _after_wait(self, now: int) -> int:
        s = self._settings
        if now - self._waited_at > s.reset_ns:
            self._step = 0
        wait = min(s.first_ns * s.factor**self._step, s.cap_ns)
        if wait < s.cap_ns:
            self._step += 1
        self._waited_at = now
        self._draws += 1
        return now + round(wait * (1 + s.jitter * self._rng.draw(self._name, self._identity, self._draws)))
