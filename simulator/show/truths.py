"""One node's three truths, stacked: what it was, what the control plane believed, and where they parted, pod by pod."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

from simulator.errors import Problem, UserError
from simulator.record.truths import GIVEN_UP, pod_truths, replacements
from simulator.show.intervals import intervals
from simulator.show.style import (
    APART,
    CUT,
    DOWN,
    ENDING,
    FAULTS,
    GOOD,
    QUIET,
    STARTING,
    STORED,
    UNKNOWN,
    Drawing,
    layout,
    mark_faults,
    time_unit,
)
from simulator.simulation.run import Run

STALE: Final = "believed ready, does not run"
UNSEEN: Final = "runs, believed not ready"
ORPHAN: Final = "runs, though given up"
SPLIT: Final = "runs, and so does its replacement"
REST: Final = "on its way to agree"

# (truth, state) -> legend and colour; what is not here is drawn as nothing.
_LOOK: Final = {
    ("is", "up"): ("up and reachable, or running", GOOD),
    ("running", "started"): ("up and reachable, or running", GOOD),
    ("is", "cut"): ("up, but cut off", CUT),
    ("is", "down"): ("down", DOWN),
    ("believed", "Ready"): ("believed Ready", QUIET),
    ("believed", "Running"): ("believed Ready", QUIET),
    ("believed", "Pending"): ("believed to come", STARTING),
    ("believed", "Scheduled"): ("believed to come", STARTING),
    ("believed", "NotReady"): ("believed NotReady or Failed", DOWN),
    ("believed", "Failed"): ("believed NotReady or Failed", DOWN),
    ("believed", "Unknown"): ("believed Unknown", UNKNOWN),
    ("believed", "Terminating"): ("being deleted", ENDING),
    ("believed", "Succeeded"): ("being deleted", ENDING),
    ("stored", "desired"): ("stored on the node", STORED),
    ("apart", REST): (REST, APART[0]),
    ("apart", UNSEEN): (UNSEEN, APART[1]),
    ("apart", STALE): (STALE, APART[1]),
    ("apart", ORPHAN): (ORPHAN, APART[2]),
    ("apart", SPLIT): (SPLIT, APART[3]),
}
_MOST_PODS: Final = 12
_SCHEMA: Final = {"node": str, "subject": str, "truth": str, "state": str, "start_s": float, "end_s": float}


def _node_rows(run: Run) -> pl.DataFrame:
    """What each node was, and what was believed of it."""
    until, nodes = float(run.world["duration_s"]), run.table("nodes")
    parts = {truth: intervals(nodes.filter(pl.col("truth") == truth), "node", until) for truth in _NODE_TRUTHS}
    names = nodes["node"].unique(maintain_order=True)
    up = pl.DataFrame({"node": names}).with_columns(state=pl.lit("up"), start_s=pl.lit(0.0), end_s=pl.lit(until))
    away = [parts["path"].filter(pl.col("state") == "cut"), parts["running"].filter(pl.col("state") == "down")]
    rows = [pl.concat([up, *away]).with_columns(truth=pl.lit("is"))]
    rows.append(parts["believed"].with_columns(truth=pl.lit("believed")))
    return pl.concat(rows).with_columns(subject=pl.lit("node")).select(*_SCHEMA)


_NODE_TRUTHS: Final = ("running", "path", "believed")


def _pod_rows(run: Run) -> pl.DataFrame:
    """What was believed, stored and running of each pod, each by itself, and the kind of their difference."""
    until = float(run.world["duration_s"])
    truths = pod_truths(run.table("pods")).with_columns(pl.col("until_s").clip(upper_bound=until))
    replaced = replacements(run.tables).select("pod", replaced_s=pl.col("lost_s") + pl.col("took_s"))
    # A pod that is given up and replaced is cut in two where its replacement begins to run.
    replaced = replaced.unique("pod", keep="first", maintain_order=True)
    both = truths.join(replaced, on="pod", how="left", maintain_order="left")
    both = both.with_columns(pl.col("replaced_s").fill_null(until))
    before = both.with_columns(until_s=pl.min_horizontal("until_s", "replaced_s"), late=pl.lit(False))
    after = both.with_columns(time_s=pl.max_horizontal("time_s", "replaced_s"), late=pl.lit(True))
    believed, running = pl.col("believed"), pl.col("running")
    given_up = believed.is_in(GIVEN_UP)
    kind = (
        pl.when(running & given_up & pl.col("late")).then(pl.lit(SPLIT))
        .when(running & given_up).then(pl.lit(ORPHAN))
        .when(running & (believed == "NotReady") & ~pl.col("starting")).then(pl.lit(UNSEEN))
        .when(~running & believed.is_in(("Ready", "Running"))).then(pl.lit(STALE))
        .otherwise(pl.lit(REST))
    )  # fmt: skip
    columns = {
        "believed": believed,
        "stored": pl.when("stored").then(pl.lit("desired")).otherwise(pl.lit("")),
        "running": pl.when("running").then(pl.lit("started")).otherwise(pl.lit("")),
        "apart": pl.when("agree").then(pl.lit("")).otherwise(kind),
    }
    parted = pl.concat([before, after]).filter(pl.col("until_s") > pl.col("time_s")).sort("time_s", maintain_order=True)
    found = []
    for truth, state in columns.items():
        changes = parted.select("node", "pod", "time_s", state=state)
        rows = intervals(changes, "pod", until).filter(pl.col("state") != "")
        homes = changes.select("pod", "node").unique()
        found.append(rows.join(homes, on="pod", maintain_order="left").with_columns(truth=pl.lit(truth)))
    return pl.concat(found).rename({"pod": "subject"}).select(*_SCHEMA)


def rows(run: Run) -> pl.DataFrame:
    """Intervals (node, subject, truth, state, start_s, end_s) of every node: the subject is `node`, or a pod of it.

    Truths: is (path and power), believed, stored, running, and apart: where the three part, and how.
    """
    return pl.concat([_node_rows(run), _pod_rows(run)]).filter(pl.col("state").is_in(("", "Deleted")).not_())


def apart_s(data: pl.DataFrame, run: Run) -> pl.DataFrame:
    """Nodes by how long truths about them part: (node, apart_s), the largest first, only those above zero.

    Node-seconds in which the believed Ready condition differs from its being up, and pod-seconds in which the truths
    of one of its pods have parted, but for those of a pod that comes or goes in the normal course.
    """
    length = pl.col("end_s") - pl.col("start_s")
    pods = data.filter(pl.col("truth") == "apart", pl.col("state") != REST)
    nodes = data.filter(pl.col("subject") == "node")
    down = nodes.filter(pl.col("truth") == "is", pl.col("state") == "down").select("node", "start_s", "end_s")
    ready = nodes.filter(pl.col("truth") == "believed", pl.col("state") == "Ready").select("node", "start_s", "end_s")
    overlap = pl.min_horizontal("end_s", "end_s_right") - pl.max_horizontal("start_s", "start_s_right")
    both = ready.join(down, on="node").select("node", length=overlap.clip(lower_bound=0.0))
    not_ready = nodes.filter(pl.col("truth") == "believed", pl.col("state") != "Ready").select("node", length=length)
    unready_down = (
        nodes.filter(pl.col("truth") == "believed", pl.col("state") != "Ready")
        .select("node", "start_s", "end_s")
        .join(down, on="node")
        .select("node", length=-overlap.clip(lower_bound=0.0))
    )
    order = {name: i for i, name in enumerate(n["name"] for n in run.world["nodes"])}
    total = pl.concat([pods.select("node", length=length), both, not_ready, unready_down])
    total = total.group_by("node").agg(apart_s=pl.col("length").sum()).filter(pl.col("apart_s") > 1e-9)
    place = pl.col("node").replace_strict(order, default=len(order), return_dtype=pl.Int64)
    return total.sort(pl.col("apart_s"), -place, descending=True)


def choose(run: Run, ranked: pl.DataFrame, node: str | None = None) -> str:
    """The node asked for, or else the one whose truths part longest. Raises UserError for one of which nothing is
    known."""
    known = run.table("nodes")["node"].unique(maintain_order=True).to_list()
    if node is None:
        return str(ranked["node"][0]) if ranked.height else str(known[0]) if known else ""
    if node not in known:
        near = get_close_matches(node, known, 3) or known[:3]
        raise UserError(Problem(f"no cluster's node is named {node!r}", hint=f"perhaps {', '.join(near)}"))
    return node


@dataclass(frozen=True, slots=True)
class Picture:
    """What differs from node to node in the figure: bars as plain data, and what the axis says."""

    title: str
    caption: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    rows: pl.DataFrame


def draw(run: Run, node: str | None = None) -> Drawing:
    """The figure of one node; by default of the one whose truths part longest."""
    data = rows(run)
    return finish(run, picture(data, choose(run, apart_s(data, run), node), time_unit(run)[0]))


def finish(run: Run, made: Picture) -> Drawing:
    """A picture as a figure."""
    figure = go.Figure(data=made.traces)
    layout(figure, made.layout["height"], barmode="overlay")
    figure.update_layout(margin={"l": 230}, legend=made.layout["legend"], yaxis=made.layout["yaxis"])
    unit_s, unit = time_unit(run)
    mark_faults(figure, run, unit_s)
    figure.update_xaxes(title=unit, range=[0, run.world["duration_s"] / unit_s])
    return Drawing(made.title, made.caption, figure, made.rows)


def picture(data: pl.DataFrame, node: str, unit_s: float) -> Picture:
    """One node's part of the rows of all, on an axis that counts so many seconds as one."""
    mine = data.filter(pl.col("node") == node)
    pods = _shown_pods(mine)
    left_out = mine.filter(pl.col("subject") != "node")["subject"].n_unique() - len(pods)
    mine = mine.filter(pl.col("subject").is_in(["node", *pods])).drop("node")
    place, ticks = _lanes(pods)
    traces: dict[str, dict[str, Any]] = {name: _bars(name, colour) for name, colour in dict.fromkeys(_LOOK.values())}
    for row in mine.iter_rows():
        subject, truth, state, start, end = row
        if look := _LOOK.get((truth, state)):
            bars = traces[look[0]]
            lane, width = place[subject, truth]
            for key, value in (("y", lane), ("width", width), ("customdata", row)):
                bars[key].append(value)
            bars["base"].append(round(start / unit_s, 5))
            bars["x"].append(round((end - start) / unit_s, 5))
    depth = max(lane for lane, _ in place.values()) + 0.8
    axis = {"tickvals": list(ticks), "ticktext": list(ticks.values()), "tickfont": {"size": 11}}
    more = f" {left_out} more pods, whose truths part less, are left out." if left_out else ""
    return Picture(
        title=f"The three truths of {node}",
        caption=CAPTION + more,
        traces=[bars for bars in traces.values() if bars["x"]],
        layout={
            "height": round(150 + 17 * depth),
            "yaxis": {**axis, "range": [depth, -0.8], "showgrid": False, "zeroline": False},
            "legend": {"orientation": "h", "x": 0, "y": 1 + 0.7 / depth, "yanchor": "bottom"},
        },
        rows=mine,
    )


