"""Metrics of gateways that keep what they cannot send on, from the table `spools`, and of the age of information, from
`ages`; the glossary defines each."""

from __future__ import annotations

from math import nan
from typing import Final

import numpy as np

from simulator.record.metric import Metric, MetricContext, Tables
from simulator.record.traffic import sum_of

_OUT: Final = ("left", "full", "expired", "wiped")


def spooled(tables: Tables, _: MetricContext) -> float:
    """What is in the spools at the end."""
    frame = tables["spools"]
    came = sum(int(frame[column].sum()) for column in ("came", "returned"))
    return float(came - sum(int(frame[column].sum()) for column in _OUT))


def in_flight(tables: Tables, context: MetricContext) -> float:
    """Readings that are on their way at the end, or kept by something else than a spool."""
    frame = tables["messages"]
    ended = sum(int(frame[column].sum()) for column in ("delivered", "lost", "superseded"))
    return float(int(frame["created"].sum()) - ended) - spooled(tables, context)


def mean_age(tables: Tables, context: MetricContext) -> float:
    """Over time, and over the sources that something is known of."""
    frame = tables["ages"].filter(tables["ages"]["start_s"] >= context.warm_up_s)
    known = frame["known_s"].to_numpy()
    return float(np.average(frame["mean_s"].to_numpy(), weights=known)) if known.sum() > 0 else nan


def peak_age(tables: Tables, context: MetricContext) -> float:
    """The oldest that the newest reading of a source became."""
    frame = tables["ages"].filter(tables["ages"]["start_s"] >= context.warm_up_s)
    return float(frame["peak_s"].max()) if len(frame) else nan  # type: ignore[arg-type]  # a column of floats


METRICS: Final = (
    Metric(
        "spool_full_messages",
        "count",
        "readings lost after the warm-up because a spool had no room for all",
        sum_of("spools", "full"),
    ),
    Metric(
        "spool_expired_messages",
        "count",
        "readings given up after the warm-up because they had waited in a spool for longer than its ttl",
        sum_of("spools", "expired"),
    ),
    Metric(
        "spool_wiped_messages",
        "count",
        "readings lost after the warm-up with the memory of a gateway without power",
        sum_of("spools", "wiped"),
    ),
    Metric(
        "duplicate_readings",
        "count",
        "readings that, after the warm-up, arrived once more",
        sum_of("spools", "duplicate"),
    ),
    Metric(
        "spooled_messages",
        "count",
        "readings that wait in spools at the end: came + returned - left - full - expired - wiped, over the whole run",
        spooled,
    ),
    Metric(
        "messages_in_flight",
        "count",
        "readings that are under way at the end, or kept by a device or a channel: created - delivered - lost - "
        "superseded - spooled, over the whole run",
        in_flight,
    ),
    Metric(
        "age_of_information_mean_s",
        "s",
        "age of the newest reading of a source that has arrived, averaged after the warm-up over time and over the "
        "sources of which one has",
        mean_age,
    ),
    Metric(
        "age_of_information_peak_s",
        "s",
        "largest age that the newest reading of any source reached after the warm-up",
        peak_age,
    ),
)
