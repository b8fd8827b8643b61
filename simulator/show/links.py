"""What links carry: the share of its rate that each direction used, over time."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from simulator.show import raster
from simulator.show.style import CUT, Drawing, layout, time_unit
from simulator.simulation.run import Run

_MOST: Final = 40  # directions of links
_COLUMNS: Final = 600  # so many intervals side by side can be told apart
_COLOURS: Final = ((0.0, "#f4f7f8"), (0.35, "#8fc0cf"), (0.7, "#1f6f8b"), (1.0, "#0c2f3c"))
_TOPS: Final = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


def rows(run: Run) -> pl.DataFrame:
    """(link, sender, start_s, carried_bytes, utilisation) of each direction and interval in which it carried anything;
    `utilisation` is of what it carries at its rate."""
    used = (pl.col("carried_bytes") / pl.col("room_bytes")).alias("utilisation")
    return run.table("carried").select("link", "sender", "start_s", "carried_bytes", used)


def draw(run: Run) -> Drawing:
    """A row for each direction of a link, the busiest first; where it was cut, a line."""
    data, until = rows(run), float(run.world["duration_s"])
    ranked = (
        data.group_by("link", "sender")
        .agg(pl.col("utilisation").sum())
        .sort("utilisation", "link", "sender", descending=[True, False, False])
    )
    shown = ranked.head(_MOST).select("link", "sender")
    data = data.join(shown, on=("link", "sender"), how="semi", maintain_order="left")
    lane = {row: i for i, row in enumerate(shown.iter_rows())}
    interval = float(run.world["interval_s"])
    count = max(1, ceil(until / interval - 1e-9))
    block = ceil(count / _COLUMNS)
    used = np.zeros((len(lane), ceil(count / block)))
    for link, sender, start, _, utilisation in data.iter_rows():
        used[lane[link, sender], round(start / interval) // block] += utilisation / block
    unit_s, unit = time_unit(run)
    starts = (np.arange(used.shape[1] + 1) * block * interval).clip(max=until) / unit_s
    top = next((top for top in _TOPS if used.max(initial=0.0) <= top), 1.0)
    figure = go.Figure()
    ends = {link["name"]: (link["a"], link["b"]) for link in run.world["links"]}
    labels = [f"{link}: from {sender} to {_other(ends[link], sender)}" for link, sender in lane]
    figure.add_heatmap(
        x=starts.tolist(),
        y=np.arange(-0.5, len(lane)).tolist(),
        z=used.tolist(),
        zmin=0,
        zmax=top,
        colorscale=[list(step) for step in _COLOURS],
        colorbar={"title": {"text": "share of<br>its rate"}, "tickformat": ".0%", "thickness": 14, "outlinewidth": 0},
        customdata=[[label] * used.shape[1] for label in labels],
        hovertemplate="%{customdata}<br>%{x:.2f} " + unit + ": %{z:.2%}<extra></extra>",
    )
    x: list[float | None] = []
    y: list[float | None] = []
    for what, name, _, start, end in raster.rows(run).iter_rows():
        for row in [i for (link, _), i in lane.items() if what == "link" and link == name]:
            x += [start / unit_s, end / unit_s, None]
            y += [row, row, None]
    if x:
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": CUT, "width": 3}, name="cut", hoverinfo="skip")
    layout(figure, 130 + 24 * max(1, len(lane)), showlegend=bool(x))
    figure.update_yaxes(tickvals=list(range(len(lane))), ticktext=labels, range=[len(lane) - 0.5, -0.5])
    figure.update_yaxes(showgrid=False, zeroline=False)
    figure.update_xaxes(title=unit, range=[0, until / unit_s], showgrid=False)
    left_out = len(ranked) - len(shown)
    more = f" {left_out} more that carried less of theirs are left out." if left_out else ""
    each = f"{block} intervals of {interval:g} s" if block > 1 else f"{interval:g} s"
    return Drawing(
        "What links carry",
        f"Each row is one direction of a link, the busiest first, each cell {each}: the share that it carried of what its "
        f"rate allows. A direction that never carried a byte has no row.{more}",
        figure,
        data,
    )


def _other(ends: tuple[str, str], sender: str) -> str:
    return ends[1] if sender == ends[0] else ends[0]