def _bars(name: str, colour: str) -> dict[str, Any]:
    lists: dict[str, Any] = {key: [] for key in ("base", "x", "y", "width", "customdata")}
    hover = "%{customdata[0]}, %{customdata[1]}: %{customdata[2]}<br>%{customdata[3]:.1f} s to %{customdata[4]:.1f} s"
    look = {"marker": {"color": colour, "line": {"width": 0}}, "hovertemplate": hover + "<extra></extra>"}
    return {"type": "bar", "name": name, "orientation": "h", **look, **lists}


CAPTION: Final = (
    "Above: what the node was, and what the control plane believed of it. Then for each of its pods, from top to "
    f"bottom: what was believed, what the node had stored, what ran, and, thin, how the three parted. {FAULTS}"
)


def _shown_pods(mine: pl.DataFrame) -> list[str]:
    """The pods whose truths part longest, in order of appearance."""
    pods = mine.filter(pl.col("subject") != "node")
    parted = pods.filter(pl.col("truth") == "apart").group_by("subject")
    length = pl.col("end_s") - pl.col("start_s")
    worst = parted.agg(length.filter(pl.col("state") != REST).sum().alias("apart"), length.sum().alias("all"))
    first = pods.group_by("subject").agg(pl.col("start_s").min())
    ranked = first.join(worst, on="subject", how="left").fill_null(0.0).sort("apart", "all", "subject", descending=True)
    return ranked.head(_MOST_PODS).sort("start_s", "subject")["subject"].to_list()


def _lanes(pods: Sequence[str]) -> tuple[dict[tuple[str, str], tuple[float, float]], dict[float, str]]:
    """Where each (subject, truth) is drawn, as middle and width in bars; and the labels."""
    place = {("node", "is"): (0.0, 0.9), ("node", "believed"): (1.0, 0.9)}
    ticks = {0.0: "<b>node</b>  path and power", 1.0: "believed"}
    for k, pod in enumerate(pods):
        top = 2.7 + 4.0 * k
        for i, truth in enumerate(("believed", "stored", "running")):
            place[pod, truth] = (top + i, 0.9)
            ticks[top + i] = f"<b>{pod}</b>  {truth}" if not i else truth
        place[pod, "apart"] = (top + 2.68, 0.3)
    return place, ticks
