"""Metrics of a hub over member clusters, from the tables `clusters`, `events` and `deliveries`; the glossary defines
each."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from math import inf, nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Metric, MetricContext, Tables, mean
from simulator.record.reconciling import beliefs

if TYPE_CHECKING:
    import polars as pl


# The kinds whose copies a hub divides: only their decisions carry numbers.
_DIVIDED: Final = ("Deployment", "ReplicaSet", "Job", "Pod")


def _lost(tables: Tables) -> pl.DataFrame:
    """Each change of a member's state (see `beliefs`), and whether it then is `lost`: its API server down, or its path
    cut; with `began`, when what is wrong now began first."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    began = pl.min_horizontal(pl.when(~pl.col("up")).then("down"), pl.when(~pl.col("open")).then("cut"))
    return beliefs(tables["clusters"], "cluster").with_columns(lost=~(pl.col("up") & pl.col("open")), began=began)


def cluster_detection_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a member's loss until it is believed."""
    turned = _lost(tables).filter("turned", "lost")
    return mean(turned["time_s"] - turned["began"])


def false_cluster_detections(tables: Tables, _: MetricContext) -> float:
    """Turns away from Ready of members that were up and in reach."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    return float(_lost(tables).filter("turned", ~pl.col("lost")).height)


def cluster_ready_again_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a member's return until it is believed Ready."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    believed = (pl.col("truth") == "believed") & (pl.col("state") == "Ready")
    rows = _lost(tables).with_columns(
        then=pl.when(believed).then("time_s").backward_fill().over("cluster"),
        before=pl.col("lost").shift(1).over("cluster").fill_null(False),
    )
    back = rows.filter(pl.col("before"), ~pl.col("lost"), ~pl.col("ready"))
    return mean(back["then"] - back["time_s"])


def _evictions(tables: Tables) -> pl.DataFrame:
    """Each workload that was taken from a member: (time_s, cluster)."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    rows = tables["events"].filter(pl.col("kind") == "EvictWorkloadFromClusterSucceed")
    return rows.select("time_s", cluster=pl.col("detail").str.strip_prefix("from "))


def evicted_workloads(tables: Tables, _: MetricContext) -> float:
    """How often a workload was taken from a member."""
    return float(_evictions(tables).height)


def cluster_failover_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a member's loss until a workload is taken from it."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    states = _lost(tables).filter("lost").select("cluster", "began", since="time_s").sort("since")
    left = _evictions(tables).with_columns(pl.col("cluster").cast(states["cluster"].dtype)).sort("time_s")
    known = left.join_asof(states, left_on="time_s", right_on="since", by="cluster", check_sortedness=False)
    return mean(known["time_s"] - known["began"])


def propagation_s(tables: Tables, context: MetricContext) -> float:
    """Mean time from a hub's decision until the last member that it concerns has it."""
    arrivals, took = _Arrivals(tables), []
    for time, name, divided, members in _decisions(tables):
        if members:
            last = max(arrivals.after(time, member, name, divided) for member in members)
            took.append(min(last, context.duration_s) - time)
    return float(np.mean(took)) if took else nan


def _decisions(tables: Tables) -> Iterator[tuple[float, str, bool, list[str]]]:
    """When what was to change in which members: (time_s, workload, whether its copies are divided, members)."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    holds: dict[tuple[str, bool], dict[str, str]] = {}
    events = tables["events"].filter(pl.col("kind").is_in(("ScheduleBindingSucceed", "Updated")))
    for time, kind, name, detail in events.select("time_s", "kind", "subject", "detail").rows():
        if kind == "Updated":
            divided = (name, True) in holds  # else it goes to every member whole
            yield time, name, divided, list(holds.get((name, divided), ()))
            continue
        said = dict(part.partition("=")[::2] for part in detail.split())
        divided = "=" in detail
        before, holds[name, divided] = holds.get((name, divided), {}), said
        yield time, name, divided, [member for member, copies in said.items() if before.get(member) != copies]


class _Arrivals:
    """When members received what: a workload's object by itself, or within a list of all their works."""

    def __init__(self, tables: Tables) -> None:
        import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

        self._objects: dict[tuple[str, str, bool], list[float]] = defaultdict(list)
        self._lists: dict[str, list[float]] = defaultdict(list)  # by machine
        self._machine: dict[str, str] = {}  # of a member
        arrived = tables["deliveries"].filter(pl.col("event") == "delivered", pl.col("kind").is_in(("object", "list")))
        for time, node, what, about in arrived.select("time_s", "node", "kind", "about").rows():
            member, _, which = about.partition("/")
            kind, slash, name = which.partition("/")
            if what == "list" and about == "works":
                self._lists[node].append(time)
            elif what == "object" and slash:  # else it is no work of a hub's
                self._machine[member] = node
                self._objects[member, name, kind in _DIVIDED].append(time)

    def after(self, time: float, member: str, name: str, divided: bool) -> float:
        """The first one after a time; infinite where there is none."""
        whole = self._lists[self._machine.get(member, "")]
        return min(_next(self._objects[member, name, divided], time), _next(whole, time))


def _next(times: list[float], after: float) -> float:
    at = bisect_right(times, after)
    return times[at] if at < len(times) else inf


METRICS: Final = (
    Metric(
        "cluster_detection_s",
        "s",
        "mean time until a hub believes a member cluster not Ready that it believed Ready: from when the member's API "
        "server went down or its path to the hub was cut, whichever of what still lasts came first; turns of members "
        "that are up and in reach do not count",
        cluster_detection_s,
    ),
    Metric(
        "false_cluster_detections",
        "count",
        "times in the whole run that a hub turns from believing a member cluster Ready to believing it not Ready at a "
        "moment when the member's API server is up and the path between both is open",
        false_cluster_detections,
    ),
    Metric(
        "cluster_ready_again_s",
        "s",
        "mean, over the returns in the whole run of member clusters that a hub believes not Ready, of the time from "
        "having both API server and path again until the hub believes the member Ready; members that it never believes "
        "Ready again do not count",
        cluster_ready_again_s,
    ),
    Metric(
        "evicted_workloads",
        "count",
        "times in the whole run that a hub takes a workload away from a member cluster that it believes lost",
        evicted_workloads,
    ),
    Metric(
        "cluster_failover_s",
        "s",
        "mean, over these, of the time from when the member's API server went down or its path to the hub was cut",
        cluster_failover_s,
    ),
    Metric(
        "propagation_s",
        "s",
        "mean, over a hub's decisions of the whole run, of the time until the last member cluster that a decision "
        "concerns has received the object: a decision gives members another number of copies "
        "(ScheduleBindingSucceed), or is a new image (Updated) for all that have the workload; to the end of the run, "
        "a lower bound, if a member has not received it by then",
        propagation_s,
    ),
)
