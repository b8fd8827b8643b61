"""The one glossary of metrics: every number of a summary, its unit and its formula in words.

A metric is derived from the tables of one run, never recorded. Counts and ratios of traffic and integrals over
time cover what lies after the scenario's warm-up; what the control plane did (pods started, decisions) is counted
over the whole run. Failed means: timed out, no endpoint, refused, lost or died.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, nan
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from simulator.record import clusters, reconciling

if TYPE_CHECKING:
    import polars as pl

Tables = Mapping[str, "pl.DataFrame"]

FAILED: Final = ("timeout", "no_endpoint", "refused", "lost", "died")
# How long a service must answer as before until it counts as recovered: a choice of this glossary.
_RECOVERED_S: Final = 60.0


def _no_latency(_: float) -> float:
    return nan


@dataclass(frozen=True, slots=True)
class MetricContext:
    """What a metric needs beside the tables; every time in seconds of simulated time.

    `wanted`: owner -> wanted number of pods. `faults`: (start, end) of each, end infinite where it never ends.
    `latency(q)`: quantile q in [0, 1] of the merged latency sketch after the warm-up; `mean_latency_s` likewise.
    """

    duration_s: float
    warm_up_s: float = 0.0
    wanted: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[tuple[float, float], ...] = ()
    latency: Callable[[float], float] = _no_latency
    mean_latency_s: float = nan


@dataclass(frozen=True, slots=True)
class Metric:
    """One number of a summary. `compute(tables, context)` gives NaN where the metric is undefined."""

    name: str
    unit: str
    definition: str
    compute: Callable[[Tables, MetricContext], float]


def _after(tables: Tables, name: str, context: MetricContext) -> pl.DataFrame:
    """The interval rows that start at or after the end of the warm-up."""
    frame = tables[name]
    return frame.filter(frame["start_s"] >= context.warm_up_s)


def _count(tables: Tables, name: str, context: MetricContext, *columns: str) -> float:
    frame = _after(tables, name, context)
    return float(sum(int(frame[column].sum()) for column in columns))


def _availability(tables: Tables, context: MetricContext) -> float:
    completed = _count(tables, "traffic", context, "completed")
    ended = completed + _count(tables, "traffic", context, *FAILED)
    return completed / ended if ended else nan


def _in_flight(tables: Tables, _: MetricContext) -> float:
    frame = tables["traffic"]
    return float(int(frame["issued"].sum()) - sum(int(frame[column].sum()) for column in ("completed", *FAILED)))


def _message_age(tables: Tables, context: MetricContext) -> float:
    frame = _after(tables, "messages", context)
    frame = frame.filter(frame["delivered"] > 0)
    delivered = frame["delivered"].to_numpy()
    return float(np.average(frame["mean_age_s"].to_numpy(), weights=delivered)) if delivered.size else nan


def _integral(times: NDArray[np.float64], values: NDArray[np.float64], context: MetricContext) -> float:
    """Integral, after the warm-up, of the step function that takes values[i] at times[i] (sorted) and is 0 before."""
    edges = np.clip(np.append(times, context.duration_s), context.warm_up_s, context.duration_s)
    return float(values @ np.diff(edges))


def _running_steps(tables: Tables) -> pl.DataFrame:
    """When a pod's containers started (+1) or stopped (-1), in order of time: owner, time_s, step."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    rows = tables["pods"].filter(pl.col("truth") == "running").sort("time_s", maintain_order=True)
    before = pl.col("state").shift(1).over("pod").fill_null("stopped")
    return rows.filter(pl.col("state") != before).select(
        "owner", "time_s", step=pl.when(pl.col("state") == "started").then(1.0).otherwise(-1.0)
    )


def _double_pod_seconds(tables: Tables, context: MetricContext) -> float:
    total = 0.0
    steps = _running_steps(tables)
    for owner in sorted(set(steps["owner"].unique()) & set(context.wanted)):
        mine = steps.filter(steps["owner"] == owner)
        running = np.cumsum(mine["step"].to_numpy())
        total += _integral(mine["time_s"].to_numpy(), np.maximum(running - context.wanted[owner], 0.0), context)
    return total


