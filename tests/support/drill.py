"""The experiment `offline-drill` as a table: a row for each orchestrator, a column for each thing that the drill tells.

A column measures each site of one group (cut off for two minutes, cut off for an hour, cut off and rebooted) in each
replication. It shows the mean with the least and the most of all sites; two cells are told apart where the 95 %
intervals of their means over replications do not meet, or where only one of them ever happens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from simulator.record import outages
from simulator.record.glossary import GLOSSARY, MetricContext
from simulator.simulation.run import Run
from simulator.study.statistics import Interval, t_interval

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- the drill: written by tests/golden/test_drill.py -->", "<!-- the drill ends -->"
SITES = 4  # of each group
PODS = 2  # of each site
LONG_RETURN_S = 2400.0  # the short cuts are over before, the long ones not

Floats = NDArray[np.float64]
Measure = Callable[[Run], Floats]  # of one run: a value for each site, or one for all; NaN: never


@dataclass(frozen=True)
class Cell:
    """What one orchestrator did: a row for each replication, a column for each site."""

    values: Floats

    @property
    def never(self) -> bool:
        return bool(np.isnan(self.values).all())

    @property
    def interval(self) -> Interval:
        """Of the mean over sites, over the replications."""
        return t_interval(float(row.mean()) for row in self.values)

    def apart(self, other: Cell) -> bool:
        """Whether the two are told apart."""
        if self.never or other.never:
            return self.never != other.never
        mine, theirs = self.interval, other.interval
        return mine.high < theirs.low or theirs.high < mine.low


Row = Mapping[str, Cell]  # of one orchestrator, by column


def span(cell: Cell, unit: str = "s", scale: float = 1.0) -> str:
    """Mean, least and most."""
    if cell.never:
        return "never"
    mean, low, high = (_digits(x / scale) for x in (cell.values.mean(), cell.values.min(), cell.values.max()))
    return f"{mean} {unit}" if low == high else f"{mean} {unit} ({low}–{high})"


def _digits(x: float) -> str:
    return f"{x:.1f}" if 0 < x < 9.95 else f"{x:.0f}"


def _share(cell: Cell) -> str:
    mean = float(cell.values.mean())
    return {0.0: "none", 1.0: "all"}.get(mean, f"{mean:.0%}")


@dataclass(frozen=True)
class Column:
    """`shown` turns a cell into the text under `title`."""

    name: str
    measure: Measure
    title: str
    shown: Callable[[Cell], str] = span


def of(group: str) -> list[str]:
    """The sites of a group, which are also their machines and, under Karmada, clusters."""
    return [f"{group}-{i}" for i in range(SITES)]


def metric(name: str, above: str, group: str) -> Measure:
    """A metric of the glossary, over nodes one by one; `above` is the one that says it of member clusters."""

    def measured(run: Run) -> Floats:
        found = []
        for site in of(group):
            alone = dict(run.tables)
            alone["nodes"] = run.tables["nodes"].filter(pl.col("node") == site)
            alone["clusters"] = clusters = run.tables["clusters"].filter(pl.col("cluster") == site)
            asked = GLOSSARY[name if clusters.is_empty() else above]
            found.append(asked.compute(alone, MetricContext(duration_s=run.world["duration_s"])))
        return np.array(found)

    return measured


def rows(frame: Callable[[Run], pl.DataFrame], group: str, column: str) -> Measure:
    """The mean of a column of a frame of `record.outages`, by site; NaN where it has no row."""

    def measured(run: Run) -> Floats:
        means = dict(frame(run).group_by("node").agg(pl.col(column).mean()).rows())
        return np.array([means.get(site, nan) for site in of(group)])

    return measured


def share_killed(group: str) -> Measure:
    """Which share of the pods that ran at a site were killed, though they were well."""

    def measured(run: Run) -> Floats:
        counts = dict(outages.killed(run.tables).group_by("node").len().rows())
        return np.array([counts.get(site, 0) / PODS for site in of(group)])

    return measured


def sent_again(run: Run) -> Floats:
    """Bytes for each site that was cut off for two minutes."""
    sent = run.tables["deliveries"].filter(pl.col("time_s") < LONG_RETURN_S)
    total = GLOSSARY["resync_bytes"].compute({**run.tables, "deliveries": sent}, MetricContext(duration_s=0.0))
    return np.array([total / SITES])


def _reboots(waited: bool) -> Measure:
    return rows(lambda run: outages.reboots(run.tables).filter(pl.col("waited") == waited), "reboot", "took_s")


def _late_updates(run: Run) -> pl.DataFrame:
    return outages.updates(run.tables).filter("away")


COLUMNS = (
    Column("noticed", metric("detection_s", "cluster_detection_s", "cut"), "noticed after"),
    Column("given up", rows(lambda run: outages.given_up(run.tables), "cut", "took_s"), "given up after"),
    Column(
        "runs", rows(lambda run: outages.kept(run.tables), "cut", "ratio"), "runs while cut off",
        lambda cell: span(cell, "%", 0.01),
    ),
    Column("killed, 2 min", share_killed("short"), "healthy pods killed after 2 min", _share),
    Column("killed, 1 h", share_killed("cut"), "after 1 h", _share),
    Column("reboot", _reboots(waited=False), "runs again, rebooted while cut off"),
    Column("late reboot", _reboots(waited=True), ""),  # shown with the other
    Column("update", rows(_late_updates, "cut", "took_s"), "update arrives after the return"),
    Column("ready", metric("ready_again_s", "cluster_ready_again_s", "cut"), "believed Ready after the return"),
    Column("sent again", sent_again, "sent again after 2 min", lambda cell: span(cell, "kB", 1000)),
)  # fmt: skip


def table(runs: Sequence[Run]) -> dict[str, Row]:
    """A row for each orchestrator, in the order of the experiment."""
    by_case: dict[str, list[Run]] = {}
    for run in runs:
        by_case.setdefault(str(run.case), []).append(run)
    return {
        case: {column.name: Cell(np.array([column.measure(run) for run in mine])) for column in COLUMNS}
        for case, mine in by_case.items()
    }


def markdown(found: Mapping[str, Row]) -> str:
    """As it stands in the README, with its markers."""
    return "\n".join([BEGIN, *_lines(found), END])


def _lines(found: Mapping[str, Row]) -> Iterator[str]:
    columns = [column for column in COLUMNS if column.title]
    yield "| | " + " | ".join(column.title for column in columns) + " |"
    yield "|---|" + "---|" * len(columns)
    for name, row in found.items():
        yield f"| {name} | " + " | ".join(_text(column, row) for column in columns) + " |"


def _text(column: Column, row: Row) -> str:
    if column.name != "reboot":
        return column.shown(row[column.name])
    early, late = row["reboot"], row["late reboot"]
    return f"{span(late)} after the return" if early.never else f"{span(early)} after the boot"
