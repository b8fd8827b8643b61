"""Metrics of pods that move while they run; the glossary defines each."""

from __future__ import annotations

from math import nan
from typing import Final

from simulator.record.metric import Compute, Metric, MetricContext, Tables, mean


def _of(outcome: str) -> Compute:
    def count(tables: Tables, _: MetricContext) -> float:
        return float((tables["migrations"]["outcome"] == outcome).sum())

    return count


def migration_downtime_s(tables: Tables, _: MetricContext) -> float:
    """Mean time in which a pod that moved did not answer."""
    moves = tables["migrations"]
    done = moves.filter(moves["outcome"] == "done")["downtime_s"]
    return mean(done) if len(done) else nan


def migration_bytes(tables: Tables, _: MetricContext) -> float:
    """What migrations have sent."""
    return float(tables["migrations"]["sent_bytes"].sum())


METRICS: Final = (
    Metric(
        "migrations",
        "count",
        "pods that went on on another node in the whole run, live or by their state; a cold move is none",
        _of("done"),
    ),
    Metric(
        "failed_migrations",
        "count",
        "migrations, live or by state, that were given up in the whole run after their twin was prepared",
        _of("failed"),
    ),
    Metric(
        "migration_downtime_s",
        "s",
        "mean over the migrations of the whole run, live or by state, that were done of the time from when the source "
        "was stopped to when the target went on; NaN if there were none",
        migration_downtime_s,
    ),
    Metric(
        "migration_bytes",
        "B",
        "memory that migrations have sent in the whole run, those that failed included",
        migration_bytes,
    ),
)
