"""A contest as text: the rank table, what is told from the control, and where the decisions part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from simulator.cli.answer import number, table
from simulator.cli.summary import difference_table, scenario
from simulator.errors import Problem, UserError
from simulator.study.contest import Contest, Front, alike, hold, largest
from simulator.study.correction import LEVEL, told
from simulator.study.plain import plain, to_json
from simulator.study.reasons import reasons
from simulator.study.study import Study

_NODES = 2  # so many of the best are shown beside those that were chosen


def contest(study: Study, axis: str) -> tuple[dict[str, Any], str]:
    """The document of `compare --by`, and the same as text."""
    held = hold(study.records, study.metrics, axis)
    if not held.values:
        said = f"of none of the study's metrics is more, or less, better: {', '.join(study.metrics)}"
        raise UserError(Problem(said, hint="name others in `metrics` of the experiment"))
    why, names = reasons(study, largest(held)), held.names
    document = {
        "axis": held.axis,
        "entrants": [plain(value) for value in held.entrants],
        "ranks": held.table(),
        "fronts": [_front(front, names) for front in held.fronts()],
        "differences": list(held.differences),
        "reasons": why,
    }
    return document, "\n\n".join(
        filter(None, [_ranks(held), _fronts(held), _told(held), *(_reason(held, *group) for group in _grouped(why))])
    )


def _ranks(held: Contest) -> str:
    rows = held.table()
    lines = []
    for i, name in enumerate(held.names):
        ranks = {row["metric"]: f"{row['ranks'][i]:.2f}" if row["blocks"] else "–" for row in rows}
        lines.append({"mean rank": name, **ranks})
    lines.append({"mean rank": "Friedman p (Holm)", **{row["metric"]: alike(row) for row in rows}})
    blocks = max(row["blocks"] for row in rows)
    said = f"1 is best; over {blocks} blocks, each one scenario in one replication; equals share their mean rank"
    short = [f"{row['metric']} {row['blocks']}" for row in rows if row["left_out"]]
    said += f"; undefined for somebody elsewhere: {', '.join(short)}" if short else ""
    return table(lines, ["mean rank", *(row["metric"] for row in rows)]) + "\n" + said


def _front(front: Front, names: Sequence[str]) -> dict[str, Any]:
    best = [name for name, free in zip(names, front.best, strict=True) if free]
    return {"scenario": front.scenario, "metrics": list(front.metrics), "entrants": best}


def _fronts(held: Contest) -> str:
    rows, names = [], held.names
    for front in held.fronts():
        for values, who in front.places().items():
            # As many digits as tell places apart.
            measured = {metric: f"{value:.6g}" for metric, value in zip(front.metrics, values, strict=True)}
            rows.append({"dominated by nobody": ", ".join(names[i] for i in who), "at": front.scenario, **measured})
    metrics = dict.fromkeys(metric for front in held.fronts() for metric in front.metrics)
    return table(rows, ["dominated by nobody", "at", *metrics]) if rows else ""


def _told(held: Contest) -> str:
    names = _names(held)
    rows = [
        {**row, **{side: names[to_json(row[side])] for side in ("first", "second")}}
        for row in held.differences
        if told(row)
    ]
    if not rows:
        return "no paired difference is told from zero"
    said = f"of {len(held.differences)}, those with Holm's p below {LEVEL:g}, all of a metric corrected together; an "
    said += "interval is of its difference alone"
    return difference_table(rows) + "\n" + said


def _names(held: Contest) -> dict[str, str]:
    return {to_json(value): name for value, name in zip(held.entrants, held.names, strict=True)}


def _reason(held: Contest, found: Mapping[str, Any], metrics: Sequence[str]) -> str:
    names = [_names(held)[to_json(found[f"{side}_name"])] for side in ("first", "second")]
    where = "" if (at := scenario(found)) == "result" else f", at {at}"
    said = f"in {', '.join(metrics)}: {names[1]} and {names[0]}{where}"
    ties = f", after {found['ties']} between nodes of equal score" if found["ties"] else ""
    lines = [
        f"the largest difference {said}",
        f"they part over {found['pod']} (replication {found['replication']}{ties})",
    ]
    sides = [found["first"], found["second"]]
    chosen = [side["node"] for side in sides if side["node"]]
    for name, side in zip(names, sides, strict=True):
        lines.append(f"  {name}, {side['time_s']:.3f} s: {side['decision']} {side['node'] or ''}".rstrip())
    alike = sides[0]["nodes"] == sides[1]["nodes"]
    for name, side in zip(["both"] if alike else names, sides, strict=False):
        lines.append(f"  what the orchestrator's own filters and scores said in the run of {name}")
        lines += [f"    {line}" for line in _verdicts(side["nodes"], chosen)]
    return "\n".join(lines)


def _grouped(found: Sequence[Mapping[str, Any]]) -> list[tuple[Mapping[str, Any], list[str]]]:
    """The reasons of one pair at one place are one, of several metrics."""
    groups: dict[str, tuple[Mapping[str, Any], list[str]]] = {}
    for one in found:
        key = to_json([one[name] for name in ("first_name", "second_name", "axes", "case")])
        groups.setdefault(key, (one, []))[1].append(f"{one['metric']} ({number(one['difference'])})")
    return list(groups.values())


def _verdicts(nodes: Sequence[Mapping[str, Any]], chosen: Sequence[str]) -> list[str]:
    shown = [node for k, node in enumerate(nodes) if node["node"] in chosen or k < _NODES]
    return table(shown, ["node", "verdict", "score", "why"]).splitlines()
