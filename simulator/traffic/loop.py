"""The loop evaluator: one heap entry for each visit of a stage, over plain Python objects.

It can do everything: calls that return, threads that block, retries, users who wait. An entry of the heap is
(time, key, who); keys are unique, so entries at one instant are handled in the order that the semantics state. As
every stage takes at least a nanosecond, whatever happens at an instant is in the heap before that instant begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush, heapreplace
from typing import TYPE_CHECKING, Any, Final

from simulator.traffic.tries import (
    AFTER_ALL,
    ARRIVE,
    BACK,
    COMPLETED,
    DIED,
    DONE,
    GONE,
    ISSUE,
    LINK,
    LOST,
    NEVER,
    NO_ENDPOINT,
    REFUSED,
    TIMEOUT,
    WAIT,
    Late,
    Request,
    Try,
)  # fmt: skip
from simulator.traffic.ways import round_trip

if TYPE_CHECKING:
    from simulator.traffic.batches import Cursor, User
    from simulator.traffic.plane import RequestPlane
    from simulator.traffic.stations import Station

Entry = tuple[int, int, Any]  # when, key, and who: a Try, a Late or a Cursor

# Steps within one instant, beside the kinds of `tries`.
_ASK: Final = 8  # a try is issued
_FAIL: Final = 9  # a try has failed where it was issued
_ANSWER: Final = 10  # a response, or the news that there will be none, leaves the pod


class Loop:
    """The heap of what is to happen, and the function that lets it happen."""

    __slots__ = ("_plane", "heap", "late", "visits")

    def __init__(self, plane: RequestPlane) -> None:
        self._plane = plane
        self.heap: list[Entry] = []
        self.late: list[dict[int, deque[Try]]] = []  # by flow: by patience, tries in order of their deadlines
        self.visits: list[tuple[int, int, int]] | None = None  # (stage, arrived, left), where somebody watches

    def run(self, now: int) -> None:  # noqa: PLR0915  # one function, for a method call costs as much as a stage visit
        """Let everything happen that is due by `now`."""
        plane, heap, visits = self._plane, self.heap, self.visits
        ways, tally = plane.ways, plane.tally
        free, odd = ways.free, ways.odd
        issued_ids, issued_times = tally.issued_ids, tally.issued_times
        ended_ids, ended_issued, ended_times, ended_codes = (
            tally.ended_ids, tally.ended_issued, tally.ended_times, tally.ended_codes,
        )  # fmt: skip
        network, up = plane.network, plane.up
        push, pop, replace, new = heappush, heappop, heapreplace, object.__new__
        changes = network.changes
        due = self._late(-1)
        bound = min(now, due)
        x: Try | None = None
        kind = t = 0
        while True:
            if x is None:
                if not heap or heap[0][0] > bound:
                    if due > now:
                        break
                    due = self._late(due)
                    bound = min(now, due)
                    continue
                t, _, entry = heap[0]  # stays there until it is replaced or popped
                x = entry
                kind = x.kind
            if kind == LINK:
                step = x.steps[x.hop]
                link, sends, travels, then, _ = step
                apart = odd[link]
                if apart is not None:
                    if apart.blocked:
                        pop(heap)
                        self.stop(x, link, t)
                        x = None
                        continue
                    travels = self.travel(x, step)
                end = free[link]
                end = (t if t > end else end) + sends
                free[link] = end
                if visits is not None:
                    visits.append((link, t, end))
                if travels < 0:
                    pop(heap)
                    self.lose(x, t)
                else:
                    x.kind = then
                    if then == LINK:
                        x.hop += 1
                    replace(heap, (end + travels, x.key, x))
                x = None
            elif kind == ARRIVE:
                choice = x.choice
                station = choice.station
                if not station.running:
                    pop(heap)
                    self.notice(x, station.node, REFUSED, t)
                    x = None
                    continue
                request, visit = x.request, choice.visit
                works = request.columns.get(visit.name) or request.batch.works(visit)
                work = int(works[request.i] * station.pace + 0.5) or 1
                if station.inside is not None:
                    station.inside.add(x)
                frees = station.free
                if frees is not None:
                    end = frees[0]
                    end = (t if t > end else end) + work
                    replace(frees, end)
                    if visits is not None:
                        visits.append((station.stage, t, end))
                else:
                    x.arrived = t
                    if not station.idle:
                        x.kind = WAIT
                        station.queue.append(x)
                        pop(heap)
                        x = None
                        continue
                    station.idle -= 1
                    end = t + work
                x.kind = DONE
                replace(heap, (end, x.key, x))
                x = None
            elif kind == DONE:
                # The work, or the call before, is over: the next call, or the response.
                calls = x.choice.visit.calls
                if x.call < len(calls):
                    x.kind = WAIT
                    site, parent, request = calls[x.call], x, x.request
                    place = x.choice.station.place
                    kind = _ASK
                else:
                    kind = _ANSWER
            elif kind == _ASK:
                choices = site.choices.get(place)
                if choices is None:
                    choices = plane.choose(site, place)
                n = len(choices)
                if n == 1:
                    choice = choices[0]
                elif n:
                    picks = request.columns.get(site.pick) or request.batch.uniforms(site.pick, site.batched)
                    choice = choices[int(picks[request.i] * n)]
                x = new(Try)
                x.key = request.key + request.serial
                request.serial += 1
                x.request, x.site, x.parent, x.open, x.error, x.call = request, site, parent, True, 0, 0
                if not n:
                    reason, kind = NO_ENDPOINT, _FAIL
                    continue
                x.choice = choice
                if site.late is not None:
                    x.deadline = deadline = t + site.timeout_ns  # type: ignore[operator]  # set where `late` is
                    site.late.append(x)
                    if deadline < due:
                        due = deadline
                        bound = min(now, due)
                if choice.blocked:
                    pop(heap)
                    if choice.blocked == "refused":
                        self.tell(x, REFUSED, t + choice.notice_ns)
                    else:
                        self.lose(x, t)
                    x = None
                    continue
                x.steps, x.hop = choice.out, 0
                kind = LINK if choice.out else ARRIVE
            elif kind == _ANSWER:
                choice = x.choice
                station = choice.station
                station.served += 1
                if station.inside is not None:
                    station.inside.discard(x)
                if station.free is None:
                    if visits is not None:
                        visits.append((station.stage, x.arrived, t))
                    self.release(station, t)
                if choice.seen != changes:
                    ways.find_back(choice)
                back = choice.back
                if back is None:
                    pop(heap)
                    self.lose(x, t)
                    x = None
                    continue
                x.steps, x.hop = back, 0
                kind = LINK if back else BACK
            elif kind == BACK:
                if not x.open:  # nobody waits any more
                    pop(heap)
                    x = None
                    continue
                parent = x.parent
                if x.error:
                    reason, kind = x.error, _FAIL
                elif parent is None:
                    x.open = False
                    request = x.request
                    ended_ids.append(request.id)
                    ended_issued.append(request.issued)
                    ended_times.append(t)
                    ended_codes.append(x.site.tried << 4 | COMPLETED)
                    pop(heap)
                    if request.user is not None:
                        self.think(request.user, t)
                    x = None
                elif parent.kind == WAIT:
                    x.open = False
                    parent.call += 1
                    x, kind = parent, DONE
                else:  # the asker is dead
                    pop(heap)
                    x = None
            elif kind == _FAIL:
                x.open = False
                site, parent, request = x.site, x.parent, x.request
                asks = up[request.origin.node] if parent is None else parent.kind == WAIT
                if asks and site.tried < site.retries and reason != NO_ENDPOINT:
                    site = site.again()
                    place = request.origin.place if parent is None else parent.choice.station.place
                    kind = _ASK
                elif parent is None:
                    pop(heap)
                    self.end(request, site.tried, reason, t)
                    x = None
                elif asks:
                    parent.error = reason
                    x, kind = parent, _ANSWER
                else:
                    pop(heap)
                    x = None
            elif kind == ISSUE:
                cursor = entry
                request = cursor.take(t)
                if cursor.time < NEVER:
                    push(heap, (cursor.time, cursor.key, cursor))
                origin = request.origin
                if not up[origin.node]:  # a machine without power asks for nothing
                    pop(heap)
                    x = None
                    continue
                issued_ids.append(request.id)
                issued_times.append(t)
                site, parent, place = cursor.site, None, origin.place
                kind = _ASK
            else:  # LATE
                x = entry.what
                if x.open and (x.parent is None or x.parent.kind == WAIT):
                    reason, kind = TIMEOUT, _FAIL
                else:
                    pop(heap)
                    x = None

    # What is rare.

    def enter(self, cursor: Cursor) -> None:
        """Wait for the next request that a cursor has to issue, if there is one."""
        if cursor.time < NEVER:
            heappush(self.heap, (cursor.time, cursor.key, cursor))

    def travel(self, x: Try, step: tuple[int, int, int, int, str]) -> int:
        """How long this try travels over a link that jitters or loses packets; -1: it is lost."""
        ways = self._plane.ways
        odd = ways.odd[step[0]]
        assert odd is not None
        request, batched = x.request, x.site.batched
        draws = [0.0, 1.0]
        for i, (kind, wanted) in enumerate((("jitter", odd.jitter_ns), ("loss", odd.loss))):
            if wanted:
                name = f"{kind}/{step[4]}"
                draws[i] = (request.columns.get(name) or request.batch.uniforms(name, batched))[request.i]
        return ways.travel(step, odd, round_trip(x.steps), *draws)

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
        request, visit = x.request, x.choice.visit
        works = request.columns.get(visit.name) or request.batch.works(visit)
        x.kind = DONE
        heappush(self.heap, (t + (int(works[request.i] * station.pace + 0.5) or 1), x.key, x))

    def end(self, request: Request, tried: int, outcome: int, t: int) -> None:
        """A request of a user has failed."""
        self._plane.tally.ended(request.id, request.issued, t, tried, outcome)
        if request.user is not None and outcome != LOST:
            self.think(request.user, t)

    def tell(self, x: Try, reason: int, at: int) -> None:
        """Its issuer will know at that time that this try has failed."""
        x.kind, x.steps, x.error = BACK, (), reason
        heappush(self.heap, (at, x.key, x))

    def notice(self, x: Try, sender: int, reason: int, t: int) -> None:
        """A node tells the issuer that this try has failed: a reset or a refusal, if there is a way."""
        if x.open:
            takes = self._plane.ways.notice_ns(sender, x.choice.asker)
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
        ways = self._plane.ways
        if x.steps[-1][3] == ARRIVE and ways.blocked(link) == "refused":
            self.notice(x, ways.ends(link)[0], REFUSED, t)
        else:
            self.lose(x, t)

    def _late(self, due: int) -> int:
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
        for station in self._plane.stations.values():
            if station.inside is not None:
                yield from (x for x in station.inside if x.kind == WAIT)

    def at(self, station: Station) -> int:
        """How many tries are at a station: waiting, in service, or waiting for their calls."""
        if station.inside is not None:
            return len(station.inside)
        return sum(1 for _, _, x in self.heap if isinstance(x, Try) and x.kind == DONE and x.choice.station is station)
