"""Metrics of belief against reality, and of what it takes to bring them together again; the glossary defines each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import nan
from typing import TYPE_CHECKING

from simulator.record import truths

if TYPE_CHECKING:
    import polars as pl

    from simulator.record.glossary import MetricContext

Tables = Mapping[str, "pl.DataFrame"]


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


def mean(column: pl.Series) -> float:
    """Over what is known; NaN where nothing is."""
    known = column.drop_nulls().to_numpy()
    return float(known.mean()) if known.size else nan


def resync_bytes(tables: Tables, _: MetricContext) -> float:
    """Bytes sent because a connection came back."""
    import polars as pl  # noqa: PLC0415  # heavy, and needed only once the run is over

    sent = tables["deliveries"].filter(pl.col("event").is_in(("sent", "resent")), pl.col("cause") == "resync")
    return float(int(sent["size_bytes"].sum()))


def delivery_events(event: str) -> Callable[[Tables, MetricContext], float]:
    """How often this happened to a control message."""
    return lambda tables, _: float(int((tables["deliveries"]["event"] == event).sum()))
