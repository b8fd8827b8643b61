"""Node leases: when each agent renews, and which renewals got through. Columns, evaluated when somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.control.delivery.reach import DOWN, OK, REFUSED
from simulator.streams import Rng, key
from simulator.world.message import Retransmission

NEVER: Final = 1 << 62  # a time (ns)
_LOOK_AHEAD = 1000  # attempts: hours


@dataclass(frozen=True, slots=True)
class LeaseSettings:
    """How an agent renews its lease; times in ns.

    The interval is `renew_ns` stretched by a uniform share of up to `jitter`. An agent that is refused tries again
    `retry_first_ns` later, then twice as long, up to `retry_cap_ns`. One that hears nothing waits for its time-out,
    which is an interval. Where packets are lost TCP repeats them (`tcp`), as long as the time-out allows.
    """

    renew_ns: int
    jitter: float
    retry_first_ns: int
    retry_cap_ns: int
    tcp: Retransmission


class Renewals:
    """Every agent's renewals. `arrived` is when the last one got through, as of the last `advance` (ns; -1: none yet);
    `before` the one before that; `upcoming` when the next attempt is made.

    Renewals that wait at a loaded hub are taken out (`take`) and get through later (`through`); an agent makes no
    other in the meantime. The rest of this class knows nothing of hubs.
    """

    __slots__ = (
        "_counter",
        "_delay",
        "_failures",
        "_ids",
        "_loss",
        "_rng",
        "_settings",
        "_state",
        "_waiting",
        "arrived",
        "before",
        "upcoming",
    )

    def __init__(self, rng: Rng, names: Sequence[str], settings: LeaseSettings) -> None:
        n = len(names)
        self._rng = rng
        self._settings = settings
        self._ids = [key(name) for name in names]
        phase = rng.draws("lease-phase", np.array(self._ids, np.uint64)) if n else np.zeros(0)
        self.upcoming: NDArray[np.int64] = np.rint(phase * settings.renew_ns).astype(np.int64)
        self.arrived: NDArray[np.int64] = np.full(n, -1, np.int64)
        self.before: NDArray[np.int64] = np.full(n, -1, np.int64)
        self._counter = [0] * n
        self._failures = [0] * n
        self._state: NDArray[np.int8] = np.full(n, OK, np.int8)
        self._delay: NDArray[np.int64] = np.zeros(n, np.int64)
        self._loss: NDArray[np.float64] = np.zeros(n)
        self._waiting: dict[int, int] = {}  # rows whose renewal is at the hub -> when the next one would be made

    def change(self, row: int, now: int, *, state: int, delay_ns: int, loss: float, booted: bool) -> None:
        """From now on this agent meets this (see `reach`). What was under way on a path that broke is lost."""
        self.advance(row, now)
        self._state[row], self._delay[row], self._loss[row] = state, delay_ns, loss
        if booted:
            self._waiting.pop(row, None)
        if booted and state != DOWN:  # an agent that starts renews at once
            self.upcoming[row], self._failures[row] = now, 0
        elif state not in (OK, DOWN):
            self.advance(row, now)

    def arrival(self, row: int) -> int | None:
        """When the next renewal will get through if nothing changes; None if none will (in the next hours), or if
        one waits at the hub."""
        if self._state[row] != OK or self.upcoming[row] == NEVER:
            return None
        at, counter = int(self.upcoming[row]), self._counter[row]
        for ahead in range(_LOOK_AHEAD):
            end, through = self._end(row, at, counter + ahead)
            if through:
                return end
            at = max(end, at + self._gap(row, counter + ahead))
        return None

    def unsteady(self, row: int) -> bool:
        """Whether one renewal's success says nothing of the next."""
        return bool(self._state[row] == OK and self._loss[row] > 0)

    # Renewals that pass a loaded hub one by one (`HubStream`).
    def due(self) -> NDArray[np.int64]:
        """A column: when each agent's next renewal reaches the hub (ns; NEVER where none does)."""
        there = np.where(self._state == OK, np.minimum(self.upcoming + self._delay, NEVER), NEVER)
        for row in np.flatnonzero((self._state == OK) & (self._loss > 0)).tolist():
            there[row] = self.due_of(row)
        return there

    def due_of(self, row: int) -> int:
        """The same for one agent."""
        arrival = self.arrival(row)
        return NEVER if arrival is None else arrival

    def take(self, row: int) -> None:
        """The renewal that is due next has reached the hub: it waits there."""
        through = False
        while not through:
            at, counter = int(self.upcoming[row]), self._counter[row]
            end, through = self._end(row, at, counter)
            self.upcoming[row] = max(end, at + self._gap(row, counter))
            self._counter[row] = counter + 1
        self._waiting[row], self.upcoming[row] = int(self.upcoming[row]), NEVER

    def through(self, row: int, now: int) -> None:
        """The renewal that waited has got through now."""
        self.before[row], self.arrived[row] = self.arrived[row], now
        self._failures[row] = 0
        if row in self._waiting:
            self.upcoming[row] = max(now, self._waiting.pop(row))

    def forget(self, now: int) -> None:
        """All that waited at the hub is lost."""
        for row, following in self._waiting.items():
            self.upcoming[row] = max(now, following)
        self._waiting.clear()

    def advance_all(self, now: int) -> None:
        """Make every attempt of every agent that has ended by now."""
        ended = (self.upcoming + self._delay <= now) & (self._state != DOWN)
        for row in np.flatnonzero(ended):
            self.advance(int(row), now)

    def advance(self, row: int, now: int) -> None:
        """Make every attempt of this agent that has ended by now: got through, or failed."""
        state = self._state[row]
        if state == REFUSED:
            self._refused(row, now)
        elif state == OK and self._loss[row]:
            self._lossy(row, now)
        elif state != DOWN and self.upcoming[row] + self._delay[row] <= now:
            self._steady(row, now, through=state == OK)

    def _steady(self, row: int, now: int, through: bool) -> None:
        """Attempts one interval apart: those that got through, or that nobody answers."""
        first, delay, renew = int(self.upcoming[row]), int(self._delay[row]), self._settings.renew_ns
        most = (now - delay - first) // renew + 1
        counter = self._counter[row]
        if most == 1:
            made, last, earlier, upcoming = 1, first, None, first + self._gap(row, counter)
        else:
            draws = self._rng.draws("lease-jitter", self._ids[row], np.arange(counter, counter + most))
            gaps = np.rint(renew * (1 + self._settings.jitter * draws)).astype(np.int64)
            times = first + np.concatenate((np.zeros(1, np.int64), np.cumsum(gaps)))
            made = int(np.searchsorted(times, now - delay, "right"))
            last, upcoming = int(times[made - 1]), int(times[made])
            earlier = int(times[made - 2]) if made > 1 else None
        self._counter[row] = counter + made
        self.upcoming[row] = upcoming
        if through:
            self.before[row] = self.arrived[row] if earlier is None else earlier + delay
            self.arrived[row] = last + delay
            self._failures[row] = 0
        else:
            self._failures[row] += made

    def _gap(self, row: int, counter: int) -> int:
        s = self._settings
        return round(s.renew_ns * (1 + s.jitter * self._rng.draw("lease-jitter", self._ids[row], counter)))

    def _end(self, row: int, at: int, counter: int) -> tuple[int, bool]:
        """When an attempt made at `at` ends, and whether it gets through before its time-out."""
        loss, delay, s = float(self._loss[row]), int(self._delay[row]), self._settings
        if not loss:
            return at + delay, True
        u, waited = 1.0 - self._rng.draw("lease-loss", self._ids[row], counter), 0
        for wait in s.tcp.waits(2 * delay):
            if u > loss:
                return at + delay + waited, True
            u, waited = u / loss, waited + wait  # one draw for all tries: each is lost with the same probability
            if waited > s.renew_ns:
                break
        return at + s.renew_ns, False

    def _lossy(self, row: int, now: int) -> None:
        """One attempt after the other, each a matter of luck."""
        while True:
            at, counter = int(self.upcoming[row]), self._counter[row]
            end, through = self._end(row, at, counter)
            if end > now:
                return
            if through:
                self.before[row], self.arrived[row] = self.arrived[row], end
            self.upcoming[row] = max(end, at + self._gap(row, counter))
            self._counter[row] = counter + 1

    def _refused(self, row: int, now: int) -> None:
        """Attempts that are refused at once: closer together at first, at the cap in the end."""
        upcoming, first, cap = int(self.upcoming[row]), self._settings.retry_first_ns, self._settings.retry_cap_ns
        while upcoming <= now:
            gap = min(first << min(self._failures[row], 60), cap)
            skip = (now - upcoming) // cap + 1 if gap == cap else 1
            upcoming += gap * skip
            self._failures[row] += skip
        self.upcoming[row] = upcoming
