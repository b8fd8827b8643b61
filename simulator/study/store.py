"""Study folders: written run by run, resumable, replaced only when the new one is whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import Problem, UserError
from simulator.spec import Expectation
from simulator.study.inputs import hash_file
from simulator.study.plain import digest, to_json
from simulator.study.run_folder import StoredRun, read_run, swap, write_run
from simulator.study.study import About, Study

if TYPE_CHECKING:
    from simulator.simulation.run import Run

STUDY = "study.json"
# What of the provenance decides a run's numbers, beside its scenario.
_DECIDES = ("version", "code", "packages", "platform")


class Store:
    """A study folder while it is written. Nothing is touched before the first run is saved.

    `wanted` lists the runs of the plan as (point, replication). Raises UserError if `out` is no place for a study.
    """

    def __init__(
        self, out: Path, about: About, wanted: list[tuple[str, int]], *, resume: bool = False, overwrite: bool = False
    ) -> None:
        self.out = out.resolve()
        self.about = about
        self._wanted = wanted
        self._resume = resume
        _refuse(out, self.out, resume=resume, overwrite=overwrite)
        self._beside = overwrite and self.out.exists()
        self._folder = self.out.with_name(f"{self.out.name}.partial") if self._beside else self.out
        if self._beside and self._folder.exists() and not (self._folder / STUDY).is_file():
            said = f"{self._folder} is in the way: the new study is made there first"
            raise UserError(Problem(said, hint="move it, or give another --out"))
        self._begun = datetime.now(UTC)
        self._open = False
        self._inputs = {name: hash_file(file) for name, file in about.files.items()}

    def content(self, point: str, replication: int) -> str:
        """The hash of everything that a run is made from: scenario, files, seed, replication, code, platform."""
        files = _map_names(self.about.data[point], {**self._inputs, **self.about.policies})
        made_of = [self.about.data[point], files, self.about.seed, replication]
        return digest([*made_of, {key: self.about.provenance.get(key) for key in _DECIDES}])

    def finished(self, point: str, replication: int) -> StoredRun | None:
        """The run as an earlier, interrupted study left it, if it was made from the same; for `resume`."""
        if not self._resume:
            return None
        try:
            run = read_run(self._run_folder(point, replication))
        except UserError:
            return None
        return run if run.content == self.content(point, replication) else None

    def save(self, run: Run) -> StoredRun:
        """Write one run."""
        self._begin()
        folder = self._run_folder(run.name, run.replication)
        return write_run(run, self.about.data[run.name], self.content(run.name, run.replication), folder)

    def finish(self, report: Callable[[Study], str] | None = None, failed: Mapping[str, str] | None = None) -> Study:
        """Close the folder: summary, report, and, where it replaces an older study, the swap; then read it back.

        With failed runs an older study stays as it was, and what finished lies beside it.
        """
        self._begin()
        self._write_study(finished=not failed, failed=failed or {})
        (self._folder / "summary.json").write_text(to_json(open_run(self._folder).document()), "utf-8")
        if self._beside and not failed:
            swap(self._folder, self.out)
            self._folder = self.out
        study = open_run(self._folder)
        if report is not None and len(study):
            write_report(study, report)
        return study

    def _run_folder(self, point: str, replication: int) -> Path:
        return self._folder / "runs" / point / str(replication)

    def _begin(self) -> None:
        if self._open:
            return
        self._open = True
        if self._beside:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write_study(finished=False, failed={})
        for name, file in self.about.files.items():
            copy = self._folder / "inputs" / name
            if copy.resolve() != file.resolve():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)

    def _write_study(self, *, finished: bool, failed: Mapping[str, str]) -> None:
        about = self.about
        document = {
            **about.provenance,
            "name": about.name,
            "question": about.question,
            "metrics": about.metrics,
            "expect": [each.dump() for each in about.expect],
            "notes": about.notes,
            "seed": about.seed,
            "scenarios": {name: digest(data) for name, data in about.data.items()},
            "inputs": self._inputs,
            "policies": about.policies,
            "runs": self._wanted,
            "finished": finished,
            "failed": failed,
            "begun": self._begun.isoformat(timespec="seconds"),
            "wall_s": round((datetime.now(UTC) - self._begun).total_seconds(), 3),
        }
        partial = self._folder / f".{STUDY}.partial"
        partial.write_text(to_json(document), "utf-8")
        partial.replace(self._folder / STUDY)


def open_run(folder: str | Path) -> Study:
    """The study that lies in a folder. Raises UserError if there is none; missing runs are a note, not an error."""
    path = Path(folder)
    file = path / STUDY
    try:
        known = json.loads(file.read_text("utf-8"))
        wanted = [(str(name), int(replication)) for name, replication in known["runs"]]
        inputs: dict[str, str] = known["inputs"]
        notes = tuple(known["notes"])
    except OSError as error:
        raise UserError(Problem(f"{folder} is no study folder", hint=f"it has no {STUDY} that can be read")) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(Problem("this is no study's record", str(file), hint="run the experiment again")) from error
    folders = [path / "runs" / name / str(replication) for name, replication in wanted]
    runs = [read_run(run) for run in folders if run.is_dir()]
    if len(runs) < len(wanted):
        notes = (*notes, f"unfinished: {len(wanted) - len(runs)} of {len(wanted)} runs are missing")
    about = About(
        name=known["name"],
        question=known["question"],
        seed=known["seed"],
        metrics=tuple(known["metrics"]),
        expect=tuple(Expectation.model_validate(each) for each in known.get("expect", ())),
        notes=notes,
        provenance={
            key: known.get(key) for key in ("version", "commit", "code", "constraints", "packages", "platform")
        },
        files={name: path / "inputs" / name for name in inputs},
        policies=known.get("policies", {}),
        data=_Scenarios(path),
    )
    return Study(runs, about, path)


def save(
    study: Study, out: Path, *, overwrite: bool, resume: bool, report: Callable[[Study], str] | None = None
) -> Path:
    """Write a study that is in memory, or lies elsewhere, to a folder; gives back its path."""
    wanted = [(run.name, run.replication) for run in study.records]
    store = Store(out, study.about, wanted, resume=resume, overwrite=overwrite)
    for run, record in zip(study, study.records, strict=True):
        if store.finished(record.name, record.replication) is None:
            store.save(run)
    store.finish(report)
    return out


def write_report(study: Study, report: Callable[[Study], str]) -> Path:
    """Write `report.html` into the study's own folder, whole."""
    assert study.folder is not None
    partial, final = study.folder / ".report.html.partial", study.folder / "report.html"
    partial.write_text(report(study), "utf-8")
    return partial.replace(final)


