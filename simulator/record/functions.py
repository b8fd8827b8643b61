"""What functions cost and how often they start cold: metrics of the table `functions`."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Compute, Metric, MetricContext, Tables

if TYPE_CHECKING:
    import polars as pl


def _after(tables: Tables, context: MetricContext) -> pl.DataFrame:
    frame = tables["functions"]
    return frame.filter(frame["start_s"] >= context.warm_up_s)


def total(column: str) -> Compute:
    """The sum of a column after the warm-up."""
    return lambda tables, context: float(_after(tables, context)[column].sum())


def mean_number(column: str) -> Compute:
    """Instance seconds of the intervals after the warm-up by their seconds: how many instances there are on average."""

    def compute(tables: Tables, context: MetricContext) -> float:
        begin = context.warm_up_s if context.whole_from_s is None else context.whole_from_s
        rows, span = _after(tables, context), context.duration_s - begin
        return float(rows[column].sum()) / span if span > 0 else nan

    return compute


def cold_start_share(tables: Tables, context: MetricContext) -> float:
    """Cold starts by the requests that began."""
    rows = _after(tables, context)
    begun = int(rows["begun"].sum())
    return int(rows["cold_starts"].sum()) / begun if begun else nan


def mean_of(column: str, weight: str) -> Compute:
    """The mean of the intervals' means, each weighted by its count."""

    def compute(tables: Tables, context: MetricContext) -> float:
        rows = _after(tables, context)
        rows = rows.filter(rows[weight] > 0)
        return float(np.average(rows[column].to_numpy(), weights=rows[weight].to_numpy())) if rows.height else nan

    return compute


METRICS: Final = (
    Metric(
        "cold_starts",
        "count",
        "requests to functions that, after the warm-up, began after they had waited for an instance to boot",
        total("cold_starts"),
    ),
    Metric(
        "cold_start_share",
        "ratio",
        "cold starts by the requests to functions that began, both after the warm-up",
        cold_start_share,
    ),
    Metric(
        "cold_start_wait_s",
        "s",
        "mean time from arrival to begin of the cold starts after the warm-up",
        mean_of("mean_cold_wait_s", "cold_starts"),
    ),
    Metric(
        "function_latency_s",
        "s",
        "mean time from arrival to answer of the requests to functions that were completed after the warm-up",
        mean_of("mean_latency_s", "completed"),
    ),
    Metric(
        "function_failures",
        "count",
        "requests to functions that, after the warm-up, were refused at the most instances or died with their instance",
        lambda tables, context: sum(total(column)(tables, context) for column in ("refused", "died")),
    ),
    Metric(
        "mean_instances",
        "count",
        "instances of all functions, booting ones among them, averaged over the time after the warm-up",
        mean_number("instance_s"),
    ),
    Metric(
        "busy_instances",
        "count",
        "instances of all functions that have a request, averaged likewise",
        mean_number("busy_s"),
    ),
    Metric(
        "idle_instance_seconds",
        "instance s",
        "integral after the warm-up of the number of instances that are up and have no request",
        total("idle_s"),
    ),
    Metric(
        "wasted_byte_seconds",
        "B s",
        "the same integral, each instance times the memory that it asks for",
        total("idle_byte_s"),
    ),
    Metric(
        "instance_life_s",
        "s",
        "mean time from start to end of the instances that went after the warm-up",
        mean_of("mean_life_s", "gone"),
    ),
)
