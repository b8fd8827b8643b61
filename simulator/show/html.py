"""Pieces of an HTML page: numbers, tables, and a figure with the rows that it was drawn from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any, Final

import plotly.io

from simulator.show.style import Drawing

MOST_ROWS: Final = 400  # of a figure's table; the whole is in the study's Parquet files


def number(value: float | None) -> str:
    """Four digits, or a dash where there is no value."""
    if value is None or math.isnan(value):
        return "–"
    if value and (abs(value) >= 1e6 or abs(value) < 1e-3):
        return f"{value:.3g}"
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def html_table(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Plain rows as an HTML table; numbers right-aligned."""
    head = "".join(f"<th>{escape(c)}</th>" for c in columns)
    body = []
    for row in rows:
        cells = []
        for column in columns:
            value = row.get(column)
            if isinstance(value, bool) or not isinstance(value, int | float):
                cells.append(f"<td>{escape('' if value is None else str(value))}</td>")
            else:
                cells.append(f'<td class="n">{number(value)}</td>')
        body.append(f"<tr>{''.join(cells)}</tr>")
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"
    return f"<div class='wide'>{table}</div>"


def figure(drawing: Drawing, identity: str) -> str:
    """A figure with its caption and its rows."""
    page = plotly.io.to_html(
        drawing.figure,
        full_html=False,
        include_plotlyjs=False,
        div_id=identity,
        config={
            "displaylogo": False,
            "responsive": True,
            "modeBarButtonsToRemove": ["sendDataToCloud", "select2d", "lasso2d"],
        },
    )
    shown = drawing.rows.head(MOST_ROWS)
    more = "" if len(drawing.rows) <= MOST_ROWS else f" (the first {MOST_ROWS} of {len(drawing.rows)})"
    table = html_table(shown.iter_rows(named=True), shown.columns)
    return (
        f"<h3>{escape(drawing.title)}</h3><figure>{page}<figcaption>{escape(drawing.caption)}</figcaption></figure>"
        f'<details data-figure="{identity}" data-rows="{len(drawing.rows)}"><summary>its {len(drawing.rows)} rows'
        f'{more}</summary><div class="scroll">{table}</div></details>'
    )


def interval(cell: Mapping[str, Any]) -> str:
    """A mean with its 95 % interval, where there is one; no line breaks within that."""
    low, high = cell.get("low"), cell.get("high")
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return number(cell["mean"])
    return f"{number(cell['mean'])}  [{number(low)},\u00a0{number(high)}]"
