"""Metrics of the operating systems of hosts, from the table `events`; the glossary defines each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.record.metric import Compute, Metric, MetricContext, Tables, mean

if TYPE_CHECKING:
    pass


def host_update_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from the beginning of a host's update until it stays."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    began = pl.col("time_s").filter(pl.col("kind") == "HostUpdateStarted").last()
    rows = tables["events"].filter(pl.col("kind").is_in(["HostUpdateStarted", "HostUpdateCommitted"]))
    # A host has one update at a time, so each beginning belongs to the next end of the same name.
    each = rows.group_by("node", "detail", maintain_order=True).agg(
        took_s=pl.col("time_s").filter(pl.col("kind") == "HostUpdateCommitted").last() - began
    )
    return mean(each["took_s"].drop_nulls())


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
