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
_LEAST: Final = 0.01  # of what the colours reach: less cannot be seen
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
    used_most = pl.col("utilisation").max()
    top = next((top for top in _TOPS if data.select(used_most.fill_null(0.0)).item() <= top), 1.0)
    every = data.group_by("link", "sender").agg(sum=pl.col("utilisation").sum(), most=used_most)
    ranked = every.sort(-pl.col("sum"), "link", "sender").filter(pl.col("most") >= top * _LEAST)
    shown = ranked.head(_MOST).select("link", "sender")
    data = data.join(shown, on=("link", "sender"), how="semi", maintain_order="left")
    lane = {row: i for i, row in enumerate(shown.iter_rows())}
    interval = float(run.world["interval_s"])
    count = max(1, ceil(until / interval - 1e-9))
    block = ceil(count / _COLUMNS)
    used = np.zeros((len(lane), ceil(count / block)))
    for link, sender, start, _, utilisation in data.iter_rows():
        used[lane[link, sender], round(start / interval) // block] += utilisation
    used /= np.minimum(block, count - block * np.arange(used.shape[1]))  # the last block may be shorter
    unit_s, unit = time_unit(run)
    starts = (np.arange(used.shape[1] + 1) * block * interval).clip(max=until) / unit_s
    figure = go.Figure()
    ends = {link["name"]: (link["a"], link["b"]) for link in run.world["links"]}
    labels = [f"{link}: from {sender} to {_other(ends[link], sender)}" for link, sender in lane]
    figure.add_heatmap(
        x=starts.tolist(),
        y=labels,
        z=used.round(5).tolist(),
        zmin=0,
        zmax=top,
        colorscale=[list(step) for step in _COLOURS],
        colorbar={
            "title": {"text": "share of<br>its rate"},
            "tickformat": ".0%" if top > 0.05 else ".1%",
            "thickness": 12,
            "outlinewidth": 0,
            "x": 1.01,
            "y": 1,
            "yanchor": "top",
            "lenmode": "pixels",
            "len": 160,
        },
        hovertemplate="%{y}<br>%{x:.2f} " + unit + ": %{z:.2%}<extra></extra>",
    )
    x: list[float | None] = []
    y: list[str | None] = []
    for what, name, _, start, end in raster.rows(run).iter_rows():
        for row in [i for (link, _), i in lane.items() if what == "link" and link == name]:
            x += [start / unit_s, end / unit_s, None]
            y += [labels[row], labels[row], None]
    if x:
        figure.add_scatter(x=x, y=y, mode="lines", line={"color": CUT, "width": 3}, name="cut", hoverinfo="skip")
    layout(figure, max(230, 130 + 22 * len(lane)), showlegend=bool(x))
    figure.update_yaxes(range=[len(lane) - 0.5, -0.5], dtick=1, showgrid=False, zeroline=False)
    figure.update_layout(margin={"r": 130})
    figure.update_xaxes(title=unit, range=[0, until / unit_s], showgrid=False)
    left_out = len(every) - len(shown)
    more = f" {left_out} more that carried less of theirs are left out." if left_out else ""
    each = f"{block} intervals of {interval:g} s" if block > 1 else f"{interval:g} s"
    return Drawing(
        "What links carry",
        f"Each row is one direction of a link, the busiest first, each cell {each}: the share that it carried of what "
        f"its rate allows. A direction that never carried a byte has no row.{more}",
        figure,
        data,
    )


def _other(ends: tuple[str, str], sender: str) -> str:
    return ends[1] if sender == ends[0] else ends[0]
