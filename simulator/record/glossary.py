"""The one glossary of metrics: every number of a summary, its unit and its formula in words.

A metric is derived from the tables of one run, never recorded. Counts and ratios of traffic and integrals over
time cover what lies after the scenario's warm-up; what the control plane did (pods started, decisions) is counted
over the whole run. Failed means: timed out, no endpoint, refused, lost or died.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Final

from simulator.record import clusters, functions, models, outages, placing, pod_time, reconciling, traffic

if TYPE_CHECKING:
    import polars as pl

Tables = Mapping[str, "pl.DataFrame"]


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


def _quantile(q: float) -> Callable[[Tables, MetricContext], float]:
    return lambda _, context: context.latency(q)


_METRICS: Final = (
    Metric(
        "availability",
        "ratio",
        "completed / (completed + failed): the requests that ended well among those that ended in intervals after the "
        "warm-up; without a warm-up this is completed / (issued - in flight at the end)",
        traffic.availability,
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
    Metric("requests_issued", "count", "requests issued after the warm-up", traffic.sum_of("traffic", "issued")),
    Metric(
        "requests_completed", "count", "requests completed after the warm-up", traffic.sum_of("traffic", "completed")
    ),
    Metric(
        "requests_failed",
        "count",
        "requests that, after the warm-up, timed out for the last time, found no endpoint, were refused, were lost, "
        "or died with their pod or node",
        traffic.sum_of("traffic", *traffic.FAILED),
    ),
    Metric(
        "requests_in_flight",
        "count",
        "requests still in flight at the end: issued - completed - failed, over the whole run",
        traffic.in_flight,
    ),
    Metric(
        "delivered_messages", "count", "readings delivered after the warm-up", traffic.sum_of("messages", "delivered")
    ),
    Metric("lost_messages", "count", "readings lost after the warm-up", traffic.sum_of("messages", "lost")),
    Metric(
        "late_messages",
        "count",
        "readings delivered after the warm-up that took over one interval of their flow longer than an unloaded way",
        traffic.sum_of("messages", "late"),
    ),
    Metric(
        "duplicated_messages",
        "count",
        "arrivals after the warm-up of readings that had been delivered before",
        traffic.sum_of("messages", "duplicated"),
    ),
    Metric(
        "superseded_messages",
        "count",
        "values of device twins that a newer one replaced, after the warm-up, before they were sent",
        traffic.sum_of("messages", "superseded"),
    ),
    Metric(
        "mean_message_age_s",
        "s",
        "mean age at arrival of the readings delivered after the warm-up: each interval's mean, weighted by its count",
        traffic.message_age,
    ),
    Metric(
        "double_pod_seconds",
        "pod s",
        "sum over owners of the integral after the warm-up of max(0, pods of the owner running - its wanted number); "
        "owners without a wanted number (Jobs) do not count",
        pod_time.double_pod_seconds,
    ),
    Metric(
        "missing_pod_seconds",
        "pod s",
        "sum over owners of the integral after the warm-up of max(0, its wanted number - pods of the owner running); "
        "owners without a wanted number (Jobs) do not count",
        pod_time.missing_pod_seconds,
    ),
    Metric("pod_seconds", "pod s", "integral after the warm-up of the number of pods running", pod_time.pod_seconds),
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
        "give_up_s",
        "s",
        "mean, over the pods that ran on a node when it went out of reach, of the time from then until they are "
        "believed Terminating, Failed or Deleted; those that are not before the node is back do not count. Out of "
        "reach is a node without power, without a path to its API server, or, in a member cluster, to the hub",
        outages.give_up_s,
    ),
    Metric(
        "killed_healthy_pods",
        "count",
        "pods in the whole run that ran all the while that their node was out of reach, were given up in that time, "
        "and were ended after the return; not where an update of their owner came before they were given up",
        outages.killed_healthy_pods,
    ),
    Metric(
        "offline_running_ratio",
        "ratio",
        "mean, over the workloads with a pod on a node that went out of reach and came back, of the share of that time "
        "in which a pod of theirs ran there",
        outages.offline_running_ratio,
    ),
    Metric(
        "reboot_s",
        "s",
        "mean, over the workloads with a pod on a node when its power went, of the time from the end of the operating "
        "system's boot until a pod of theirs runs there again; those that waited for the way out do not count",
        outages.reboot_s,
    ),
    Metric(
        "late_reboot_s",
        "s",
        "as reboot_s, over those that waited: of which no pod ran on a node that booted out of reach before it was in "
        "reach again; from then on",
        outages.late_reboot_s,
    ),
    Metric(
        "update_s",
        "s",
        "mean, over the updates of a workload and the nodes in reach where a pod of it ran, of the time from the "
        "update until a pod that was made after it runs there; nodes where none does do not count",
        outages.update_s,
    ),
    Metric(
        "late_update_s",
        "s",
        "as update_s, over the nodes that were out of reach at the update; from when they are in reach again",
        outages.late_update_s,
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
        "evicted_workloads",
        "count",
        "times in the whole run that a hub takes a workload away from a member cluster that it believes lost",
        clusters.evicted_workloads,
    ),
    Metric(
        "cluster_failover_s",
        "s",
        "mean, over these, of the time from when the member's API server went down or its path to the hub was cut",
        clusters.cluster_failover_s,
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
        "model_delivery_s",
        "s",
        "mean, over the models published in the whole run and the nodes that each was published to, of the time from "
        "its publication until the node has all of it; to the end of the run, a lower bound, if it has not by then",
        models.model_delivery_s,
    ),
    Metric(
        "models_missing",
        "count",
        "over the same: how often a node has not all of a model at the end of the run, be it under way, never found or "
        "dropped for want of room on its disk",
        models.models_missing,
    ),
    Metric(
        "recovery_s",
        "s",
        "from the end of the last fault to the start of the first later interval from which on, for a minute or to the "
        "end of the run, availability is at least that before the first fault minus 0.01; in steps of the recording "
        "interval; to the end of the run, a lower bound, if there is none; undefined if no interval since the first "
        "fault fell below, or if a fault lasts to the end",
        traffic.recovery_s,
    ),
    Metric(
        "evicted_pods",
        "count",
        "pods evicted in the whole run, by the taint manager or by a node under memory pressure",
        placing.evicted_pods,
    ),
    Metric(
        "pods_started", "count", "pods whose containers started at least once in the whole run", placing.pods_started
    ),
    Metric(
        "start_p50_s",
        "s",
        "median over the pods of the whole run of the time from scheduled (believed) to first running (in reality)",
        placing.start_p50_s,
    ),
    Metric("decisions", "count", "answers of the placement policy in the whole run", placing.decisions(None)),
    Metric(
        "policy_errors",
        "count",
        "answers in the whole run that were no answer: the policy raised, or answered nonsense",
        placing.decisions("policy_error"),
    ),
    Metric(
        "unschedulable_pods",
        "count",
        "pods not deleted whose last placement decision at the end of the run is not Bind",
        placing.unschedulable_pods,
    ),
    Metric(
        "cold_starts",
        "count",
        "requests to functions that, after the warm-up, began after they had waited for an instance to boot",
        functions.total("cold_starts"),
    ),
    Metric(
        "cold_start_share",
        "ratio",
        "cold starts by the requests to functions that began, both after the warm-up",
        functions.cold_start_share,
    ),
    Metric(
        "cold_start_wait_s",
        "s",
        "mean time from arrival to begin of the cold starts after the warm-up",
        functions.mean_of("mean_cold_wait_s", "cold_starts"),
    ),
    Metric(
        "function_latency_s",
        "s",
        "mean time from arrival to answer of the requests to functions that were completed after the warm-up",
        functions.mean_of("mean_latency_s", "completed"),
    ),
    Metric(
        "function_failures",
        "count",
        "requests to functions that, after the warm-up, were refused at the most instances or died with their instance",
        lambda tables, context: sum(functions.total(column)(tables, context) for column in ("refused", "died")),
    ),
    Metric(
        "mean_instances",
        "count",
        "instances of all functions, booting ones among them, averaged over the time after the warm-up",
        functions.mean_number("instance_s"),
    ),
    Metric(
        "busy_instances",
        "count",
        "instances of all functions that have a request, averaged likewise",
        functions.mean_number("busy_s"),
    ),
    Metric(
        "idle_instance_seconds",
        "instance s",
        "integral after the warm-up of the number of instances that are up and have no request",
        functions.total("idle_s"),
    ),
    Metric(
        "wasted_byte_seconds",
        "B s",
        "the same integral, each instance times the memory that it asks for",
        functions.total("idle_byte_s"),
    ),
    Metric(
        "instance_life_s",
        "s",
        "mean time from start to end of the instances that went after the warm-up",
        functions.mean_of("mean_life_s", "gone"),
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
