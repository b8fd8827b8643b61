"""Metrics of requests and messages, from the tables `traffic` and `messages`; the glossary defines each."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Compute, Metric, MetricContext, Tables

if TYPE_CHECKING:
    import polars as pl


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


def sum_of(table: str, *columns: str) -> Compute:
    """The sum of these columns over the intervals after the warm-up."""
    return lambda tables, context: _count(tables, table, context, *columns)


def _latency(q: float) -> Compute:
    return lambda _, context: context.latency(q)


METRICS: Final = (
    Metric(
        "availability",
        "ratio",
        "completed / (completed + failed): the requests that ended well among those that ended in intervals after the "
        "warm-up; without a warm-up this is completed / (issued - in flight at the end)",
        availability,
    ),
    Metric(
        "mean_latency_s",
        "s",
        "mean time from issue to completion, over the requests completed after the warm-up, retries included",
        lambda _, context: context.mean_latency_s,
    ),
    *(
        Metric(
            f"p{percent}_latency_s",
            "s",
            f"{percent}th percentile of the time from issue to completion after the warm-up, from the merged sketch "
            "(1 % relative error)",
            _latency(percent / 100),
        )
        for percent in (50, 95, 99)
    ),
    Metric("requests_issued", "count", "requests issued after the warm-up", sum_of("traffic", "issued")),
    Metric("requests_completed", "count", "requests completed after the warm-up", sum_of("traffic", "completed")),
    Metric(
        "requests_failed",
        "count",
        "requests that, after the warm-up, timed out for the last time, found no endpoint, were refused, were lost, "
        "or died with their pod or node",
        sum_of("traffic", *FAILED),
    ),
    Metric(
        "requests_in_flight",
        "count",
        "requests still in flight at the end: issued - completed - failed, over the whole run",
        in_flight,
    ),
    Metric("delivered_messages", "count", "readings delivered after the warm-up", sum_of("messages", "delivered")),
    Metric("lost_messages", "count", "readings lost after the warm-up", sum_of("messages", "lost")),
    Metric(
        "late_messages",
        "count",
        "readings delivered after the warm-up that took over one interval of their flow longer than an unloaded way",
        sum_of("messages", "late"),
    ),
    Metric(
        "superseded_messages",
        "count",
        "values of device twins that a newer one replaced, after the warm-up, before they were sent",
        sum_of("messages", "superseded"),
    ),
    Metric(
        "mean_message_age_s",
        "s",
        "mean age at arrival of the readings delivered after the warm-up: each interval's mean, weighted by its count",
        message_age,
    ),
    Metric(
        "recovery_s",
        "s",
        "from the end of the last fault to the start of the first later interval from which on, for a minute or to the "
        "end of the run, availability is at least that before the first fault minus 0.01; in steps of the recording "
        "interval; to the end of the run, a lower bound, if there is none; undefined if no interval since the first "
        "fault fell below, or if a fault lasts to the end",
        recovery_s,
    ),
)
