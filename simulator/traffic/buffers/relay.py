"""The readings of the sources behind one edge node: to the node, through its channel, and on to their pods.

As long as the channel is connected, nothing waits, and its bucket cannot run dry, readings are counted in closed form.
Otherwise they are arrays. Neither way costs an event for a reading, and both give the same counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.buffers.channel import ARRIVED, NONE, SOURCE, HubChannel
from simulator.traffic.legs import Legs
from simulator.traffic.readings import DELIVERED, LATE, LOST, SUPERSEDED, Readings
from simulator.traffic.sources import CREATED, END, LOSER, Session, Source
from simulator.traffic.tries import NEVER

Ints = NDArray[np.int64]

_WINDOW: Final = 10_000  # readings looked at together: memory stays flat
_BUSY: Final = 0.99  # share of the tokens' rate from which on the closed form is not tried


class Relay:
    """One edge node's channel with the sources behind it. Within a call of `advance` nothing else changes."""

    __slots__ = ("_at", "_legs", "_readings", "channel", "inbox", "sources")

    def __init__(self, channel: HubChannel, readings: Readings, legs: Legs) -> None:
        self.channel = channel
        self._readings, self._legs = readings, legs
        self.sources: list[Source] = []
        self.inbox: list[tuple[int, int, int]] = []  # source, creation, arrival: of those that outlived their session
        self._at = 0  # all up to here is counted

    def advance(self, now: int) -> None:
        """Count what has become of the readings by now. Those that outlived their session have arrived already."""
        if now <= self._at:
            return
        users = [s for s in self.sources if s.session.hub is self and s.session.steps is not None]
        rate = sum(1 / source.every for source in users)
        while self._at < now:
            if self._calm(users, rate):
                until = now
                self._pass(users, rate, until)
            else:
                until = min(now, self._at + max(1, int(_WINDOW / rate))) if rate else now
                if self.inbox:
                    until = min(until, max(self._at + 1, *(row[ARRIVED] for row in self.inbox)))
                self._wait(users, until)
            self._at = until

    def collect(self) -> None:
        """Send on what the channel has handed over, and count what it has lost."""
        handed, lost = self.channel.collect()
        for number, rows in _by_source(lost):
            self._readings.some(self.sources[number].group, LOST, rows[-1])
        for number, rows in _by_source(handed):
            self._send(self.sources[number], rows[1], rows[-1])

    @property
    def node(self) -> int:
        """Where the channel is."""
        return self.channel.node

    def holds(self, source: Source) -> bool:
        """Whether anything of a source waits here, or is under way from here."""
        number = source.number
        return bool(source.sent.size) or self.channel.holds(number) or any(row[SOURCE] == number for row in self.inbox)

    def onward(self, source: Source) -> Session:
        """Where a source's readings go from here."""
        return source.onward

    def next_message(self, now: int) -> int:
        """When the next message leaves the channel, if nothing changes and no link jitters (ns)."""
        self.advance(now)
        users = [s for s in self.sources if s.session.hub is self and s.session.steps is not None]
        comes = [source.base + source.done * source.every + source.session.delay_ns for source in users]
        return min([NEVER, *([self.channel.next_token(now)] if self.channel.queued else comes)])

    def _calm(self, users: list[Source], rate: float) -> bool:
        """Whether all can pass at once from now on: at no time do more arrive than there are tokens."""
        channel = self.channel
        return (
            channel.state == "open"
            and not channel.queued
            and not self.inbox
            and rate * channel.settings.gap_ns <= _BUSY
            and channel.tokens(self._at) >= len(users)
            and not any(s.session.odd or s.onward.odd or s.pending.size for s in users)
        )

    # In closed form.

    def _pass(self, users: list[Source], rate: float, until: int) -> None:
        """All pass at once."""
        gap, times = self.channel.settings.gap_ns, []
        # Who came before this is forgotten by the bucket: since then it was full once.
        since = max(self._at, until - ceil(self.channel.settings.burst * gap / (1 - rate * gap)))
        for source in users:
            every, first = source.every, source.base + source.done * source.every + source.session.delay_ns
            number = max(0, (until - first) // every + 1)
            source.done += number
            self._land(source, until)
            if number:
                self._legs.run(source.session, first, every, number)
                skipped = max(0, (since - first) // every + 1)
                times.append(first + np.arange(skipped, number) * every)
                self._run(source, first, number, until)
        for source in self.sources:
            if source.sent.size:
                self._land(source, until)
        if times:
            self.channel.passed(np.sort(np.concatenate(times)))

    def _run(self, source: Source, first: int, number: int, until: int) -> None:
        """So many readings of a source leave the channel, the first at `first`, one each period."""
        way, every = source.onward, source.every
        if way.steps is None:
            self._readings.run(source.group, LOST, first, every, number)
            return
        arrives = first + way.delay_ns
        ended = min(number, max(0, (until - arrives) // every + 1))
        self._legs.run(way, first, every, ended)
        if ended and way.listens:
            age = source.session.delay_ns + way.delay_ns
            self._readings.run(source.group, DELIVERED, arrives, every, ended, age=age)
            self._readings.stamped_run(source, way.end, arrives, ended, age=age)
            source.sensor.catch_up(arrives)
            source.sensor.heard_run(arrives, ended, age)
        elif ended:
            self._readings.run(source.group, LOST, arrives, every, ended)
        if ended < number:
            left = first + np.arange(ended, number) * every
            self._send(source, left - source.session.delay_ns, left)

    # In arrays.

    def _wait(self, users: list[Source], until: int) -> None:
        """Some have to wait."""
        parts = [NONE, *(np.array([row]).T for row in self.inbox if row[ARRIVED] <= until)]
        self.inbox = [row for row in self.inbox if row[ARRIVED] > until]
        for source in users:
            created, arrived, lost = self._legs.arrivals(source, until)
            self._readings.some(source.group, LOST, lost)
            parts.append(np.stack([np.full(len(created), source.number), created, arrived]))
        came = np.concatenate(parts, axis=1)
        came = came[:, np.lexsort((came[SOURCE], came[1], came[ARRIVED]))]
        channel = self.channel
        if channel.state == "shut" and channel.settings.twins:
            twin = np.array([source.twin for source in self.sources], np.bool_)[came[SOURCE]]
            for number, rows in _by_source(channel.twins.keep(came[:, twin])):
                self._readings.some(self.sources[number].group, SUPERSEDED, rows[-1])
            came = came[:, ~twin]
        channel.receive(came, until)
        self.collect()
        for source in self.sources:
            self._land(source, until)

    def _send(self, source: Source, created: Ints, at: Ints) -> None:
        """These readings leave the channel for the cloud."""
        way = source.onward
        if way.steps is None:
            self._readings.some(source.group, LOST, at)
        else:
            rows = self._legs.set_out(source, way, created, at, int(at.max(initial=0)))
            source.sent = np.concatenate([source.sent, rows], axis=1)

    def _land(self, source: Source, until: int) -> None:
        """Count those that have met their fate beyond the channel by then."""
        over = source.sent[END] <= until
        if not over.any():
            return
        rows, source.sent = source.sent[:, over], source.sent[:, ~over]
        came = (rows[LOSER] < 0) & source.onward.listens
        self._readings.some(source.group, LOST, rows[END, ~came])
        created, ends = rows[CREATED, came], rows[END, came]
        if ends.size:
            self._readings.some(source.group, DELIVERED, ends, ends - created)
            self._readings.stamped(source, source.onward.end, created, ends)
            self._readings.some(source.group, LATE, ends[ends - created - source.unloaded_ns > source.every])
            source.sensor.catch_up(int(ends.min()))
            source.sensor.heard(created, ends)


def _by_source(rows: Ints) -> Iterator[tuple[int, Ints]]:
    """The number of each source in the first row, and its rows, in their order."""
    rows = rows[:, np.argsort(rows[SOURCE], kind="stable")]
    edges = np.flatnonzero(np.diff(rows[SOURCE], prepend=-1)).tolist()
    for low, high in pairwise([*edges, rows.shape[1]]):
        yield int(rows[SOURCE, low]), rows[:, low:high]
