"""Metrics of pods that are placed, started and evicted; the glossary defines each."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Compute, Metric, MetricContext, Tables

if TYPE_CHECKING:
    import polars as pl


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


def _starts(tables: Tables) -> pl.DataFrame:
    """A row for each pod that was scheduled and ran: when it was `bound` and when it first `ran`, in s."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    first = pl.col("time_s").min()
    pods = tables["pods"]
    bound = pods.filter((pl.col("truth") == "believed") & (pl.col("state") == "Scheduled"))
    ran = pods.filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    return bound.group_by("pod").agg(bound=first).join(ran.group_by("pod").agg(ran=first), on="pod")


def start_p50_s(tables: Tables, _: MetricContext) -> float:
    """Median time from scheduled to running."""
    both = _starts(tables)
    return float(np.median((both["ran"] - both["bound"]).to_numpy())) if both.height else nan


def start_rate(tables: Tables, _: MetricContext) -> float:
    """Pods started by the time that their starts took together."""
    both = _starts(tables)
    took = float(both["ran"].to_numpy().max() - both["bound"].to_numpy().min()) if both.height else nan
    return both.height / took if took else nan


def decisions(kind: str | None) -> Compute:
    """Answers of the placement policy, or those of one kind."""

    def count(tables: Tables, _: MetricContext) -> float:
        made = tables["decisions"]["decision"]
        return float(len(made) if kind is None else int((made == kind).sum()))

    return count


def unschedulable_pods(tables: Tables, _: MetricContext) -> float:
    """Pods that found no node."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    gone = tables["pods"].filter((pl.col("truth") == "believed") & (pl.col("state") == "Deleted"))["pod"].unique()
    made = tables["decisions"].filter(pl.col("attempt") > 0)  # the scheduler's
    last = made.group_by("pod", maintain_order=True).agg(pl.col("decision").last())
    return float(last.filter(pl.col("decision").ne("Bind") & ~pl.col("pod").is_in(gone.implode())).height)


def pending_pod_seconds(tables: Tables, context: MetricContext) -> float:
    """From the making of each pod to when it was given a node, or was gone, or the run was over."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    heard = tables["pods"].filter(pl.col("truth") == "believed")
    waits = pl.col("state") == "Pending"
    spans = heard.group_by("pod", maintain_order=True).agg(
        begin=pl.col("time_s").filter(waits).min(), end=pl.col("time_s").filter(~waits).min()
    )
    return float((spans["end"].fill_null(context.duration_s) - spans["begin"]).sum())


def missed_deadlines(tables: Tables, context: MetricContext) -> float:
    """Pods with a deadline that did not run by then."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    if not context.deadlines:
        return 0.0
    pods = tables["pods"].filter(pl.col("owner").is_in(list(context.deadlines)))
    made, ran = pl.col("state") == "Pending", (pl.col("truth") == "running") & (pl.col("state") == "started")
    spans = pods.group_by("pod", "owner", maintain_order=True).agg(
        made=pl.col("time_s").filter(made).min(), ran=pl.col("time_s").filter(ran).min()
    )
    due = spans["made"] + spans["owner"].cast(pl.String).replace_strict(context.deadlines, return_dtype=pl.Float64)
    return float(((due < context.duration_s) & (spans["ran"].fill_null(inf) > due)).sum())


def allocated_accelerators(_: Tables, context: MetricContext) -> float:
    """What pods hold of all accelerators."""
    return context.allocated_m / context.accelerators_m if context.accelerators_m else nan


METRICS: Final = (
    Metric(
        "evicted_pods",
        "count",
        "pods evicted in the whole run, by the taint manager or by a node under memory or disk pressure",
        evicted_pods,
    ),
    Metric("pods_started", "count", "pods whose containers started at least once in the whole run", pods_started),
    Metric(
        "start_p50_s",
        "s",
        "median over the pods of the whole run of the time from scheduled (believed) to first running (in reality)",
        start_p50_s,
    ),
    Metric(
        "start_rate",
        "1/s",
        "pods that were scheduled and ran in the whole run, by the time from when the first of them was scheduled "
        "(believed) to when the last first ran (in reality); pods that began placed do not count",
        start_rate,
    ),
    Metric(
        "decisions",
        "count",
        "answers of the placement policy in the whole run, and what preemption and loops changed",
        decisions(None),
    ),
    Metric(
        "policy_errors",
        "count",
        "answers in the whole run that were no answer: the policy raised, or answered nonsense",
        decisions("policy_error"),
    ),
    Metric(
        "unschedulable_pods",
        "count",
        "pods not deleted whose last placement decision at the end of the run is not Bind",
        unschedulable_pods,
    ),
    Metric(
        "pending_pod_seconds",
        "pod s",
        "time from a pod's creation to its binding (as the control plane believes), to its deletion or failure without "
        "one, or to the end of the run; over all pods that were not there from the beginning",
        pending_pod_seconds,
    ),
    Metric(
        "missed_deadlines",
        "count",
        "pods with a deadline that passed in the run and by which their containers had not started (in reality), be "
        "they deleted or not; counted from when the control plane has the pod",
        missed_deadlines,
    ),
    Metric(
        "allocated_accelerators",
        "ratio",
        "accelerators, in thousandths, that pods with a node ask for at the end of the run, by those of all nodes",
        allocated_accelerators,
    ),
)
