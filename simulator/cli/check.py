"""`littoral check`: every problem, before anything runs."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from simulator.cli.answer import Answer
from simulator.cli.given import settings
from simulator.study import backend
from simulator.study.bench import FOLDER as BENCHMARKS
from simulator.study.execute import checked, checker, plan_of


def check(experiment: str, /, *, set_: Annotated[list[str] | None, Parameter("--set")] = None) -> Answer:
    """Every problem of an experiment, before anything runs.

    Parameters
    ----------
    experiment
        A shipped name or a file.
    set_
        path=value, as often as needed.
    """
    loaded = backend.load(experiment, settings(set_ or []), metrics=not experiment.startswith(BENCHMARKS))
    plan = plan_of(loaded)
    notes = list(dict.fromkeys((*loaded.notes, *checked(plan, checker(loaded)))))
    names = [point.name for point in plan.points]
    counts = f"{_some(len(names), 'scenario')}, {_some(plan.replications, 'replication')}, seed {plan.seed}"
    lines = [f"{loaded.name}: no problems; {counts}"]
    lines += [f"  {name}" for name in names] + [f"warning: {note}" for note in notes]
    document = {"problems": [], "warnings": notes, "scenarios": names, "runs": len(plan), "seed": plan.seed}
    return Answer(document, "\n".join(lines))


def _some(count: int, what: str) -> str:
    return f"{count} {what}" + ("s" if count != 1 else "")
