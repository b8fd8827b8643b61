"""What an experiment expects, held against what its runs gave: one table for `run`, `validate` and `bench`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulator.study.plain import plain
from simulator.study.run_folder import Recorded
from simulator.study.statistics import t_interval

if TYPE_CHECKING:
    from simulator.spec import Expectation


def judge(records: Sequence[Recorded], expectations: Sequence[Expectation], case: str) -> list[dict[str, Any]]:
    """A row per expectation and point that it picks: the rows of `validate --json`, and `recorded`, `source`, `note`.

    `predicted`, `low` and `high` are the mean over replications and its 95 % interval; `error` is predicted -
    measured, as a share of |measured| where the tolerance is a percentage (`relative`). The verdict is `within` if
    the mean lies in the band, `kept back` where the file says so, else `refuted`; an undefined mean is refuted.
    """
    rows = []
    for expectation in expectations:
        points: dict[str, list[Recorded]] = {}
        for run in records:
            if _picks(expectation, run):
                points.setdefault(run.name, []).append(run)
        for point, runs in points.items():
            rows.append(_row(case, point, runs, expectation))
    return rows


def differing(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows whose verdict is not the recorded one: what `validate` and `bench` fail for."""
    return [row for row in rows if row["verdict"] != row["recorded"]]


def _picks(expectation: Expectation, run: Recorded) -> bool:
    have = {**run.axes, "case": run.case}
    return all(key in have and plain(have[key]) == plain(value) for key, value in expectation.where.items())


def _row(case: str, point: str, runs: Sequence[Recorded], expectation: Expectation) -> dict[str, Any]:
    found = t_interval(run.summary[expectation.metric] for run in runs if expectation.metric in run.summary)
    relative = isinstance(expectation.tolerance, str)
    error = None
    if expectation.value is not None:
        error = found.mean - expectation.value
        if relative:
            error = error / abs(expectation.value) if expectation.value else None
    return {
        "case": case,
        "row": point,
        "metric": expectation.metric,
        "predicted": found.mean,
        "low": found.low,
        "high": found.high,
        "measured": expectation.value,
        "min": expectation.min,
        "max": expectation.max,
        "error": error,
        "tolerance": _tolerance(expectation),
        "relative": relative,
        "independence": expectation.independence,
        "verdict": verdict(expectation, found.mean),
        "recorded": expectation.verdict,
        "fitted_on": expectation.fitted_on,
        "source": expectation.source,
        "note": expectation.note,
    }


def verdict(expectation: Expectation, value: float) -> str:
    """`within`, `refuted` or `kept back`."""
    if expectation.verdict == "kept back":
        return "kept back"
    low, high = expectation.band
    return "within" if low <= value <= high else "refuted"


def _tolerance(expectation: Expectation) -> float | None:
    """As a number: of the metric's unit, or of a share."""
    if expectation.value is None:
        return None
    if not isinstance(expectation.tolerance, str):
        return expectation.tolerance
    return float(expectation.tolerance.strip().rstrip("%")) / 100
