"""`littoral bench`: how fast, and against whom."""

from __future__ import annotations

from typing import Any

from simulator.cli.answer import Answer, number, say, table
from simulator.study.bench import run_bench
from simulator.study.expect import differing

_COLUMNS = ("name", "value", "unit", "goal", "met", "peer", "peer_value", "ratio", "quoted", "peak_rss_mb")


def bench(*names: str) -> Answer:
    """Measure value, peer, ratio and goal, each benchmark in a fresh process.

    Exit status 1 only where a verdict is not the recorded one.

    Parameters
    ----------
    names
        Names of experiments in experiments/bench/; default: all.
    """
    rows = run_bench(names)
    wrong = differing(rows)
    for row in wrong:
        say(f"{row['name']}: {row['verdict']}, recorded as {row['recorded']}")
    document = [{key: row[key] for key in (*_COLUMNS, "verdict", "recorded")} for row in rows]
    return Answer(document, table([_line(row) for row in rows], _COLUMNS), status=1 if wrong else 0)


def _line(row: dict[str, Any]) -> dict[str, Any]:
    shown = {key: number(row[key]) for key in ("value", "goal", "peer_value", "ratio") if row[key] is not None}
    return {**row, **shown, "quoted": row["quoted"] if row["peer"] else None}
