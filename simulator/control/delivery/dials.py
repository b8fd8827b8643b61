"""An edge hub without a connection: it dials, by its cycle, until somebody answers."""

from __future__ import annotations

from collections.abc import Callable

from simulator.control.delivery.dial_cycle import DialCycle, DialSettings
from simulator.control.delivery.reach import OK, REFUSED, SILENT
from simulator.engine.clock import Clock, Timer


class Dials:
    """Only a dial that may get through is an event: `ring(number)` is called for it. Times in ns."""

    __slots__ = ("_clock", "_cycle", "_path", "_ring", "_settings", "_timer", "number")

    def __init__(self, clock: Clock, settings: DialSettings, ring: Callable[[int], None]) -> None:
        self._clock = clock
        self._settings = settings
        self._ring = ring
        self._cycle = DialCycle(settings)
        self._path = OK  # a state of `reach`
        self._timer: Timer | None = None  # the next dial, or the end of the one under way
        self.number = 0  # of the dial under way: an answer to an older one comes too late

    def lost(self, path: int) -> None:
        """The connection has been found gone."""
        self._path = path
        self._cycle.lost(self._clock.now)
        self._plan()

    def fresh(self, path: int) -> None:
        """The process has just started."""
        self._path = path
        self._cycle.fresh(self._clock.now)
        self._plan()

    def stop(self) -> None:
        """There is a connection, or no process any more."""
        self._drop_timer()
        self.number += 1

    def path_changed(self, path: int) -> None:
        """From now on dials meet this."""
        before, self._path = self._path, path
        if path == before:
            return
        self.stop()
        if before != OK:
            self._cycle.fail_until(self._clock.now, silent=before == SILENT)
        if path == REFUSED:
            self._cycle.cut_off(self._clock.now)
        self._plan()

    def _plan(self) -> None:
        if self._path == OK:
            self._timer = self._clock.at(self._cycle.succeeds(self._clock.now), self._dial)

    def _dial(self) -> None:
        self.number += 1
        self._timer = self._clock.after(self._settings.handshake_ns, self._no_answer)
        self._ring(self.number)

    def _no_answer(self) -> None:
        self.number += 1
        self._cycle.failed(self._clock.now)
        self._plan()

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
