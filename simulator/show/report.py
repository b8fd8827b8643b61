"""The report: one HTML file that opens offline and asks nobody for anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

from plotly.offline import get_plotlyjs

from simulator.show import coverage, energy, links, places, pods, raster, timeline, traffic
from simulator.show.comparison import comparison
from simulator.show.drilldown import SCRIPT, drill_down, reconciling
from simulator.show.html import figure, html_table, interval
from simulator.simulation.run import Run
from simulator.spec.notes import brief
from simulator.study.contest import label as named
from simulator.study.correction import told
from simulator.study.differences import differences
from simulator.study.study import Study

_MOST: Final = 12  # scenarios whose course is shown
_LONG: Final = 40  # rows of paired differences; more fold away

_CSS = """
:root { --ink: #22303c; --quiet: #6b7a86; --line: #d9e0e5; --paper: #fcfcfa; }
body { font: 16px/1.55 Georgia, 'Times New Roman', serif; color: var(--ink); background: var(--paper);
       max-width: 1120px; margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.9rem; line-height: 1.25; margin: 0 0 .3rem; font-weight: normal; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; border-top: 1px solid var(--line); padding-top: 1.1rem; }
h3 { font-size: 1.02rem; margin: 1.4rem 0 .2rem; font-weight: normal; font-style: italic; }
h4 { font-size: .92rem; margin: .8rem 0 .1rem; font-weight: normal; color: var(--quiet); }
select { font: inherit; color: var(--ink); background: white; border: 1px solid var(--line); padding: .1rem .3rem; }
nav { font-size: .9rem; margin: .8rem 0; }
nav a { color: var(--quiet); }
.quiet, figcaption { color: var(--quiet); font-size: .92rem; }
figure { margin: .6rem 0 1.6rem; }
table { border-collapse: collapse; font-size: .9rem; margin: .6rem 0; }
th { text-align: left; font-weight: normal; color: var(--quiet); border-bottom: 1px solid var(--ink); }
th, td { padding: .22rem .9rem .22rem 0; vertical-align: top; max-width: 24rem; overflow-wrap: break-word; }
td { border-bottom: 1px solid var(--line); }
.wide { overflow-x: auto; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
details > summary { cursor: pointer; color: var(--quiet); font-size: .88rem; }
details .scroll { max-height: 22rem; overflow: auto; }
details { overflow-x: auto; }
.warning { background: #fbf0e2; padding: .4rem .8rem; margin: .3rem 0; border-left: 3px solid #e08a3c; }
code { font-size: .86rem; }
"""


_MOST_COLUMNS: Final = 6  # of points of a plan, that the page has room for beside each other


def _summary(rows: Sequence[Mapping[str, Any]], metrics: Sequence[str]) -> str:
    """One row per metric, one column per point of the plan, or a row for each of many: mean and 95 % interval."""
    points = list(dict.fromkeys(_label(r["axes"], r["case"]) for r in rows))
    cells = {(r["metric"], _label(r["axes"], r["case"])): r for r in rows}
    found = list(dict.fromkeys(r["metric"] for r in rows))
    names = [m for m in metrics if m in found] or found
    text = {key: interval(cell) for key, cell in cells.items()}
    if len(points) > max(_MOST_COLUMNS, len(names)):
        table = [{"scenario": p, **{m: text.get((m, p), "–") for m in names}} for p in points]
        return _folded(html_table(table, ["scenario", *names]), len(points), "scenarios")
    table = [{"metric": m, **{p or "result": text.get((m, p), "–") for p in points}} for m in names]
    return html_table(table, ["metric", *(p or "result" for p in points)])


def _differences(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for row in rows:
        if told(row):
            pair = f"{named(row['second'])} − {named(row['first'])}"
            where = _label(row["axes"], row["case"])
            gap = interval({"mean": row["difference"], "low": row["low"], "high": row["high"]})
            lines.append({"pair": pair, "at": where, "metric": row["metric"], "difference": gap, "n": row["n"]})
    if not lines:
        return "<p>None.</p>"
    at = ["at"] if any(line["at"] for line in lines) else []
    return _folded(html_table(lines, ["pair", *at, "metric", "difference", "n"]), len(lines), "differences")


def _verdicts(rows: Sequence[Mapping[str, Any]]) -> str:
    columns = ["row", "metric", "predicted", "measured", "min", "max", "tolerance", "verdict", "source", "note"]
    found = [c for c in columns if any(row[c] is not None for row in rows)]
    said = "Predicted: the mean of the runs here. Measured: what the source says that it should be."
    return f"<p class='quiet'>{said}</p>" + _folded(html_table(rows, found), len(rows), "expectations")


def _folded(table: str, rows: int, what: str) -> str:
    """A long table, to be opened by whoever wants it."""
    if rows <= _LONG:
        return table
    return f"<details><summary>{rows} {what}</summary><div class='scroll'>{table}</div></details>"


def _label(axes: Mapping[str, Any], case: str | None) -> str:
    parts = [f"{path.rsplit('.', 1)[-1]} = {value}" for path, value in axes.items()]
    return ", ".join([case, *parts] if case else parts)


def _contents(labels: Sequence[str]) -> str:
    """Links to the parts of the page."""
    parts = [("answer", "Answer"), ("place", "The place")]
    for k, label in enumerate(labels):
        parts += [(f"happened-{k}", label or "What happened"), (f"nodes-{k}", "node by node")]
    parts += [("parted", "When belief, storage and reality part"), ("facts", "Facts")]
    links = [f"<a href='#{where}'>{escape(title)}</a>" for where, title in parts]
    return f"<nav>{' · '.join(links)}</nav>"


def _nothing(text: str) -> str:
    return f"<p class='quiet'>{text}</p>"


def _facts(runs: Sequence[Run]) -> str:
    """Each fact read by any run, once."""
    seen = {fact["path"]: fact for run in runs for fact in run.facts}
    columns = ["path", "value", "unit", "kind", "source", "hardware", "note"]
    assumed = sum(f["kind"] == "assumed" for f in seen.values())
    note = f"{len(seen)} facts, {assumed} of them assumed. <code>littoral cite</code> prints the sources."
    return f"<p class='quiet'>{note}</p>" + html_table((seen[path] for path in sorted(seen)), columns)


def _world(run: Run, k: int) -> Iterator[str]:
    """Figures of the physical world: those that the run has something for."""
    for noun in (coverage, raster, links, energy):
        drawn = noun.draw(run)
        if len(drawn.rows):
            yield figure(drawn, f"figure-{noun.__name__.rpartition('.')[2]}-{k}")


def report(study: Study) -> str:
    """The report of a study: what `report.html` in its folder holds."""
    about = {key: value for key, value in study.about.provenance.items() if not isinstance(value, Mapping)}
    provenance = {"seed": study.about.seed, **about}
    return render(
        study.question, list(study), study.summary, study.metrics, provenance,
        notes=study.warnings, verdicts=study.verdicts,
    )  # fmt: skip


def render(
    question: str,
    runs: Sequence[Run],
    summary: Sequence[Mapping[str, Any]],
    metrics: Sequence[str] = (),
    provenance: Mapping[str, Any] | None = None,
    *,
    notes: Sequence[str] = (),
    verdicts: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The whole page. `summary` has the rows of `run --json`: axes, case, metric, mean, low, high, n.

    `notes` are warnings, `verdicts` what was expected and what came (rows of `simulator.study.expect`).
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_label(run.axes, run.case), []).append(run)
    body = [f"<h1>{escape(question)}</h1>"]
    count = len(runs) // max(1, len(groups))
    spread = "Brackets: 95 % confidence." if count > 1 else "Nothing is said of its spread."
    body.append(
        f"<p class='quiet'>{len(groups)} scenario{'s' if len(groups) != 1 else ''}, "
        f"{count} replication{'s' if count != 1 else ''} each, seed {runs[0].seed}. {spread}</p>"
    )
    for warning in notes:
        body.append(f"<div class='warning'>{escape(brief(warning))}</div>")
    told_of = dict(list(groups.items())[:_MOST])
    body.append(_contents(list(told_of)))
    body.append("<h2 id='answer'>Answer</h2>" + _summary(summary, metrics))
    if ranked := comparison(runs, metrics):
        body.append("<h3 id='comparison'>Comparison</h3>" + ranked)
    if gaps := [row for row in differences(runs, metrics) if row["n"] > 1]:
        said = "Second minus first, on the same random numbers. Only what Holm's correction leaves, by metric."
        body.append(f"<h3>Paired differences</h3><p class='quiet'>{said}</p>" + _differences(gaps))
    if verdicts:
        body.append("<h3 id='expected'>What was expected</h3>" + _verdicts(verdicts))
    drawn = places.draw(runs[-1])
    one = _nothing("All nodes are at one place, or at none that is known, and no link there was cut.")
    body.append("<h2 id='place'>The place</h2>" + (figure(drawn, "figure-places") if len(drawn.rows) else one))
    if len(groups) > _MOST:
        body.append(_nothing(f"What happened is told of the first {_MOST} scenarios; the study has the tables of all."))
    for k, (label, members) in enumerate(told_of.items()):
        title = f"What happened: {label}" if label else "What happened"
        body.append(f"<h2 id='happened-{k}'>{escape(title)}</h2>")
        drawn = traffic.draw(*members)
        asked = figure(drawn, f"figure-traffic-{k}") if len(drawn.rows) else _nothing("Nobody asks for anything here.")
        body.append(asked)
        first = members[0]
        body.append(f"<p class='quiet'>What follows shows replication {first.replication}.</p>")
        body += _world(first, k)
        body.append(figure(timeline.draw(first), f"figure-timeline-{k}"))
        drawn = pods.draw(first)
        body.append(figure(drawn, f"figure-pods-{k}") if len(drawn.rows) else _nothing("No pod has run here."))
        body.append(f"<h3 id='nodes-{k}'>Node by node: three truths, the messages, what was sent again</h3>")
        body.append(drill_down(first, f"figure-truths-{k}", share=len(told_of)))
    body.append("<h2 id='parted'>When belief, storage and reality part</h2>" + reconciling(told_of))
    body.append("<h2 id='facts'>Every fact that was read</h2><details open><summary>facts and their sources</summary>")
    body.append(_facts(runs) + "</details>")
    if provenance:
        rows = [{"what": key, "value": value} for key, value in provenance.items()]
        body.append("<h2>Where this comes from</h2>" + html_table(rows, ["what", "value"]))
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        "<link rel='icon' href='data:,'>"
        f"<title>{escape(question)}</title><style>{_CSS}</style><script>{get_plotlyjs()}</script></head>"
        f"<body>{''.join(body)}<script>{SCRIPT}</script></body></html>"
    )
