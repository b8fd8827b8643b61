"""What an outage costs the pods of a node, from the tables of one run: a row for each thing that happened.

A node is out of reach when it has no power, or when no way leads from it to those who decide about its pods: its API
server, and for the member of a multi-cluster control plane the hub above that. Frames are sorted by time.
"""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING, Final

from simulator.record import truths
from simulator.record.metric import Metric, MetricContext, Tables, mean

if TYPE_CHECKING:
    import polars as pl


def reach(tables: Tables) -> pl.DataFrame:
    """The table `nodes`, its path being the whole way to those who decide: (time_s, node, truth, state)."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    nodes, path = tables["nodes"], pl.col("truth") == "path"
    hub = tables["clusters"].filter(path)
    if hub.is_empty():
        return nodes
    # The pods of a member are named `member/pod`, which says whose its nodes are.
    named = tables["pods"].filter(pl.col("node") != "", pl.col("pod").str.contains("/"))
    member = named.select("node", cluster=pl.col("pod").str.split("/").list.first()).unique()
    above = hub.join(member, on="cluster").select("time_s", "node", "state", which=pl.lit("hub"))
    own = nodes.filter(path).select("time_s", "node", "state", which=pl.lit("own"))
    both = pl.concat([own, above]).sort("time_s", maintain_order=True)

    def whole(which: str) -> pl.Expr:
        is_open = pl.when(pl.col("which") == which).then(pl.col("state") == "open")
        return is_open.forward_fill().over("node").fill_null(True)

    ways = both.select(
        "time_s",
        "node",
        truth=pl.lit("path"),
        state=pl.when(whole("own") & whole("hub")).then(pl.lit("open")).otherwise(pl.lit("cut")),
    ).unique(("node", "time_s"), keep="last", maintain_order=True)
    return pl.concat([nodes.filter(~path).select(ways.columns), ways], how="vertical_relaxed").sort(
        "time_s", maintain_order=True
    )


def spells(pods: pl.DataFrame) -> pl.DataFrame:
    """Each time that a pod's containers ran: (pod, owner, node, began_s, ended_s), infinite for what still runs."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    rows = pods.filter(pl.col("truth") == "running").sort("time_s", maintain_order=True)
    turns = rows.filter(pl.col("state") != pl.col("state").shift(1).over("pod").fill_null("stopped"))
    ended = pl.col("time_s").shift(-1).over("pod").fill_null(inf)
    return (
        turns.with_columns(ended_s=ended)
        .filter(pl.col("state") == "started")
        .select("pod", "owner", "node", "ended_s", began_s="time_s")
    )


def given_up(tables: Tables) -> pl.DataFrame:
    """Each pod that ran on a node when it went out of reach, and was given up (Terminating, Failed or Deleted) before
    the node was back: (pod, owner, node, lost_s, back_s, next_s, ended_s, took_s), `took_s` from the loss to that."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    lost, back, gave_up = pl.col("lost_s"), pl.col("back_s"), pl.col("gave_up_s")
    word = tables["pods"].filter(pl.col("truth") == "believed", pl.col("state").is_in(truths.GIVEN_UP))
    first = word.group_by("pod").agg(gave_up_s=pl.col("time_s").min())
    return (
        _of_the_lost(tables)
        .join(first, on="pod")
        .filter(gave_up >= lost, gave_up < back)
        .with_columns(took_s=gave_up - lost)
        .select("pod", "owner", "node", "lost_s", "back_s", "next_s", "ended_s", "took_s")
        .sort("lost_s", "pod")
    )


def killed(tables: Tables) -> pl.DataFrame:
    """Those of `given_up` that ran on all the while, and were ended after the return, before any other loss; not for
    an update of their owner before they were given up. As `given_up`."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    found = given_up(tables)
    meanwhile = pl.col("updated_s").is_between(pl.col("lost_s"), pl.col("lost_s") + pl.col("took_s"))
    updated = found.join(_updates(tables["events"]), on="owner").filter(meanwhile)
    after = pl.col("ended_s").is_finite(), pl.col("ended_s") > pl.col("back_s"), pl.col("ended_s") < pl.col("next_s")
    return found.filter(*after).join(updated, on=("pod", "lost_s"), how="anti")


