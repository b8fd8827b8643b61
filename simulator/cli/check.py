"""`littoral check`: every problem, before anything runs."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from simulator.cli.answer import Answer
from simulator.cli.given import settings
from simulator.errors import Problem, UserError
from simulator.study import backend
from simulator.study.execute import plan_of


def check(experiment: str, /, *, set_: Annotated[list[str] | None, Parameter("--set")] = None) -> Answer:
    """Every problem of an experiment, before anything runs.

    Parameters
    ----------
    experiment
        A shipped name or a file.
    set_
        path=value, as often as needed.
    """
    loaded = backend.load(experiment, settings(set_ or []))
    plan = plan_of(loaded)
    notes: list[str] = list(loaded.notes)
    problems: list[Problem] = []
    for point in plan.points:
        try:
            notes += backend.check(point.data, loaded.scenario.folder)
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(dict.fromkeys(problems))
    notes = list(dict.fromkeys(notes))
    names = [point.name for point in plan.points]
    lines = [f"{loaded.name}: no problems; {len(names)} scenarios, {plan.replications} replications, seed {plan.seed}"]
    lines += [f"  {name}" for name in names] + [f"warning: {note}" for note in notes]
    document = {"problems": [], "warnings": notes, "scenarios": names, "runs": len(plan), "seed": plan.seed}
    return Answer(document, "\n".join(lines))
