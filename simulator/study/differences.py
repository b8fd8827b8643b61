"""Paired differences between the scenarios of one study: the same replication meets the same random numbers in each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from simulator.study.correction import corrected
from simulator.study.run_folder import Recorded
from simulator.study.statistics import gap, t_interval, t_test

_ALL_PAIRS: Final = 4  # up to so many values of an axis each is compared with each, beyond that with the first
CASE: Final = "case"


@dataclass(frozen=True, slots=True)
class Point:
    """One scenario of a study: what tells it from the others, and its runs by replication."""

    axes: Mapping[str, Any]
    case: str | None
    runs: Mapping[int, Recorded]

    def at(self, axis: str) -> Any:
        """Its value on an axis; that of `case` is its case."""
        return self.case if axis == CASE else self.axes[axis]

    def elsewhere(self, axis: str) -> tuple[str, ...]:
        """Where it is on all other axes."""
        places = {**self.axes, CASE: self.case}
        return tuple(f"{name}={value!r}" for name, value in places.items() if name != axis)


def differences(runs: Sequence[Recorded], metrics: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of axis, first, second, axes, case, metric, difference, low, high, n, significant, p, p_holm.

    `difference` is second minus first, two values of one axis (or two cases) where all else is equal; `axes` and `case`
    say where that is, without the axis. The interval is that of Student's t over the pairs of replications in which
    both are defined; `significant` is said of it alone, and `p_holm` is its p value corrected over all comparisons of
    this metric along this axis (`simulator.study.correction`).
    """
    rows = []
    for axis, first, second in _pairs(points(runs)):
        both = [r for r in first.runs if r in second.runs]
        for metric in metrics:
            ours, theirs = ([point.runs[r].summary.get(metric) for r in both] for point in (first, second))
            gaps = [gap(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None and b is not None]
            found = t_interval(gaps)
            rows.append(
                {
                    "axis": axis,
                    "first": first.at(axis),
                    "second": second.at(axis),
                    "axes": {name: value for name, value in first.axes.items() if name != axis},
                    "case": None if axis == CASE else first.case,
                    "metric": metric,
                    "difference": found.mean,
                    "low": found.low,
                    "high": found.high,
                    "n": found.n,
                    "significant": found.significant,
                    "p": t_test(gaps),
                }
            )
    return corrected(rows, ["axis", "metric"])


def points(runs: Sequence[Recorded]) -> list[Point]:
    """The scenarios of a study, in its order."""
    found: dict[str, dict[int, Recorded]] = {}
    for run in runs:
        found.setdefault(run.name, {})[run.replication] = run
    return [Point(first.axes, first.case, point) for point in found.values() for first in [next(iter(point.values()))]]


def _pairs(found: Sequence[Point]) -> Iterator[tuple[str, Point, Point]]:
    axes = dict.fromkeys(name for point in found for name in point.axes)
    for axis in (*axes, CASE):
        rows: dict[tuple[str, ...], list[Point]] = {}
        for point in found:
            rows.setdefault(point.elsewhere(axis), []).append(point)
        for row in rows.values():
            pairs = combinations(row, 2) if len(row) <= _ALL_PAIRS else ((row[0], other) for other in row[1:])
            for first, second in pairs:
                yield axis, first, second