def kept(tables: Tables) -> pl.DataFrame:
    """Each owner of a pod that ran on a node when it went out of reach, with the share of that time in which one of
    its pods ran there: (owner, node, lost_s, back_s, ratio). Losses without an end are not among them."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    had = _of_the_lost(tables).filter(pl.col("back_s").is_finite())
    had = had.select("owner", "node", "lost_s", "back_s").unique()
    begin = pl.max_horizontal("began_s", "lost_s")
    within = (
        had.join(spells(tables["pods"]), on=("owner", "node"))
        .with_columns(begin=begin, end=pl.min_horizontal("ended_s", "back_s"))
        .filter(pl.col("end") > pl.col("begin"))
        .sort("begin")
    )
    # Of spells that overlap only what the earlier ones leave over.
    before = pl.col("end").cum_max().shift(1).over("owner", "node", "lost_s").fill_null(-inf)
    fresh = (pl.col("end") - pl.max_horizontal("begin", before)).clip(lower_bound=0.0)
    total = within.with_columns(fresh=fresh).group_by("owner", "node", "lost_s").agg(ran=pl.col("fresh").sum())
    return (
        had.join(total, on=("owner", "node", "lost_s"), how="left")
        .with_columns(ratio=pl.col("ran").fill_null(0.0) / (pl.col("back_s") - pl.col("lost_s")))
        .select("owner", "node", "lost_s", "back_s", "ratio")
        .sort("lost_s", "owner")
    )


def reboots(tables: Tables) -> pl.DataFrame:
    """Each owner of a pod that ran on a node when its power went, once the node has booted: (owner, node, up_s, away,
    open_s, ran_s, waited, took_s).

    `up_s` is when its operating system was up again; `away` whether it was out of reach then, and `open_s` when it no
    longer was (infinite: never; `up_s` if it was not); `ran_s` when a pod of the owner ran there again (infinite: not
    before the power went once more, or never); `waited`: it was away, and none ran before `open_s`. `took_s` is from
    `open_s` to `ran_s` for what waited, else from `up_s`.
    """
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    nodes, time = reach(tables), pl.col("time_s")
    power = nodes.filter(pl.col("truth") == "running").sort("time_s", maintain_order=True)
    power = power.filter(pl.col("state") != pl.col("state").shift(1).over("node").fill_null("up"))
    later = [time.shift(-k).over("node").fill_null(inf).alias(n) for k, n in ((1, "up_s"), (2, "next_s"))]
    downs = power.with_columns(*later).filter(pl.col("state") == "down", pl.col("up_s").is_finite())
    runs = spells(tables["pods"])
    had = (
        downs.select("node", "up_s", "next_s", down_s="time_s")
        .join(runs, on="node")
        .filter(pl.col("began_s") < pl.col("down_s"), pl.col("ended_s") >= pl.col("down_s"))
        .select("owner", "node", "up_s", "next_s")
        .unique()
    )
    again = (
        had.join(runs, on=("owner", "node"))
        .filter(pl.col("began_s").is_between(pl.col("up_s"), pl.col("next_s"), closed="left"))
        .group_by("owner", "node", "up_s")
        .agg(ran_s=pl.col("began_s").min())
    )
    found = had.join(again, on=("owner", "node", "up_s"), how="left").with_columns(pl.col("ran_s").fill_null(inf))
    return (
        _opening(found, nodes, "up_s")
        .with_columns(waited=pl.col("away") & (pl.col("ran_s") >= pl.col("open_s")))
        .with_columns(took_s=pl.col("ran_s") - pl.when("waited").then("open_s").otherwise("up_s"))
        .select("owner", "node", "up_s", "away", "open_s", "ran_s", "waited", "took_s")
        .sort("up_s", "owner", "node")
    )


def updates(tables: Tables) -> pl.DataFrame:
    """Each update of a workload on each node where a pod of it ran: (owner, node, updated_s, away, open_s, ran_s,
    took_s).

    `away` says whether the node was out of reach at the update, and `open_s` when it no longer was (infinite: never;
    the update itself if it was not); `ran_s` when a pod that was made after the update, and before the next one, ran
    there first (infinite: never); `took_s` from `open_s`.
    """
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    runs, updated = spells(tables["pods"]), pl.col("updated_s")
    made = tables["pods"].group_by("pod").agg(made_s=pl.col("time_s").min())
    told = _updates(tables["events"]).sort("updated_s")
    told = told.with_columns(next_s=updated.shift(-1).over("owner").fill_null(inf))
    had = (
        told.join(runs, on="owner")
        .filter(pl.col("began_s") <= updated, pl.col("ended_s") > updated)
        .select("owner", "node", "updated_s", "next_s")
        .unique()
    )
    new = (
        had.join(runs.join(made, on="pod"), on=("owner", "node"))
        .filter(pl.col("made_s").is_between(updated, pl.col("next_s"), closed="left"))
        .group_by("owner", "node", "updated_s")
        .agg(ran_s=pl.col("began_s").min())
    )
    found = had.join(new, on=("owner", "node", "updated_s"), how="left").with_columns(pl.col("ran_s").fill_null(inf))
    return (
        _opening(found, reach(tables), "updated_s")
        .with_columns(took_s=pl.col("ran_s") - pl.col("open_s"))
        .select("owner", "node", "updated_s", "away", "open_s", "ran_s", "took_s")
        .sort("updated_s", "owner", "node")
    )


# The metrics.
def give_up_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a loss until a pod is given up."""
    return mean(given_up(tables)["took_s"])


