"""Metrics of requests and messages, from the tables `traffic` and `messages`; the glossary defines each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf, nan
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from simulator.record.glossary import MetricContext

Tables = Mapping[str, "pl.DataFrame"]

FAILED: Final = ("timeout", "no_endpoint", "refused", "lost", "died")
# How long a service must answer as before until it counts as recovered: a choice of this glossary.
_RECOVERED_S: Final = 60.0


def _after(tables: Tables, name: str, context: MetricContext) -> pl.DataFrame:
    """The interval rows that start at or after the end of the warm-up."""
    frame = tables[name]
    return frame.filter(frame["start_s"] >= context.warm_up_s)


def _count(tables: Tables, name: str, context: MetricContext, *columns: str) -> float:
    frame = _after(tables, name, context)
    return float(sum(int(frame[column].sum()) for column in columns))


def availability(tables: Tables, context: MetricContext) -> float:
    """Completed requests of those that ended."""
    completed = _count(tables, "traffic", context, "completed")
    ended = completed + _count(tables, "traffic", context, *FAILED)
    return completed / ended if ended else nan


def in_flight(tables: Tables, _: MetricContext) -> float:
    """Requests that have not ended."""
    frame = tables["traffic"]
    return float(int(frame["issued"].sum()) - sum(int(frame[column].sum()) for column in ("completed", *FAILED)))


def message_age(tables: Tables, context: MetricContext) -> float:
    """Mean age at arrival."""
    frame = _after(tables, "messages", context)
    frame = frame.filter(frame["delivered"] > 0)
    delivered = frame["delivered"].to_numpy()
    return float(np.average(frame["mean_age_s"].to_numpy(), weights=delivered)) if delivered.size else nan


def recovery_s(tables: Tables, context: MetricContext) -> float:
    """From the end of the last fault until it is as before."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    faults = [(start, end) for start, end in context.faults if start < context.duration_s]
    ended = max((end for _, end in faults), default=inf)
    if ended >= context.duration_s:
        return nan
    rows = _after(tables, "traffic", context).group_by("start_s").agg(pl.col("completed", *FAILED).sum())
    rows = rows.sort("start_s")
    start, completed = rows["start_s"].to_numpy(), rows["completed"].to_numpy()
    all_ended = completed + rows.select(pl.sum_horizontal(*FAILED)).to_series().to_numpy()
    step = float(np.diff(start).min()) if start.size > 1 else context.duration_s
    first = min(begin for begin, _ in faults)
    before, seen = start + step <= first, all_ended > 0
    if not all_ended[before].sum():
        return nan
    level = completed[before].sum() / all_ended[before].sum() - 0.01
    good = seen & (completed >= level * all_ended)
    during = (start + step > first) & seen
    if not (during & ~good).any():
        return nan
    # A service that answers again and breaks down once more has not recovered: it must hold for a while.
    holds = max(1, round(_RECOVERED_S / step))
    back = [at for i, at in enumerate(start) if at >= ended and (good | ~seen)[i : i + holds].all()]
    return float((back[0] if back else context.duration_s) - ended)


def sum_of(table: str, *columns: str) -> Callable[[Tables, MetricContext], float]:
    """The sum of these columns over the intervals after the warm-up."""
    return lambda tables, context: _count(tables, table, context, *columns)
