"""The report's drill-down: choose a node, see its three truths and the ledger of its messages; all in the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import polars as pl

from simulator.show import messages, truths
from simulator.show.html import MOST_ROWS, figure, html_table, interval, number
from simulator.show.style import time_unit
from simulator.simulation.run import Run
from simulator.study.statistics import t_interval

# So many nodes are in the page for one scenario, and for all of them together.
_MOST_NODES: Final = 24
_MOST_IN_ALL: Final = 96

_METRICS: Final = (
    "detection_s", "false_detections", "belief_error_s", "replacement_s", "double_pod_seconds", "reconciliation_s",
    "recovery_s", "resync_bytes", "resent_messages", "lost_control_messages",
    "duplicated_messages",
)  # fmt: skip


def reconciling(groups: Mapping[str, Sequence[Run]]) -> str:
    """What it took to see that something was gone, to replace it, and to agree again: a row per metric."""
    rows = []
    for metric in _METRICS:
        row: dict[str, Any] = {"metric": metric}
        for label, members in groups.items():
            known = t_interval(run.summary[metric] for run in members if metric in run.summary)
            row[label or "result"] = interval(known._asdict())
        rows.append(row)
    table = html_table(rows, ["metric", *(label or "result" for label in groups)])
    return (
        f"<p class='quiet'><code>littoral list metrics</code> says what each means; – : nothing to measure.</p>{table}"
    )


def drill_down(run: Run, identity: str, share: int = 1) -> str:
    """The drill-down of one run, its figure under this id; one of `share` in the page."""
    data = truths.rows(run)
    ranked = truths.apart_s(data, run)
    most = max(4, min(_MOST_NODES, _MOST_IN_ALL // share))
    seconds = dict(ranked.head(most).iter_rows())
    known = run.table("nodes")["node"].unique(maintain_order=True).to_list()
    if not known:
        return "<p class='quiet'>No cluster has nodes here.</p>"
    if len(known) <= most or not seconds:
        seconds |= {name: 0.0 for name in known[:most] if name not in seconds}
    pictures = {name: truths.picture(data, name, time_unit(run)[0]) for name in seconds}
    options = "".join(
        f"<option value='{escape(name)}'>{escape(name)}: {number(round(apart, 1))} s apart</option>"
        for name, apart in seconds.items()
    )
    left_out = ranked.height - len(seconds)
    said = (
        f"{ranked.height or 'No'} node{'s' if ranked.height != 1 else ''} with truths that ever part, those that part "
        "longest first (seconds of the node's, and of each of its pods)"
        + (
            f"; the {left_out} of the least are not in this page: Run.figure('truths', node=…)."
            if left_out > 0
            else "."
        )
    )
    first = truths.finish(run, next(iter(pictures.values())))
    choice = f"<label>Node <select data-truths='{identity}'>{options}</select></label>"
    return (
        f"<section><p>{choice} <span class='quiet'>{said}</span></p>{figure(first, identity)}"
        f"{_ledgers(run, list(seconds))}"
        f"<script type='application/json' id='{identity}-nodes'>{_payload(pictures)}</script></section>"
    )


def _payload(pictures: Mapping[str, truths.Picture]) -> str:
    """What the script needs to draw another node."""
    nodes = [
        {"title": p.title, "caption": p.caption, "rows": len(p.rows), "data": p.traces, "layout": p.layout}
        for p in pictures.values()
    ]
    return json.dumps(nodes, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c")


def _ledgers(run: Run, names: Sequence[str]) -> str:
    """What became of each node's messages; the first node's is shown."""
    counts, again = messages.ledger(run), messages.again(run)
    parts = []
    for name in names:
        hidden = "" if name == names[0] else " hidden"
        mine, sent = counts.filter(pl.col("node") == name), again.filter(pl.col("node") == name)
        body = "<h4>Its control messages: how often each of these happened to one</h4>"
        if mine.is_empty():
            body += "<p class='quiet'>None was recorded.</p>"
        else:
            body += html_table(mine.iter_rows(named=True), ["direction", "kind", *messages.EVENTS, "bytes"])
        if not sent.is_empty():
            body += (
                "<h4>What was sent because a connection came back, or again for want of an answer; return_s: when the "
                "node had power and its path again, last_s: from then to the last of them</h4>"
            )
            body += html_table(
                sent.iter_rows(named=True), ["return_s", "direction", "kind", "messages", "bytes", "last_s"]
            )
        parts.append(f"<div data-ledger='{escape(name)}'{hidden}>{body}</div>")
    return "".join(parts)


SCRIPT: Final = """
document.querySelectorAll('select[data-truths]').forEach(select => {
  const plot = document.getElementById(select.dataset.truths);
  const nodes = JSON.parse(document.getElementById(plot.id + '-nodes').textContent);
  const section = select.closest('section');
  select.addEventListener('change', () => {
    const node = nodes[select.selectedIndex];
    section.querySelector('h3').textContent = node.title;
    section.querySelector('figcaption').textContent = node.caption;
    section.querySelectorAll('[data-ledger]').forEach(part => { part.hidden = part.dataset.ledger !== select.value; });
    Plotly.react(plot, structuredClone(node.data), Object.assign({}, plot.layout, structuredClone(node.layout)));
    const rows = node.data.flatMap(trace => trace.customdata).slice(0, MOST_ROWS);
    const details = section.querySelector('details'), body = details.querySelector('tbody');
    details.dataset.rows = node.rows;
    details.querySelector('summary').textContent =
      'its ' + node.rows + ' rows' + (node.rows > rows.length ? ' (' + rows.length + ' of them)' : '');
    body.replaceChildren(...rows.map(row => {
      const line = document.createElement('tr');
      row.forEach(value => {
        const cell = line.insertCell();
        if (typeof value === 'number') { cell.className = 'n'; value = +value.toPrecision(7); }
        cell.textContent = value;
      });
      return line;
    }));
  });
});
""".replace("MOST_ROWS", str(MOST_ROWS))
