"""What functions cost and how often they start cold: metrics of the table `functions`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan
from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    import polars as pl


class _Context(Protocol):
    @property
    def duration_s(self) -> float: ...
    @property
    def warm_up_s(self) -> float: ...


Tables = Mapping[str, "pl.DataFrame"]
Compute = Callable[[Tables, _Context], float]


def _after(tables: Tables, context: _Context) -> pl.DataFrame:
    frame = tables["functions"]
    return frame.filter(frame["start_s"] >= context.warm_up_s)


def total(column: str) -> Compute:
    """The sum of a column after the warm-up."""
    return lambda tables, context: float(_after(tables, context)[column].sum())


def mean_number(column: str) -> Compute:
    """Instance seconds after the warm-up by the seconds after it: how many instances there are on average."""

    def compute(tables: Tables, context: _Context) -> float:
        rows, span = _after(tables, context), context.duration_s - context.warm_up_s
        return float(rows[column].sum()) / span if span > 0 else nan

    return compute


def cold_start_share(tables: Tables, context: _Context) -> float:
    """Cold starts by the requests that began."""
    rows = _after(tables, context)
    begun = int(rows["begun"].sum())
    return int(rows["cold_starts"].sum()) / begun if begun else nan


def mean_of(column: str, weight: str) -> Compute:
    """The mean of the intervals' means, each weighted by its count."""

    def compute(tables: Tables, context: _Context) -> float:
        rows = _after(tables, context)
        rows = rows.filter(rows[weight] > 0)
        return float(np.average(rows[column].to_numpy(), weights=rows[weight].to_numpy())) if rows.height else nan

    return compute
