"""What a metric is, and what it is computed from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

Tables = Mapping[str, "pl.DataFrame"]  # by the names of `simulator.record.schema.TABLES`


def _no_latency(_: float) -> float:
    return nan


@dataclass(frozen=True, slots=True)
class MetricContext:
    """What a metric needs beside the tables; every time in seconds of simulated time.

    `wanted`: owner -> wanted number of pods. `faults`: (start, end) of each, end infinite where it never ends.
    `deadlines`: owner -> time after its creation by which a pod is to run.
    `accelerators_m` are the thousandths of all accelerators, `allocated_m` those that pods with a node hold at the end.
    `latency(q)`: quantile q in [0, 1] of the merged latency sketch after the warm-up; `mean_latency_s` likewise.
    """

    duration_s: float
    warm_up_s: float = 0.0
    wanted: Mapping[str, int] = field(default_factory=dict)
    deadlines: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[tuple[float, float], ...] = ()
    latency: Callable[[float], float] = _no_latency
    mean_latency_s: float = nan
    whole_from_s: float | None = None  # the first interval begins that the warm-up leaves whole; None: at its end
    links: int = 0  # of the topology
    accelerators_m: int = 0
    allocated_m: int = 0


Compute = Callable[[Tables, MetricContext], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a summary. `compute(tables, context)` gives NaN where the metric is undefined."""

    name: str
    unit: str
    definition: str
    compute: Compute


def mean(column: pl.Series) -> float:
    """Over what is known; NaN where nothing is."""
    known = column.drop_nulls().to_numpy()
    return float(known.mean()) if known.size else nan
