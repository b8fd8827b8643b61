"""What pods hold of the nodes' memory."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Metric, MetricContext, Tables
from simulator.record.pod_time import integral

if TYPE_CHECKING:
    pass


def held_ram_bytes(tables: Tables, context: MetricContext) -> float:
    """Mean over time of what all pods of all nodes hold; NaN where no time is left after the warm-up."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    held = pl.col("held_bytes")
    rows = tables["memory"].select("time_s", more=held - held.shift(1).over("node").fill_null(0))
    rows = rows.sort("time_s", maintain_order=True)
    total = integral(rows["time_s"].to_numpy(), np.cumsum(rows["more"].to_numpy().astype(np.float64)), context)
    span = context.duration_s - context.warm_up_s
    return total / span if span > 0 else nan


METRICS: Final = (
    Metric(
        "held_ram_bytes",
        "B",
        "mean, after the warm-up, of the memory that the pods of all nodes hold: their processes' working sets, what "
        "their runtimes take for each, and pages that they share, once on each node",
        held_ram_bytes,
    ),
)
