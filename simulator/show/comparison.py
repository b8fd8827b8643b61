"""Who does best, and at what price: the rank table of a contest, and what two metrics say of each entrant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from simulator.record.direction import better
from simulator.record.glossary import GLOSSARY
from simulator.show.front import draw as draw_fronts
from simulator.show.front import scenario_title
from simulator.show.html import figure, html_table
from simulator.show.style import ENDING, GOOD, INK, Drawing, layout
from simulator.study.contest import Contest, Floats, alike, fits, hold, non_dominated
from simulator.study.run_folder import Recorded

_PANELS: Final = 6  # scenarios that the figure shows
_CROWD: Final = 12  # of more entrants, those that somebody dominates have no name, but for the first
_NAMES: Final = 4  # of those that share a point
_NEAR: Final = (0.1, 0.06)  # of the axes: points nearer than that share a name


def comparison(runs: Sequence[Recorded], metrics: Sequence[str]) -> str:
    """The section's HTML; empty where no axis has three values, or there is one replication."""
    held = _held(runs, metrics)
    if held is None:
        return ""
    drawn = draw(held)
    fronts = draw_fronts(held)
    drawings = ((drawn, "figure-pareto"), (fronts, "figure-front"))
    return _ranks(held) + "".join(figure(each, name) for each, name in drawings if each is not None)


def contest(runs: Sequence[Recorded], metrics: Sequence[str]) -> Drawing | None:
    """The figure; None where there is no contest, or nothing that tells anybody apart."""
    held = _held(runs, metrics)
    return None if held is None else draw(held)


def _held(runs: Sequence[Recorded], metrics: Sequence[str]) -> Contest | None:
    held = hold(runs, metrics) if fits(runs) else None
    return held if held is not None and held.values and held.scenarios else None


def _ranks(held: Contest) -> str:
    table = held.table()
    rows: list[dict[str, Any]] = [
        {held.axis: name, **{row["metric"]: round(float(row["ranks"][i]), 2) for row in table}}
        for i, name in enumerate(held.names)
    ]
    rows.append({held.axis: "Friedman's p, corrected", **{row["metric"]: alike(row) for row in table}})
    said = (
        f"Mean rank over {len(held.scenarios)} blocks, each one scenario in one replication: 1 is best, equals share "
        "the mean of their ranks. Friedman's test asks whether all are alike; its p values, and those of the paired "
        "differences, are corrected by Holm's method. They speak of these scenarios, not of any."
    )
    short = [f"{row['metric']} {row['blocks']}" for row in table if row["left_out"]]
    said += f" Blocks where a metric is defined for all: {', '.join(short)}." if short else ""
    return f"<p class='quiet'>{said}</p>" + html_table(rows, [held.axis, *(row["metric"] for row in table)])


def draw(held: Contest) -> Drawing | None:
    """One metric against another, a panel for each scenario: the first two that tell somebody apart there, as means
    over replications. None where no scenario has two."""
    told = {name: _telling(held, name)[:2] for name in dict.fromkeys(held.scenarios)}
    panels = [name for name, metrics in told.items() if len(metrics) == 2]
    if not panels:
        return None
    shown, names = panels[:_PANELS], held.names
    rows = (len(shown) + 1) // 2
    drawn = make_subplots(
        rows=rows, cols=min(2, len(shown)), subplot_titles=[scenario_title(name) for name in shown],
        horizontal_spacing=0.13, vertical_spacing=0.4 / max(2, rows),
    )  # fmt: skip
    points = []
    for k, scenario in enumerate(shown):
        metrics, at = told[scenario], {"row": k // 2 + 1, "col": k % 2 + 1}
        values = np.stack([held.means(metric)[scenario] for metric in metrics], axis=1)
        free = non_dominated(values, [better(metric) or "down" for metric in metrics])
        for name, point, best in zip(names, values.tolist(), free.tolist(), strict=True):
            x, y = zip(metrics, point, strict=True)
            where = {
                "scenario": scenario_title(scenario),
                held.axis: name,
                "x": x[0],
                "x_value": x[1],
                "y": y[0],
                "y_value": y[1],
            }
            points.append({**where, "non_dominated": best})
        _panel(drawn, values, free, names, **at)
        for update, metric, column in zip((drawn.update_xaxes, drawn.update_yaxes), metrics, values.T, strict=True):
            way = "more" if better(metric) == "up" else "less"
            low, high = np.nanmin(column), np.nanmax(column)
            span = [low - 0.18 * (high - low), high + 0.3 * (high - low)]  # room for the names
            update(title=f"{metric} ({GLOSSARY[metric].unit}): {way} is better", range=span, zeroline=False, **at)
    left = len(told) - len(shown)
    more = (
        f" {left} scenario{'s' if left > 1 else ''} without two such metrics, or beyond {_PANELS}, not shown."
        if left
        else ""
    )
    caption = (
        "Means over replications, of the first two metrics that differ in the scenario. Dark, on the line: nobody "
        "is better in one of the two without being worse in the other. Near points share a label"
        f"{f'; of the others only {names[0]} has one' if len(names) > _CROWD else ''}.{more}"
    )
    height = 120 + 400 * rows
    return Drawing("What is gained, and for how much", caption, layout(drawn, height), pl.DataFrame(points))


def _panel(drawn: Any, values: Floats, front: NDArray[np.bool_], names: Sequence[str], **at: int) -> None:
    """The points of one scenario; names of those in one place stand together, the better above it."""
    places: dict[tuple[float, ...], list[int]] = {}
    for i, point in enumerate(values):
        if not np.isnan(point).any():
            places.setdefault(tuple(float(f"{value:.6g}") for value in point), []).append(i)
    best = {place: bool(front[who].any()) for place, who in places.items()}
    ends = sorted(place for place in places if best[place])
    line = {"color": GOOD, "width": 2}
    drawn.add_scatter(
        x=[x for x, _ in ends],
        y=[y for _, y in ends],
        mode="lines",
        line=line,
        showlegend=False,
        hoverinfo="skip",
        **at,
    )
    labels: dict[tuple[float, ...], list[int]] = {}
    span = np.maximum(np.ptp(np.array(list(places)), axis=0), 1e-300)
    for place, who in places.items():
        near = (p for p in labels if best[p] == best[place] and (np.abs(np.subtract(p, place)) < _NEAR * span).all())
        shown = who if best[place] or len(names) <= _CROWD else [i for i in who if i == 0]
        if shown:
            labels.setdefault(next(near, place), []).extend(shown)
    drawn.add_scatter(
        x=[x for x, _ in places],
        y=[y for _, y in places],
        text=[_short([names[i] for i in labels.get(place, ())]) for place in places],
        hovertext=["<br>".join(names[i] for i in who) for who in places.values()],
        hoverinfo="text+x+y",
        mode="markers+text",
        textposition=["top center" if best[place] else "bottom center" for place in places],
        textfont={"size": 11},
        marker={"color": [INK if best[place] else ENDING for place in places], "size": 9},
        showlegend=False,
        cliponaxis=False,
        **at,
    )


def _short(names: Sequence[str]) -> str:
    shown = [", ".join(names[k : k + 2]) for k in range(0, min(len(names), _NAMES), 2)]
    return "<br>".join(shown) + (f"<br>and {len(names) - _NAMES} more" if len(names) > _NAMES else "")


def _telling(held: Contest, scenario: str) -> list[str]:
    """The metrics that are defined for all in a scenario, and tell somebody apart there."""
    means = {metric: held.means(metric)[scenario] for metric in held.values}
    return [metric for metric, mean in means.items() if np.isfinite(mean).all() and (mean != mean[0]).any()]
