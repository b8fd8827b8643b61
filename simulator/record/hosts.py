"""Metrics of the operating systems of hosts, from the table `events`; the glossary defines each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.record.metric import Compute, Metric, MetricContext, Tables, mean

if TYPE_CHECKING:
    pass


def host_update_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from the beginning of a host's update until it stays."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    rows = tables["events"].filter(pl.col("kind").is_in(["HostUpdateStarted", "HostUpdateCommitted"]))
    # A host has one update at a time, so what is kept is what of that name was begun last.
    began = pl.when(pl.col("kind") == "HostUpdateStarted").then(pl.col("time_s")).forward_fill().over("node", "detail")
    kept = rows.with_columns(took_s=pl.col("time_s") - began).filter(kind="HostUpdateCommitted")
    return mean(kept["took_s"])


def count(kind: str) -> Compute:
    """How often an event of this kind happened in the whole run."""
    return lambda tables, _: float((tables["events"]["kind"] == kind).sum())


METRICS: Final = (
    Metric(
        "host_update_s",
        "s",
        "mean, over the updates of hosts' operating systems that came to stay, of the time from the beginning of the "
        "download until the new image stays",
        host_update_s,
    ),
    Metric(
        "host_commits",
        "count",
        "updates of hosts' operating systems that came to stay in the whole run, bad ones among them",
        count("HostUpdateCommitted"),
    ),
    Metric(
        "host_rollbacks",
        "count",
        "times in the whole run that a host went back to its former operating system",
        count("HostRolledBack"),
    ),
    Metric(
        "refused_nodes",
        "count",
        "machines that were left out because they cannot run what is named for them (unfit: leave-out)",
        count("NodeRefused"),
    ),
)
