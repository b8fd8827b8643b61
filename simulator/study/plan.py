"""From one experiment to its resolved scenarios: axes × cases × replications. Pure: writes nothing, draws nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from simulator.errors import Problem, UserError

Data = Mapping[str, Any]
Resolve = Callable[[Mapping[str, Any], str | None], Data]


@dataclass(frozen=True, slots=True)
class Point:
    """One resolved scenario, named by what differs from the other points: `orchestrator=k3s,case=patient`."""

    name: str
    axes: Mapping[str, Any]  # axis -> value
    case: str | None
    data: Data  # plain: `scenario`, and `facts` set over the models'


@dataclass(frozen=True, slots=True)
class Plan:
    """Every run of a study. All points share the seed (common random numbers); replications differ by number."""

    points: tuple[Point, ...]
    replications: int
    seed: int

    def __len__(self) -> int:
        return len(self.points) * self.replications

    def jobs(self) -> Iterator[tuple[Point, int]]:
        """(point, replication), the replications of a point together."""
        return product(self.points, range(self.replications))


def expand(experiment: Data, resolve: Resolve) -> Plan:
    """The plan of an experiment, given as plain data.

    Axes are crossed in the order of the file, the first one varying slowest; each combination then goes through
    the cases in their order; replications are innermost. Of an axis that is a mapping, the names are the values.
    `resolve(axes, case)` gives the plain data of one point;
    a case is applied after the axes. Raises UserError with every problem of every point, and for an axis without
    values or with a value twice, and for a case that sets what an axis sets (its name would then lie).
    """
    axes: Mapping[str, Sequence[Any]] = {name: list(values) for name, values in (experiment.get("axes") or {}).items()}
    cases: Sequence[Mapping[str, Any]] = experiment.get("cases") or ()
    _refuse(axes, cases)
    short = _short_names(list(axes))
    labels = [_labels(values) for values in axes.values()]
    names = [None, *(case["name"] for case in cases)][bool(cases) :]
    shown = [f"case={label}" for label in _labels(names)] if cases else [""]
    points: list[Point] = []
    problems: list[Problem] = []
    for choice in product(*(range(len(values)) for values in axes.values())):
        chosen = {path: values[i] for (path, values), i in zip(axes.items(), choice, strict=True)}
        parts = [f"{name}={label[i]}" for name, label, i in zip(short, labels, choice, strict=True)]
        for case, last in zip(names, shown, strict=True):
            try:
                data = resolve(chosen, case)
            except UserError as error:
                problems += error.problems
            else:
                points.append(Point(",".join(filter(None, (*parts, last))) or "base", chosen, case, data))
    if problems:
        raise UserError(dict.fromkeys(problems))
    return Plan(tuple(points), int(experiment.get("replications", 1)), int(experiment.get("seed", 1)))


def _refuse(axes: Mapping[str, Sequence[Any]], cases: Sequence[Mapping[str, Any]]) -> None:
    problems = []
    for path, values in axes.items():
        if not values:
            problems.append(Problem("an axis needs at least one value", path=f"axes.{path}"))
        if any(value in values[:i] for i, value in enumerate(values)):
            problems.append(Problem("an axis has a value twice", path=f"axes.{path}", hint="each gives one scenario"))
    names = [case["name"] for case in cases]
    for k, case in enumerate(cases):
        if case["name"] in names[:k]:
            problems.append(Problem(f"two cases are named {case['name']!r}", path=f"cases.{case['name']}"))
        for path in case.get("set") or {}:
            for axis in axes:
                if path == axis or axis.startswith(f"{path}.") or path.startswith(f"{axis}."):
                    said = f"the case sets {path}, which the axis {axis} sets as well"
                    problems.append(Problem(said, path=f"cases.{case['name']}.set", hint="keep one of the two"))
    if problems:
        raise UserError(problems)


def _short_names(paths: Sequence[str]) -> list[str]:
    """Each path's last keys, as few as tell it from the others."""

    def tail(path: str, keys: int) -> str:
        return ".".join(path.split(".")[-keys:])

    names = []
    for path in paths:
        others = [p for p in paths if p != path]
        most = path.count(".") + 1
        keys = next((k for k in range(1, most) if all(tail(path, k) != tail(o, k) for o in others)), most)
        names.append(_clean(tail(path, keys)))
    return names


def _labels(values: Sequence[Any]) -> list[str]:
    """One short name per value, fit for a folder, no two alike."""
    plain = [_label(value) for value in values]
    return [f"{text}~{i}" if plain.count(text) > 1 else text for i, text in enumerate(plain)]


def _label(value: Any) -> str:
    if isinstance(value, Mapping):
        return _label(value.get("use") or value.get("name") or value.get("kind") or ",".join(map(str, value)))
    if isinstance(value, list | tuple):
        return _clean("+".join(_label(item) for item in value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return _clean(str(value))


def _clean(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+@%-]+", "-", text).strip("-.")[:60] or "value"
