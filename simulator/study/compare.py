"""Two studies on the same random numbers: paired differences, with their confidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from simulator.errors import Problem, UserError
from simulator.study.correction import corrected
from simulator.study.plain import to_json
from simulator.study.run_folder import Recorded
from simulator.study.statistics import gap, t_interval, t_test
from simulator.study.store import open_run
from simulator.study.study import Study

Pair = tuple[Recorded, Recorded]


def compare(first: Study | str | Path, second: Study | str | Path) -> list[dict[str, Any]]:
    """Rows of axes, case, metric, difference, low, high, n, significant, p, p_holm: second minus first, per point and
    metric.

    Runs are paired by axes, case and replication; n counts the pairs in which both are defined; `significant` says
    whether the 95 % t interval of the difference excludes zero, taken alone; `p_holm` is its p value corrected over all
    points of the metric (`simulator.study.correction`). Raises UserError if no run has a partner, or if
    partners had different seeds: their differences would be noise.
    """
    first, second = (study if isinstance(study, Study) else open_run(study) for study in (first, second))
    pairs, _ = partners(first, second)
    points: dict[str, list[Pair]] = {}
    for pair in pairs:
        points.setdefault(pair[0].name, []).append(pair)
    rows = []
    for point in points.values():
        for metric in first.metrics:
            if not all(metric in run.summary for pair in point for run in pair):
                continue
            gaps = [gap(ours.summary[metric], theirs.summary[metric]) for ours, theirs in point]
            found = t_interval(gaps)
            rows.append(
                {
                    "axes": dict(point[0][0].axes),
                    "case": point[0][0].case,
                    "metric": metric,
                    "difference": found.mean,
                    "low": found.low,
                    "high": found.high,
                    "n": found.n,
                    "significant": found.significant,
                    "p": t_test(gaps),
                }
            )
    return corrected(rows, ["metric"])


def partners(first: Study, second: Study) -> tuple[list[Pair], int]:
    """The pairs of runs with equal axes, case and replication, and how many runs have no partner."""
    theirs = {_key(run): run for run in second.records}
    pairs = [(run, theirs[_key(run)]) for run in first.records if _key(run) in theirs]
    if not pairs:
        said = f"no run of the one has a partner in the other: {_points(first.records)}; {_points(second.records)}"
        raise UserError(Problem(said, hint="runs pair by axes, case and replication"))
    seeds = sorted({(ours.seed, theirs.seed) for ours, theirs in pairs if ours.seed != theirs.seed})
    if seeds:
        said = f"the studies had different seeds ({seeds[0][0]} and {seeds[0][1]}), so nothing pairs their runs"
        raise UserError(Problem(said, hint="run both with the same --seed"))
    return pairs, len(first) + len(second) - 2 * len(pairs)


def _key(run: Recorded) -> str:
    return to_json([run.axes, run.case, run.replication], indent=None)


def _points(runs: Sequence[Recorded]) -> str:
    names = list(dict.fromkeys(run.name for run in runs))
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
