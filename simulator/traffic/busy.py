"""How long stations work and links send: kept only where somebody wants to know, for energy and for what bytes cost.

A span is [begin, end) of a core that works on one request, or of a link that sends one message. Evaluators append spans
when they begin; a span that is not over when the plane is settled waits, and is cut off where its pod or link stops.
"""

from __future__ import annotations

from array import array
from collections import Counter

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_NOTHING: Ints = np.zeros((0, 3), np.int64)


class Busy:
    """Spans by stage (see `RequestPlane`), added up by interval of `interval_ns`."""

    __slots__ = ("_interval", "_rows", "_waiting", "arrays", "spans", "total")

    def __init__(self, interval_ns: int) -> None:
        self._interval = interval_ns
        self._waiting = _NOTHING
        self._rows: list[Ints] = []  # (stage, interval, ns)
        # Since the last look: stage, begin and end, again and again; and the same as arrays (n, 3).
        self.spans = array("q")
        self.arrays: list[Ints] = []
        self.total: Counter[int] = Counter()  # ns up to the last look, by stage

    def settle(self, until: int) -> None:
        """Count what has been done by `until` (ns)."""
        if not self.spans and not self.arrays and not self._waiting.size:
            return
        rows = np.concatenate([self._waiting, np.array(self.spans, np.int64).reshape(-1, 3), *self.arrays])
        del self.spans[:]
        self.arrays.clear()
        done = rows[rows[:, 1] < until]
        later = rows[rows[:, 2] > until]
        later[:, 1] = np.maximum(later[:, 1], until)
        self._waiting = later
        if done.size:
            self._add(done[:, 0], done[:, 1], np.minimum(done[:, 2], until))

    def stop(self, stage: int) -> None:
        """A station or link has stopped now; everything by now has been settled."""
        self._waiting = self._waiting[self._waiting[:, 0] != stage]

    def rows(self) -> Ints:
        """ns by stage and interval, shape (n, 3), each pair once."""
        if not self._rows:
            return _NOTHING
        self._rows = [_summed(np.concatenate(self._rows))]
        return self._rows[0]

    def _add(self, stage: Ints, begin: Ints, end: Ints) -> None:
        first = begin // self._interval
        count = (end - 1) // self._interval - first + 1
        i = np.repeat(np.arange(len(stage)), count)
        interval = first[i] + np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
        low = np.maximum(begin[i], interval * self._interval)
        high = np.minimum(end[i], (interval + 1) * self._interval)
        rows = _summed(np.stack([stage[i], interval, high - low], axis=1))
        self._rows.append(rows)
        for number, _, ns in rows.tolist():
            self.total[number] += ns


def _summed(rows: Ints) -> Ints:
    low = int(rows[:, 1].min())
    wide = int(rows[:, 1].max()) - low + 1
    pairs, where = np.unique(rows[:, 0] * wide + rows[:, 1] - low, return_inverse=True)
    sums = np.zeros(len(pairs), np.int64)
    np.add.at(sums, where, rows[:, 2])
    return np.column_stack([pairs // wide, pairs % wide + low, sums])
