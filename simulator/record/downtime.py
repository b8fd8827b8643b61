"""Metrics of machines that are down, from the table `nodes`; the glossary defines each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Metric, MetricContext, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray


def down_nodes(tables: Tables, context: MetricContext) -> float:
    """Mean number of machines that are down."""
    lasted, down = _spells(tables, context)
    return float(lasted @ down / lasted.sum())


def all_up_ratio(tables: Tables, context: MetricContext) -> float:
    """Share of time in which none is down."""
    lasted, down = _spells(tables, context)
    return float(lasted[down == 0].sum() / lasted.sum())


def node_losses(tables: Tables, _: MetricContext) -> float:
    """How often one went down."""
    rows = tables["nodes"]
    return float(((rows["truth"] == "running") & (rows["state"] == "down")).sum())


def _spells(tables: Tables, context: MetricContext) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """After the warm-up: how long each spell lasted in which no machine went down or came up, and how many were down.
    Shapes (n,)."""
    rows = tables["nodes"]
    rows = rows.filter((rows["truth"] == "running") & (rows["time_s"] > 0))  # at 0 they say that all are up
    change = np.where((rows["state"] == "down").to_numpy(), 1, -1)
    edges = np.concatenate([[0.0], rows["time_s"].to_numpy(), [context.duration_s]])
    return np.diff(np.clip(edges, context.warm_up_s, None)), np.concatenate([[0], np.cumsum(change)])


METRICS: Final = (
    Metric(
        "down_nodes",
        "count",
        "mean over time of the number of machines that have no power, or have not booted since",
        down_nodes,
    ),
    Metric("all_up_ratio", "ratio", "share of time in which no machine is without power or booting", all_up_ratio),
    Metric("node_losses", "count", "times in the whole run that a machine went down, of whatever cause", node_losses),
)
