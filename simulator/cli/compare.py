"""`littoral compare`: paired differences of two studies."""

from __future__ import annotations

from pathlib import Path

from simulator.cli.answer import Answer, number, say, table
from simulator.cli.contest import contest
from simulator.cli.summary import difference_table, no_spread, scenario
from simulator.errors import Problem, UserError
from simulator.study import compare as comparison
from simulator.study.correction import told
from simulator.study.store import open_run


def compare(first: Path, second: Path | None = None, /, *, by: str | None = None) -> Answer:
    """Paired differences, second minus first, with 95 % confidence intervals on common random numbers.

    Parameters
    ----------
    first
        A study folder.
    second
        Another, with the same seed and scenarios of the same names; without one, the scenarios of the first with
        each other.
    by
        An axis of the one study, as in policy: ranks its values over all else, with Friedman's test, holds each against
        the first, or each other if they are few, and says where the decisions part.
    """
    if by is not None:
        if second is not None:
            raise UserError(Problem("--by ranks within one study", hint="give one folder"))
        return Answer(*contest(open_run(first), by))
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
            "p (Holm)": number(row["p_holm"]),
            "": "significant" if told(row) else "",
        }
        for row in rows
    ]
    text = table(lines, ("scenario", "metric", "difference", "95 % interval", "n", "p (Holm)", ""))
    return Answer(rows, text + no_spread(rows))