def _pod_seconds(tables: Tables, context: MetricContext) -> float:
    steps = _running_steps(tables)
    return _integral(steps["time_s"].to_numpy(), np.cumsum(steps["step"].to_numpy()), context)


def _recovery_s(tables: Tables, context: MetricContext) -> float:
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    faults = [(start, end) for start, end in context.faults if start < context.duration_s]
    ended = max((end for _, end in faults), default=inf)
    if ended >= context.duration_s:
        return nan
    rows = _after(tables, "traffic", context).group_by("start_s").agg(pl.col("completed", *FAILED).sum())
    rows = rows.sort("start_s")
    start, completed = rows["start_s"].to_numpy(), rows["completed"].to_numpy()
    all_ended = completed + rows.select(pl.sum_horizontal(*FAILED)).to_series().to_numpy()
    step = float(np.diff(start).min()) if start.size > 1 else context.duration_s
    first = min(begin for begin, _ in faults)
    before, seen = start + step <= first, all_ended > 0
    if not all_ended[before].sum():
        return nan
    level = completed[before].sum() / all_ended[before].sum() - 0.01
    good = seen & (completed >= level * all_ended)
    during = (start + step > first) & seen
    if not (during & ~good).any():
        return nan
    # A service that answers again and breaks down once more has not recovered: it must hold for a while.
    holds = max(1, round(_RECOVERED_S / step))
    back = [at for i, at in enumerate(start) if at >= ended and (good | ~seen)[i : i + holds].all()]
    return float((back[0] if back else context.duration_s) - ended)


def _evicted_pods(tables: Tables, _: MetricContext) -> float:
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    # Kubernetes' words. The taint manager's event of the same kind also says when it cancels a deletion.
    tainted = (pl.col("kind") == "TaintManagerEviction") & pl.col("detail").str.starts_with("Marking for deletion")
    return float(tables["events"].filter(tainted | (pl.col("kind") == "Evicted"))["subject"].n_unique())


def _pods_started(tables: Tables, _: MetricContext) -> float:
    pods = tables["pods"]
    return float(pods.filter((pods["truth"] == "running") & (pods["state"] == "started"))["pod"].n_unique())


def _start_p50_s(tables: Tables, _: MetricContext) -> float:
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    first = pl.col("time_s").min()
    pods = tables["pods"]
    bound = pods.filter((pl.col("truth") == "believed") & (pl.col("state") == "Scheduled"))
    ran = pods.filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    both = bound.group_by("pod").agg(bound=first).join(ran.group_by("pod").agg(ran=first), on="pod")
    return float(np.median((both["ran"] - both["bound"]).to_numpy())) if both.height else nan


def _decisions(kind: str | None) -> Callable[[Tables, MetricContext], float]:
    def count(tables: Tables, _: MetricContext) -> float:
        made = tables["decisions"]["decision"]
        return float(len(made) if kind is None else int((made == kind).sum()))

    return count


def _unschedulable_pods(tables: Tables, _: MetricContext) -> float:
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    gone = tables["pods"].filter((pl.col("truth") == "believed") & (pl.col("state") == "Deleted"))["pod"].unique()
    last = tables["decisions"].group_by("pod", maintain_order=True).agg(pl.col("decision").last())
    return float(last.filter(pl.col("decision").ne("Bind") & ~pl.col("pod").is_in(gone.implode())).height)


def _sum_of(table: str, *columns: str) -> Callable[[Tables, MetricContext], float]:
    return lambda tables, context: _count(tables, table, context, *columns)


def _quantile(q: float) -> Callable[[Tables, MetricContext], float]:
    return lambda _, context: context.latency(q)


