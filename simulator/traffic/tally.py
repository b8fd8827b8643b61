"""What became of every request: exact counts, latency sketches and sampled rows, by flow, source zone and interval.

Evaluators report in any order and in portions of any size; rows are binned by their own timestamps, so neither
shows in the tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.record.buffer import Recorder
from simulator.record.sketch import Sketch, buckets
from simulator.streams import Rng
from simulator.traffic.tries import COMPLETED, K_BITS, OUTCOMES
from simulator.units import SECOND

Ints = NDArray[np.int64]

_KEPT: Final = 1 << 16  # events kept before they are counted
_OPEN: Final = 500  # sketches kept open
_COLUMNS: Final = 1 + len(OUTCOMES)  # issued, and one for each outcome
_NOTHING: Ints = np.zeros(0, np.int64)


class Tally:
    """Counts what the evaluators report. `finish` writes what is left."""

    __slots__ = (
        "_counts",
        "_first",
        "_flow_of",
        "_flows",
        "_group_of",
        "_groups",
        "_identity_of",
        "_interval",
        "_issued",
        "_issues",
        "_latest",
        "_open",
        "_past",
        "_recorder",
        "_rng",
        "_sample",
        "_sampled",
        "_source_of",
        "_targets",
        "ended_codes",
        "ended_ids",
        "ended_issued",
        "ended_times",
        "issued_ids",
        "issued_times",
    )  # fmt: skip

    def __init__(self, rng: Rng, recorder: Recorder, interval_ns: int, sample: float) -> None:
        self._rng, self._recorder, self._interval, self._sample = rng, recorder, interval_ns, sample
        self._flows: list[str] = []
        self._targets: list[str] = []
        self._groups: list[tuple[int, str]] = []  # (flow, zone)
        self._flow_of = _NOTHING  # by origin
        self._group_of = _NOTHING
        self._identity_of: NDArray[np.uint64] = np.zeros(0, np.uint64)
        self._source_of: list[tuple[str, str]] = []  # by origin: node name, zone
        self._first = 0  # the first interval that is still open
        self._counts: NDArray[np.int64] = np.zeros((0, 0, _COLUMNS), np.int64)  # of (interval, group, column)
        self._open: dict[tuple[int, int], Sketch] = {}  # of (interval, group)
        self._past: list[list[tuple[int, Sketch]]] = []  # by flow: (start of the interval, all its zones together)
        self._sampled: list[tuple[Ints, ...]] = []
        self._issues: list[tuple[Ints, ...]] = []
        self._issued = _NOTHING  # by flow, in all
        self._latest = 0
        # The loop appends to these itself.
        self.issued_ids: list[int] = []
        self.issued_times: list[int] = []
        self.ended_ids: list[int] = []
        self.ended_issued: list[int] = []
        self.ended_times: list[int] = []
        self.ended_codes: list[int] = []  # tries beyond the first << 4 | outcome

    def add_flow(
        self, name: str, target: str, sources: Sequence[tuple[str, str]], identities: NDArray[np.uint64]
    ) -> None:
        """A flow whose origins, next in number, have these (node name, zone) and identities in draws."""
        flow = len(self._flows)
        self._flows.append(name)
        self._targets.append(target)
        self._past.append([])
        zones = sorted({zone for _, zone in sources})
        first = {zone: len(self._groups) + i for i, zone in enumerate(zones)}
        self._groups += [(flow, zone) for zone in zones]
        self._flow_of = np.append(self._flow_of, np.full(len(sources), flow))
        self._issued = np.append(self._issued, 0)
        self._group_of = np.append(self._group_of, [first[zone] for _, zone in sources])
        self._identity_of = np.append(self._identity_of, identities)
        self._source_of += sources
        wider = np.zeros((len(self._counts), len(self._groups), _COLUMNS), np.int64)
        wider[:, : self._counts.shape[1]] = self._counts
        self._counts = wider

    # Reports.

    def ended(self, identity: int, issued: int, at: int, tried: int, outcome: int) -> None:
        """One request has ended."""
        self.ended_ids.append(identity)
        self.ended_issued.append(issued)
        self.ended_times.append(at)
        self.ended_codes.append(tried << 4 | outcome)

    def issued_all(self, ids: Ints, times: Ints) -> None:
        """These requests were issued."""
        self._count_issued(ids, times)

    def ended_all(self, ids: Ints, issued: Ints, times: Ints, codes: Ints) -> None:
        """These requests have ended; a code is tries beyond the first << 4 | outcome."""
        self._count_ended(ids, issued, times, codes)

    def settled(self, now: int) -> None:
        """Everything up to now has been reported: count and write, if there is much."""
        self._latest = now
        if len(self.ended_ids) + len(self.issued_ids) > _KEPT or len(self._open) > _OPEN:
            self.flush()

    def flush(self) -> None:
        """Count what was reported, and write the intervals that are over."""
        if self.issued_ids:
            self._count_issued(_array(self.issued_ids), _array(self.issued_times))
        if self.ended_ids:
            columns = (self.ended_ids, self.ended_issued, self.ended_times, self.ended_codes)
            self._count_ended(*map(_array, columns))
            for column in columns:
                column.clear()
        self.issued_ids.clear()
        self.issued_times.clear()
        self._close(self._latest // self._interval)

    # Counting.

    def _cells(self, ids: Ints, times: Ints) -> Ints:
        """Which (interval, group) each event falls into, as one number; makes room for it."""
        relative = times // self._interval - self._first
        needed = int(relative.max()) + 1
        if needed > len(self._counts):
            more = np.zeros((needed + 8 - len(self._counts), *self._counts.shape[1:]), np.int64)
            self._counts = np.concatenate([self._counts, more])
        cells: Ints = relative * len(self._groups) + self._group_of[ids >> K_BITS]
        return cells

    def _count_issued(self, ids: Ints, times: Ints) -> None:
        if not ids.size:
            return
        cells = self._cells(ids, times)
        self._issued += np.bincount(self._flow_of[ids >> K_BITS], minlength=len(self._issued))
        shape = self._counts.shape[:2]
        self._counts[:, :, 0] += np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)
        if self._sample:
            chosen = self._chosen(ids)
            self._issues.append((ids[chosen], times[chosen]))

    def _count_ended(self, ids: Ints, issued: Ints, times: Ints, codes: Ints) -> None:
        if not ids.size:
            return
        cells = self._cells(ids, times)
        outcomes = codes & 15
        counted = np.bincount(cells * _COLUMNS + outcomes + 1, minlength=self._counts.size)
        self._counts += counted.reshape(self._counts.shape)
        done = outcomes == COMPLETED
        self._sketch(*((cells, times - issued) if done.all() else (cells[done], (times - issued)[done])))
        if self._sample:
            chosen = self._chosen(ids)
            self._sampled.append((ids[chosen], issued[chosen], times[chosen], codes[chosen]))

    def _sketch(self, cells: Ints, latencies: Ints) -> None:
        if not cells.size:
            return
        found = buckets(latencies)
        low = int(found.min())
        width = int(found.max()) - low + 1
        first = int(cells.min())
        span = int(cells.max()) - first + 1
        keys = (cells - first) * width + (found - low)
        if span * width <= 8 * cells.size + 4096:
            table = np.bincount(keys, minlength=span * width).reshape(span, width)
            rows = np.flatnonzero(table.any(axis=1))
            counts = list(table[rows])
        else:  # few events over many cells
            order = np.argsort(cells, kind="stable")
            edges = np.flatnonzero(np.diff(cells[order])) + 1
            parts = np.split(order, edges)
            rows = cells[[part[0] for part in parts]] - first
            counts = [np.bincount(found[part] - low, minlength=width) for part in parts]
        totals, largest = _sums(cells - first, latencies, span)
        for row, count in zip(rows.tolist(), counts, strict=True):
            where = divmod(row + first, len(self._groups))
            sketch = self._open.get((where[0] + self._first, where[1]))
            if sketch is None:
                sketch = self._open[where[0] + self._first, where[1]] = Sketch()
            some = np.flatnonzero(count)
            start, end = int(some[0]), int(some[-1]) + 1
            sketch.add_counts(low + start, count[start:end], totals[row], largest[row])

    def _chosen(self, ids: Ints) -> NDArray[np.bool_]:
        """Whose rows are kept: a draw by (flow, source, k)."""
        origins, ks = ids >> K_BITS, ids & ((1 << K_BITS) - 1)
        if self._sample >= 1:
            return np.ones(len(ids), np.bool_)
        chosen = np.zeros(len(ids), np.bool_)
        flows = self._flow_of[origins]
        for flow in np.unique(flows).tolist():
            mine = flows == flow
            name = f"sample/{self._flows[flow]}"
            chosen[mine] = self._rng.draws(name, self._identity_of[origins[mine]], ks[mine]) < self._sample
        return chosen

    # Writing.

    def _close(self, before: int) -> None:
        """Write the intervals with a smaller number than `before`."""
        for interval in range(self._first, before):
            row = interval - self._first
            if row >= len(self._counts):
                break
            for group in np.flatnonzero(self._counts[row].any(axis=1)).tolist():
                self._write(interval, group, self._counts[row, group].tolist())
        closed = min(before - self._first, len(self._counts))
        if closed > 0:
            self._counts = self._counts[closed:].copy()
        self._first = max(self._first, before)

    def _write(self, interval: int, group: int, counts: list[int]) -> None:
        flow, zone = self._groups[group]
        start = interval * self._interval
        sketch = self._open.pop((interval, group), None) or Sketch()
        if sketch.number:
            past = self._past[flow]
            if not past or past[-1][0] != start:
                past.append((start, Sketch()))
            past[-1][1].merge(sketch)
        quantiles = (value / SECOND for value in sketch.quantiles(0.5, 0.95, 0.99))
        largest = sketch.largest / SECOND if sketch.number else float("nan")
        self._recorder.traffic.add(start, self._flows[flow], zone, *counts, sketch.mean / SECOND, *quantiles, largest)

    def finish(self, now: int) -> None:
        """Write everything, also the interval that is not over and the sampled requests that are in flight."""
        self._latest = now
        self.flush()
        self._close(now // self._interval + 1)
        ids, issued, times, codes = _joined(self._sampled, 4)
        all_ids, all_issued = _joined(self._issues, 2)
        flying = ~np.isin(all_ids, ids)
        ids, issued = np.append(ids, all_ids[flying]), np.append(issued, all_issued[flying])
        times, codes = np.append(times, issued[len(times) :]), np.append(codes, np.full(int(flying.sum()), -1))
        for i in np.lexsort((ids, issued)).tolist():
            origin, code = int(ids[i]) >> K_BITS, int(codes[i])
            node, zone = self._source_of[origin]
            flow = int(self._flow_of[origin])
            self._recorder.requests.add(
                int(issued[i]), self._flows[flow], node, zone, self._targets[flow],
                OUTCOMES[code & 15] if code >= 0 else "in-flight",
                (int(times[i]) - int(issued[i])) / SECOND if code >= 0 else float("nan"),
                (code >> 4) + 1 if code >= 0 else 0,
            )  # fmt: skip
        self._sampled, self._issues = [], []

    # Reading.

    def issued(self) -> list[int]:
        """By flow: how many requests have been issued."""
        self.flush()
        return [int(n) for n in self._issued]

    def latency_summary(self, flow: str | None, from_ns: int) -> dict[str, float]:
        """Mean, p50, p95 and p99 of `sketch`, in seconds; NaN where nothing completed."""
        sketch = self.sketch(flow, from_ns)
        values = (sketch.mean, *sketch.quantiles(0.5, 0.95, 0.99))
        return {name: value / SECOND for name, value in zip(("mean", "p50", "p95", "p99"), values, strict=True)}

    def sketch(self, flow: str | None, from_ns: int) -> Sketch:
        """All latencies of a flow (None: of all) that completed in intervals that start at `from_ns` or later."""
        self.flush()
        merged = Sketch()
        for i, past in enumerate(self._past):
            if flow is None or self._flows[i] == flow:
                for start, sketch in past:
                    if start >= from_ns:
                        merged.merge(sketch)
        for (interval, group), sketch in self._open.items():
            if interval * self._interval >= from_ns and flow in (None, self._flows[self._groups[group][0]]):
                merged.merge(sketch)
        return merged


def _array(values: list[int]) -> Ints:
    return np.array(values, np.int64)


def _joined(parts: list[tuple[Ints, ...]], width: int) -> tuple[Ints, ...]:
    if not parts:
        return tuple(_NOTHING for _ in range(width))
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def _sums(cells: Ints, values: Ints, size: int) -> tuple[list[int], list[int]]:
    """Exact sum and largest of the values in each cell. Sums of floats are exact as long as they stay below 2**53."""
    largest = np.zeros(size, np.int64)
    np.maximum.at(largest, cells, values)
    if int(values.max()) < (1 << 53) // values.size:
        return np.bincount(cells, values, minlength=size).astype(np.int64).tolist(), largest.tolist()
    totals = [0] * size
    for cell, value in zip(cells.tolist(), values.tolist(), strict=True):
        totals[cell] += value
    return totals, largest.tolist()