class _Scenarios(Mapping[str, Mapping[str, Any]]):
    """Point -> scenario of a stored study, read when asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "runs"

    def __getitem__(self, point: str) -> Mapping[str, Any]:
        from simulator.facts.yaml import load_yaml  # noqa: PLC0415  # only to read a scenario back

        for file in sorted((self._folder / point).glob("*/scenario.yaml")):
            data: Mapping[str, Any] = load_yaml(file.read_bytes(), str(file)).data
            return data
        raise KeyError(point)

    def __iter__(self) -> Any:
        return (folder.name for folder in sorted(self._folder.iterdir()) if any(folder.glob("*/scenario.yaml")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _map_names(data: Any, hashes: Mapping[str, str]) -> dict[str, str]:
    """The hashes of those inputs that this scenario names."""
    text = to_json(data, indent=None)
    return {name: value for name, value in hashes.items() if name in text}


def _refuse(said: Path, out: Path, *, resume: bool, overwrite: bool) -> None:
    if resume and overwrite:
        raise UserError(Problem("--resume and --overwrite exclude each other", hint="give one of the two"))
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError(Problem(f"{said} is a file, not a folder", hint="give another --out"))
    if not any(out.iterdir()):
        return
    if not resume and not overwrite:
        hint = "--overwrite replaces it, --resume finishes it, or give another --out"
        raise UserError(Problem(f"{said} is not empty", hint=hint))
    if not (out / STUDY).is_file():
        word = "overwritten" if overwrite else "resumed"
        raise UserError(Problem(f"{said} holds no study and is not {word}", hint="give another --out"))
