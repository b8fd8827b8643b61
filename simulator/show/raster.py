"""Outages: for each link and node that was ever down, when."""

from __future__ import annotations

from typing import Final

import plotly.graph_objects as go
import polars as pl

from simulator.show.intervals import intervals
from simulator.show.style import CUT, DOWN, FAULTS, LOSSY, ONE_WAY, UNKNOWN, Drawing, layout, mark_faults, time_unit
from simulator.simulation.run import Run

_LOOK: Final = {
    ("link", "silent"): ("link cut, in silence", CUT),
    ("link", "refused"): ("link cut, and senders are told", UNKNOWN),
    ("link", "one-way"): ("link cut in one direction", ONE_WAY),
    ("link", "lossy"): ("link that loses packets", LOSSY),
    ("node", "down"): ("node down", DOWN),
}
_MOST: Final = 25  # of links, and of nodes
_MOST_BARS: Final = 5000
_PIXELS: Final = 1000  # so wide is the figure, about


def rows(run: Run) -> pl.DataFrame:
    """Intervals (what, name, state, start_s, end_s): a link with the mode in which it was cut, or a node that is down.
    A radio's link to a cell that does not serve it is no outage."""
    until = float(run.world["duration_s"])
    links = run.table("links").with_columns(state=pl.when(pl.col("state") == "cut").then("mode").otherwise(pl.lit("")))
    nodes = run.table("nodes").filter(pl.col("truth") == "running")
    return pl.concat(
        [
            intervals(links, "link", until).filter(pl.col("state") != "").rename({"link": "name"}),
            intervals(nodes, "node", until).filter(pl.col("state") == "down").rename({"node": "name"}),
        ]
    ).select(_WHAT, "name", "state", "start_s", "end_s")


_WHAT: Final = pl.when(pl.col("state") == "down").then(pl.lit("node")).otherwise(pl.lit("link")).alias("what")


def draw(run: Run) -> Drawing:
    """Links above nodes, those that were down longest first."""
    data, until = rows(run), float(run.world["duration_s"])
    length = (pl.col("end_s") - pl.col("start_s")).sum().alias("down_s")
    ranked = data.group_by("what", "name").agg(length).sort("what", -pl.col("down_s"), "name")
    shown = ranked.group_by("what", maintain_order=True).head(_MOST)
    lane = {(what, name): lane for lane, (what, name, _) in enumerate(shown.iter_rows())}
    data = data.join(shown.select("what", "name"), on=("what", "name"), how="semi", maintain_order="left")
    unit_s, unit = time_unit(run)
    figure = go.Figure()
    bars = data if len(data) <= _MOST_BARS else _joined(data, until / _PIXELS)
    for (what, state), (label, colour) in _LOOK.items():
        part = bars.filter(pl.col("what") == what, pl.col("state") == state)
        if part.is_empty():
            continue
        figure.add_bar(
            name=label,
            orientation="h",
            base=(part["start_s"] / unit_s).to_list(),
            x=((part["end_s"] - part["start_s"]) / unit_s).to_list(),
            y=[lane[row] for row in part.select("what", "name").iter_rows()],
            width=0.7,
            marker={"color": colour, "line": {"width": 0}},
            customdata=part.select("name", "state", "start_s", "end_s").rows(),
            hovertemplate="%{customdata[0]} %{customdata[1]}<br>%{customdata[2]:.1f} s to %{customdata[3]:.1f} s"
            "<extra></extra>",
        )
    mark_faults(figure, run, unit_s)
    layout(figure, max(230, 130 + 20 * len(lane)), barmode="overlay", showlegend=True)
    ticks = [f"{name}  (up {1 - down / until:.2%})" for _, name, down in shown.iter_rows()]
    figure.update_yaxes(
        tickvals=list(range(len(lane))), ticktext=ticks, range=[max(len(lane), 5) - 0.4, -0.6], zeroline=False
    )
    figure.update_xaxes(title=unit, range=[0, until / unit_s])
    every = {"link": len(run.world["links"]), "node": len(run.world["nodes"])}
    had = {what: ranked.filter(pl.col("what") == what).height for what in every}
    left_out = len(ranked) - len(shown)
    more = f" The {left_out} that were down for less time are left out." if left_out else ""
    more += " Outages less than a pixel apart are drawn as one." if len(bars) < len(data) else ""
    return Drawing(
        "Outages of links and nodes",
        f"Each bar is an outage; the longest down come first. {had['link']} of {every['link']} links and "
        f"{had['node']} of {every['node']} nodes were ever down.{more} {FAULTS}",
        figure,
        data,
    )


def _joined(data: pl.DataFrame, gap_s: float) -> pl.DataFrame:
    """Outages of one kind with less than this between them as one."""
    one = ("what", "name", "state")
    apart = (pl.col("start_s") - pl.col("end_s").shift(1).over(one)).fill_null(gap_s) >= gap_s
    groups = data.sort("start_s").with_columns(group=apart.cum_sum().over(one))
    ends = (pl.col("start_s").first(), pl.col("end_s").last())
    return groups.group_by(*one, "group", maintain_order=True).agg(*ends).drop("group")
