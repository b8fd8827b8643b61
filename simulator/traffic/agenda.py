"""What is due, and what becomes of tries when something goes wrong: the state that both evaluators share.

An entry of the heap is (time, key, who). Keys are unique, so entries at one instant are handled in the order that
the semantics state; and as every stage takes at least a nanosecond, whatever happens at an instant is in the heap
before that instant begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from heapq import heapify, heappush
from typing import TYPE_CHECKING, Any

from simulator.traffic.tries import (
    AFTER_ALL,
    ARRIVE,
    BACK,
    DIED,
    DONE,
    GONE,
    LINK,
    LOST,
    NEVER,
    REFUSED,
    WAIT,
    Late,
    Request,
    Try,
)

if TYPE_CHECKING:
    from simulator.traffic.batches import Cursor, User
    from simulator.traffic.busy import Busy
    from simulator.traffic.calls import Site
    from simulator.traffic.plane import RequestPlane
    from simulator.traffic.stations import Station

Entry = tuple[int, int, Any]  # when, key, and who: a Try, a Late or a Cursor


class Agenda:
    """The heap of what is to happen."""

    __slots__ = ("busy", "heap", "late", "paused", "plane", "visits")

    def __init__(self, plane: RequestPlane) -> None:
        self.plane = plane
        self.heap: list[Entry] = []
        self.late: list[dict[int, deque[Try]]] = []  # by flow: by patience, tries in order of their deadlines
        self.visits: list[tuple[int, int, int]] | None = None  # (stage, arrived, left), where somebody watches
        self.busy: Busy | None = None  # where somebody counts
        # When a try that waits for its endpoint was issued, its request and site, who waits for it, and its place.
        self.paused: tuple[int, Request, Site, Try | None, int] | None = None

    def enter(self, cursor: Cursor) -> None:
        """Wait for the next request that a cursor has to issue, if there is one."""
        if cursor.time < NEVER:
            heappush(self.heap, (cursor.time, cursor.key, cursor))

    def think(self, user: User, t: int) -> None:
        """A user of a closed flow starts to think."""
        user.think(t)
        self.enter(user)

    def release(self, station: Station, t: int) -> None:
        """A blocking worker is free: the next request in the queue starts."""
        if not station.queue:
            station.idle += 1
            return
        x = station.queue.popleft()
        x.kind = DONE
        if self.busy is not None:
            self.busy.spans.extend((station.stage, t, t + x.work))
        heappush(self.heap, (t + x.work, x.key, x))

    def end(self, request: Request, tried: int, outcome: int, t: int) -> None:
        """A request of a user has failed."""
        self.plane.tally.ended(request.id, request.issued, t, tried, outcome)
        if request.user is not None and outcome != LOST:
            self.think(request.user, t)

    def tell(self, x: Try, reason: int, at: int) -> None:
        """Its issuer will know at that time that this try has failed."""
        x.kind, x.steps, x.error = BACK, (), reason
        heappush(self.heap, (at, x.key, x))

    def notice(self, x: Try, sender: int, reason: int, t: int) -> None:
        """A node tells the issuer that this try has failed: a reset or a refusal, if there is a way."""
        if x.open:
            takes = self.plane.ways.notice_ns(sender, x.choice.asker)
            if takes is None:
                self.lose(x, t)
            else:
                self.tell(x, reason, t + takes)

    def lose(self, x: Try, t: int) -> None:
        """This try is lost and nobody is told. Who has no time-out waits for ever, and so does who waits for them."""
        while x.open and x.site.timeout_ns is None:
            x.open = False
            parent = x.parent
            if parent is None:
                self.end(x.request, x.site.tried, LOST, t)
                return
            if parent.kind != WAIT:
                return
            x = parent

    def stop(self, x: Try, link: int, t: int) -> None:
        """This try is on, or has come to, a link that is blocked: a request may be refused, all else is lost."""
        ways = self.plane.ways
        if x.steps[-1][3] == ARRIVE and ways.blocked(link) == "refused":
            self.notice(x, ways.ends(link)[0], REFUSED, t)
        else:
            self.lose(x, t)

    def late_ones(self, due: int) -> int:
        """Turn the deadlines at `due` into entries of the heap; the next deadline of a try that is still open."""
        following = NEVER
        for queues in self.late:
            for queue in queues.values():
                while queue and (not queue[0].open or queue[0].deadline <= due):
                    x = queue.popleft()
                    if x.open:
                        heappush(self.heap, (x.deadline, AFTER_ALL + x.key, Late(x)))
                if queue and queue[0].deadline < following:
                    following = queue[0].deadline
        return following

    # What changes of state do. Everything due by now has happened.

    def links_stopped(self, links: list[int], t: int) -> None:
        """These directed links are blocked from now on: what is waiting, being sent or travelling there is gone."""
        gone = frozenset(links)

        def on(x: Any) -> int:
            if isinstance(x, Try) and x.kind != DONE and x.moves:
                return x.steps[x.hop - 1 if x.kind == LINK else -1][0]
            return -1

        for x in self._take(lambda x: on(x) in gone):
            self.stop(x, on(x), t)

    def station_stopped(self, station: Station, silent: bool, t: int) -> None:
        """A pod has stopped: all who are there die, and their issuers are told unless the node is dead."""
        here = self._take(lambda x: isinstance(x, Try) and x.kind == DONE and x.choice.station is station)
        if station.inside is not None:
            here += [x for x in station.inside if x.kind == WAIT]
        station.stop()
        for x in sorted(here, key=lambda x: x.key):
            x.kind = GONE
            if silent:
                self.lose(x, t)
            else:
                self.notice(x, station.node, DIED, t)

    def _take(self, which: Callable[[Any], bool]) -> list[Any]:
        """Take entries out of the heap."""
        taken = [x for _, _, x in self.heap if which(x)]
        if taken:
            self.heap[:] = [entry for entry in self.heap if not which(entry[2])]
            heapify(self.heap)
        return taken

    def tries(self) -> Iterator[Try]:
        """Every try that an event is due for, or that waits at a station."""
        for _, _, x in self.heap:
            if isinstance(x, Try):
                yield x
        for station in self.plane.stations.values():
            if station.inside is not None:
                yield from (x for x in station.inside if x.kind == WAIT)

    def at(self, station: Station) -> int:
        """How many tries are at a station: waiting, in service, or waiting for their calls."""
        if station.inside is not None:
            return len(station.inside)
        return sum(1 for _, _, x in self.heap if isinstance(x, Try) and x.kind == DONE and x.choice.station is station)
