"""When an edge hub that has lost its connection dials again: rounds of dials with a pause between them.

As with `dialer`, nothing happens before a dial can succeed: the rounds are evaluated when somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DialSettings:
    """Times in ns. A round is `dials` dials, each failure followed by `gap_ns`, then `pause_ns` (with `pause_first`
    also before the first round). A dial that nobody answers repeats its SYN after 1, 2, 4 … `syn_ns` and fails after
    `handshake_ns`."""

    dials: int
    gap_ns: int
    pause_ns: int
    pause_first: bool
    handshake_ns: int
    syn_ns: int


class DialCycle:
    """One hub's dials."""

    __slots__ = ("_failed", "_next", "_settings")

    def __init__(self, settings: DialSettings) -> None:
        self._settings = settings
        self._failed = 0  # dials of this round
        self._next = 0  # the dial that comes, or that is under way

    def lost(self, now: int) -> None:
        """The connection has been found gone: a new round."""
        self._failed = 0
        self._next = now + (self._settings.pause_ns if self._settings.pause_first else 0)

    def fresh(self, now: int) -> None:
        """A process that starts dials at once."""
        self._failed = 0
        self._next = now

    def failed(self, now: int) -> None:
        """The dial under way has failed."""
        s = self._settings
        self._failed += 1
        self._next = now + s.gap_ns
        if self._failed == s.dials:
            self._failed = 0
            self._next += s.pause_ns

    def fail_until(self, now: int, silent: bool) -> None:
        """Every dial that has ended by now was in vain: `silent`: unanswered, else refused at once."""
        took = self._settings.handshake_ns if silent else 0
        while self._next + took <= now:
            self.failed(self._next + took)

    def cut_off(self, now: int) -> None:
        """From now on dials are refused: the one under way, if there is one, too."""
        if self._next < now:
            self.failed(now)

    def succeeds(self, now: int) -> int:
        """When a dial will get through if somebody answers from now on; one that is under way sends its next SYN."""
        began = self._next
        if began >= now:
            return began
        sent, gap = began, self._settings.syn_ns
        while sent < now:
            sent, gap = sent + gap, 2 * gap
        if sent <= began + self._settings.handshake_ns:
            return sent
        self.failed(began + self._settings.handshake_ns)
        return self._next
