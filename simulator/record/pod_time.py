"""Pods over time: how many of an owner ran, more than were wanted, or fewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.record.metric import Metric, MetricContext, Tables

if TYPE_CHECKING:
    import polars as pl


Floats = NDArray[np.float64]


def pod_seconds(tables: Tables, context: MetricContext) -> float:
    """Integral of the number of pods running."""
    steps = _steps(tables)
    return integral(steps["time_s"].to_numpy(), np.cumsum(steps["step"].to_numpy()), context)


def double_pod_seconds(tables: Tables, context: MetricContext) -> float:
    """Integral of what runs beyond the wanted number."""
    return _over_owners(tables, context, lambda running, wanted: np.maximum(running - wanted, 0.0))


def missing_pod_seconds(tables: Tables, context: MetricContext) -> float:
    """Integral of what is wanted and does not run."""
    return _over_owners(tables, context, lambda running, wanted: np.maximum(wanted - running, 0.0))


def used_nodes(tables: Tables, context: MetricContext) -> float:
    """Mean number of nodes with a pod running."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    pods = _steps(tables).with_columns(pods=pl.col("step").cum_sum().over("node"))
    held = (pl.col("pods") > 0).cast(pl.Float64)
    turns = pods.with_columns(turn=held - held.shift(1).over("node").fill_null(0.0))
    measured = context.duration_s - context.warm_up_s
    return integral(turns["time_s"].to_numpy(), np.cumsum(turns["turn"].to_numpy()), context) / measured


def _over_owners(tables: Tables, context: MetricContext, beside: Callable[[Floats, float], Floats]) -> float:
    """The sum, over the owners with a wanted number, of the integral of what `beside` makes of (running, wanted)."""
    total, steps = 0.0, _steps(tables)
    for owner, wanted in sorted(context.wanted.items()):
        mine = steps.filter(steps["owner"] == owner)
        times = np.concatenate([[0.0], mine["time_s"].to_numpy()])
        running = np.concatenate([[0.0], np.cumsum(mine["step"].to_numpy())])
        total += integral(times, beside(running, float(wanted)), context)
    return total


def _steps(tables: Tables) -> pl.DataFrame:
    """When a pod's containers started (+1) or stopped (-1), in order of time: owner, node, time_s, step."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    rows = tables["pods"].filter(pl.col("truth") == "running").sort("time_s", maintain_order=True)
    before = pl.col("state").shift(1).over("pod").fill_null("stopped")
    return rows.filter(pl.col("state") != before).select(
        "owner", "node", "time_s", step=pl.when(pl.col("state") == "started").then(1.0).otherwise(-1.0)
    )


def integral(times: Floats, values: Floats, context: MetricContext) -> float:
    """Integral, after the warm-up, of the step function that takes values[i] at times[i] (sorted) and is 0 before."""
    edges = np.clip(np.append(times, context.duration_s), context.warm_up_s, context.duration_s)
    return float(values @ np.diff(edges))


METRICS: Final = (
    Metric(
        "double_pod_seconds",
        "pod s",
        "sum over owners of the integral after the warm-up of max(0, pods of the owner running - its wanted number); "
        "owners without a wanted number (Jobs) do not count",
        double_pod_seconds,
    ),
    Metric(
        "missing_pod_seconds",
        "pod s",
        "sum over owners of the integral after the warm-up of max(0, its wanted number - pods of the owner running); "
        "owners without a wanted number (Jobs) do not count",
        missing_pod_seconds,
    ),
    Metric("pod_seconds", "pod s", "integral after the warm-up of the number of pods running", pod_seconds),
    Metric("used_nodes", "count", "mean, after the warm-up, of the number of nodes on which a pod runs", used_nodes),
)
