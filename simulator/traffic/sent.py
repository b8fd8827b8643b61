"""What readings give links to send, by interval: counted as they set out, so that nobody has to look meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from simulator.traffic.bins import spread
from simulator.traffic.calls import Steps

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Sent:
    """Bits and frames (one for each reading) by directed link and interval of `interval_ns`. A reading that is lost on
    its way counts on all of it."""

    __slots__ = ("_cells", "_interval", "_rows")

    def __init__(self, interval_ns: int) -> None:
        self._interval = interval_ns
        self._rows: dict[int, int] = {}  # by directed link
        self._cells: Ints = np.zeros((2, 0, 0), np.int64)  # bits and frames, by row and interval

    def run(self, steps: Steps, first: int, every: int, number: int) -> None:
        """`number` readings, the first at `first` (ns), one each `every`, pass these steps."""
        self._add(steps, *spread(first, every, number, self._interval))

    def some(self, steps: Steps, times: Ints) -> None:
        """A reading at each of these times does."""
        if times.size:
            cells = times // self._interval
            low = int(cells.min())
            self._add(steps, low, np.bincount(cells - low))

    def total(self, hops: int) -> Floats:
        """All so far, by directed link, shape (2, hops): bits and frames."""
        return self._by_hop(self._cells.sum(axis=2), hops)

    def by_interval(self, intervals: int, hops: int) -> Iterator[Floats]:
        """The same of each interval; the last has all that came after it, too."""
        more = max(0, intervals - self._cells.shape[2])
        cells = np.pad(self._cells, ((0, 0), (0, 0), (0, more)))
        for i in range(intervals):
            yield self._by_hop(cells[:, :, i] if i < intervals - 1 else cells[:, :, i:].sum(axis=2), hops)

    def _by_hop(self, of: Ints, hops: int) -> Floats:
        found: Floats = np.zeros((2, hops))
        found[:, list(self._rows)] = of[:, : len(self._rows)]
        return found

    def _add(self, steps: Steps, low: int, counts: Ints) -> None:
        rows = [self._rows.setdefault(step[0], len(self._rows)) for step in steps]
        end, (_, height, width) = low + len(counts), self._cells.shape
        if end > width or len(self._rows) > height:
            more = np.zeros((2, max(height, 2 * len(self._rows)), max(width, 2 * end)), np.int64)
            more[:, :height, :width] = self._cells
            self._cells = more
        for row, step in zip(rows, steps, strict=True):
            self._cells[0, row, low:end] += counts * step[5]
            self._cells[1, row, low:end] += counts
