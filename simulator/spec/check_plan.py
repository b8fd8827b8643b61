"""What the plan of an experiment gets wrong: its axes, cases, metrics and expectations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from simulator.errors import Problem
from simulator.facts.yaml import Path as Place
from simulator.spec.experiment import Experiment
from simulator.spec.near import did_you_mean
from simulator.spec.paths import apply
from simulator.spec.problems import Source, show


def check_plan(experiment: Experiment, source: Source, metrics: Collection[str] | None) -> Iterator[Problem]:
    """Every problem of the plan. `metrics` are the names that the glossary knows; None: not checked."""
    yield from check_paths(experiment, source)
    yield from check_axes(experiment, source)
    yield from check_cases(experiment, source)
    yield from check_metrics(experiment, source, metrics)
    yield from check_expectations(experiment, source)


def check_paths(experiment: Experiment, source: Source) -> Iterator[Problem]:
    """Every path of an axis or a case names something in the scenario, or a fact."""
    data = experiment.dump()
    settings: list[tuple[Mapping[str, Any], Place]] = []
    for axis, values in experiment.axes.items():
        if isinstance(values, Mapping):
            settings += [
                ({path: value}, ("axes", axis, name, path))
                for name, sets in values.items()
                for path, value in sets.items()
            ]
        else:
            settings.append(({axis: values[0]}, ("axes", axis)))
    settings += [
        ({path: value}, ("cases", number, "set", path))
        for number, case in enumerate(experiment.cases)
        for path, value in case.set.items()
    ]
    for setting, place in settings:
        path = next(iter(setting))
        if path.partition(".")[0] not in ("scenario", "facts"):
            hint = "paths begin with scenario. or facts.; any other axis has names, each with a set of paths"
            yield source.problem(place, f"{path} lies outside the scenario", hint)
        else:
            yield from apply(Experiment, data, setting, source, {path: place}).problems


def check_axes(experiment: Experiment, source: Source) -> Iterator[Problem]:
    """Every value of every axis makes a difference."""
    owner: dict[str, str] = {}
    for axis, values in experiment.axes.items():
        named = isinstance(values, Mapping)
        if named and (axis == "case" or axis.partition(".")[0] in ("scenario", "facts")):
            hint = "a path has a list of values; an axis of named values any other name, but case"
            yield source.problem(("axes", axis), f"axis {axis} has names for its values", hint)
        found = list(values.values()) if isinstance(values, Mapping) else list(values)
        keys: Iterable[str | int] = values if isinstance(values, Mapping) else range(len(values))
        for number, (key, value) in enumerate(zip(keys, found, strict=True)):
            if value in found[:number]:
                yield source.problem(("axes", axis, key), f"axis {axis} has {show(value)} twice")
        for path in dict.fromkeys(path for sets in found for path in sets) if named else [axis]:
            if owner.setdefault(path, axis) != axis:
                said = f"the axes {owner[path]} and {axis} both set {path}"
                yield source.problem(("axes", axis), said, "leave it to one of the two")
            for number, case in enumerate(experiment.cases):
                for over in case.set:
                    if path == over or path.startswith(f"{over}."):
                        which = "is an axis" if path == axis else f"is set by the axis {axis}"
                        which = which if path == over else f"holds {path}, which {which}"
                        said = f"case {case.name} sets {over}, which {which}: there the axis has no effect"
                        yield source.problem(("cases", number, "set", over), said, "leave it to one of the two")


def check_cases(experiment: Experiment, source: Source) -> Iterator[Problem]:
    """No two cases have one name."""
    names = [case.name for case in experiment.cases]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield source.problem(("cases", number, "name"), f"two cases are named {name}")


def check_metrics(experiment: Experiment, source: Source, metrics: Collection[str] | None) -> Iterator[Problem]:
    """Every metric is in the glossary; what a benchmark measures has names of its own."""
    named: list[tuple[Place, str]] = [(("metrics", n), name) for n, name in enumerate(experiment.metrics)]
    named += [(("expect", n, "metric"), e.metric) for n, e in enumerate(experiment.expect) if e.goal is None]
    for place, name in named if metrics is not None else ():
        if name not in (metrics or ()):
            yield source.problem(place, f"no metric is named {name}", did_you_mean(name, metrics or (), "metrics are"))
    for number, name in enumerate(experiment.metrics):
        if name in experiment.metrics[:number]:
            yield source.problem(("metrics", number), f"metric {name} stands here twice")


def check_expectations(experiment: Experiment, source: Source) -> Iterator[Problem]:
    """What an expectation picks is in the plan."""
    cases = [case.name for case in experiment.cases]
    for number, expectation in enumerate(experiment.expect):
        for key, value in expectation.where.items():
            place: Place = ("expect", number, "where", key)
            if key == "case":
                if value not in cases:
                    yield source.problem(place, f"no case is named {show(value)}", did_you_mean(str(value), cases))
            elif key not in experiment.axes:
                hint = did_you_mean(key, ["case", *experiment.axes])
                yield source.problem(place, f"{key} is neither case nor an axis", hint)
            elif value not in list(experiment.axes[key]):
                yield source.problem(place, f"axis {key} has no value {show(value)}")