_METRICS: Final = (
    Metric(
        "availability",
        "ratio",
        "completed / (completed + failed): the requests that ended well among those that ended in intervals after the "
        "warm-up; without a warm-up this is completed / (issued - in flight at the end)",
        _availability,
    ),
    Metric(
        "mean_latency_s",
        "s",
        "mean time from issue to completion, over the requests completed after the warm-up, retries included",
        lambda _, context: context.mean_latency_s,
    ),
    *(
        Metric(
            f"p{percent}_latency_s",
            "s",
            f"{percent}th percentile of the time from issue to completion after the warm-up, from the merged sketch "
            "(1 % relative error)",
            _quantile(percent / 100),
        )
        for percent in (50, 95, 99)
    ),
    Metric("requests_issued", "count", "requests issued after the warm-up", _sum_of("traffic", "issued")),
    Metric("requests_completed", "count", "requests completed after the warm-up", _sum_of("traffic", "completed")),
    Metric(
        "requests_failed",
        "count",
        "requests that, after the warm-up, timed out for the last time, found no endpoint, were refused, were lost, "
        "or died with their pod or node",
        _sum_of("traffic", *FAILED),
    ),
    Metric(
        "requests_in_flight",
        "count",
        "requests still in flight at the end: issued - completed - failed, over the whole run",
        _in_flight,
    ),
    Metric("delivered_messages", "count", "readings delivered after the warm-up", _sum_of("messages", "delivered")),
    Metric("lost_messages", "count", "readings lost after the warm-up", _sum_of("messages", "lost")),
    Metric(
        "late_messages",
        "count",
        "readings delivered after the warm-up that took over one interval of their flow longer than an unloaded way",
        _sum_of("messages", "late"),
    ),
    Metric(
        "duplicated_messages",
        "count",
        "arrivals after the warm-up of readings that had been delivered before",
        _sum_of("messages", "duplicated"),
    ),
    Metric(
        "superseded_messages",
        "count",
        "values of device twins that a newer one replaced, after the warm-up, before they were sent",
        _sum_of("messages", "superseded"),
    ),
    Metric(
        "mean_message_age_s",
        "s",
        "mean age at arrival of the readings delivered after the warm-up: each interval's mean, weighted by its count",
        _message_age,
    ),
    Metric(
        "double_pod_seconds",
        "pod s",
        "sum over owners of the integral after the warm-up of max(0, pods of the owner running - its wanted number); "
        "owners without a wanted number (Jobs) do not count",
        _double_pod_seconds,
    ),
    Metric("pod_seconds", "pod s", "integral after the warm-up of the number of pods running", _pod_seconds),
    Metric(
        "detection_s",
        "s",
        "mean time until a node believed Ready is believed not Ready: from its physical loss if it is down by then, "
        "else from the last cut of its path to the API server; turns without either do not count",
        reconciling.detection_s,
    ),
    Metric(
        "belief_error_s",
        "node s",
        "node-seconds after the warm-up in which the believed Ready condition differs from whether the node is "
        "physically up, counted from the first belief about it (so a healthy node behind a cut counts)",
        reconciling.belief_error_s,
    ),
    Metric(
        "ready_again_s",
        "s",
        "mean, over the openings in the whole run of the path between a node believed not Ready and its API server, of "
        "the time from there until the node is believed Ready; nodes that never are do not count",
        reconciling.ready_again_s,
    ),
    Metric(
        "false_detections",
        "count",
        "times in the whole run that a node believed Ready is believed not Ready at a moment when it is up and its "
        "path to the API server is open",
        reconciling.false_detections,
    ),
    Metric(
        "replacement_s",
        "s",
        "mean, over the pods of nodes that lost power or their path to the API server, of the time from that loss to "
        "the first start elsewhere of the pod's replacement: it ran at the loss, was given up (Terminating, Failed or "
        "Deleted) before the node was back, and is replaced by the next pod that its owner makes, each replacing one; "
        "pods whose replacement never ran do not count",
        reconciling.replacement_s,
    ),
    Metric(
        "reconciliation_s",
        "s",
        "mean, over the returns of nodes that had lost power or their path to the API server, of the time from having "
        "both again until what is believed, stored and running agrees for every pod of the node; pods that any of the "
        "three has there at the return, except for those that ran before the loss and said that they were not ready; "
        "to the end of the run, a lower bound, if they do not agree by then; nodes without such a pod, and returns "
        "cut short by another loss, do not count",
        reconciling.reconciliation_s,
    ),
    Metric(
        "resync_bytes",
        "B",
        "bytes of the control messages sent or sent again in the whole run because a connection came back: full lists, "
        "the requests for them, and what had waited",
        reconciling.resync_bytes,
    ),
    Metric(
        "resent_messages",
        "count",
        "control messages sent again in the whole run",
        reconciling.delivery_events("resent"),
    ),
    Metric(
        "lost_control_messages",
        "count",
        "control messages lost for good in the whole run: with a node's power, or with a connection that was given up",
        reconciling.delivery_events("lost"),
    ),
    Metric(
        "cluster_detection_s",
        "s",
        "mean time until a hub believes a member cluster not Ready that it believed Ready: from when the member's API "
        "server went down or its path to the hub was cut, whichever of what still lasts came first; turns of members "
        "that are up and in reach do not count",
        clusters.cluster_detection_s,
    ),
    Metric(
        "false_cluster_detections",
        "count",
        "times in the whole run that a hub turns from believing a member cluster Ready to believing it not Ready at a "
        "moment when the member's API server is up and the path between both is open",
        clusters.false_cluster_detections,
    ),
    Metric(
        "cluster_ready_again_s",
        "s",
        "mean, over the returns in the whole run of member clusters that a hub believes not Ready, of the time from "
        "having both API server and path again until the hub believes the member Ready; members that it never believes "
        "Ready again do not count",
        clusters.cluster_ready_again_s,
    ),
    Metric(
        "propagation_s",
        "s",
        "mean, over a hub's decisions of the whole run, of the time until the last member cluster that a decision "
        "concerns has received the object: a decision gives members another number of copies "
        "(ScheduleBindingSucceed), or is a new image (Updated) for all that have the workload; to the end of the run, "
        "a lower bound, if a member has not received it by then",
        clusters.propagation_s,
    ),
    Metric(
        "recovery_s",
        "s",
        "from the end of the last fault to the start of the first later interval from which on, for a minute or to the "
        "end of the run, availability is at least that before the first fault minus 0.01; in steps of the recording "
        "interval; to the end of the run, a lower bound, if there is none; undefined if no interval since the first "
        "fault fell below, or if a fault lasts to the end",
        _recovery_s,
    ),
    Metric(
        "evicted_pods",
        "count",
        "pods evicted in the whole run, by the taint manager or by a node under memory pressure",
        _evicted_pods,
    ),
    Metric("pods_started", "count", "pods whose containers started at least once in the whole run", _pods_started),
    Metric(
        "start_p50_s",
        "s",
        "median over the pods of the whole run of the time from scheduled (believed) to first running (in reality)",
        _start_p50_s,
    ),
    Metric("decisions", "count", "answers of the placement policy in the whole run", _decisions(None)),
    Metric(
        "policy_errors",
        "count",
        "answers in the whole run that were no answer: the policy raised, or answered nonsense",
        _decisions("policy_error"),
    ),
    Metric(
        "unschedulable_pods",
        "count",
        "pods not deleted whose last placement decision at the end of the run is not Bind",
        _unschedulable_pods,
    ),
)

GLOSSARY: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _METRICS}


def summarise(tables: Tables, context: MetricContext, names: Iterable[str] | None = None) -> dict[str, float]:
    """The metrics of one run by name, in the glossary's order; all of them unless `names` says which.

    `tables` maps the names of `simulator.record.schema.TABLES` to their frames. Raises KeyError for a name that
    is no metric (the spec layer has refused it before).
    """
    wanted = set(GLOSSARY) if names is None else set(names)
    if unknown := wanted - set(GLOSSARY):
        raise KeyError(f"no metric named {', '.join(sorted(unknown))}")
    return {name: metric.compute(tables, context) for name, metric in GLOSSARY.items() if name in wanted}
