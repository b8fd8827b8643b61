"""What `--set` does to the plan: it pins an axis, which then goes; and what would change nothing is a problem."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from simulator.errors import Problem
from simulator.spec.experiment import Experiment


def check_pins(experiment: Experiment, paths: Iterable[str]) -> Iterator[Problem]:
    """Every path of `--set` makes a difference somewhere: neither an axis nor every case sets over it."""
    for path in paths:
        for axis, values in experiment.axes.items():
            sets = list(values.values()) if isinstance(values, Mapping) else [(axis,)]
            if path != axis and all(_over(path, each) for each in sets):
                said = f"set {path}: every value of the axis {axis} stands over it, so it has no effect"
                yield Problem(said, path=path, hint=f"set {axis} as a whole: that pins the axis")
        over = [_over(path, case.set) for case in experiment.cases]
        if over and all(over):
            said = f"set {path}: every case sets {over[0]} itself, so it has no effect"
            yield Problem(said, path=path, hint="change the cases, in a copy of the file")


def _over(path: str, settings: Iterable[str]) -> str | None:
    """Which of these paths sets what the path names, if one does."""
    return next((key for key in settings if path == key or path.startswith(f"{key}.")), None)


def pinned(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """The experiment without the axes that `--set` has given one value. Of what is expected along such an axis, what
    is expected at this value stays."""
    gone = {path: value for path, value in settings.items() if path in experiment.axes}
    if not gone:
        return experiment
    expect = []
    for each in experiment.expect:
        if all(each.where.get(path, value) == value for path, value in gone.items()):
            where = {path: value for path, value in each.where.items() if path not in gone}
            expect.append(each.model_copy(update={"where": where}))
    axes = {path: values for path, values in experiment.axes.items() if path not in gone}
    return experiment.model_copy(update={"axes": axes, "expect": tuple(expect)})


def over_cases(experiment: Experiment, settings: Mapping[str, Any]) -> Experiment:
    """The experiment whose cases leave alone what `settings` set: for whoever wants one scenario, not the plan."""
    cases = [
        case.model_copy(update={"set": {path: value for path, value in case.set.items() if path not in settings}})
        for case in experiment.cases
    ]
    return experiment.model_copy(update={"cases": tuple(cases)}) if cases else experiment
