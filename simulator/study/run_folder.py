"""One run's folder: `scenario.yaml`, `manifest.json`, `tables/*.parquet`, `summary.json`; no wall clock in it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from simulator.errors import Problem, UserError
from simulator.simulation.run import Run
from simulator.study.plain import to_json

if TYPE_CHECKING:
    import polars as pl

MANIFEST = "manifest.json"


class Recorded(Protocol):
    """What a run says without its tables; a `Run` has all of it."""

    @property
    def name(self) -> str: ...
    @property
    def axes(self) -> Mapping[str, Any]: ...
    @property
    def case(self) -> str | None: ...
    @property
    def replication(self) -> int: ...
    @property
    def seed(self) -> int: ...
    @property
    def summary(self) -> Mapping[str, float]: ...
    @property
    def warnings(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run that lies in a folder: its summary at hand, its tables read when asked for."""

    folder: Path
    name: str
    axes: Mapping[str, Any]
    case: str | None
    replication: int
    seed: int
    summary: Mapping[str, float]
    warnings: tuple[str, ...]
    content: str  # the hash of everything that this run was made from

    def load(self) -> Run:
        """The whole run. Raises UserError where a file of it is missing or is none of ours."""
        import polars as pl  # noqa: PLC0415  # heavy

        from simulator.facts.yaml import load_yaml  # noqa: PLC0415  # only to read a scenario back

        manifest = _read_json(self.folder / MANIFEST)
        try:
            tables = {file.stem: pl.read_parquet(file) for file in sorted((self.folder / "tables").glob("*.parquet"))}
        except pl.exceptions.PolarsError as error:
            raise UserError(Problem(f"a table cannot be read: {error}", str(self.folder))) from error
        scenario = self.folder / "scenario.yaml"
        return Run(
            name=self.name,
            axes=self.axes,
            case=self.case,
            replication=self.replication,
            seed=self.seed,
            scenario=load_yaml(scenario.read_bytes(), str(scenario)).data,
            tables=tables,
            summary=self.summary,
            warnings=self.warnings,
            facts=tuple(manifest["facts"]),
            world=manifest["world"],
            manifest=manifest,
        )


def table_bytes(frame: pl.DataFrame) -> bytes:
    """The Parquet file of a table: the same bytes for equal frames, however their memory is cut into chunks."""
    out = BytesIO()
    frame.rechunk().write_parquet(
        out, compression="zstd", compression_level=3, statistics=False, row_group_size=1 << 20
    )
    return out.getvalue()


def write_run(run: Run, data: Mapping[str, Any], content: str, folder: Path) -> StoredRun:
    """Write the run whole: beside its place, then a rename. What stood there before is replaced.

    `data` is the resolved scenario with its file references as they read from the study's inputs.
    """
    import yaml  # noqa: PLC0415  # only where a study is written

    beside = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(beside, ignore_errors=True)
    (beside / "tables").mkdir(parents=True)
    for name, frame in run.tables.items():
        (beside / "tables" / f"{name}.parquet").write_bytes(table_bytes(frame))
    text = yaml.safe_dump(_yaml(data), sort_keys=False, allow_unicode=True, width=120)
    (beside / "scenario.yaml").write_text(text, "utf-8")
    (beside / "summary.json").write_text(to_json(run.summary), "utf-8")
    manifest = {
        **run.manifest,
        "name": run.name,
        "axes": run.axes,
        "case": run.case,
        "replication": run.replication,
        "seed": run.seed,
        "content": content,
        "warnings": run.warnings,
        "facts": run.facts,
        "world": run.world,
    }
    (beside / MANIFEST).write_text(to_json(manifest), "utf-8")
    swap(beside, folder)
    return read_run(folder)


def read_run(folder: Path) -> StoredRun:
    """The run that lies in a folder. Raises UserError if there is none."""
    manifest = _read_json(folder / MANIFEST)
    summary = _read_json(folder / "summary.json")
    try:
        return StoredRun(
            folder=folder,
            name=manifest["name"],
            axes=manifest["axes"],
            case=manifest["case"],
            replication=manifest["replication"],
            seed=manifest["seed"],
            summary={metric: nan if value is None else float(value) for metric, value in summary.items()},
            warnings=tuple(manifest["warnings"]),
            content=manifest["content"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(Problem(f"this is no run's manifest: {error}", str(folder / MANIFEST))) from error


def swap(new: Path, old: Path) -> None:
    """Put the folder `new` where `old` stands or stood. Whatever fails, one of the two is whole under some name."""
    if old.exists():
        aside = old.with_name(f".{old.name}.before")
        shutil.rmtree(aside, ignore_errors=True)
        old.rename(aside)
        try:
            new.rename(old)
        except OSError:
            aside.rename(old)
            raise
        shutil.rmtree(aside, ignore_errors=True)
    else:
        new.rename(old)


def _read_json(file: Path) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(Problem("the file is missing", str(file), hint="is this a finished study?")) from error
    except (OSError, ValueError) as error:
        raise UserError(Problem(f"the file cannot be read: {error}", str(file))) from error


def _yaml(value: Any) -> Any:
    """Plain data without tuples and foreign mappings, which YAML would tag."""
    if isinstance(value, Mapping):
        return {key: _yaml(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_yaml(item) for item in value]
    return value
