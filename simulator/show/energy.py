"""Power of machines over time, and the charge of their batteries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from simulator.physics.solar import sun
from simulator.show.style import FAULTS, NIGHT, SERIES, Drawing, layout, mark_faults, time_unit
from simulator.simulation.run import Run

_MOST: Final = 6  # machines, of which each has a colour
_POINTS: Final = 600  # so many fit beside each other
_NIGHTS: Final = 60  # more would be stripes
_WH: Final = 3600.0  # J
_ALIKE: Final = 0.01  # less of the axis than a line is wide
_SCHEMA: Final = {"node": pl.String, "quantity": pl.String, "time_s": pl.Float64, "value": pl.Float64}
POWER, PANEL, CHARGE = "power_w", "panel_w", "charge_wh"


def rows(run: Run) -> pl.DataFrame:
    """(node, quantity, time_s, value): the mean power of each machine from each time to its next, in W; for those with
    a battery what its panel could give likewise, and its charge at that time, in Wh."""
    interval, until = float(run.world["interval_s"]), float(run.world["duration_s"])
    taken = run.table("energy").group_by("node", "start_s", maintain_order=True).agg(pl.col("energy_j").sum())
    if taken.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    block = ceil(until / interval / _POINTS)
    edges = np.append(np.arange(0, until, block * interval), until)
    found = []
    for (node,), mine in taken.group_by("node", maintain_order=True):
        at = (mine["start_s"].to_numpy() / interval + 0.5).astype(np.int64) // block
        joules = np.bincount(at, mine["energy_j"].to_numpy(), len(edges) - 1)
        found.append(_series(node, POWER, edges[:-1], joules / np.diff(edges)))
    for (node,), mine in run.table("batteries").group_by("node", maintain_order=True):
        times, charge, panel, load, curtailed, loss = mine.select(
            "time_s", "charge_j", "panel_w", "load_w", "curtailed_w", "loss_w"
        ).to_numpy().T  # fmt: skip
        lasted = np.diff(np.append(times, until))
        gave = np.append(0.0, np.cumsum(panel * lasted))
        means = np.diff(np.interp(edges, np.append(times, until), gave)) / np.diff(edges)
        found.append(_series(node, PANEL, edges[:-1], means))
        last = charge[-1] + (panel - load - curtailed - loss)[-1] * lasted[-1]
        at_edges = np.interp(edges, np.append(times, until), np.append(charge, last)) / _WH
        found.append(_series(node, CHARGE, edges, at_edges))
    return pl.concat(found)


def _series(node: object, quantity: str, times: NDArray[np.float64], values: NDArray[np.float64]) -> pl.DataFrame:
    return pl.DataFrame({"node": str(node), "quantity": quantity, "time_s": times, "value": values}, schema=_SCHEMA)


def draw(run: Run) -> Drawing:
    """Power above charge. Machines with a battery, those with the lowest charge first; without any, those that take
    most."""
    data, until = rows(run), float(run.world["duration_s"])
    charges = data.filter(pl.col("quantity") == CHARGE)
    ranked = charges.group_by("node").agg(pl.col("value").min()).sort("value", "node")
    if ranked.is_empty():
        power = data.filter(pl.col("quantity") == POWER)
        ranked = power.group_by("node").agg(pl.col("value").mean()).sort("value", "node", descending=[True, False])
    alike = _alike(data.filter(pl.col("node").is_in(ranked["node"].implode())), ranked["node"].to_list())
    names = list(alike)[:_MOST]
    every = data["node"].n_unique()
    data = data.filter(pl.col("node").is_in([node for name in names for node in alike[name]]))
    left_out = every - data["node"].n_unique()
    unit_s, unit = time_unit(run)
    panels = 1 if charges.is_empty() else 2
    figure = make_subplots(rows=panels, cols=1, shared_xaxes=True, vertical_spacing=0.07)
    looks = {
        POWER: ("takes", 1, {"dash": "solid", "shape": "hv", "width": 1.8}),
        PANEL: ("its panel could give", 1, {"dash": "dot", "shape": "hv", "width": 1.3}),
        CHARGE: ("charge", 2, {"dash": "solid", "width": 1.8}),
    }
    firsts = data.filter(pl.col("node").is_in(names))
    for (node, quantity), part in firsts.group_by("node", "quantity", maintain_order=True):
        said, panel, line = looks[str(quantity)]
        others = len(alike[str(node)]) - 1
        label = f"{node} and {others} alike" if others else str(node)
        values = part["value"].to_list()
        if quantity == PANEL and not any(values):
            continue
        times = (part["time_s"] / unit_s).to_list()
        if quantity != CHARGE:  # the last mean holds to the end
            times, values = [*times, until / unit_s], [*values, values[-1]]
        figure.add_scatter(
            row=panel, col=1, x=times, y=values, mode="lines", name=f"{label}: {said}", showlegend=quantity != CHARGE,
            legendgroup=str(node), line={"color": SERIES[names.index(node) % len(SERIES)], **line},
            hovertemplate="%{x:.2f} " + unit + ": %{y:.4g}<extra>" + f"{label}, {said}</extra>",
        )  # fmt: skip
    dark = _nights(run, names) if panels > 1 else []
    for start, end in dark:
        figure.add_vrect(x0=start / unit_s, x1=end / unit_s, fillcolor=NIGHT, line_width=0, layer="below")
    mark_faults(figure, run, unit_s)
    layout(figure, 170 + 230 * panels)
    figure.update_yaxes(title="power, W", rangemode="tozero", row=1, col=1)
    if panels > 1:
        figure.update_yaxes(title="charge, Wh", rangemode="tozero", row=2, col=1)
    figure.update_xaxes(range=[0, until / unit_s])
    figure.update_xaxes(title=unit, row=panels, col=1)
    which = "Machines with a battery" if panels > 1 else "The machines that take most"
    night = " Grey: night." if dark else ""
    more = f" {left_out} more machine{'s' if left_out != 1 else ''} left out." if left_out else ""
    return Drawing(
        "Power and batteries" if panels > 1 else "Power",
        f"{which}; power is the mean of an interval.{night}{more} {FAULTS}",
        figure,
        data,
    )


def _alike(data: pl.DataFrame, order: Sequence[str]) -> dict[str, list[str]]:
    """The machines in this order, each under the first from which none of its values differs by more than a hundredth
    of the largest of its quantity."""
    most = data.group_by("quantity").agg(most=pl.col("value").max())
    scaled = data.join(most, on="quantity", maintain_order="left").with_columns(pl.col("value") / pl.col("most"))
    values = {str(name): mine["value"].fill_nan(0.0).to_numpy() for (name,), mine in scaled.group_by("node")}
    found: dict[str, list[str]] = {}
    for name in order:
        mine = values[name]
        near = (f for f in found if len(values[f]) == len(mine) and np.abs(values[f] - mine).max() <= _ALIKE)
        found.setdefault(next(near, name), []).append(name)
    return found


def _nights(run: Run, names: Sequence[str]) -> list[tuple[float, float]]:
    """When the sun is below the horizon of the first of these machines whose place is known."""
    places = {n["name"]: (n["latitude"], n["longitude"]) for n in run.world["nodes"] if n["latitude"] is not None}
    place = next((places[name] for name in names if name in places), None)
    until = float(run.world["duration_s"])
    if place is None or "begins" not in run.world or until > _NIGHTS * 86400:
        return []
    begins, step = datetime.fromisoformat(run.world["begins"]), max(60.0, until / 5000)
    times = np.append(np.arange(0, until, step), until)
    is_dark = [sun(begins + timedelta(seconds=float(time)), *place).elevation < 0 for time in times]
    edges = [0.0, *(float(b) for (a, was), (b, now) in pairwise(zip(times, is_dark, strict=True)) if was != now), until]
    return [span for i, span in enumerate(pairwise(edges)) if (i % 2 == 0) == is_dark[0]]
