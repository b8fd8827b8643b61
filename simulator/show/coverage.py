"""Cells, the ways of those who move among them, where each changed its cell, and which cell served whom when."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from simulator.geography import EARTH_RADIUS_KM
from simulator.show.style import CUT, DOWN, GOOD, INK, QUIET, SERIES, Drawing, layout, time_unit
from simulator.simulation.run import Run

_LOOK: Final = {
    "HandoverStarted": ("handover", CUT, "diamond"),
    "CoverageLost": ("left by the last cell", DOWN, "x"),
    "CellJoined": ("joined a cell", GOOD, "circle"),
}
_KINDS: Final = (*_LOOK, "HandoverEnded")
_AXES: Final = ("latitude", "longitude")
_MOST_CELLS: Final = 400  # on the map
_MOST_LANES: Final = 40  # of cells over time
_MOST_WAYS: Final = 40
_MOST_RADIOS: Final = len(SERIES)  # of which each has a colour
_DEGREE_M: Final = math.radians(1) * 1000 * EARTH_RADIUS_KM
_SCHEMA: Final = {
    "node": pl.String, "radio": pl.String, "event": pl.String, "cell": pl.String, "time_s": pl.Float64,
    "latitude": pl.Float64, "longitude": pl.Float64,
}  # fmt: skip


def rows(run: Run) -> pl.DataFrame:
    """(node, radio, event, cell, time_s, latitude, longitude): a radio that joined a cell, began to go over to one, had
    gone over, or was left by the last; and where its node was then."""
    events = run.table("events").filter(pl.col("kind").is_in(_KINDS))
    stand = {n["name"]: n for n in run.world["nodes"]}
    paths = {path["node"]: path for path in run.world.get("movement", ())}
    found = []
    for time, event, node, detail in events.select("time_s", "kind", "node", "detail").iter_rows():
        radio, _, cell = detail.partition(" ")
        place = (_at(paths[node], time, axis) if node in paths else stand[node][axis] for axis in _AXES)
        found.append((node, radio, event, cell, time, *place))
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def served(data: pl.DataFrame, until: float) -> pl.DataFrame:
    """From `rows`: (node, radio, cell, start_s, end_s), when a cell served a radio."""
    end = pl.col("time_s").shift(-1).over("node", "radio").fill_null(until).alias("end_s")
    spans = data.with_columns(end).filter(pl.col("event").is_in(("CellJoined", "HandoverEnded")))
    return spans.select("node", "radio", "cell", "end_s", start_s="time_s").filter(pl.col("end_s") > pl.col("start_s"))


def draw(run: Run) -> Drawing:
    """A map, without tiles, for it must open offline; beside it the cells over time, where the radios are few."""
    data, cells = rows(run), list(run.world.get("cells", ()))
    serving = set(data["cell"])
    cells.sort(key=lambda cell: cell["cell"] not in serving)
    ways = [path for path in run.world.get("movement", ()) if path["node"] in set(data["node"])]
    few = 0 < data.select("node", "radio").n_unique() <= _MOST_RADIOS
    outlines = [_outline(cell) for cell in cells]
    wide = _shape(data, outlines)
    share = min(0.6, max(0.16, 0.6 * wide)) if few else 1.0
    figure = make_subplots(rows=1, cols=2, column_widths=[share, 1 - share], horizontal_spacing=0.13)
    _add_cells(figure, cells[:_MOST_CELLS], outlines, serving)
    _add_ways(figure, ways[:_MOST_WAYS], float(run.world["duration_s"]), 1.2 if few else 0.5)
    for event, (name, colour, symbol) in _LOOK.items():
        part = data.filter(pl.col("event") == event)
        size = 7 if few else 5
        said = [f"{node}, {radio}: {name} {cell}, {time:.1f} s" for node, radio, _, cell, time, *_ in part.iter_rows()]
        if said:
            figure.add_scatter(
                x=part["longitude"].to_list(), y=part["latitude"].to_list(), hovertext=said, hoverinfo="text",
                mode="markers", name=name, row=1, col=1,
                marker={"color": colour, "size": size, "symbol": symbol, "line": {"color": "white", "width": 1}},
            )  # fmt: skip
    height = 680
    lanes = 0
    if few:
        lanes = _add_lanes(figure, run, served(data, float(run.world["duration_s"])))
        height = max(height, 150 + 18 * lanes)
    layout(figure, height, barmode="overlay")
    middle = float(data["latitude"].mean() or 0.0)  # type: ignore[arg-type]
    stretch = 1 / math.cos(math.radians(middle))
    plain = {"showgrid": False, "zeroline": False}
    figure.update_yaxes(title="latitude, °", scaleanchor="x", scaleratio=stretch, row=1, col=1, **plain)
    figure.update_xaxes(title="longitude, °", nticks=max(2, round(8 * share)), row=1, col=1, **plain)
    counts = (
        (len(cells) - _MOST_CELLS, "cells"),
        (len(ways) - _MOST_WAYS, "ways"),
        (len(serving - {""}) - lanes if few else 0, "cells over time"),
    )
    more = "".join(f" {count} more {what} are left out." for count, what in counts if count > 0)
    times = {event: data.filter(pl.col("event") == event, pl.col("time_s") > 0).height for event in _LOOK}
    return Drawing(
        "Coverage",
        "What each cell covers, the ways of those who move, and where each changed its cell"
        f"{'; beside it which cell served when' if few else ''}. Handovers: {times['HandoverStarted']}; "
        f"times that no cell covered a radio any more: {times['CoverageLost']}.{more}",
        figure,
        data,
    )


def _add_cells(figure: go.Figure, cells: Sequence[Mapping[str, Any]], outlines: Sequence[_Outline],
               serving: set[str]) -> None:  # fmt: skip
    kinds = ((True, "cell that served somebody", SERIES[0]), (False, "cell that served nobody", QUIET))
    for used, name, colour in kinds:
        x: list[float | None] = []
        y: list[float | None] = []
        for cell, (longitudes, latitudes) in zip(cells, outlines, strict=False):
            if (cell["cell"] in serving) == used:
                x += [*longitudes, None]
                y += [*latitudes, None]
        if x:
            figure.add_scatter(
                x=x, y=y, mode="lines", fill="toself", name=name, hoverinfo="skip", row=1, col=1,
                line={"color": colour, "width": 0.8}, fillcolor=f"rgba{(*_rgb(colour), 0.10)}",
            )  # fmt: skip
    masts = {cell["cell"]: cell for cell in cells if "radius_m" in cell}
    if masts:
        figure.add_scatter(
            x=[cell["longitude"] for cell in masts.values()], y=[cell["latitude"] for cell in masts.values()],
            hovertext=list(masts), hoverinfo="text", mode="markers", name="middle of a cell", row=1, col=1,
            marker={"color": SERIES[0], "size": 5, "symbol": "triangle-up"},
        )  # fmt: skip


def _add_ways(figure: go.Figure, ways: Sequence[Mapping[str, Any]], until: float, width: float) -> None:
    for i, path in enumerate(ways):
        gone = sum(time < until for time in path["time_s"])
        x, y = ([*path[axis][:gone], _at(path, until, axis)] for axis in reversed(_AXES))
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": INK, "width": width}, hovertext=path["node"], hoverinfo="text",
            name="way", legendgroup="way", showlegend=not i, row=1, col=1,
        )  # fmt: skip


def _add_lanes(figure: go.Figure, run: Run, spans: pl.DataFrame) -> int:
    """When each cell served whom; how many cells have a lane."""
    unit_s, unit = time_unit(run)
    names = spans.sort("start_s")["cell"].unique(maintain_order=True).to_list()[:_MOST_LANES]
    for i, (node, radio) in enumerate(spans.select("node", "radio").unique(maintain_order=True).iter_rows()):
        part = spans.filter(pl.col("node") == node, pl.col("radio") == radio, pl.col("cell").is_in(names))
        figure.add_bar(
            name=f"{node}, {radio}: served", orientation="h", row=1, col=2, width=0.7,
            base=(part["start_s"] / unit_s).to_list(),
            x=((part["end_s"] - part["start_s"]) / unit_s).to_list(),
            y=[names.index(cell) for cell in part["cell"]],
            marker={"color": SERIES[i % len(SERIES)], "line": {"width": 0}},
            customdata=part.select("cell", "start_s", "end_s").rows(),
            hovertemplate="%{customdata[0]}: %{customdata[1]:.1f} s to %{customdata[2]:.1f} s<extra></extra>",
        )  # fmt: skip
    top = [max(len(names), 8) - 0.4, -0.6]  # few lanes are not thick
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=names, range=top, zeroline=False, row=1, col=2)
    figure.update_xaxes(title=unit, range=[0, float(run.world["duration_s"]) / unit_s], row=1, col=2)
    return len(names)


_Outline = tuple[list[float], list[float]]


def _outline(cell: Mapping[str, Any]) -> _Outline:
    """Longitudes and latitudes of a cell's edge."""
    longitude, latitude = cell["longitude"], cell["latitude"]
    if "side" in cell:
        right, top = longitude + cell["side"], latitude + cell["side"]
        return [longitude, right, right, longitude, longitude], [latitude, latitude, top, top, latitude]
    turns = np.linspace(0, 2 * math.pi, 49)
    high = cell["radius_m"] / _DEGREE_M
    wide = high / math.cos(math.radians(latitude))
    return (longitude + wide * np.cos(turns)).tolist(), (latitude + high * np.sin(turns)).tolist()


def _shape(data: pl.DataFrame, outlines: Sequence[_Outline]) -> float:
    """How wide the map is, over how high."""
    x = [*data["longitude"], *(value for outline in outlines for value in outline[0])]
    y = [*data["latitude"], *(value for outline in outlines for value in outline[1])]
    if not x:
        return 1.0
    high = max(max(y) - min(y), 1e-9)
    return float((max(x) - min(x)) * math.cos(math.radians(sum(y) / len(y))) / high)


def _at(path: Mapping[str, Any], time: float, axis: str) -> float:
    return float(np.interp(time, path["time_s"], path[axis]))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
