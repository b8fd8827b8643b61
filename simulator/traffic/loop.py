"""The loop evaluator: one heap entry for each visit of a stage, over plain Python objects.

It can do everything: calls that return, threads that block, retries, users who wait.
"""

from __future__ import annotations

from heapq import heappop, heappush, heapreplace
from typing import Final

from simulator.traffic.agenda import Agenda
from simulator.traffic.calls import Step
from simulator.traffic.tries import (
    ARRIVE,
    BACK,
    COMPLETED,
    DONE,
    ISSUE,
    LINK,
    NEVER,
    NO_ENDPOINT,
    REFUSED,
    TIMEOUT,
    WAIT,
    Try,
)
from simulator.traffic.ways import round_trip

# Steps within one instant, beside the kinds of `tries`.
_ASK: Final = 8  # a try is issued
_FAIL: Final = 9  # a try has failed where it was issued
_ANSWER: Final = 10  # a response, or the news that there will be none, leaves the pod


class Loop(Agenda):
    """The function that lets what is due happen."""

    __slots__ = ()

    def run(self, now: int) -> None:  # noqa: PLR0915  # one function, for a method call costs as much as a stage visit
        """Let everything happen that is due by `now`; or until a try is `paused`."""
        plane, heap, visits = self.plane, self.heap, self.visits
        spans = None if self.busy is None else self.busy.spans
        ways, tally = plane.ways, plane.tally
        free, odd = ways.free, ways.odd
        issued_ids, issued_times = tally.issued_ids, tally.issued_times
        ended_ids, ended_issued, ended_times, ended_codes = (
            tally.ended_ids, tally.ended_issued, tally.ended_times, tally.ended_codes,
        )  # fmt: skip
        network, up, router = plane.network, ways.up, plane.router
        push, pop, replace, new = heappush, heappop, heapreplace, object.__new__
        changes = network.changes
        due = self.late_ones(-1)
        bound = min(now, due)
        x: Try | None = None
        kind = t = 0
        if self.paused is not None:
            (t, request, site, parent, place), self.paused = self.paused, None
            x, kind = new(Try), _ASK  # another takes its place there
        while True:
            if x is None:
                if not heap or heap[0][0] > bound:
                    if due > now:
                        break
                    due = self.late_ones(due)
                    bound = min(now, due)
                    continue
                t, _, entry = heap[0]  # stays there until it is replaced or popped
                x = entry
                kind = x.kind
            if kind == LINK:
                step = x.steps[x.hop]
                link, sends, travels, then, name, bits = step
                apart = odd[link]
                if apart is not None:
                    if apart.blocked:
                        pop(heap)
                        self.stop(x, link, t)
                        x = None
                        continue
                    if apart.loss:
                        travels = self._travel(x, step)
                    else:  # what `Oddity.jittered` says
                        request = x.request
                        jitters = request.columns.get(name) or request.batch.uniforms(name, x.site.batched)
                        travels += int(jitters[request.i] * apart.spread_ns + 0.5) - apart.jitter_ns
                end = free[link]
                if apart is not None:
                    ready = t if apart.radio is None else apart.radio.meet(t)
                    end = ready if ready > end else end
                    if apart.line is not None:
                        sends = apart.line.serve(max(t, ready), bits) - max(t, end)
                end = (t if t > end else end) + sends
                free[link] = end
                if visits is not None:
                    visits.append((link, t, end))
                if spans is not None:
                    spans.extend((link, end - sends, end))
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
                works = request.columns.get(visit) or request.batch.works(visit)
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
                        x.kind, x.work = WAIT, work
                        station.queue.append(x)
                        pop(heap)
                        x = None
                        continue
                    station.idle -= 1
                    end = t + work
                if spans is not None:
                    spans.extend((station.stage, end - work, end))
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
                if router is not None and n:
                    choice = router.pick(choices, site, request, t)
                    if choice is None:
                        self.paused = t, request, site, parent, place
                        return
                elif n == 1:
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
                if router is not None:
                    router.over(x.choice, t, heard=True)
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
                # Without an endpoint of its own there is nobody to try again; an answer that a call had none is another
                # matter (`error`).
                if asks and site.tried < site.retries and (reason != NO_ENDPOINT or x.error):
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
                    if request.user is not None:
                        self.think(request.user, t)
                    x = None
                    continue
                issued_ids.append(request.id)
                issued_times.append(t)
                site, parent, place = cursor.site, None, origin.place
                kind = _ASK
            else:  # LATE
                x = entry.what
                if x.open and (x.parent is None or x.parent.kind == WAIT):
                    if router is not None:
                        router.over(x.choice, t, heard=False)
                    reason, kind = TIMEOUT, _FAIL
                else:
                    if router is not None and x.open:  # its asker is dead
                        router.over(x.choice, t, heard=False)
                        x.open = False
                    pop(heap)
                    x = None

    def _travel(self, x: Try, step: Step) -> int:
        """How long this try travels over a link that loses packets; -1: it is lost."""
        ways = self.plane.ways
        odd = ways.odd[step[0]]
        assert odd is not None
        request, name = x.request, step[4]
        jitters = request.columns.get(name) or request.batch.uniforms(name, x.site.batched)
        name = f"loss/{name}"
        losses = request.columns.get(name) or request.batch.uniforms(name, x.site.batched)
        return ways.travel(step, odd, round_trip(x.steps), jitters[request.i], losses[request.i])
