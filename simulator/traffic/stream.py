"""The stream evaluator: a window of requests at a time, stage after stage in arrays.

Stages come in levels, each after all that lead to it. At its level a stage takes everything that arrives there by
the end of the window and gives each request its departure; who departs later is under way when the window ends, and
goes back into the heap of the loop evaluator: that heap is the state between windows, whoever evaluates them.
"""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.batches import Arrivals, Batch
from simulator.traffic.coupling import Coupling
from simulator.traffic.kernels.fifo import fifo_each
from simulator.traffic.kernels.workers import workers
from simulator.traffic.passages import LIMBO, Passages
from simulator.traffic.tries import COMPLETED, K_BITS, LOST, NEVER, SERIAL_BITS, TIMEOUT, WAIT, Request, Try

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

LEAST: Final = 2000  # requests in a window: fewer are quicker in the loop
_NOTHING: Final[Ints] = np.zeros(0, np.int64)
_K: Final = (1 << K_BITS) - 1


class _Items:
    """Requests under way, one row each."""

    __slots__ = ("deadline", "ids", "issued", "open", "pointer", "time")

    ids: Ints
    issued: Ints
    time: Ints  # of what happens next
    pointer: Ints  # the row of the passages where that is
    deadline: Ints  # NEVER where there is none
    open: Flags  # whether the issuer still waits

    @classmethod
    def of(cls, *columns: Any) -> _Items:
        """From its columns in order."""
        items = cls()
        for name, column in zip(_COLUMNS, columns, strict=True):
            setattr(items, name, column)
        return items

    def columns(self) -> list[Any]:
        """Its columns in order."""
        return [getattr(self, name) for name in _COLUMNS]

    @classmethod
    def joined(cls, parts: Iterable[_Items]) -> _Items:
        """All of them, one after the other."""
        return cls.of(*map(np.concatenate, zip(*(part.columns() for part in parts), strict=True)))

    def keep(self, which: Flags | Ints) -> _Items:
        """Those chosen, by mask or by row."""
        return self.of(*(column[which] for column in self.columns()))


_COLUMNS: Final = ("ids", "issued", "time", "pointer", "deadline", "open")


