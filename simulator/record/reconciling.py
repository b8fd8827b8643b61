"""Metrics of belief against reality, and of what it takes to bring them together again; the glossary defines each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from simulator.record import truths
from simulator.record.metric import Compute, Metric, MetricContext, Tables, mean

if TYPE_CHECKING:
    import polars as pl


def beliefs(changes: pl.DataFrame, thing: str) -> pl.DataFrame:
    """Each change of the state of a node (or a cluster: `thing` is the column of its name) with what its truths then
    are: `ready` (null before the first belief), `up`, `open`, `since` (when it went down, if it is down, else when its
    path was last cut), and whether this row `turned` the belief away from Ready."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    believed, running = pl.col("truth") == "believed", pl.col("truth") == "running"
    went_down, was_cut = running & (pl.col("state") == "down"), (pl.col("truth") == "path") & (pl.col("state") == "cut")
    rows = changes.sort("time_s", maintain_order=True)
    rows = rows.with_columns(
        ready=pl.when(believed).then(pl.col("state") == "Ready").forward_fill().over(thing),
        up=pl.when(running).then(pl.col("state") == "up").forward_fill().over(thing).fill_null(True),
        open=pl.when(pl.col("truth") == "path")
        .then(pl.col("state") == "open")
        .forward_fill()
        .over(thing)
        .fill_null(True),
        down=pl.when(went_down).then(pl.col("time_s")).forward_fill().over(thing),
        cut=pl.when(was_cut).then(pl.col("time_s")).forward_fill().over(thing),
    )
    turned = believed & ~pl.col("ready") & pl.col("ready").shift(1).over(thing).fill_null(False)
    return rows.with_columns(turned=turned, since=pl.when(pl.col("up")).then(pl.col("cut")).otherwise(pl.col("down")))


def belief_error_s(tables: Tables, context: MetricContext) -> float:
    """Node-seconds of wrong belief after the warm-up."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    start = pl.col("time_s").clip(context.warm_up_s, context.duration_s)
    rows = beliefs(tables["nodes"], "node").with_columns(start=start)
    rows = rows.with_columns(end=pl.col("start").shift(-1).over("node").fill_null(context.duration_s))
    wrong = rows.filter((pl.col("ready") != pl.col("up")).fill_null(False))
    return float((wrong["end"] - wrong["start"]).sum())


def detection_s(tables: Tables, _: MetricContext) -> float:
    """Mean time until a loss is believed."""
    turned = beliefs(tables["nodes"], "node").filter("turned")
    return mean(turned["time_s"] - turned["since"])


def ready_again_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a path's opening until its node is believed Ready."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    believed = (pl.col("truth") == "believed") & (pl.col("state") == "Ready")
    rows = beliefs(tables["nodes"], "node").with_columns(
        then=pl.when(believed).then("time_s").backward_fill().over("node")
    )
    opened = rows.filter(pl.col("truth") == "path", pl.col("state") == "open", ~pl.col("ready"))
    return mean(opened["then"] - opened["time_s"])


def false_detections(tables: Tables, _: MetricContext) -> float:
    """Turns away from Ready of nodes that were up and in reach."""
    return float(beliefs(tables["nodes"], "node").filter("turned", "up", "open").height)


def replacement_s(tables: Tables, _: MetricContext) -> float:
    """Mean time from a loss to a replacement elsewhere."""
    return mean(truths.replacements(tables)["took_s"])


def reconciliation_s(tables: Tables, context: MetricContext) -> float:
    """Mean time from a node's return until its pods' truths agree."""
    return mean(truths.reconciliations(tables, context.duration_s)["took_s"])


def resync_bytes(tables: Tables, _: MetricContext) -> float:
    """Bytes sent because a connection came back."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    sent = tables["deliveries"].filter(pl.col("event").is_in(("sent", "resent")), pl.col("cause") == "resync")
    return float(int(sent["size_bytes"].sum()))


def delivery_events(event: str) -> Compute:
    """How often this happened to a control message."""
    return lambda tables, _: float(int((tables["deliveries"]["event"] == event).sum()))


METRICS: Final = (
    Metric(
        "detection_s",
        "s",
        "mean time until a node believed Ready is believed not Ready: from its physical loss if it is down by then, "
        "else from the last cut of its path to the API server; turns without either do not count",
        detection_s,
    ),
    Metric(
        "belief_error_s",
        "node s",
        "node-seconds after the warm-up in which the believed Ready condition differs from whether the node is "
        "physically up, counted from the first belief about it (so a healthy node behind a cut counts)",
        belief_error_s,
    ),
    Metric(
        "ready_again_s",
        "s",
        "mean, over the openings in the whole run of the path between a node believed not Ready and its API server, of "
        "the time from there until the node is believed Ready; nodes that never are do not count",
        ready_again_s,
    ),
    Metric(
        "false_detections",
        "count",
        "times in the whole run that a node believed Ready is believed not Ready at a moment when it is up and its "
        "path to the API server is open",
        false_detections,
    ),
    Metric(
        "replacement_s",
        "s",
        "mean, over the pods of nodes that lost power or their path to the API server, of the time from that loss to "
        "the first start elsewhere of the pod's replacement: it ran at the loss, was given up (Terminating, Failed or "
        "Deleted) before the node was back, and is replaced by the next pod that its owner makes, each replacing one; "
        "pods whose replacement never ran do not count",
        replacement_s,
    ),
    Metric(
        "reconciliation_s",
        "s",
        "mean, over the returns of nodes that had lost power or their path to the API server, of the time from having "
        "both again until what is believed, stored and running agrees for every pod of the node; pods that any of the "
        "three has there at the return, except for those that ran before the loss and said that they were not ready; "
        "to the end of the run, a lower bound, if they do not agree by then; nodes without such a pod, and returns "
        "cut short by another loss, do not count",
        reconciliation_s,
    ),
    Metric(
        "resync_bytes",
        "B",
        "bytes of the control messages sent or sent again in the whole run because a connection came back: full lists, "
        "the requests for them, and what had waited",
        resync_bytes,
    ),
    Metric(
        "resent_messages",
        "count",
        "control messages sent again in the whole run",
        delivery_events("resent"),
    ),
    Metric(
        "lost_control_messages",
        "count",
        "control messages lost for good in the whole run: with a node's power, or with a connection that was given up",
        delivery_events("lost"),
    ),
    Metric(
        "duplicated_messages",
        "count",
        "arrivals in the whole run of control messages that had been delivered before: the acknowledgement was lost, "
        "so they were sent again (no system here sends a reading twice)",
        delivery_events("duplicate"),
    ),
)
