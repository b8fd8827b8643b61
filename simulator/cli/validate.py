"""`littoral validate`: predictions held against measurements."""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any

from simulator.cli.answer import Answer, number, say, table
from simulator.cli.given import at_least
from simulator.cli.progress import about, shown
from simulator.errors import Problem, UserError
from simulator.study import backend
from simulator.study.execute import about_of, checker, conduct, plan_of
from simulator.study.expect import differing

FOLDER = "validation/"
_COLUMNS = (
    "case", "row", "metric", "predicted", "95 % interval", "measured", "error", "tolerance", "independence", "verdict",
)  # fmt: skip


def validate(*cases: str, workers: int | None = None, executor: str | None = None) -> Answer:
    """Run the validation cases: predicted, measured, error, tolerance, independence, verdict.

    Exit status 1 only where a verdict is not the recorded one: refuted cases stay in the table.

    Parameters
    ----------
    cases
        Names of experiments in experiments/validation/; default: all whose data are here.
    workers
        Processes at most.
    executor
        process, serial, or module:factory.
    """
    at_least(workers=(workers, 1))
    rows: list[dict[str, Any]] = []
    names = chosen(cases)
    for name, files in missing().items() if not cases else ():
        say(f"{name}: left out, for its data are not here: {', '.join(files)}")
    with shown() as watch:
        for number, name in enumerate(names, start=1):
            loaded = backend.load(FOLDER + name)
            plan = plan_of(loaded)
            study = conduct(
                plan,
                about_of(loaded, plan),
                loaded.scenario.folder,
                executor=executor,
                workers=workers,
                watch=about(watch, f"case {number} of {len(names)}, {name}"),
                check=checker(loaded),
            )
            rows += study.verdicts
    wrong = differing(rows)
    for row in wrong:
        say(f"{row['case']}, {row['row']}, {row['metric']}: {row['verdict']}, recorded as {row['recorded']}")
    return Answer(rows, _text(rows) if rows else "no validation cases in this version", status=1 if wrong else 0)


def _text(rows: list[dict[str, Any]]) -> str:
    """What validates, counted by verdict; apart from it what only returns the fact that was put in."""
    counts = Counter(row["verdict"] for row in rows if row["independence"] != "recall")
    said = ", ".join(f"{n} {verdict}" for verdict, n in counts.items())
    parts = [table([_line(row) for row in rows if row["independence"] != "recall"], _COLUMNS), said]
    if recall := [_line(row) for row in rows if row["independence"] == "recall"]:
        parts += ["", "recall: the fact that was put in, which validates nothing", table(recall, _COLUMNS)]
    return "\n".join(part for part in parts if part or part == "")


def chosen(wanted: tuple[str, ...]) -> list[str]:
    """The cases by name; without names all whose data are here. Raises UserError for a name that is none."""
    shipped = _shipped()
    if unknown := [name for name in wanted if name.removeprefix(FOLDER) not in shipped]:
        hint = f"one of {', '.join(shipped)}" if shipped else "none ships with this version"
        raise UserError([Problem(f"no validation case named {name!r}", hint=hint) for name in unknown])
    gone = missing()
    return [name.removeprefix(FOLDER) for name in wanted] or [name for name in shipped if name not in gone]


def missing() -> dict[str, list[str]]:
    """The cases that read data from outside the repository which are not here, and those."""
    from simulator.spec.load import data_elsewhere  # noqa: PLC0415  # pydantic

    return {name: files for name in _shipped() if (files := data_elsewhere(FOLDER + name))}


def _shipped() -> list[str]:
    from simulator.spec import experiment_names  # noqa: PLC0415  # pydantic

    return [name.removeprefix(FOLDER) for name in experiment_names() if name.startswith(FOLDER)]


def _line(row: dict[str, Any]) -> dict[str, Any]:
    line = dict(row)
    if isfinite(row["high"] - row["low"]):
        line["95 % interval"] = f"{number(row['low'])} … {number(row['high'])}"
    if row["relative"]:
        for key in ("error", "tolerance"):
            line[key] = f"{round(100 * row[key], 1) + 0:.1f} %" if row[key] is not None else None
    if row["measured"] is None and row["verdict"] != "kept back":
        line["measured"] = (
            f"{row['min'] if row['min'] is not None else ''} … {row['max'] if row['max'] is not None else ''}"
        )
    return line
