"""A study: the runs of one experiment, in the order of its plan, and what they say together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any, overload

from simulator.simulation.run import Run, drawn
from simulator.spec import Expectation
from simulator.spec.notes import counted, gathered
from simulator.study.differences import differences
from simulator.study.expect import judge
from simulator.study.run_folder import Recorded, StoredRun
from simulator.study.statistics import t_interval

# Gives the HTML of a study's report. Filled by `simulator/__init__` when a study is saved: a study knows no plotting.
report_hook: Callable[[Study], str] | None = None
# Draws a figure of a study, likewise.
figure_hook: Callable[[Study, str, Sequence[str]], Any] | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a study beside its runs. Plain, and equal for equal studies: no wall clock in it."""

    name: str = "experiment"
    question: str = ""
    seed: int = 1
    metrics: tuple[str, ...] = ()  # to show; none: all
    expect: tuple[Expectation, ...] = ()
    notes: tuple[str, ...] = ()  # warnings of loading the experiment
    provenance: Mapping[str, Any] = field(default_factory=dict)  # version, commit, hashes, platform
    files: Mapping[str, Path] = field(default_factory=dict)  # name in inputs/ -> where it lies now
    policies: Mapping[str, str] = field(default_factory=dict)  # reference -> hash of the file that defines it
    data: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # point -> its scenario, files as in inputs/


class Study(Sequence[Run]):
    """The runs of one experiment, in the order of its plan: points, and the replications of each together.

    A sequence of `Run`; a run that lies in a folder is read when it is asked for.
    """

    def __init__(self, runs: Sequence[Run | StoredRun], about: About | None = None, folder: Path | None = None) -> None:
        self._runs = tuple(runs)
        self.about = about or About()
        self.folder = folder

    def __len__(self) -> int:
        return len(self._runs)

    @overload
    def __getitem__(self, index: int) -> Run: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Run]: ...
    def __getitem__(self, index: int | slice) -> Run | Sequence[Run]:
        if isinstance(index, slice):
            return Study(self._runs[index], self.about)
        run = self._runs[index]
        return run.load() if isinstance(run, StoredRun) else run

    def __iter__(self) -> Iterator[Run]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        points = len({run.name for run in self._runs})
        return f"<Study {self.about.name}: {len(self)} runs of {points} scenarios>"

    @property
    def question(self) -> str:
        """The experiment's question."""
        return self.about.question

    @property
    def records(self) -> Sequence[Recorded]:
        """Each run without its tables: name, axes, case, replication, seed, summary, warnings. Reads no file."""
        return self._runs

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of loading and of every run, each once; what is said of several things, said of all at once."""
        said = dict.fromkeys((*self.about.notes, *(w for run in self._runs for w in run.warnings)))
        return tuple(gathered(counted(said)))

    @property
    def metrics(self) -> tuple[str, ...]:
        """What the summary shows: the metrics that the experiment asks for, or else all that its runs have."""
        found = tuple(dict.fromkeys(metric for run in self._runs for metric in run.summary))
        return tuple(metric for metric in self.about.metrics if metric in found) or found

    @property
    def summary(self) -> list[dict[str, Any]]:
        """Rows of axes, case, metric, mean, low, high, n: per point and metric the 95 % t interval over replications.

        Replications in which the metric is undefined (NaN) do not count into n.
        """
        return self.summarise(self.metrics)

    def summarise(self, metrics: Sequence[str]) -> list[dict[str, Any]]:
        """The rows of `summary` for these metrics."""
        points: dict[str, list[Recorded]] = {}
        for run in self._runs:
            points.setdefault(run.name, []).append(run)
        rows = []
        for runs in points.values():
            for metric in metrics:
                interval = t_interval(run.summary[metric] for run in runs if metric in run.summary)
                rows.append({"axes": dict(runs[0].axes), "case": runs[0].case, "metric": metric, **interval._asdict()})
        return rows

    @property
    def differences(self) -> list[dict[str, Any]]:
        """What two values of an axis, or two cases, differ by on the same random numbers: rows of
        `simulator.study.differences`, for the metrics of the summary."""
        return differences(self._runs, self.metrics)

    @property
    def verdicts(self) -> list[dict[str, Any]]:
        """What the experiment expects, held against what the runs gave: rows of `simulator.study.expect`."""
        return judge(self.records, self.about.expect, self.about.name)

    def figure(self, name: str = "means", metrics: Sequence[str] = ()) -> Any:
        """A plotly figure of the study: `means` of these metrics (those of the summary, if none) with their intervals,
        beside what was expected; or the `contest` of an axis: who is dominated by nobody."""
        if figure_hook is None:
            raise RuntimeError("nobody draws here: reach studies through the names of `simulator`")
        return figure_hook(self, name, metrics)

    def document(self) -> dict[str, Any]:
        """What `run --json` prints and `summary.json` holds: the runs, the summary, the paired differences."""
        runs = [
            {
                "axes": dict(run.axes),
                "case": run.case,
                "replication": run.replication,
                "seed": run.seed,
                "summary": dict(run.summary),
                "warnings": list(dict.fromkeys((*self.about.notes, *run.warnings))),
            }
            for run in self._runs
        ]
        return {"runs": runs, "summary": self.summary, "differences": self.differences}

    def save(
        self,
        out: str | Path,
        *,
        overwrite: bool = False,
        resume: bool = False,
        report: Callable[[Study], str] | None = None,
    ) -> Path:
        """Write the study folder, with `report.html` where plotting is at hand. Gives back its path.

        Raises UserError if `out` is not empty, unless `overwrite` or `resume`.
        """
        from simulator.study.store import save  # noqa: PLC0415  # the store builds studies

        return save(self, Path(out), overwrite=overwrite, resume=resume, report=report or report_hook)

    def _repr_html_(self) -> str:
        """For notebooks: the question, the summary, and the time line of the first run."""
        rows = []
        for row in self.summary:
            where = ", ".join([*(f"{k.rpartition('.')[2]} = {v}" for k, v in row["axes"].items()), row["case"] or ""])
            cells = (where.strip(", "), row["metric"], *(f"{row[key]:.5g}" for key in ("mean", "low", "high", "n")))
            rows.append("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>")
        head = "".join(f"<th>{name}</th>" for name in ("scenario", "metric", "mean", "low", "high", "n"))
        figure = drawn(self[0]) if len(self) else ""
        return f"<p>{escape(self.question)}</p><table><tr>{head}</tr>{''.join(rows)}</table>{figure}"
