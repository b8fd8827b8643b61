"""Run a study again from its folder, and say whether every table comes out the same, byte for byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, UserError
from simulator.study.execute import conduct
from simulator.study.plan import Plan, Point
from simulator.study.progress import Watch
from simulator.study.run_folder import table_bytes
from simulator.study.study import Study
from simulator.study.work import Simulate

if TYPE_CHECKING:
    import polars as pl

    from simulator.simulation.run import Run


@dataclass(frozen=True, slots=True)
class Difference:
    """The first difference in one table of one run; `row` counts from 0, None where the table as a whole differs."""

    run: str
    replication: int
    table: str
    row: int | None
    column: str
    stored: Any
    now: Any

    def __str__(self) -> str:
        where = f"{self.run}/{self.replication}: table {self.table}"
        where += f", row {self.row}" if self.row is not None else ""
        where += f", column {self.column}" if self.column else ""
        return f"{where}: stored {self.stored}, now {self.now}"


def replay(
    study: Study,
    *,
    executor: str | None = None,
    workers: int | None = None,
    watch: Watch | None = None,
    simulate: Simulate | None = None,
) -> list[Difference]:
    """The first difference of every table that differs; empty if all are identical.

    Scenarios and files are those of the study's folder. Raises UserError for a study that lies in none.
    """
    if study.folder is None:
        raise UserError(Problem("only a study in a folder can be replayed", hint="save it first"))
    again = conduct(
        _plan(study),
        study.about,
        study.folder / "inputs",
        executor=executor,
        workers=workers,
        watch=watch,
        simulate=simulate,
    )
    now = {(run.name, run.replication): run for run in again}
    found: list[Difference] = []
    for index, record in enumerate(study.records):
        folder = study.folder / "runs" / record.name / str(record.replication) / "tables"
        found += _differences(study[index], now[record.name, record.replication], folder)
    return found


def _plan(study: Study) -> Plan:
    points: dict[str, Point] = {}
    for run in study.records:
        points.setdefault(run.name, Point(run.name, run.axes, run.case, study.about.data[run.name]))
    return Plan(
        tuple(points.values()), 1 + max((run.replication for run in study.records), default=0), study.about.seed
    )


def _differences(stored: Run, now: Run, folder: Path) -> list[Difference]:
    found: list[Difference] = []
    for name in sorted({*stored.tables, *now.tables}):
        if name not in now.tables or name not in stored.tables:
            said = ("a table", "none") if name in stored.tables else ("none", "a table")
            found.append(Difference(stored.name, stored.replication, name, None, "", *said))
        elif table_bytes(now.tables[name]) != (folder / f"{name}.parquet").read_bytes():
            row, column, old, new = first_difference(stored.tables[name], now.tables[name])
            found.append(Difference(stored.name, stored.replication, name, row, column, old, new))
    return found


def first_difference(stored: pl.DataFrame, now: pl.DataFrame) -> tuple[int | None, str, Any, Any]:
    """(row, column, stored value, value now) of the first row that differs, then the first column in it."""
    if stored.schema != now.schema:
        return None, "", _columns(stored.schema), _columns(now.schema)
    height = min(stored.height, now.height)
    first: tuple[int, str] | None = None
    for column in stored.columns:
        differs = stored[column][:height].ne_missing(now[column][:height])
        row = differs.arg_max() if differs.any() else None
        if row is not None and (first is None or row < first[0]):
            first = row, column
    if first is not None:
        row, column = first
        return row, column, stored[column][row], now[column][row]
    if stored.height != now.height:
        return height, "", f"{stored.height} rows", f"{now.height} rows"
    return None, "", "the same values", "in other bytes: another version wrote the file"


def _columns(schema: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}: {kind}" for name, kind in schema.items())
