"""How figures look: few colours, each with one meaning everywhere."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

if TYPE_CHECKING:
    import polars as pl

    from simulator.simulation.run import Run

INK = "#22303c"
QUIET = "#b9c4cc"
GOOD = "#9fc7b5"
CUT = "#e08a3c"
DOWN = "#b3343a"
UNKNOWN = "#6b5ca5"
STARTING = "#e3e8ec"
ENDING = "#7d8a96"
STORED = "#8fb7c9"
# One hue for what differs, the darker the worse.
APART = ("#f0d3dd", "#dc9bb4", "#bf5a83", "#7a1641")
SERIES = ("#1f6f8b", "#c0632f", "#4f8a4c", "#7a5195", "#a63d57", "#8a7a2b")
# Outages, the darker the longer; one that loses packets, and one in one direction only.
OUTAGES = ("#f0cfae", "#e8ab6e", CUT, "#9c4f12")
LOSSY = "#f0cfae"
ONE_WAY = "#e8ab6e"
NIGHT = "rgba(34,48,60,0.07)"
FAULT_FILL = ("rgba(224,138,60,0.14)", "rgba(224,138,60,0.26)")  # one fault, and several at once
_AT_RANDOM = ("outages", "failures")  # they last as long as the run, and happen now and then
FAULTS = "Shaded: faults; thin upright lines: updates."


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure, what it says in one sentence, and the very rows that it was drawn from."""

    title: str
    caption: str
    figure: go.Figure
    rows: pl.DataFrame


def layout(figure: go.Figure, height: int, **more: Any) -> go.Figure:
    """The common frame."""
    figure.update_layout(
        height=height,
        template="plotly_white",
        font={"family": "Georgia, 'Times New Roman', serif", "size": 13, "color": INK},
        margin={"l": 70, "r": 50, "t": 30, "b": 45},
        modebar={"orientation": "v"},
        legend={"orientation": "h", "y": 1 + 12 / max(1, height - 75), "x": 0, "yanchor": "bottom"},
        hoverlabel={"font": {"family": "monospace"}},
        **more,
    )
    return figure


def time_unit(run: Run) -> tuple[float, str]:
    """What the time axis counts, in s and by name: minutes, or hours or days of a long run."""
    length = float(run.world["duration_s"])
    return (60.0, "minutes") if length <= 8 * 3600 else (3600.0, "hours") if length <= 3 * 86400 else (86400.0, "days")


def mark_faults(figure: go.Figure, run: Run, unit_s: float = 60.0, **where: Any) -> None:
    """Shade the time axis where a fault of the run lasts, darker where several do; a line for an update."""
    faults = [(f["start_s"], f["end_s"]) for f in run.world.get("faults", ()) if f.get("kind") not in _AT_RANDOM]
    for moment in sorted({start for start, end in faults if start == end}):
        figure.add_vline(x=moment / unit_s, line={"color": INK, "width": 0.8}, layer="below", **where)
    edges = sorted({edge for fault in faults for edge in fault})
    for start, end in pairwise(edges):
        count = sum(first <= start and end <= last for first, last in faults)
        if not count:
            continue
        figure.add_vrect(
            x0=start / unit_s,
            x1=end / unit_s,
            fillcolor=FAULT_FILL[min(count, 2) - 1],
            line_width=0,
            layer="below",
            **where,
        )


def cut_zones(run: Run) -> list[str]:
    """Zones of which some node lost its path to the API server at some time."""
    import polars as pl  # noqa: PLC0415  # heavy

    zone = {n["name"]: n["zone"] for n in run.world["nodes"]}
    cut = run.table("nodes").filter((pl.col("truth") == "path") & (pl.col("state") == "cut"))["node"].unique()
    return sorted({zone[name] for name in cut})
