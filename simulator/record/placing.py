"""Metrics of pods that are placed, started and evicted; the glossary defines each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import polars as pl

    from simulator.record.glossary import MetricContext

Tables = Mapping[str, "pl.DataFrame"]


def evicted_pods(tables: Tables, _: MetricContext) -> float:
    """Pods that were evicted."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    # Kubernetes' words. The taint manager's event of the same kind also says when it cancels a deletion.
    tainted = (pl.col("kind") == "TaintManagerEviction") & pl.col("detail").str.starts_with("Marking for deletion")
    return float(tables["events"].filter(tainted | (pl.col("kind") == "Evicted"))["subject"].n_unique())


def pods_started(tables: Tables, _: MetricContext) -> float:
    """Pods that ever ran."""
    pods = tables["pods"]
    return float(pods.filter((pods["truth"] == "running") & (pods["state"] == "started"))["pod"].n_unique())


def start_p50_s(tables: Tables, _: MetricContext) -> float:
    """Median time from scheduled to running."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    first = pl.col("time_s").min()
    pods = tables["pods"]
    bound = pods.filter((pl.col("truth") == "believed") & (pl.col("state") == "Scheduled"))
    ran = pods.filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    both = bound.group_by("pod").agg(bound=first).join(ran.group_by("pod").agg(ran=first), on="pod")
    return float(np.median((both["ran"] - both["bound"]).to_numpy())) if both.height else nan


def decisions(kind: str | None) -> Callable[[Tables, MetricContext], float]:
    """Answers of the placement policy, or those of one kind."""

    def count(tables: Tables, _: MetricContext) -> float:
        made = tables["decisions"]["decision"]
        return float(len(made) if kind is None else int((made == kind).sum()))

    return count


def unschedulable_pods(tables: Tables, _: MetricContext) -> float:
    """Pods that found no node."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    gone = tables["pods"].filter((pl.col("truth") == "believed") & (pl.col("state") == "Deleted"))["pod"].unique()
    last = tables["decisions"].group_by("pod", maintain_order=True).agg(pl.col("decision").last())
    return float(last.filter(pl.col("decision").ne("Bind") & ~pl.col("pod").is_in(gone.implode())).height)
