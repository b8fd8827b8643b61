"""A study's summary as text, and its report as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.cli.answer import cell, number, table
from simulator.spec.notes import brief
from simulator.study.correction import told
from simulator.study.study import Study


def summary_text(study: Study) -> str:
    """The question, a table of metric by scenario, and the warnings."""
    parts = [study.question] if study.question else []
    if len(study):
        parts.append(metric_table(study.summary))
        counts = {run.name: 0 for run in study.records}
        for run in study.records:
            counts[run.name] += 1
        least = min(counts.values())
        said = f"{least} replications, 95 % confidence" if least > 1 else "1 replication: nothing is said of its spread"
        parts.append(f"seed {study.about.seed}; {said}")
        if least > 1 and (rows := study.differences):
            clear = [row for row in rows if told(row)]
            parts.append("\n" + (difference_table(clear) if clear else "no paired difference is told from zero"))
    parts += [f"warning: {brief(warning)}" for warning in study.warnings]
    return "\n\n".join(parts[:2]) + "".join(f"\n{part}" for part in parts[2:])


def metric_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per metric, one column per scenario: mean ± half of the interval's width."""
    columns = list(dict.fromkeys(scenario(row) for row in rows))
    lines: dict[str, dict[str, Any]] = {}
    for row in rows:
        half = (row["high"] - row["low"]) / 2
        text = number(row["mean"]) + (f" ± {half:.2g}" if half > 0 else "")
        lines.setdefault(row["metric"], {"": row["metric"]})[scenario(row)] = text
    return table(list(lines.values()), ["", *columns])


def difference_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """One line per pair of scenarios and metric: second minus first, with its interval."""
    lines = [
        {
            "paired differences": f"{cell(row['second'])} − {cell(row['first'])}",
            "at": "" if (where := scenario(row)) == "result" else where,
            "metric": row["metric"],
            "difference": number(row["difference"]),
            "95 % interval": f"{number(row['low'])} … {number(row['high'])}" if row["n"] > 1 else "",
            "n": row["n"],
            "p (Holm)": number(row["p_holm"]),
        }
        for row in rows
    ]
    columns = ["paired differences", *(["at"] if any(line["at"] for line in lines) else [])]
    return table(lines, [*columns, "metric", "difference", "95 % interval", "n", "p (Holm)"]) + no_spread(rows)


def no_spread(rows: Sequence[Mapping[str, Any]]) -> str:
    """What to know of differences that are the same in every replication: Student's t takes them for certain."""
    least = min((row["n"] for row in rows if row["p"] == 0), default=0)
    if not least:
        return ""
    said = f"p 0: the same in each of {least} replications or more"
    return f"\n{said}, which leaves no spread to test; of few it says little"


def scenario(row: Mapping[str, Any]) -> str:
    """What tells this point from the others, in few words."""
    parts = [f"{path.rpartition('.')[2]} = {cell(value)}" for path, value in row["axes"].items()]
    return ", ".join([*parts, *([row["case"]] if row["case"] else [])]) or "result"


def report_html(study: Study) -> str:
    """The report of a study: one HTML file."""
    from simulator.show.report import report  # noqa: PLC0415  # plotly

    return report(study)
