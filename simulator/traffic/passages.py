"""Every passage of the requests of some flows through links and stations, laid out as columns for the stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.calls import Choice, Steps, Visit
from simulator.traffic.graph import Graph, links
from simulator.traffic.stations import Station
from simulator.traffic.tries import ARRIVE, BACK, DONE, LINK, Try
from simulator.traffic.ways import round_trip

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane
    from simulator.traffic.routing import Lot

Ints = NDArray[np.int64]
State = tuple[int, Steps, int, "Choice | None"]  # kind, steps, hop and choice of a try at this point

LIMBO: Final = 0  # the row of who is lost and waits for a time-out
_LIMBO, _END = -2, -1  # the stages of who is lost, and of who is back


class Passages:
    """Rows of stages, one passage after the other; a request's `pointer` is the row of the stage that it enters next.

    Columns by row: `stage`, its `level`, ns it `sends` and `travels` there, `bits`; for stations the `visit` and
    `pace`; for links that jitter or lose packets (`odd`) the number of their draws' `name`, `jitter`, `loss`,
    `round_trip`.
    """

    __slots__ = (
        "_answers",
        "_ends",
        "_graph",
        "_known",
        "_laid",
        "_many",
        "_nodes",
        "_plane",
        "_round",
        "_rows",
        "_upto",
        "bits",
        "count",
        "depth",
        "first",
        "flows",
        "has",
        "jitter",
        "level",
        "loss",
        "name",
        "names",
        "odd",
        "pace",
        "round_trip",
        "sends",
        "stage",
        "starts",
        "states",
        "stations",
        "travels",
        "turns",
        "visit",
        "visits",
    )  # fmt: skip

    def __init__(self, plane: RequestPlane, flows: list[int]) -> None:
        self._plane, self.flows = plane, flows
        self._rows: list[tuple[Any, ...]] = []
        self.states: list[State] = []
        self.visits: list[Visit] = []
        self.names: list[str] = []
        self.stations: dict[int, Station] = {}
        self._graph = Graph()
        self._known: dict[int, int] = {}  # id of a choice or of steps -> its first row
        self._ends: list[Any] = []  # keeps what `_known` names alive
        self._laid = 0
        self.has: list[tuple[bool, ...]] = []  # by level: whether anything there works, is odd, follows a station
        self._row(_LIMBO, state=(LINK, (), 0, None))
        self.first = np.zeros(len(plane.origins), np.int64)
        self.count = np.zeros(len(plane.origins), np.int64)
        self._nodes = np.array([origin.node for origin in plane.origins], np.int64)
        starts: list[int] = []
        self.turns: dict[Lot, int] = {}  # in which endpoints take turns, numbered
        self._upto: dict[int, list[float]] = {}  # by row of `starts`: shares of more than one endpoint
        rounds: dict[int, tuple[int, int]] = {}  # likewise: whose turns, and how many take them
        places: dict[tuple[int, int], tuple[int, int]] = {}
        for origin in plane.origins:
            if origin.flow in flows:
                where = (origin.flow, origin.place)
                if where not in places:
                    choices = plane.choices(plane.roots[origin.flow], origin.place)
                    places[where] = (len(starts), len(choices))
                    if choices.lot is not None and len(choices) > 1:
                        self._weighed(len(starts), choices.lot, len(choices), rounds)
                    starts += [self._passage(choice) for choice in choices]
                self.first[origin.index], self.count[origin.index] = places[where]
        self.starts = np.array(starts, np.int64)
        self._round, self._many = np.full(len(starts), -1), np.ones(len(starts), np.int64)
        for start, (number, many) in rounds.items():
            self._round[start], self._many[start] = number, many

    def up(self, nodes: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """By origin: whether its node has power."""
        return nodes[self._nodes]

    def _weighed(self, start: int, lot: Lot, n: int, rounds: dict[int, tuple[int, int]]) -> None:
        """Some askers have a lot over n endpoints."""
        if lot.turns:
            rounds[start] = self.turns.setdefault(lot, len(self.turns)), n
        elif lot.upto:
            self._upto[start] = lot.upto

    @property
    def weighed(self) -> bool:
        """Whether anybody picks endpoints otherwise than uniformly."""
        return bool(self.turns or self._upto)

    def weigh(self, rows: Ints, first: Ints, u: NDArray[np.float64]) -> None:
        """Which endpoint each request takes whose first is this row of `starts`: by weight instead of uniformly, and 0
        for those who take turns."""
        rows[self._round[first] >= 0] = 0
        if self._upto:
            order = np.argsort(first, kind="stable")
            present, low = np.unique(first[order], return_index=True)
            for start, some in zip(present.tolist(), np.split(order, low[1:]), strict=True):
                if start in self._upto:
                    rows[some] = np.searchsorted(self._upto[start], u[some], side="right")

    def take_turns(self, first: Ints, ids: Ints, times: Ints) -> None:
        """Give each request that takes turns its endpoint, in the order in which they are issued."""
        here = np.flatnonzero(self._round[first] >= 0)
        order = here[np.lexsort((ids[here], times[here], self._round[first[here]]))]
        rounds = self._round[first[order]]
        counts = np.bincount(rounds, minlength=len(self.turns))
        begun = np.array([lot.next for lot in self.turns], np.int64) - (np.cumsum(counts) - counts)
        first[order] += (begun[rounds] + np.arange(len(order))) % self._many[first[order]]
        for lot, count in zip(self.turns, counts.tolist(), strict=True):
            lot.next += count

    def pointer(self, x: Try) -> int:
        """The row where a try in the heap is."""
        choice = x.choice
        start = self._passage(choice)
        back = start + len(choice.out) + 1
        if x.kind == DONE:
            return back
        if x.kind == ARRIVE:
            return back - 1
        if x.steps is choice.out:
            return start + x.hop
        if x.steps is not choice.back:  # it is on a way back that is no longer taken
            back = self._known.get(id(x.steps), -1)
            if back < 0:
                back = self._known[id(x.steps)] = len(self._rows)
                self._ends.append(x.steps)
                self._graph.add(links(x.steps))
                self._way(x.steps, choice)
                self._row(_END, state=(BACK, x.steps, 0, choice))
        return back + (len(x.steps) if x.kind == BACK else x.hop)

    def ready(self) -> None:
        """Make the columns, if rows have come since they were made."""
        if self._laid == len(self._rows):
            return
        self._laid = len(self._rows)
        level = self._graph.levels()
        assert level is not None
        self.has = []
        self.depth = 1 + max(level.values(), default=-1)
        columns = list(zip(*self._rows, strict=True))
        (self.stage, self.sends, self.travels, self.visit, self.name, self.round_trip, self._answers, self.jitter,
         self.bits) = (np.array(column, np.int64) for column in columns[:9])  # fmt: skip
        self.pace, self.loss = (np.array(column, np.float64) for column in columns[9:])
        self.odd = (self.jitter > 0) | (self.loss > 0)
        level |= {_END: self.depth, _LIMBO: -1}
        self.level = np.array([level[stage] for stage in self.stage.tolist()], np.int64)
        for i in range(self.depth):
            here = self.level == i
            some = (self.visit[here] >= 0, self.odd[here], self._answers[here] >= 0)
            self.has.append(tuple(bool(x.any()) for x in some))

    def answer(self, pointer: Ints) -> None:
        """Count the answers of stations: requests that stand at the row after a station have been served."""
        rows = self._answers[pointer]
        if rows.size and int(rows.max()) >= 0:
            counts = np.bincount(rows[rows >= 0])
            for stage in np.flatnonzero(counts).tolist():
                self.stations[stage].served += int(counts[stage])

    def _passage(self, choice: Choice) -> int:
        known = self._known.get(id(choice))
        if known is None:
            if choice.seen != self._plane.network.changes:
                self._plane.ways.find_back(choice)
            known = self._known[id(choice)] = len(self._rows)
            self._ends.append(choice)
            self._graph.add_choice(choice)
            self._way(choice.out, choice)
            self._inside(choice)
        return known

    def _way(self, steps: Steps, choice: Choice, answers: int = -1) -> None:
        trip = round_trip(steps)
        for hop, step in enumerate(steps):
            odd = self._plane.ways.odd[step[0]]
            jitter, loss = (0, 0.0) if odd is None else (odd.jitter_ns, odd.loss)
            # In the heap, a try that is to enter the first link of a way back is one whose work is over.
            state: State = (DONE, (), 0, choice) if answers >= 0 and not hop else (LINK, steps, hop, choice)
            name = -1 if not (jitter or loss) else self._named(step[4])
            self._row(step[0], step[1], step[2], name=name, trip=trip, answers=-1 if hop else answers, jitter=jitter,
                      bits=step[5], loss=loss, state=state)  # fmt: skip

    def _inside(self, choice: Choice) -> None:
        """From the pod to the end."""
        station, back = choice.station, choice.back
        assert back is not None
        if choice.visit not in self.visits:
            self.visits.append(choice.visit)
        self.stations[station.stage] = station
        self._row(station.stage, visit=self.visits.index(choice.visit), pace=station.pace,
                  state=(ARRIVE, choice.out, 0, choice))  # fmt: skip
        self._way(back, choice, station.stage)
        last = (BACK, back, 0, choice) if back else (DONE, (), 0, choice)
        self._row(_END, answers=-1 if back else station.stage, state=last)

    def _named(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def _row(
        self,
        stage: int,
        sends: int = 0,
        travels: int = 0,
        *,
        visit: int = -1,
        name: int = -1,
        trip: int = 0,
        answers: int = -1,
        jitter: int = 0,
        bits: int = 0,
        pace: float = 1.0,
        loss: float = 0.0,
        state: State,
    ) -> None:
        self._rows.append((stage, sends, travels, visit, name, trip, answers, jitter, bits, pace, loss))
        self.states.append(state)
