"""`littoral compare`: paired differences of two studies."""

from __future__ import annotations

from pathlib import Path

from simulator.cli.answer import Answer, number, say, table
from simulator.cli.summary import difference_table, scenario
from simulator.study import compare as comparison
from simulator.study.store import open_run


def compare(first: Path, second: Path | None = None, /) -> Answer:
    """Paired differences, second minus first, with 95 % confidence intervals on common random numbers.

    Parameters
    ----------
    first
        A study folder.
    second
        Another, with the same seed and scenarios of the same names; without one, the scenarios of the first with
        each other.
    """
    if second is None:
        rows = open_run(first).differences
        return Answer(rows, difference_table(rows) if rows else "the study has one scenario")
    ours, theirs = open_run(first), open_run(second)
    _, lonely = comparison.partners(ours, theirs)
    if lonely:
        say(f"{lonely} runs have no partner in the other study and do not count")
    rows = comparison.compare(ours, theirs)
    lines = [
        {
            "scenario": scenario(row),
            "metric": row["metric"],
            "difference": number(row["difference"]),
            "95 % interval": f"{number(row['low'])} … {number(row['high'])}" if row["n"] > 1 else "",
            "n": row["n"],
            "": "significant" if row["significant"] else "",
        }
        for row in rows
    ]
    return Answer(rows, table(lines, ("scenario", "metric", "difference", "95 % interval", "n", "")))
