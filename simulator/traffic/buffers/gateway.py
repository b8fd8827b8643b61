"""Readings through a gateway with a spool: to the gateway, into its spool, and on over the gateway's own connection.

The connection is open while there is a way to the endpoint and back and somebody listens there. When it breaks, what
is under way on it does not arrive: with quality of service 0 it is lost, with 1 and 2 the gateway still has it and
sends it again. With 1, what had arrived unacknowledged arrives twice; with 2 a message counts as arrived once its
release has come (the third of the four packets, as Mosquitto has it), and never twice. Where another way is left, TCP
sends again over that what was under way; a datagram is lost.

The gateway sends one message after the other, each for as long as the slowest link of its way takes. A period of
readings that ends as it began repeats itself: that is counted in closed form until something changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.buffers.connection import NOWHERE, Connection
from simulator.traffic.buffers.spool import ARRIVED, BYTES, COPY, CREATED, NONE, RANK, SOURCE, Spool, SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.legs import Legs
from simulator.traffic.readings import (
    CAME,
    DELIVERED,
    DUPLICATE,
    EXPIRED,
    FULL,
    LATE,
    LEFT,
    LOST,
    RETURNED,
    WIPED,
    Readings,
)
from simulator.traffic.sources import END as ENDS
from simulator.traffic.sources import LOSER, Session, Source

Ints = NDArray[np.int64]

END, ACKED, LOSES = range(6, 9)  # rows of messages under way, shape (9, n), beside those of the spool: when it arrives,
# when the gateway knows (ns), and whether it is lost instead of arriving
_UNDER_WAY: Final[Ints] = np.zeros((9, 0), np.int64)
_WINDOW: Final = 50_000  # readings looked at together: memory stays flat
_WORTH: Final = 4  # periods from which on the closed form is tried


class Gateway:
    """One spool at one node, with the sources behind it. Within a call of `advance` nothing else changes."""

    __slots__ = ("_at", "_connection", "_delay", "_legs", "_readings", "_sent", "flows", "identity", "inbox", "node",
                 "picks", "proxy", "service", "sources", "spool", "uid", "up")  # fmt: skip

    def __init__(
        self,
        where: tuple[int, int],
        identity: int,
        law: SpoolLaw,
        service: str | int,
        *,
        readings: Readings,
        legs: Legs,
    ) -> None:
        self.node, self.proxy = where  # `proxy` knows the endpoints of the service
        self.identity, self.service, self.spool = identity, service, Spool(law)
        self._readings, self._legs = readings, legs
        self.sources: list[Source] = []
        self.flows: list[TelemetryFlow] = []  # by source
        self.inbox: list[tuple[int, int, int]] = []  # source, creation, arrival: of those that outlived their session
        self.uid, self.picks = -1, 0  # the endpoint picked last, and how many have been
        self.up = True
        self._connection: Connection = NOWHERE
        self._delay = NONE[0]  # by source: from the gateway to arrival, where nothing jitters
        self._sent = _UNDER_WAY
        self._at = 0  # all up to here is counted

    def join(self, source: Source, flow: TelemetryFlow) -> None:
        """A source sends through this gateway from now on."""
        source.number = len(self.sources)
        self.sources.append(source)
        self.flows.append(flow)

    def holds(self, source: Source) -> bool:
        """Whether anything of a source waits here, or is under way from here."""
        number = source.number
        waits = bool((self.spool.queue[SOURCE] == number).any() or (self._sent[SOURCE] == number).any())
        return waits or any(row[0] == number for row in self.inbox)

    def way(self, flow: TelemetryFlow) -> Session:
        """Where a flow's messages go from here, as its connection is."""
        return self._connection.ways.get(flow.name, Source.nowhere)

    def onward(self, source: Source) -> Session:
        """Where a source's readings go from here."""
        return self.way(self.flows[source.number])

    # What becomes of its connection.

    def connect(self, new: Connection, up: bool, now: int) -> None:
        """Its connection is this one from now on, and it has power or not."""
        old = self._connection
        if new == old and up == self.up and len(self._delay) == len(self.sources):
            return
        self.advance(now)
        self._connection = new
        again = new.uid != old.uid or not up
        died, self.up = self.up and not up, up
        if old.open and (again or not new.open):
            self._broken(now)
        elif old.open and new.hops != old.hops:
            self._rerouted(now)
        if died:
            self.spool.lost_power(now)
        if not new.open:
            self.spool.shut()
            self._delay = np.zeros(len(self.sources), np.int64)
        else:
            sends = [new.sends[flow.name] for flow in self.flows]
            self._delay = np.array([new.arrives_ns(flow) for flow in self.flows], np.int64)
            anew = again or not old.open or new.hops != old.hops
            traced = [new.traced[flow.name] for flow in self.flows]
            self.spool.opened(now, np.array(sends, np.int64), traced if any(traced) else (), anew=anew)
            for radio in {radio for way in new.ways.values() for radio in way.radios[:1] if anew and radio is not None}:
                radio.note(now, max(now, radio.meet(now)))
        self._collect(now)

    def _broken(self, now: int) -> None:
        """What is under way does not arrive."""
        rows, self._sent = self._sent, _UNDER_WAY
        kept = self._qos(rows)
        self._count(LOST, rows[:, (kept == 0) & (rows[COPY] == 0)], now)
        self._return(rows[:, (kept == 1) | ((kept == 2) & (rows[COPY] == 0))], now)

    def _rerouted(self, now: int) -> None:
        """What is under way goes another way, if TCP sends it again."""
        arrived = self._sent[END] <= now
        rows, self._sent = self._sent[:, ~arrived], self._sent[:, arrived]
        tcp = np.array([not flow.datagram for flow in self.flows], np.bool_)[rows[SOURCE]]
        self._count(LOST, rows[:, ~tcp & (rows[COPY] == 0)], now)
        self._return(rows[:, tcp], now)

    def _return(self, rows: Ints, now: int) -> None:
        self._count(RETURNED, rows[:, rows[COPY] == 0], now)
        rows = rows[: COPY + 1].copy()
        rows[COPY] = np.minimum(rows[COPY], 1)
        self.spool.put_back(rows, now, powered=self.up)

    def _count(self, column: int, rows: Ints, now: int) -> None:
        for source, part in self._by_source(rows):
            self._readings.some(source.group, column, np.full(part.shape[1], now))

    def _qos(self, rows: Ints) -> Ints:
        kinds: Ints = np.array([flow.qos for flow in self.flows], np.int64)
        found: Ints = kinds[rows[SOURCE]]
        return found

    # What comes, and what becomes of it.

    def advance(self, now: int) -> None:
        """Count what has become of the readings by now. Those that outlived their session have arrived already."""
        if now <= self._at:
            return
        users = [s for s in self.sources if s.session.hub is self and s.session.steps is not None]
        rate = sum(1 / source.every for source in users)
        while self._at < now:
            if self._steady(users, now):
                self._repeat(users, now)
                continue
            until = min(now, self._at + max(1, int(_WINDOW / rate))) if rate else now
            if self.inbox:
                until = min(until, max(self._at + 1, *(row[2] for row in self.inbox)))
            self._receive(users, until)

    def _steady(self, users: list[Source], now: int) -> bool:
        """Whether it is worth while to look whether a period repeats itself."""
        return bool(
            users
            and now - self._at > _WORTH * users[0].every
            and self.spool.open
            and not self.spool.queue.size
            and not self.inbox
            and not any(s.every != users[0].every or s.session.odd or s.pending.size for s in users)
            and not any(way.odd for way in self._connection.ways.values())
        )

    def _repeat(self, users: list[Source], now: int) -> None:
        """Evaluate one period; where it leaves the line as busy as it found it, all that follow are like it."""
        spool, period = self.spool, users[0].every
        busy = max(spool.free - self._at, 0)
        left = self._receive(users, self._at + period)
        if spool.queue.size or max(spool.free - self._at, 0) != busy or len(left) != len(users):
            self._receive(users, min(now, self._at + _WORTH * period))
            return
        number = (now - self._at) // period
        until = self._at + number * period
        for source in users:
            first = source.base + source.done * period + source.session.delay_ns
            source.done += number
            wait = left[source.number] + period - first  # it left a period before the next will
            self._readings.run(source.group, CAME, first, period, number)
            self._readings.run(source.group, LEFT, first + wait, period, number)
            self._run(source, first, wait, number, until)
        if busy or number:
            spool.free += number * period
        self._at = until
        self._land(until)

    def _run(self, source: Source, first: int, wait: int, number: int, until: int) -> None:
        """So many readings of a source come, the first at `first`, one each period, and leave after `wait`."""
        flow, period = self.flows[source.number], source.every
        starts, delay = first + wait, int(self._delay[source.number])
        self._legs.run(source.session, first, period, number)
        self._legs.run(self.way(flow), starts, period, number)
        acked = delay + self._connection.known_ns(flow)
        ended = min(number, max(0, (until - starts - delay) // period + 1))
        known = min(ended, max(0, (until - starts - acked) // period + 1))
        if ended:
            self._land(starts + delay)  # what left before arrives before
            age = source.session.delay_ns + wait + delay
            self._readings.run(source.group, DELIVERED, starts + delay, period, ended, age=age)
            self._readings.stamped_run(source, self.way(flow).end, starts + delay, ended, age=age)
            if wait > period:
                self._readings.run(source.group, LATE, starts + delay, period, ended)
            source.sensor.heard_run(starts + delay, ended, age)
        k = np.arange(known, number)
        came = first + k * period
        rows = self._rows(source, came - source.session.delay_ns, came)
        rows[COPY] = 2 * (k < ended)
        times = np.stack([came + wait + delay, came + wait + acked, np.zeros_like(k)])
        self._sent = np.concatenate([self._sent, np.concatenate([rows, times])], axis=1)

    def _rows(self, source: Source, created: Ints, came: Ints) -> Ints:
        """Messages of a source, as rows of the spool."""
        flow, rows = self.flows[source.number], np.zeros((6, len(created)), np.int64)
        rows[SOURCE], rows[CREATED], rows[ARRIVED] = source.number, created, came
        rows[BYTES], rows[RANK] = flow.size_bytes, flow.importance
        return rows

    def _receive(self, users: list[Source], until: int) -> dict[int, int]:
        """Everything that comes by then; by source, when the last message left, of those that did."""
        parts = [NONE]
        for number, made, at in (row for row in self.inbox if row[2] <= until):
            parts.append(self._rows(self.sources[number], np.array([made]), np.array([at])))
        self.inbox = [row for row in self.inbox if row[2] > until]
        for source in users:
            created, arrived, lost = self._legs.arrivals(source, until)
            self._readings.some(source.group, LOST, lost)
            parts.append(self._rows(source, created, arrived))
        came = np.concatenate(parts, axis=1)
        came = came[:, np.lexsort((came[CREATED], came[SOURCE], came[ARRIVED]))]
        for source, rows in self._by_source(came):
            self._readings.some(source.group, CAME, rows[ARRIVED])
        self.spool.receive(came, until)
        left = self._collect(until)
        self._at = until
        return left

    def _collect(self, until: int) -> dict[int, int]:
        """Count what the spool has given up, and send on what has left it; by source, when its last one left."""
        spool, last = self.spool, dict[int, int]()
        for reason, fates in ((FULL, spool.full), (EXPIRED, spool.expired), (WIPED, spool.wiped)):
            for rows, at in fates:
                first = rows[COPY] == 0  # the others have arrived
                for source, times in self._by_source(np.stack([rows[SOURCE, first], at[first]])):
                    self._readings.some(source.group, reason, times[1])
                    self._readings.some(source.group, LOST, times[1])
            fates.clear()
        for rows, at in spool.left:
            for source, part in self._by_source(np.concatenate([rows, at[None]])):
                last[source.number] = int(part[-1, -1])
                self._readings.some(source.group, LEFT, part[-1, part[COPY] == 0])
                self._send(source, part[:-1], part[-1])
        spool.left.clear()
        self._land(until)
        return last

    def _send(self, source: Source, rows: Ints, start: Ints) -> None:
        """These messages of a source leave the gateway."""
        flow, way = self.flows[source.number], self._connection.ways[self.flows[source.number].name]
        under_way = self._legs.set_out(source, way, rows[CREATED], start, int(start.max(initial=0)))
        more = int(self._delay[source.number]) - way.delay_ns
        ends = under_way[ENDS] + more
        acked = ends + self._connection.known_ns(flow)
        more_rows = np.stack([ends, acked, under_way[LOSER] >= 0])
        self._sent = np.concatenate([self._sent, np.concatenate([rows, more_rows])], axis=1)

    def _land(self, until: int) -> None:
        """Count those that have arrived by then, and forget those that are known to have."""
        over = self._sent[END] <= until
        if not over.any():
            return
        fresh = over & (self._sent[COPY] == 0)
        self._count_at(LOST, self._sent[:, fresh & (self._sent[LOSES] > 0)])
        for source, rows in self._by_source(self._sent[:, fresh & (self._sent[LOSES] == 0)]):
            created, ends = rows[CREATED], rows[END]
            ages, unloaded = ends - created, source.unloaded_ns + int(self._delay[source.number])
            self._readings.some(source.group, DELIVERED, ends, ages)
            self._readings.stamped(source, self.way(self.flows[source.number]).end, created, ends)
            self._readings.some(source.group, LATE, ends[ages - unloaded > source.every])
            source.sensor.heard(created, ends)
        again = over & (self._sent[COPY] == 1) & (self._sent[LOSES] == 0)
        self._count_at(DUPLICATE, self._sent[:, again])
        self._sent[COPY, over] = 2
        self._sent = self._sent[:, ~(over & ((self._sent[ACKED] <= until) | (self._sent[LOSES] > 0)))]

    def _count_at(self, column: int, rows: Ints) -> None:
        for source, part in self._by_source(rows):
            self._readings.some(source.group, column, part[END])

    def _by_source(self, rows: Ints) -> Iterator[tuple[Source, Ints]]:
        """Each source and its rows, in their order."""
        rows = rows[:, np.argsort(rows[SOURCE], kind="stable")]
        edges = np.flatnonzero(np.diff(rows[SOURCE], prepend=-1)).tolist()
        for low, high in pairwise([*edges, rows.shape[1]]):
            yield self.sources[int(rows[SOURCE, low])], rows[:, low:high]
