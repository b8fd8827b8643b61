"""Metrics of commands to devices, from the table `commands`; the glossary defines each."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Final

import numpy as np

from simulator.record.metric import Metric, MetricContext, Tables
from simulator.record.traffic import sum_of

if TYPE_CHECKING:
    import polars as pl


def waiting(tables: Tables, _: MetricContext) -> float:
    """What is in the spools at the end."""
    frame = tables["commands"]
    out = sum(int(frame[column].sum()) for column in ("left", "full", "expired", "wiped"))
    return float(sum(int(frame[column].sum()) for column in ("came", "returned")) - out)


def in_flight(tables: Tables, context: MetricContext) -> float:
    """What is under way at the end, or kept by its sender."""
    frame = tables["commands"]
    given, delivered, lost = (int(frame[column].sum()) for column in ("given", "delivered", "lost"))
    return float(given - delivered - lost) - waiting(tables, context)


def _arrived(tables: Tables, context: MetricContext) -> pl.DataFrame:
    frame = tables["commands"]
    return frame.filter((frame["start_s"] >= context.warm_up_s) & (frame["delivered"] > 0))


def mean_delay(tables: Tables, context: MetricContext) -> float:
    """Over the commands that arrived."""
    frame = _arrived(tables, context)
    if not len(frame):
        return nan
    return float(np.average(frame["mean_delay_s"].to_numpy(), weights=frame["delivered"].to_numpy()))


def longest_delay(tables: Tables, context: MetricContext) -> float:
    """Of the command that took longest."""
    frame = _arrived(tables, context)
    return float(frame["max_delay_s"].max()) if len(frame) else nan  # type: ignore[arg-type]  # a column of floats


METRICS: Final = (
    Metric("commands_given", "count", "commands to devices given after the warm-up", sum_of("commands", "given")),
    Metric(
        "commands_delivered",
        "count",
        "commands that, after the warm-up, arrived at their device",
        sum_of("commands", "delivered"),
    ),
    Metric(
        "commands_lost",
        "count",
        "commands lost after the warm-up: on the way, for lack of room, after too long a wait, or with a memory",
        sum_of("commands", "lost"),
    ),
    Metric(
        "commands_late",
        "count",
        "commands delivered after the warm-up that took over one interval of their flow longer than an unloaded way",
        sum_of("commands", "late"),
    ),
    Metric(
        "mean_command_delay_s",
        "s",
        "mean time from when a command is given until it arrives at its device, over those delivered after the warm-up",
        mean_delay,
    ),
    Metric(
        "max_command_delay_s",
        "s",
        "longest time from when a command is given until it arrives at its device, of those delivered after the "
        "warm-up",
        longest_delay,
    ),
    Metric(
        "commands_waiting",
        "count",
        "commands that wait in spools at the end: came + returned - left - full - expired - wiped, over the whole run",
        waiting,
    ),
    Metric(
        "commands_in_flight",
        "count",
        "commands that are under way at the end, or kept by their sender: given - delivered - lost - waiting, over the "
        "whole run",
        in_flight,
    ),
)
