"""Who is dominated by nobody: latency, loss, energy and cost of all entrants, scenario by scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from plotly.subplots import make_subplots

from simulator.record.glossary import GLOSSARY
from simulator.show.style import QUIET, SERIES, Drawing, layout
from simulator.study.contest import Contest, Front

_PANELS: Final = 6  # scenarios that the figure shows
_LINES: Final = 8  # of a front that have a name
_APART: Final = 0.09  # of names beside each other, as a share of a panel's height


def draw(held: Contest) -> Drawing | None:
    """A panel for each scenario, an axis for each metric from the least (below) to the most, a line for each entrant.
    None where no two of these metrics tell anybody apart."""
    fronts, names = held.fronts(), held.names
    if not fronts:
        return None
    shown = fronts[:_PANELS]
    titles = [scenario_title(front.scenario) for front in shown]
    drawn = make_subplots(rows=len(shown), cols=1, subplot_titles=titles, vertical_spacing=0.4 / (len(shown) + 1))
    for k, front in enumerate(shown):
        _panel(drawn, front, names, row=k + 1, col=1)
    drawn.update_xaxes(showgrid=True, gridcolor=QUIET, type="category", tickangle=0)
    drawn.update_yaxes(range=[-0.06, 1.06], showticklabels=False, showgrid=False, zeroline=False)
    more = f" {len(fronts) - len(shown)} scenarios not shown." if len(fronts) > len(shown) else ""
    caption = (
        "Means over replications, each axis from the least (below) to the most that an entrant has. In colour: nobody "
        f"is better in one of these metrics without being worse in another.{more}"
    )
    figure = layout(drawn, 90 + 260 * len(shown), showlegend=False).update_layout(margin_r=230)
    table = [
        {"scenario": scenario_title(front.scenario), held.axis: name, "non_dominated": best}
        | dict(zip(front.metrics, values, strict=True))
        for front in shown
        for name, best, values in zip(names, front.best.tolist(), front.values.tolist(), strict=True)
    ]
    return Drawing("Who is dominated by nobody", caption, figure, pl.DataFrame(table, infer_schema_length=None))


def scenario_title(scenario: str) -> str:
    """As a reader would say it: case='far' is far, and the only one needs no name."""
    return "" if scenario == "result" else scenario.removeprefix("case=").strip("'")


def _panel(drawn: Any, front: Front, names: Sequence[str], **at: int) -> None:
    low, high = np.nanmin(front.values, axis=0), np.nanmax(front.values, axis=0)
    heights = (front.values - low) / (high - low)
    across = [
        f"{metric}<br>{least:.4g} to {most:.4g} {GLOSSARY[metric].unit}"
        for metric, least, most in zip(front.metrics, low, high, strict=True)
    ]
    quiet = {"color": QUIET, "width": 1}
    for name, height in zip(names, heights.tolist(), strict=True):
        drawn.add_scatter(x=across, y=height, mode="lines", line=quiet, name=name, hoverinfo="name", **at)
    places = sorted(front.places().values(), key=lambda who: heights[who[0], -1])
    beside = _spread([heights[who[0], -1] for who in places[:_LINES]])
    for k, who in enumerate(places):
        called, colour = [names[i] for i in who], SERIES[k % len(SERIES)]
        line = {"color": colour, "width": 2.5, "dash": "solid" if k < len(SERIES) else "dot"}
        drawn.add_scatter(
            x=across, y=heights[who[0]], mode="lines+markers", line=line,
            hovertext=", ".join(called), hoverinfo="text", **at,
        )  # fmt: skip
        if k < _LINES:
            drawn.add_annotation(
                x=len(across) - 1, y=beside[k], text=_called(called), showarrow=False, xanchor="left", xshift=8,
                font={"color": colour, "size": 11}, **at,
            )  # fmt: skip


def _spread(heights: Sequence[float]) -> list[float]:
    """Rising heights, moved up as little as keeps them apart, and all of them down where they would leave the panel."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + _APART) if found else height)
    over = max(0.0, found[-1] - 1.0) if found else 0.0
    return [height - over for height in found]


def _called(names: Sequence[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
