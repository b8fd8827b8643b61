"""Counts of readings by interval, from single times or from whole arithmetic sequences at once."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.record.buffer import Recorder
from simulator.traffic.ages import Ages
from simulator.traffic.bins import spread
from simulator.units import SECOND
from simulator.world.clocks import Clocks

if TYPE_CHECKING:
    from simulator.traffic.sources import Source

Ints = NDArray[np.int64]

CREATED, DELIVERED, LOST, LATE, SUPERSEDED = COUNTS = range(5)
CAME, LEFT, RETURNED, FULL, EXPIRED, WIPED, DUPLICATE = SPOOLED = range(5, 12)
_AGES: Final = 12  # sum of the ages at arrival, ns
_OLDEST: Final = 13
_ERRORS: Final = 14  # sum of what wrong clocks add to the ages, ns


class Readings:
    """By (flow and zone) and interval: what became of readings, each at its own event; ages at arrival, and as wrong
    `clocks` make them."""

    __slots__ = ("_cells", "_clocks", "_commands", "_groups", "_interval", "ages")

    def __init__(self, interval_ns: int, clocks: Clocks) -> None:
        self._interval, self._clocks = interval_ns, clocks
        self.ages = Ages(interval_ns)
        self._groups: dict[tuple[str, str], int] = {}
        self._commands: set[int] = set()  # which of them have a table of their own
        self._cells: Ints = np.zeros((0, _ERRORS + 1, 0), np.int64)  # by group, column, interval

    def group(self, flow: str, zone: str, *, commands: bool = False) -> int:
        """The number of a flow's sources in a zone, or of the devices for which its commands are."""
        number = self._groups.setdefault((flow, zone), len(self._groups))
        if number == len(self._cells):
            self._cells = np.concatenate([self._cells, np.zeros((1, *self._cells.shape[1:]), np.int64)])
        if commands:
            self._commands.add(number)
        return number

    def run(self, group: int, column: int, first: int, step: int, number: int, *, age: int = 0) -> None:
        """`number` events, the first at `first`, one each `step` ns, all of one age."""
        self._add(group, column, *spread(first, step, number, self._interval), age)

    def some(self, group: int, column: int, times: Ints, ages: Ints | None = None) -> None:
        """An event at each of these times."""
        if not times.size:
            return
        cells = times // self._interval
        low = int(cells.min())
        self._add(group, column, low, np.bincount(cells - low), 0)
        if ages is not None:
            np.add.at(self._cells[group, _AGES], cells, ages)
            np.maximum.at(self._cells[group, _OLDEST], cells, ages)

    def _add(self, group: int, column: int, low: int, counts: Ints, age: int) -> None:
        end = low + len(counts)
        if end > self._cells.shape[2]:
            more = np.zeros((*self._cells.shape[:2], 2 * end - self._cells.shape[2]), np.int64)
            self._cells = np.concatenate([self._cells, more], axis=2)
        cells = self._cells[group, :, low:end]
        cells[column] += counts
        if age:
            cells[_AGES] += counts * age
            np.maximum(cells[_OLDEST], np.where(counts > 0, age, 0), out=cells[_OLDEST])

    def stamped(self, source: Source, receiver: int, created: Ints, at: Ints) -> None:
        """These, which have been counted as delivered, carry the time of the source's clock to the receiver's."""
        if self._clocks.ever_wrong:
            errors = self._clocks.errors(receiver, at) - self._clocks.errors(source.node, created)
            np.add.at(self._cells[source.group, _ERRORS], at // self._interval, errors)

    def stamped_run(self, source: Source, receiver: int, first: int, number: int, *, age: int) -> None:
        """The same for a `run` of them, one each period of the source."""
        if self._clocks.ever_wrong:
            at = first + np.arange(number) * source.every
            self.stamped(source, receiver, at - age, at)

    def total(self, group: int, column: int) -> int:
        """All events of a column so far."""
        return int(self._cells[group, column].sum())

    def write(self, recorder: Recorder) -> None:
        """Write every interval in which something happened."""
        busy: NDArray[np.bool_] = self._cells[:, :_AGES].sum(axis=1) > 0
        names = list(self._groups)
        for interval in np.flatnonzero(busy.any(axis=0)).tolist():
            for group in np.flatnonzero(busy[:, interval]).tolist():
                counts = self._cells[group, :, interval].tolist()
                delivered, ages, oldest = counts[DELIVERED], counts[_AGES], counts[_OLDEST]
                where = (interval * self._interval, *names[group])
                mean, most = (ages / delivered / SECOND, oldest / SECOND) if delivered else (nan, nan)
                if group in self._commands:
                    recorder.commands.add(*where, *counts[:SUPERSEDED], *counts[CAME:_AGES], mean, most)
                    continue
                if any(counts[: len(COUNTS)]):
                    wrong = delivered and self._clocks.ever_wrong
                    stamped = (ages + counts[_ERRORS]) / delivered / SECOND if wrong else nan
                    recorder.messages.add(*where, *counts[: len(COUNTS)], mean, most, stamped)
                if any(spooled := counts[CAME:_AGES]):
                    recorder.spools.add(*where, *spooled)
        self.ages.write(recorder, names, without=self._commands)
