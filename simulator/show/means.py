"""What a study measured: the mean of each metric over replications with its 95 % interval, beside what was expected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final

import polars as pl
from plotly.subplots import make_subplots

from simulator.record.glossary import GLOSSARY
from simulator.show.style import DOWN, INK, SERIES, Drawing, layout
from simulator.study.contest import labels
from simulator.study.plain import to_json
from simulator.study.study import Study
from simulator.units import SECOND, UnitError, parse

_PANELS: Final = 6  # metrics that the figure shows
_SYMBOLS: Final = ("circle", "diamond", "square")
# Kinds of quantities that an axis is drawn to scale of: their unit there, and how many base units that is.
_UNITS: Final = {
    "ratio": ("", 1.0),
    "duration": ("s", float(SECOND)),
    "frequency": ("/s", 1.0),
    "size": ("GB", 1e9),
    "bitrate": ("Mbit/s", 1e6),
}


def draw(study: Study, metrics: Sequence[str]) -> Drawing:
    """A panel for each metric; across stands the axis that is a quantity, to scale, or else whatever has most values,
    cases among them. A colour for each combination of the others; crosses are what was expected, with the tolerance."""
    shown = list(metrics)[:_PANELS]
    drawn = make_subplots(
        rows=(len(shown) + 1) // 2, cols=min(2, len(shown)), subplot_titles=shown,
        horizontal_spacing=0.12, vertical_spacing=0.16,
    )  # fmt: skip
    points = _points(study)
    across, scale, unit = _across(list(points.values()))
    rows = _rows(study, shown, points, across)
    named = list(dict.fromkeys(row["series"] for row in rows))
    for k, metric in enumerate(shown):
        at = {"row": k // 2 + 1, "col": k % 2 + 1}
        for i, series in enumerate(named):
            mine = [row for row in rows if row["metric"] == metric and row["series"] == series]
            marker = {"color": SERIES[i % len(SERIES)], "symbol": _SYMBOLS[i // len(SERIES) % len(_SYMBOLS)], "size": 8}
            _series(drawn, mine, scale, marker=marker, name=series, legend=k == 0 and bool(series), **at)
        told = [row for row in rows if row["metric"] == metric and row["expected"] is not None]
        if told:
            _expected(drawn, told, scale, **at)
        drawn.update_yaxes(title=GLOSSARY[metric].unit if metric in GLOSSARY else "", exponentformat="SI", **at)
        title = across.rpartition(".")[2] + (f" ({unit})" if unit else "")
        drawn.update_xaxes(title=title, **({} if scale else {"type": "category"}), **at)
    more = f" {len(metrics) - len(shown)} metrics not shown." if len(metrics) > len(shown) else ""
    caption = f"Means over replications, bars the 95 % intervals; crosses: expected, with the tolerance.{more}"
    height = 90 + 300 * ((len(shown) + 1) // 2)
    layout(drawn, height).update_layout(margin_t=70, legend_y=1 + 35 / (height - 115))
    schema = {"metric": str, "x": str, "series": str, "mean": float, "low": float, "high": float, "expected": float}
    frame = pl.DataFrame(rows, schema={**schema, "tolerance": float, "n": int})
    return Drawing("What was measured", caption, drawn, frame)


def _points(study: Study) -> dict[str, dict[str, str | None]]:
    """Each scenario's values on all axes, in a word each."""
    found: dict[str, dict[str, str | None]] = {run.name: {} for run in study.records}
    for axis in study.records[0].axes:
        values = {to_json(run.axes[axis]): run.axes[axis] for run in study.records}
        words = dict(zip(values, labels(list(values.values())), strict=True))
        for run in study.records:
            found[run.name][axis] = words[to_json(run.axes[axis])]
    for run in study.records:
        found[run.name]["case"] = run.case
    return found


def _across(points: Sequence[Mapping[str, str | None]]) -> tuple[str, dict[str, float], str]:
    """The axis (or "case") that stands across, its values to scale, and their unit; no scale where it has none."""
    values = {key: list(dict.fromkeys(point[key] or "" for point in points)) for key in points[0]}
    for key, found in values.items():
        scale, unit = _scale(found)
        if scale:
            return key, scale, unit
    return max(values, key=lambda key: len(values[key])), {}, ""


def _rows(
    study: Study, metrics: Sequence[str], points: Mapping[str, Mapping[str, str | None]], across: str
) -> list[dict[str, Any]]:
    """A row for each point and metric: what the figure shows."""
    expected = {(row["row"], row["metric"]): row for row in study.verdicts if row["measured"] is not None}
    found = []
    for row, (name, metric) in zip(study.summarise(metrics), product(points, metrics), strict=True):
        want = expected.get((name, metric), {})
        rest = [v if k == "case" else f"{k.rpartition('.')[2]} = {v}" for k, v in points[name].items() if k != across]
        found.append(
            {
                "metric": metric, "x": points[name][across] or "", "series": ", ".join(filter(None, rest)),
                "mean": row["mean"], "low": row["low"], "high": row["high"],
                "expected": want.get("measured"), "tolerance": _width(want), "n": row["n"],
            }
        )  # fmt: skip
    return found


def _series(
    drawn: Any, rows: Sequence[Mapping[str, Any]], scale: Mapping[str, float], *, marker: Mapping[str, Any], name: str,
    legend: bool, **at: int,
) -> None:  # fmt: skip
    drawn.add_scatter(
        x=[scale.get(row["x"], row["x"]) for row in rows],
        y=[row["mean"] for row in rows],
        error_y={
            "type": "data", "symmetric": False, "color": marker["color"],
            "array": [row["high"] - row["mean"] for row in rows],
            "arrayminus": [row["mean"] - row["low"] for row in rows],
        },
        mode="lines+markers" if scale else "markers",
        marker=marker, line={"color": marker["color"], "width": 1},
        name=name, legendgroup=name, showlegend=legend, **at,
    )  # fmt: skip


def _expected(drawn: Any, rows: Sequence[Mapping[str, Any]], scale: Mapping[str, float], **at: int) -> None:
    drawn.add_scatter(
        x=[scale.get(row["x"], row["x"]) for row in rows],
        y=[row["expected"] for row in rows],
        error_y={
            "type": "data", "color": DOWN, "thickness": 1, "width": 8, "array": [row["tolerance"] for row in rows],
        },
        mode="markers", marker={"symbol": "x-thin", "size": 11, "color": INK, "line": {"color": DOWN, "width": 2}},
        name="expected", legendgroup="expected", showlegend=at == {"row": 1, "col": 1}, **at,
    )  # fmt: skip


def _width(row: Mapping[str, Any]) -> float | None:
    """The tolerance in the metric's unit."""
    if not row:
        return None
    return float(row["tolerance"]) * (abs(row["measured"]) if row["relative"] else 1.0)


def _scale(values: Sequence[str]) -> tuple[dict[str, float], str]:
    """Numbers for values that are all quantities of one kind, and their unit; none where one is not."""
    for dimension, (unit, base) in _UNITS.items():
        try:
            return {value: float(parse(value, dimension)) / base for value in values}, unit
        except UnitError:
            continue
    return {}, ""
