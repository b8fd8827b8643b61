"""Belief against reality: for each node, what it was and what the control plane believed, over time."""

from __future__ import annotations

import plotly.graph_objects as go
import polars as pl

from simulator.show.intervals import intervals
from simulator.show.style import (
    CUT,
    DOWN,
    FAULTS,
    GOOD,
    QUIET,
    UNKNOWN,
    Drawing,
    cut_zones,
    layout,
    mark_faults,
    time_unit,
)
from simulator.simulation.run import Run

# What is drawn, in the order in which bars cover one another.
_LOOK = {
    ("reality", "up"): ("reality: up and reachable", GOOD),
    ("reality", "cut"): ("reality: up, but cut off", CUT),
    ("reality", "down"): ("reality: down", DOWN),
    ("belief", "Ready"): ("belief: Ready", QUIET),
    ("belief", "NotReady"): ("belief: NotReady", DOWN),
    ("belief", "Unknown"): ("belief: Unknown", UNKNOWN),
}
_MOST_ROWS = 40


_CLUSTER = "cluster "  # before the name of a member cluster, where a node's name would stand


def rows(run: Run) -> pl.DataFrame:
    """Intervals (node, row, state, start_s, end_s) of the members of a cluster, reality and belief apart.

    A member cluster of a multi-cluster control plane comes first, as a node named `cluster NAME`.
    """
    clusters = run.table("clusters").select("time_s", "truth", "state", node=_CLUSTER + pl.col("cluster"))
    return pl.concat([_intervals(changes, run) for changes in (clusters, run.table("nodes"))])


def _intervals(nodes: pl.DataFrame, run: Run) -> pl.DataFrame:
    until = float(run.world["duration_s"])
    physical = intervals(nodes.filter(pl.col("truth") == "running"), "node", until).filter(pl.col("state") == "down")
    paths = intervals(nodes.filter(pl.col("truth") == "path"), "node", until).filter(pl.col("state") == "cut")
    believed = intervals(nodes.filter(pl.col("truth") == "believed"), "node", until)
    members = believed["node"].unique(maintain_order=True)
    up = pl.DataFrame({"node": members}).with_columns(state=pl.lit("up"), start_s=pl.lit(0.0), end_s=pl.lit(until))
    reality = pl.concat([up, paths, physical]).filter(pl.col("node").is_in(members.implode()))
    return pl.concat(
        [
            reality.with_columns(pl.lit("reality").alias("row")),
            believed.with_columns(pl.lit("belief").alias("row")),
        ]
    ).select("node", "row", "state", "start_s", "end_s")


def draw(run: Run) -> Drawing:
    """The nodes of every zone that was ever cut or down, and one zone that was not, as a yardstick."""
    data = rows(run)
    zone = {n["name"]: n["zone"] for n in run.world["nodes"]}
    down = data.filter(pl.col("state") == "down")["node"].unique()
    touched = set(cut_zones(run)) | {zone[n] for n in down if n in zone}  # else it is a member cluster
    nodes = [n for n in data["node"].unique(maintain_order=True) if n in zone]
    others = [z for z in dict.fromkeys(zone[n] for n in nodes) if z not in touched]
    shown = touched | set(others[:1] if touched else others)
    everybody = data["node"].unique(maintain_order=True)
    names = sorted((n for n in everybody if zone.get(n) in shown), key=lambda n: (zone[n], n))
    names = [*(n for n in everybody if n.startswith(_CLUSTER)), *names]
    more = f" {len(names) - _MOST_ROWS} more are left out." if len(names) > _MOST_ROWS else ""
    names = names[:_MOST_ROWS]
    data = data.filter(pl.col("node").is_in(names))
    unit_s, unit = time_unit(run)
    figure = go.Figure()
    for (row, state), (label, colour) in _LOOK.items():
        part = data.filter((pl.col("row") == row) & (pl.col("state") == state))
        if part.is_empty():
            continue
        shift = -0.19 if row == "reality" else 0.19  # the axis runs downwards
        figure.add_bar(
            name=label,
            orientation="h",
            base=(part["start_s"] / unit_s).to_list(),
            x=((part["end_s"] - part["start_s"]) / unit_s).to_list(),
            y=[names.index(n) + shift for n in part["node"]],
            width=0.36,
            marker={"color": colour, "line": {"width": 0}},
            customdata=part.select("node", "state", "start_s", "end_s").rows(),
            hovertemplate="%{customdata[0]}: " + row + " %{customdata[1]}<br>"
            "%{customdata[2]:.1f} s to %{customdata[3]:.1f} s<extra></extra>",
        )
    mark_faults(figure, run, unit_s)
    layout(figure, 120 + 26 * len(names), barmode="overlay")
    ticks = [f"{n}  ({zone[n]})" if n in zone else f"<b>{n}</b>" for n in names]
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=ticks, range=[len(names) - 0.4, -0.6])
    figure.update_xaxes(title=unit, range=[0, run.world["duration_s"] / unit_s])
    return Drawing(
        "Belief against reality",
        f"Upper bar of each node: what it was. Lower bar: what the control plane believed. {FAULTS}{more}",
        figure,
        data,
    )
