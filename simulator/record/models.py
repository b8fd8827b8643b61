"""Metrics of model objects on their way to nodes, from the table `deliveries`; the glossary defines each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.record.metric import Metric, MetricContext, Tables, mean

if TYPE_CHECKING:
    import polars as pl


def _ways(tables: Tables) -> pl.DataFrame:
    """A row for each model and node that it was published to: when it was `sent`, and `delivered`, null if never."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    rows = tables["deliveries"].filter(pl.col("kind") == "model")
    when = {word: pl.col("time_s").filter(pl.col("event") == word).first() for word in ("sent", "delivered")}
    return rows.group_by("about", "node", maintain_order=True).agg(**when)


def model_delivery_s(tables: Tables, context: MetricContext) -> float:
    """Mean time from a model's publication until a node has all of it; to the end of the run where it has not."""
    ways = _ways(tables)
    return mean(ways["delivered"].fill_null(context.duration_s) - ways["sent"])


def models_missing(tables: Tables, _: MetricContext) -> float:
    """How often a model has not reached a node that it was published to."""
    return float(_ways(tables)["delivered"].null_count())


METRICS: Final = (
    Metric(
        "model_delivery_s",
        "s",
        "mean, over the models published in the whole run and the nodes that each was published to, of the time from "
        "its publication until the node has all of it; to the end of the run, a lower bound, if it has not by then",
        model_delivery_s,
    ),
    Metric(
        "models_missing",
        "count",
        "over the same: how often a node has not all of a model at the end of the run, be it under way, never found or "
        "dropped for want of room on its disk",
        models_missing,
    ),
)