class Stream:
    """Evaluates what can be evaluated in arrays."""

    __slots__ = ("_coupling", "_items", "_passages", "_plane", "_under_way", "_version")

    def __init__(self, plane: RequestPlane) -> None:
        self._plane = plane
        self._version = -1
        self._coupling: Coupling | None = None
        self._passages: Passages | None = None
        self._items: _Items | None = None  # between `begin` and `end`, if there is something to stream
        self._under_way: dict[int, tuple[int, Try]] = {}  # what was taken out of the heap, by request

    def begin(self, start: int, until: int) -> None:
        """Take over what happens in (start, until] to flows that can be streams, if it is enough."""
        plane = self._plane
        if plane.router is not None and not plane.router.arrays:
            return
        if self._expected(range(len(plane.flows)), until - start) < LEAST:
            return
        if self._version != plane.version or self._coupling is None:
            self._version, self._passages, self._coupling = plane.version, None, Coupling(plane)
        flows = self._coupling.streams()
        if not flows or self._expected(flows, until - start) < LEAST:
            return
        if self._passages is None or self._passages.flows != flows:
            self._passages = Passages(plane, flows)
        self._under_way = self._take(set(flows))
        self._items = self._rows(self._passages, self._under_way)
        for _, x in self._under_way.values():
            x.open = False  # for the loop, until it is given back
        self._passages.ready()

    def advance(self, until: int) -> None:
        """Let all of that happen that is due by `until`."""
        items, passages = self._items, self._passages
        if items is None or passages is None:
            return
        items = _Items.joined([items, *self._issued(passages, until)])
        for level in range(passages.depth):
            items = self._pass(passages, items, level, until)
        self._items = self._report(passages, items, until)

    def end(self, until: int) -> None:
        """Give back what is under way."""
        if self._items is not None and self._passages is not None:
            self._give_back(self._passages, self._items, self._under_way, until)
            self._items, self._under_way = None, {}

    def _expected(self, flows: Iterable[int], span: int) -> float:
        arrivals = (self._plane.arrivals[flow] for flow in flows)
        return span * sum((a.schedule.rate for a in arrivals if a is not None), 0.0)

    # Out of the heap, and back.

    def _take(self, flows: set[int]) -> dict[int, tuple[int, Try]]:
        """Take the tries of these flows out of the heap, by request: when something happens to them next."""
        taken: dict[int, tuple[int, Try]] = {}
        kept = []
        for entry in self._plane.loop.heap:
            x = entry[2]
            if isinstance(x, Try) and x.moves and x.request.origin.flow in flows:
                taken[x.request.id] = (entry[0], x)
            elif not (isinstance(x, Arrivals) and x.flow in flows):
                kept.append(entry)
        self._plane.loop.heap[:] = kept
        heapify(self._plane.loop.heap)
        return taken

    def _rows(self, passages: Passages, under_way: dict[int, tuple[int, Try]]) -> _Items:
        tries = [x for _, x in under_way.values()]
        return _Items.of(
            _ints(under_way), _ints(x.request.issued for x in tries), _ints(time for time, _ in under_way.values()),
            _ints(passages.pointer(x) for x in tries),
            _ints(NEVER if x.site.timeout_ns is None else x.deadline for x in tries),
            np.array([x.open for x in tries], np.bool_),
        )  # fmt: skip

    def _issued(self, passages: Passages, until: int) -> list[_Items]:
        """Everything that the flows issue by `until`."""
        issued = [self._issue(passages, flow, until) for flow in passages.flows]
        if not passages.turns:
            return issued
        new = _Items.joined(issued)
        passages.take_turns(new.pointer, new.ids, new.issued)
        new.pointer = passages.starts[new.pointer]
        return [new]

    def _issue(self, passages: Passages, flow: int, until: int) -> _Items:
        """Everything that a flow issues by `until`; where some take turns, its pointer is a row of `starts` yet."""
        plane = self._plane
        arrivals, root = plane.arrivals[flow], plane.roots[flow]
        assert arrivals is not None
        arrivals.put_back()
        times, sources, ks = arrivals.schedule.take(until)
        origins = sources + arrivals.first
        on = passages.up(plane.up)[origins]
        if not on.all():
            times, origins, ks = times[on], origins[on], ks[on]
        ids = (origins << K_BITS) + ks
        pointer = passages.first[origins]
        many = passages.count[origins] > 1
        if many.any():
            u = plane.rng.draws(root.pick, plane.identities[origins[many]], ks[many])
            rows = (u * passages.count[origins[many]]).astype(np.int64)
            if passages.weighed:
                passages.weigh(rows, pointer[many], u)
            pointer[many] += rows
        if not passages.turns:
            pointer = passages.starts[pointer]
        plane.tally.issued_all(ids, times)
        plane.streamed[flow] += len(ids)
        deadline = np.full(len(ids), NEVER) if root.timeout_ns is None else times + root.timeout_ns
        return _Items.of(ids, times, times.copy(), pointer, deadline, np.ones(len(ids), np.bool_))

    def _give_back(self, passages: Passages, items: _Items, under_way: dict[int, tuple[int, Try]], until: int) -> None:
        """What is under way goes back into the heap."""
        plane, loop = self._plane, self._plane.loop
        rows = zip(*(column.tolist() for column in items.columns()), strict=True)
        origins = items.ids >> K_BITS
        batch = Batch(plane.rng, plane.identities[origins], items.ids & _K)
        waiting: dict[int, list[Try]] = {flow: [] for flow in passages.flows}
        for i, (number, issued, time, pointer, deadline, opened) in enumerate(rows):
            kind, steps, hop, choice = passages.states[pointer]
            if number in under_way:
                x = under_way[number][1]
            else:
                origin = plane.origins[number >> K_BITS]
                request: Request = object.__new__(Request)
                request.id, request.key, request.serial = number, number << SERIAL_BITS, 1
                request.origin, request.issued, request.user = origin, issued, None
                request.batch, request.columns, request.i = batch, batch.columns, i
                x = object.__new__(Try)
                x.request, x.site, x.parent, x.key = request, plane.roots[origin.flow], None, request.key
                x.choice, x.error, x.call, x.deadline = choice, 0, 0, deadline
                x.kind = WAIT
            x.open = opened
            waiting[x.request.origin.flow].append(x)
            if pointer != LIMBO:
                x.kind, x.steps, x.hop = kind, steps, hop
                loop.heap.append((time, x.key, x))
        heapify(loop.heap)
        for flow, tries in waiting.items():
            late, arrivals = plane.roots[flow].late, plane.arrivals[flow]
            if late is not None:
                still = {x.key: x for x in (*late, *tries) if x.open}
                late.clear()
                late.extend(sorted(still.values(), key=lambda x: x.deadline))
            assert arrivals is not None
            arrivals.look_ahead(until)
            loop.enter(arrivals)

    # Stage after stage.

    def _pass(self, passages: Passages, items: _Items, level: int, until: int) -> _Items:
        """Everything that arrives at the stages of a level by `until` passes them."""
        here = np.flatnonzero((passages.level[items.pointer] == level) & (items.time <= until))
        if not here.size:
            return items
        rows = _slice(here)
        pointer, arrive = items.pointer[rows], items.time[rows]
        stage = passages.stage[pointer]
        order = _order(stage, arrive, items.ids, here)
        if order is not None:  # the rows themselves: at the next level most will stand in order already
            there = np.ones(len(items.ids), np.bool_)
            there[here] = False
            items = items.keep(np.concatenate([here[order], np.flatnonzero(there)]))
            rows, stage = slice(0, len(here)), stage[order]
            pointer, arrive = items.pointer[rows], items.time[rows]
        first = np.concatenate([[0], np.flatnonzero(stage[1:] != stage[:-1]) + 1])
        ids = items.ids[rows]
        works, odds, answers = passages.has[level]
        sends = passages.sends[pointer]
        if works:
            working = np.flatnonzero(passages.visit[pointer] >= 0)
            if working.size:
                sends[working] = self._works(passages, pointer[working], ids[working])
        left = self._serve(passages, pointer, first, arrive, sends)
        visits = self._plane.loop.visits
        if visits is not None:
            visits += zip(stage.tolist(), arrive.tolist(), left.tolist(), strict=True)
        if self._plane.loop.busy is not None:
            self._plane.loop.busy.arrays.append(np.stack([stage, left - sends, left], axis=1))
        if answers:
            passages.answer(pointer)
        travels = passages.travels[pointer]
        if odds:
            odd = np.flatnonzero(passages.odd[pointer])
            travels[odd] = self._travels(passages, pointer[odd], ids[odd])
        if odds and (travels < 0).any():
            lost = np.arange(len(items.ids))[rows][travels < 0]
            at = arrive[travels < 0]
        else:
            lost = at = _NOTHING
        items.time[rows] = left + travels
        items.pointer[rows] = pointer + 1
        if lost.size:
            self._lose(items, lost, at)
        return items

    def _serve(self, passages: Passages, pointer: Ints, first: Ints, arrive: Ints, sends: Ints) -> Ints:
        """Departures from the stages, which stand one after the other; brings their state up to date, and `sends` where
        it depends on the time."""
        ends = np.append(first[1:], len(pointer))
        free, lines = self._plane.ways.free, self._plane.ways.lines
        stages = passages.stage[pointer[first]].tolist()
        stations = [passages.stations.get(s) for s in stages]
        begin = [free[s] if x is None else _heap(x)[0] for s, x in zip(stages, stations, strict=True)]
        left = fifo_each(arrive, sends, first, _ints(begin))
        for s, station, low, high in zip(stages, stations, first.tolist(), ends.tolist(), strict=True):
            if station is None:
                line = lines[s]
                if line is not None:
                    left[low:high] = line.serve_all(arrive[low:high], passages.bits[pointer[low:high]])
                    before = np.append(free[s], left[low : high - 1])
                    sends[low:high] = left[low:high] - np.maximum(arrive[low:high], before)
                free[s] = int(left[high - 1])
            elif station.workers == 1:
                _heap(station)[0] = int(left[high - 1])
            else:
                left[low:high] = workers(arrive[low:high], sends[low:high], _heap(station))
        return left

    def _works(self, passages: Passages, pointer: Ints, ids: Ints) -> Ints:
        """How long the work of each request takes at its station."""
        plane, visits = self._plane, passages.visit[pointer]
        works = np.empty(len(ids), np.float64)
        present = np.unique(visits).tolist() if len(passages.visits) > 1 else [int(visits[0])]
        for number in present:
            mine = slice(None) if len(present) == 1 else visits == number
            visit, some = passages.visits[number], ids[mine]
            works[mine] = visit.work.sample(plane.rng.draws(visit.name, plane.identities[some >> K_BITS], some & _K))
        return np.maximum((works * passages.pace[pointer] + 0.5).astype(np.int64), 1)

    def _travels(self, passages: Passages, pointer: Ints, ids: Ints) -> Ints:
        """How long each message travels over links that jitter or lose packets; -1: it is lost."""
        plane, names = self._plane, passages.name[pointer]
        jitter, loss = np.zeros(len(ids)), np.ones(len(ids))
        for number in np.unique(names).tolist():
            mine = names == number
            identities, ks = plane.identities[ids[mine] >> K_BITS], ids[mine] & _K
            jitter[mine] = plane.rng.draws(passages.names[number], identities, ks)
            loss[mine] = plane.rng.draws(f"loss/{passages.names[number]}", identities, ks)
        return plane.ways.travel_all(
            passages.travels[pointer], passages.jitter[pointer], passages.loss[pointer],
            passages.round_trip[pointer], jitter=jitter, loss=loss,
            repeats=plane.ways.retransmission,
        )  # fmt: skip

    def _lose(self, items: _Items, lost: Ints, at: Ints) -> None:
        """These are lost: who has a time-out waits for it, the others are lost now."""
        items.pointer[lost], items.time[lost] = LIMBO, NEVER
        now = items.open[lost] & (items.deadline[lost] == NEVER)
        gone = lost[now]
        codes = np.full(len(gone), LOST)
        self._plane.tally.ended_all(items.ids[gone], items.issued[gone], at[now], codes)
        items.open[gone] = False

    def _report(self, passages: Passages, items: _Items, until: int) -> _Items:
        """Report what has ended by `until`, and keep what is under way."""
        tally = self._plane.tally
        back = (passages.level[items.pointer] == passages.depth) & (items.time <= until)
        passages.answer(items.pointer[back])
        done = back & items.open & (items.time <= items.deadline)
        late = items.open & ~done & (items.deadline <= until)
        for which, times, outcome in ((done, items.time, COMPLETED), (late, items.deadline, TIMEOUT)):
            if which.any():
                codes = np.full(int(which.sum()), outcome)
                tally.ended_all(items.ids[which], items.issued[which], times[which], codes)
        items.open &= ~(done | late)
        return items.keep(~back & (items.open | (items.pointer != LIMBO)))


def _slice(rows: Ints) -> Ints | slice:
    """The same rows as a slice, which copies nothing, where they are neighbours."""
    low, high = int(rows[0]), int(rows[-1]) + 1
    return slice(low, high) if high - low == len(rows) else rows


def _order(stage: Ints, arrive: Ints, all_ids: Ints, here: Ints) -> Ints | None:
    """The order by (stage, time, id); None where it stands so already."""
    low = int(arrive.min())
    bits = max(1, (int(arrive.max()) - low).bit_length())
    if bits + int(stage.max()).bit_length() < 63:
        both = (stage << bits) + (arrive - low)
        if (both[1:] > both[:-1]).all():
            return None
        order = np.argsort(both, kind="stable")
        both = both[order]
        if (both[1:] > both[:-1]).all():
            return order
    return np.lexsort((all_ids[here], arrive, stage))


def _heap(station: Any) -> list[int]:
    free: list[int] = station.free
    return free


def _ints(values: Any) -> Ints:
    return np.fromiter(values, np.int64)
