"""Loads an experiment: finds the file, applies paths, reads its manifests, and finds every problem at once."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from importlib.resources.abc import Traversable
from os.path import isfile
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from simulator.errors import Problem, UserError
from simulator.facts.yaml import load_yaml
from simulator.spec.check import check_scenario
from simulator.spec.check_plan import check_plan
from simulator.spec.experiment import Experiment
from simulator.spec.look import Look, Shelf
from simulator.spec.near import did_you_mean
from simulator.spec.notes import gathered
from simulator.spec.paths import Applied, apply
from simulator.spec.pin import check_pins, over_cases, pinned
from simulator.spec.problems import Source, raise_all, show, translate
from simulator.spec.repair import repaired

_SUFFIXES = (".yaml", ".yml", ".json")
_ELSEWHERE = re.compile(r"(?:\.\./){3,}[-\w./]*\w")  # out of experiments/validation/, and of the repository


def _shipped(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Path]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _shipped(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".yaml") and "\nquestion:" in f"\n{item.read_text('utf-8')}":
            yield prefix + item.name.removesuffix(".yaml"), Path(str(item))


def experiment_names() -> list[str]:
    """The shipped experiments by name, those in folders as folder/name."""
    return sorted(name for name, _ in _shipped(files("simulator.shipped.experiments")))


def find_experiment(ref: str | Path) -> Path:
    """The file of a shipped name or a path. Raises UserError with the nearest shipped name."""
    path = Path(ref)
    if path.suffix in _SUFFIXES or isfile(path):
        return path
    shipped = dict(_shipped(files("simulator.shipped.experiments")))
    if str(ref) not in shipped:
        hint = did_you_mean(str(ref), shipped, "shipped are")
        raise UserError(Problem(f"no experiment named {str(ref)!r}, and no such file", hint=hint))
    return shipped[str(ref)]


def data_elsewhere(ref: str) -> list[str]:
    """The data outside the repository that a shipped experiment names and that are not there, as it writes them."""
    file = find_experiment(ref)
    named = dict.fromkeys(_ELSEWHERE.findall(file.read_text("utf-8")))
    return [path for path in named if not isfile(file.parent / path)]


def load_experiment(
    ref: str | Path,
    set: Mapping[str, Any] | None = None,
    metrics: Collection[str] | None = None,
    *,
    plan: bool = True,
) -> Experiment:
    """The experiment of a shipped name or a file, with the paths of `set` applied; a path that is an axis pins it.

    `metrics` are the names that the glossary knows; without them, names are not checked. Without `plan` only single
    scenarios are wanted of it: `set` then stands over the cases too. Raises UserError with every
    problem, in order of file and line; NotOffered if all that is wrong is what this version does not offer.
    """
    path = find_experiment(ref)
    document = load_yaml(_bytes(path), str(path))
    if not isinstance(document.data, dict):
        raise UserError(
            document.problem((), f"an experiment has keys, and this is {show(document.data)}", "question: …")
        )
    applied = apply(Experiment, document.data, _by_path(document.data.get("axes"), set or {}), Source(document))
    problems = list(applied.problems)
    experiment, source, wrong = _validated(applied)
    problems += wrong
    if experiment is not None:
        experiment = experiment.placed(path.parent, path.stem, source, applied.facts)
        shelf = Shelf()
        look = Look(experiment.scenario, source.under("scenario"), shelf)
        left_out = tuple(f"{p.path}." for p in wrong)
        found = [*check_scenario(look), *check_plan(experiment, source, metrics)]
        found += check_pins(experiment, set or {}) if plan else ()
        problems += (p for p in found if not f"{p.path}.".startswith(left_out))
        if not problems:
            problems += _points(experiment, shelf)
        experiment = (pinned if plan else over_cases)(experiment.noted(gathered(look.notes())), set or {})
    raise_all(problems)
    assert experiment is not None  # without problems there is one
    return experiment


def _by_path(axes: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings, with the paths that are set by the value of an axis that has names for its values."""
    found: dict[str, Any] = {}
    for path, value in settings.items():
        axis = axes.get(path) if isinstance(axes, dict) else None
        if not isinstance(axis, dict):
            found[path] = value
        elif isinstance(value, str) and isinstance(axis.get(value), dict):
            found |= axis[value]
        else:
            hint = did_you_mean(str(value), list(axis))
            raise UserError(Problem(f"set {path}: the axis has no value {show(value)}", path=path, hint=hint))
    return found


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        said = "there is no such file" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise UserError(Problem(said, str(path))) from None


def _validated(applied: Applied) -> tuple[Experiment | None, Source, list[Problem]]:
    """The experiment, or as much of it as can be checked further, and what is wrong with its keys and values."""
    data, source = applied.data, applied.source
    try:
        return Experiment.model_validate(data), source, []
    except ValidationError as error:
        problems = translate(error, Experiment, data, source)
        data, moved = repaired(data, error, Experiment)
    source = replace(source, moved=moved)
    try:
        return Experiment.model_validate(data), source, problems
    except ValidationError:
        return None, source, problems


def _points(experiment: Experiment, shelf: Shelf) -> Iterator[Problem]:
    """What the values of axes and cases make wrong, each tried by itself."""
    single: list[tuple[dict[str, Any], str | None]] = []
    single += [({path: value}, None) for path, values in experiment.axes.items() for value in values]
    single += [({}, case.name) for case in experiment.cases]
    for axes, case in single:
        label = f"case {case}" if case else " ".join(f"{path} = {show(value)}" for path, value in axes.items())
        try:
            scenario, source = experiment.point(axes, case)
        except UserError as error:
            yield from error.problems
            continue
        for problem in check_scenario(Look(scenario, source.under("scenario"), shelf)):
            told = problem.message.startswith("set ")
            yield problem if told else replace(problem, message=f"with {label}: {problem.message}")
