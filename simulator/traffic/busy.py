"""How long stations work and links send: kept only where somebody wants to know, for energy and for what bytes cost.

A span is [begin, end) of a core that works on one request, or of a link that sends one message. Evaluators append spans
when they begin; a span that is not over when the plane is settled waits, and is cut off where its pod stops.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
_NOTHING: Ints = np.zeros((0, 3), np.int64)


class Busy:
    """Spans by stage (see `RequestPlane`), added up by interval of `interval_ns`."""

    __slots__ = ("_interval", "_rows", "_waiting", "spans", "total")

    def __init__(self, interval_ns: int) -> None:
        self._interval = interval_ns
        self._waiting = _NOTHING
        self._rows: list[Ints] = []  # (stage, interval, ns)
        self.spans: list[Ints | tuple[int, int, int]] = []  # (stage, begin, end), one or (n, 3), since the last look
        self.total: Counter[int] = Counter()  # ns up to the last look, by stage

    def settle(self, until: int) -> None:
        """Count what has been done by `until` (ns)."""
        if not self.spans and not self._waiting.size:
            return
        single = np.array([span for span in self.spans if isinstance(span, tuple)], np.int64).reshape(-1, 3)
        rows = np.concatenate([self._waiting, single, *(span for span in self.spans if not isinstance(span, tuple))])
        self.spans.clear()
        done = rows[rows[:, 1] < until]
        later = rows[rows[:, 2] > until]
        later[:, 1] = np.maximum(later[:, 1], until)
        self._waiting = later
        if done.size:
            self._add(done[:, 0], done[:, 1], np.minimum(done[:, 2], until))

    def stop(self, stage: int) -> None:
        """A station has stopped now; everything by now has been settled."""
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
        stages, where = np.unique(rows[:, 0], return_inverse=True)
        sums = np.zeros(len(stages), np.int64)
        np.add.at(sums, where, rows[:, 2])
        for number, ns in zip(stages.tolist(), sums.tolist(), strict=True):
            self.total[number] += ns


def _summed(rows: Ints) -> Ints:
    pairs, where = np.unique(rows[:, :2], axis=0, return_inverse=True)
    sums = np.zeros(len(pairs), np.int64)
    np.add.at(sums, where.ravel(), rows[:, 2])
    return np.column_stack([pairs, sums])
