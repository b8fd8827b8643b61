"""Cells, the ways of those who move among them, and where each changed its cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from simulator.geography import EARTH_RADIUS_KM
from simulator.show.style import CUT, DOWN, GOOD, INK, QUIET, SERIES, Drawing, layout
from simulator.simulation.run import Run

_LOOK: Final = {
    "HandoverStarted": ("handover", CUT, "diamond"),
    "CoverageLost": ("left by the last cell", DOWN, "x"),
    "CellJoined": ("joined a cell", GOOD, "circle"),
}
_MOST_CELLS: Final = 400
_MOST_PATHS: Final = 40
_DEGREE_M: Final = math.radians(1) * 1000 * EARTH_RADIUS_KM
_SCHEMA: Final = {
    "node": pl.String, "radio": pl.String, "event": pl.String, "cell": pl.String, "time_s": pl.Float64,
    "latitude": pl.Float64, "longitude": pl.Float64,
}  # fmt: skip


def rows(run: Run) -> pl.DataFrame:
    """(node, radio, event, cell, time_s, latitude, longitude): a radio that joined a cell, began to go over to one, or
    was left by the last, and where its node was then."""
    events = run.table("events").filter(pl.col("kind").is_in(list(_LOOK)))
    stand = {n["name"]: n for n in run.world["nodes"]}
    paths = {path["node"]: path for path in run.world.get("movement", ())}
    found = []
    for time, event, node, detail in events.select("time_s", "kind", "node", "detail").iter_rows():
        radio, _, cell = detail.partition(" ")
        place = (_at(paths[node], time, axis) if node in paths else stand[node][axis] for axis in _AXES)
        found.append((node, radio, event, cell, time, *place))
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


_AXES: Final = ("latitude", "longitude")


def _at(path: Mapping[str, Any], time: float, axis: str) -> float:
    return float(np.interp(time, path["time_s"], path[axis]))


def draw(run: Run) -> Drawing:
    """A map, without tiles: it must open offline."""
    data = rows(run)
    serving = set(data["cell"])
    cells = sorted(run.world.get("cells", ()), key=lambda cell: cell["cell"] not in serving)  # stable
    paths = [path for path in run.world.get("movement", ()) if path["node"] in set(data["node"])]
    figure = go.Figure()
    kinds = ((True, "cell that served somebody", SERIES[0]), (False, "cell that served nobody", QUIET))
    for used, name, colour in kinds:
        those = [cell for cell in cells[:_MOST_CELLS] if (cell["cell"] in serving) == used]
        x, y = _outlines(those)
        if x:
            figure.add_scatter(
                x=x, y=y, mode="lines", fill="toself", name=name, hoverinfo="skip",
                line={"color": colour, "width": 0.8}, fillcolor=f"rgba{(*_rgb(colour), 0.10)}",
            )  # fmt: skip
    masts = {cell["cell"]: cell for cell in cells[:_MOST_CELLS] if "radius_m" in cell}
    if masts:
        figure.add_scatter(
            x=[cell["longitude"] for cell in masts.values()], y=[cell["latitude"] for cell in masts.values()],
            hovertext=list(masts), hoverinfo="text", mode="markers", name="mast",
            marker={"color": SERIES[0], "size": 5, "symbol": "triangle-up"},
        )  # fmt: skip
    for i, path in enumerate(paths[:_MOST_PATHS]):
        last = float(run.world["duration_s"])
        times = [time for time in path["time_s"] if time < last]
        x = [*path["longitude"][: len(times)], _at(path, last, "longitude")]
        y = [*path["latitude"][: len(times)], _at(path, last, "latitude")]
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": INK, "width": 1.2}, hovertext=path["node"], hoverinfo="text",
            name="way", legendgroup="way", showlegend=not i,
        )  # fmt: skip
    for event, (name, colour, symbol) in _LOOK.items():
        part = data.filter(pl.col("event") == event)
        said = [
            f"{node}, {radio}: {name} {cell} at {time:.1f} s" for node, radio, _, cell, time, *_ in part.iter_rows()
        ]
        if said:
            figure.add_scatter(
                x=part["longitude"].to_list(), y=part["latitude"].to_list(), hovertext=said, hoverinfo="text",
                mode="markers", name=name,
                marker={"color": colour, "size": 7, "symbol": symbol, "line": {"color": "white", "width": 0.8}},
            )  # fmt: skip
    layout(figure, 680)
    middle = data["latitude"].mean()
    stretch = 1 / math.cos(math.radians(float(middle or 0.0)))  # type: ignore[arg-type]
    figure.update_yaxes(title="latitude, °", scaleanchor="x", scaleratio=stretch, showgrid=False, zeroline=False)
    figure.update_xaxes(title="longitude, °", showgrid=False, zeroline=False)
    left_out = [(len(cells) - _MOST_CELLS, "cells"), (len(paths) - _MOST_PATHS, "ways")]
    more = "".join(f" {count} more {what} are left out." for count, what in left_out if count > 0)
    counts = {event: data.filter(pl.col("event") == event).height for event in _LOOK}
    return Drawing(
        "Coverage",
        f"What each cell covers, the ways of those who move, and where each changed its cell: "
        f"{counts['HandoverStarted']} handovers, {counts['CoverageLost']} times without any cell.{more}",
        figure,
        data,
    )


def _outlines(cells: list[Mapping[str, Any]]) -> tuple[list[float | None], list[float | None]]:
    """Longitudes and latitudes of the edges of cells, apart from each other."""
    x: list[float | None] = []
    y: list[float | None] = []
    turns = np.linspace(0, 2 * math.pi, 49)
    for cell in cells:
        longitude, latitude = cell["longitude"], cell["latitude"]
        if "side" in cell:
            side = cell["side"]
            x += [longitude, longitude + side, longitude + side, longitude, longitude, None]
            y += [latitude, latitude, latitude + side, latitude + side, latitude, None]
            continue
        high = cell["radius_m"] / _DEGREE_M
        wide = high / math.cos(math.radians(latitude))
        x += [*(longitude + wide * np.cos(turns)).tolist(), None]
        y += [*(latitude + high * np.sin(turns)).tolist(), None]
    return x, y


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
