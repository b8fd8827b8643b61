"""The ledger of a node's control messages: what became of them, and what was sent again after each of its returns."""

from __future__ import annotations

from typing import Final

import polars as pl

from simulator.record.truths import losses
from simulator.simulation.run import Run

EVENTS: Final = ("sent", "resent", "delivered", "lost", "superseded", "duplicate", "dropped")


def ledger(run: Run) -> pl.DataFrame:
    """Counts by event of each node's messages, and the bytes given to its connection: (node, direction, kind, sent,
    resent, delivered, lost, superseded, duplicate, dropped, bytes)."""
    given = pl.col("event").is_in(("sent", "resent"))
    return (
        run.table("deliveries")
        .group_by("node", "direction", "kind", maintain_order=True)
        .agg(
            *((pl.col("event") == event).sum().alias(event) for event in EVENTS),
            pl.col("size_bytes").filter(given).sum().alias("bytes"),
        )
        .sort("direction", "kind")
    )


def again(run: Run) -> pl.DataFrame:
    """What was sent because a connection came back, or for want of an answer, after each return of a node: (node,
    return_s, kind, direction, messages, bytes, last_s), `last_s` from the return to the last of them.

    `return_s` is when the node last had its power and its path again; null for what came before any return, as
    after a server's or a client's restart.
    """
    sent = run.table("deliveries").filter(pl.col("event").is_in(("sent", "resent")), pl.col("cause") != "change")
    returns = losses(run.table("nodes")).filter(pl.col("back_s").is_finite()).select("node", "back_s").sort("back_s")
    return (
        sent.sort("time_s")
        .join_asof(returns, left_on="time_s", right_on="back_s", by="node", check_sortedness=False)
        .group_by("node", "back_s", "kind", "direction")
        .agg(
            pl.len().alias("messages"),
            pl.col("size_bytes").sum().alias("bytes"),
            (pl.col("time_s").max() - pl.col("back_s").first()).alias("last_s"),
        )
        .rename({"back_s": "return_s"})
        .sort("node", "return_s", "direction", "kind")
    )