def killed_healthy_pods(tables: Tables, _: MetricContext) -> float:
    """Pods that outlived a loss, and not the return."""
    return float(killed(tables).height)


def offline_running_ratio(tables: Tables, _: MetricContext) -> float:
    """Mean share of a loss in which what had run there ran."""
    return mean(kept(tables)["ratio"])


def reboot_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a boot until what had run there runs again, of what did not wait."""
    found = reboots(tables)
    return mean(found.filter(~found["waited"], found["ran_s"].is_finite())["took_s"])


def late_reboot_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from the way's return until what had run there runs again, of what waited for it."""
    found = reboots(tables)
    return mean(found.filter(found["waited"], found["ran_s"].is_finite())["took_s"])


def update_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from an update until it runs, on nodes in reach."""
    found = updates(tables)
    return mean(found.filter(~found["away"], found["ran_s"].is_finite())["took_s"])


def update_last_s(tables: Tables, _: MetricContext) -> float:
    """The longest time from an update until it runs on a node in reach."""
    found = updates(tables)
    took = found.filter(~found["away"], found["ran_s"].is_finite())["took_s"].to_list()
    return max(took, default=nan)


def late_update_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a node's return until an update runs there that was made while it was away."""
    found = updates(tables)
    return mean(found.filter(found["away"], found["ran_s"].is_finite())["took_s"])


def _of_the_lost(tables: Tables) -> pl.DataFrame:
    """The spells of pods that ran on a node when it went out of reach, with its loss."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    lost = pl.col("lost_s")
    both = truths.losses(reach(tables)).join(spells(tables["pods"]), on="node")
    return both.filter(pl.col("began_s") < lost, pl.col("ended_s") >= lost)


def _updates(events: pl.DataFrame) -> pl.DataFrame:
    """(owner, updated_s) of every update."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    return events.filter(pl.col("kind") == "Updated").select(owner="subject", updated_s="time_s")


def _opening(rows: pl.DataFrame, nodes: pl.DataFrame, at: str) -> pl.DataFrame:
    """`rows` with `away`, whether their node was out of reach at the time in the column `at`, and `open_s`, when it
    no longer was."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    spans = truths.losses(nodes).select("node", "lost_s", "back_s").sort("lost_s")
    seen = rows.sort(at).join_asof(spans, left_on=at, right_on="lost_s", by="node", check_sortedness=False)
    away = (pl.col("back_s") > pl.col(at)).fill_null(False)
    return seen.with_columns(away=away, open_s=pl.when(away).then(pl.col("back_s")).otherwise(pl.col(at)))


METRICS: Final = (
    Metric(
        "give_up_s",
        "s",
        "mean, over the pods that ran on a node when it went out of reach, of the time from then until they are "
        "believed Terminating, Failed or Deleted; those that are not before the node is back do not count. Out of "
        "reach is a node without power, without a path to its API server, or, in a member cluster, to the hub",
        give_up_s,
    ),
    Metric(
        "killed_healthy_pods",
        "count",
        "pods in the whole run that ran all the while that their node was out of reach, were given up in that time, "
        "and were ended after the return; not where an update of their owner came before they were given up",
        killed_healthy_pods,
    ),
    Metric(
        "offline_running_ratio",
        "ratio",
        "mean, over the workloads with a pod on a node that went out of reach and came back, of the share of that time "
        "in which a pod of theirs ran there",
        offline_running_ratio,
    ),
    Metric(
        "reboot_s",
        "s",
        "mean, over the workloads with a pod on a node when its power went, of the time from the end of the operating "
        "system's boot until a pod of theirs runs there again; those that waited for the way out do not count",
        reboot_s,
    ),
    Metric(
        "late_reboot_s",
        "s",
        "as reboot_s, over those that waited: of which no pod ran on a node that booted out of reach before it was in "
        "reach again; from then on",
        late_reboot_s,
    ),
    Metric(
        "update_s",
        "s",
        "mean, over the updates of a workload and the nodes in reach where a pod of it ran, of the time from the "
        "update until a pod that was made after it runs there; nodes where none does do not count",
        update_s,
    ),
    Metric(
        "update_last_s",
        "s",
        "the longest of the times whose mean is update_s: when the last node in reach runs its update",
        update_last_s,
    ),
    Metric(
        "late_update_s",
        "s",
        "as update_s, over the nodes that were out of reach at the update; from when they are in reach again",
        late_update_s,
    ),
)
