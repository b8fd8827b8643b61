"""Messages that cost nothing at an idle hub, and pass it one by one while it is loaded: heartbeats and polls.

As long as the next of them to come would find a free worker, they are computed when somebody asks, and neither wait
nor make anybody wait. From the moment at which a backlog stands before the next one until none would wait any more,
each is an event of its own: it takes its place behind what came before it, and what comes later waits for it. Where
those of all senders together are more than the hub can do, this is so from the beginning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.control.delivery.intake import Intake
from simulator.control.liveness.lease import NEVER
from simulator.engine.clock import Clock, Timer


class Senders(Protocol):
    """Columns of senders, each with at most one message at the hub: `Renewals` are such. Times in ns."""

    def advance_all(self, now: int) -> None:
        """All that have come by now without having been taken found a free worker."""

    def due(self) -> NDArray[np.int64]:
        """When the next message of each comes to the hub; NEVER where none does, or one is at the hub."""

    def due_of(self, row: int) -> int:
        """The same for one."""

    def take(self, row: int) -> None:
        """The one that is due next has come to the hub, and waits."""

    def through(self, row: int, now: int) -> None:
        """It has been taken by a worker."""

    def forget(self, now: int) -> None:
        """Those that waited are lost."""


class HubStream:
    """Joins senders to a hub's intake. `keys`: the rows that pass it, and the senders' names there, so that a sender's
    other messages and these stay in order; `rate` is how many of them come in a second altogether.

    `waits(row)` is called when a message begins to wait, `heard(row)` when one of those that came one by one is
    taken.
    """

    __slots__ = ("_always", "_clock", "_heap", "_heard", "_horizon", "_intake", "_keys", "_putting", "_rows",
                 "_senders", "_share", "_timer", "_waits")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        intake: Intake,
        senders: Senders,
        *,
        keys: Mapping[int, int],
        rate: float,
        waits: Callable[[int], None],
        heard: Callable[[int], None],
    ) -> None:
        self._clock = clock
        self._intake = intake
        self._senders = senders
        self._keys = keys
        self._rows: NDArray[np.int64] = np.array(sorted(keys), np.int64)
        self._waits = waits
        self._heard = heard
        self._share = intake.station.settings.heartbeat
        self._always = intake.station.load(rate, self._share) >= 1
        self._heap: list[tuple[int, int]] = []  # (when, row) of those that come one by one; some no longer true
        self._horizon = 0  # outside the heap none is due before this
        self._timer: Timer | None = None
        self._putting = False
        intake.join(self)
        self.look()

    def catch_up(self) -> None:
        """Put all that have come by now. Who is told of one and asks again finds the later ones not yet put."""
        if self._putting:
            return
        self._putting = True
        while self._heap and self._heap[0][0] <= self._clock.now:
            due, row = heappop(self._heap)
            if self._senders.due_of(row) == due:
                self._senders.take(row)
                if not self._intake.put(self._keys[row], self._through, row, share=self._share):
                    self._waits(row)
        self._putting = False

    def look(self) -> None:
        """See whose next message would find no free worker. Those are found anew only when all found before are done
        with, so that a long backlog costs one look at all senders for each of its lengths."""
        until = self._until()
        if not self._heap and until > max(self._clock.now, self._horizon):
            self._senders.advance_all(self._clock.now)
            due = self._senders.due()[self._rows]
            found = np.flatnonzero(due < until)
            self._heap = sorted(zip(due[found].tolist(), self._rows[found].tolist(), strict=True))
            self._horizon = until if self._heap else int(due.min(initial=NEVER))
        self._set_timer()

    def again(self, row: int) -> None:
        """This sender's next message comes at another time than before."""
        if row not in self._keys:
            return
        due = self._senders.due_of(row)
        if due >= self._horizon:
            return
        if self._heap or due < self._until():
            heappush(self._heap, (due, row))
            self._set_timer()
        else:
            self._horizon = due

    def forget(self) -> None:
        """The hub has stopped."""
        self._heap.clear()
        self._horizon = 0
        self._senders.forget(self._clock.now)
        self.look()

    def _until(self) -> int:
        return NEVER if self._always else self._intake.station.heartbeat_at

    def _through(self, row: int) -> None:
        self._senders.through(row, self._clock.now)
        self.again(row)
        self._heard(row)

    def _step(self) -> None:
        self.catch_up()
        self._intake.tell()

    def _set_timer(self) -> None:
        if self._timer is not None:
            if self._timer.pending and self._heap and self._timer.time == self._heap[0][0]:
                return
            self._timer.cancel()
            self._timer = None
        if self._heap:
            self._timer = self._clock.at(self._heap[0][0], self._step)
