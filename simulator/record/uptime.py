"""Metrics of the links, from the table `links`; the glossary defines each."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Metric, MetricContext, Tables

if TYPE_CHECKING:
    from numpy.typing import NDArray


def link_up_ratio(tables: Tables, context: MetricContext) -> float:
    """Mean share of time in which a link is whole."""
    lasted, cut = _spells(tables, context)
    return float(1 - lasted @ cut / lasted.sum() / context.links) if context.links else nan


def majority_links_up_ratio(tables: Tables, context: MetricContext) -> float:
    """Share of time in which more than half of the links are whole."""
    lasted, cut = _spells(tables, context)
    return float(lasted[2 * cut < context.links].sum() / lasted.sum()) if context.links else nan


def _spells(tables: Tables, context: MetricContext) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """After the warm-up: how long each spell lasted in which no link was cut or mended, and how many were cut. A cut
    link that is cut in another mode stays one. Shapes (n,)."""
    rows = tables["links"]
    change: list[int] = []
    down: set[str] = set()
    for link, state in rows.select("link", "state").iter_rows():
        was = len(down)
        (down.add if state == "cut" else down.discard)(link)
        change.append(len(down) - was)
    edges = np.concatenate([[0.0], rows["time_s"].to_numpy(), [context.duration_s]])
    cut = np.concatenate([[0], np.cumsum(np.array(change, np.int64))])
    return np.diff(np.clip(edges, context.warm_up_s, None)), cut


METRICS: Final = (
    Metric("link_up_ratio", "ratio", "mean over the links of the share of time in which no cut holds", link_up_ratio),
    Metric(
        "majority_links_up_ratio",
        "ratio",
        "share of time in which no cut holds of more than half of the links",
        majority_links_up_ratio,
    ),
)
