"""An experiment: one question, a scenario, what is varied, how often, and what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import inf
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, PrivateAttr, Tag, model_validator

from simulator.errors import Problem, UserError
from simulator.facts.yaml import Path
from simulator.spec.base import Number, Positive, Spec, Text, empty, not_offered, wrong
from simulator.spec.near import did_you_mean
from simulator.spec.paths import apply, segments
from simulator.spec.problems import UNKNOWN, Source, raise_all
from simulator.spec.scenario import Scenario
from simulator.units import UnitError, parse

Seed = Annotated[int, Field(strict=True, ge=0, lt=2**63)]
CaseName = Annotated[str, Field(max_length=80, pattern=r"^[^\s/]([^/\n\t]*[^\s/])?$")]
ValueName = Annotated[str, Field(max_length=60, pattern=r"^[A-Za-z0-9]([A-Za-z0-9._+@%-]*[A-Za-z0-9%])?$")]
Sets = Annotated[dict[str, Any], Field(min_length=1)]
Axis = Annotated[
    Annotated[tuple[Any, ...], Tag("values")] | Annotated[dict[ValueName, Sets], Tag("named")],
    Discriminator(lambda given: "named" if isinstance(given, Mapping) else "values"),
]
Independence = Literal["full", "calibrated", "semantic", "composition", "exact", "recall", "weak"]


class Case(Spec):
    """A named set of paths, not crossed with other cases."""

    name: CaseName
    set: dict[str, Any] = empty()


class Expectation(Spec):
    """What a metric should be: `value` within `tolerance` (in the metric's unit, or in %), or from `min` to `max`.

    `where` names axes, or `case`, with the value that picks the runs. For benchmarks, `goal` is the number to reach
    and `peer` what it is measured against. `verdict` is what was found when the file was last looked at.
    """

    metric: Text
    where: dict[str, Any] = empty()
    value: Number | None = None
    tolerance: Number | Text = 0.0
    min: Number | None = None
    max: Number | None = None
    goal: Number | None = None
    peer: Text | None = None
    unit: Text | None = None
    source: Text | None = None
    independence: Independence | None = None
    fitted_on: Text | None = None
    verdict: Literal["within", "refuted", "kept back"] = "within"
    note: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(v is None for v in (self.value, self.min, self.max, self.goal)):
            raise wrong(
                f"nothing is expected of {self.metric}", "give value and tolerance, min, max, or goal", "metric"
            )
        if self.value is not None and (self.min is not None or self.max is not None):
            raise wrong("value and min or max exclude each other", "give value and tolerance, or min and max", "value")
        try:
            low, high = self.band
        except UnitError as error:
            raise wrong(f"tolerance: {error.message}", "a number in the metric's unit, or 10%", "tolerance") from None
        if not low <= high:
            raise wrong("nothing can be within these bounds", "min lies above max, or the tolerance is negative")
        return self

    @property
    def band(self) -> tuple[float, float]:
        """The lowest and the highest value that is within; infinite where there is no bound."""
        if self.value is None:
            return (-inf if self.min is None else self.min), (inf if self.max is None else self.max)
        allowed = self.tolerance
        if isinstance(allowed, str):
            allowed = abs(self.value) * parse(allowed if allowed.endswith("%") else f"{allowed}?", "ratio")
        return self.value - allowed, self.value + allowed


def _crossed(design: Any) -> Any:
    if design != "cross":
        raise not_offered("designs other than cross are")
    return design


def axis_sets(axis: Axis | None, name: str, value: Any) -> dict[str, tuple[Any, Path]]:
    """What a value of an axis sets: path -> (setting, where it stands in the file; empty for a value from outside)."""
    if isinstance(axis, Mapping) and isinstance(value, str) and value in axis:
        return {path: (setting, ("axes", name, value, path)) for path, setting in axis[value].items()}
    place: Path = ("axes", name, axis.index(value)) if isinstance(axis, tuple) and value in axis else ()
    return {name: (value, place)}


class Experiment(Spec):
    """What a file under `experiments/` says. `notes` are the warnings of its loading, by name.

    An axis is a path with its values, or any other name with a set of paths for each name of a value.
    """

    question: Text
    scenario: Scenario
    axes: dict[str, Annotated[Axis, Field(min_length=1)]] = empty()
    cases: tuple[Case, ...] = ()
    design: Annotated[Literal["cross"], BeforeValidator(_crossed)] = "cross"
    replications: Positive = 1
    seed: Seed = 1
    metrics: tuple[Text, ...] = ()
    expect: tuple[Expectation, ...] = ()
    _source: Source = PrivateAttr(default=UNKNOWN)
    _notes: tuple[str, ...] = PrivateAttr(default=())
    _name: str = PrivateAttr(default="experiment")

    @classmethod
    def load(cls, ref: str | FilePath, set: Mapping[str, Any] | None = None) -> Experiment:
        """The experiment of a shipped name or of a file. Raises UserError with every problem."""
        from simulator.spec.load import load_experiment  # noqa: PLC0415  # the loader builds experiments

        return load_experiment(ref, set or {})

    @property
    def name(self) -> str:
        """The name of its file, without the suffix."""
        return self._name

    @property
    def source(self) -> Source:
        """Where each path was written: `source.problem(("scenario", "policy"), …)` has file and line."""
        return self._source

    @property
    def notes(self) -> tuple[str, ...]:
        """What was read and is not simulated, by name; and other warnings."""
        return self._notes

    @property
    def facts(self) -> Mapping[str, Any]:
        """Facts set over the models' for every run: `facts.kind.name.field` to the value as written."""
        return self.scenario.facts

    def placed(self, folder: FilePath, name: str, source: Source, facts: Mapping[str, Any]) -> Self:
        """The same experiment, knowing where its relative files are, its name, and where it was written."""
        twin = self.model_copy(update={"scenario": self.scenario.placed(folder, facts)})
        twin._name, twin._source = name, source
        return twin

    def noted(self, notes: Iterable[str]) -> Self:
        """The same experiment with these warnings."""
        twin = self.model_copy()
        twin._notes = tuple(dict.fromkeys(notes))
        return twin

    def located(
        self, problems: Iterable[Problem], axes: Mapping[str, Any] | None = None, case: str | None = None
    ) -> list[Problem]:
        """Problems that were found without the file, by building the scenario of a point, with the line of their path.

        A path is from the scenario (`policy.params.alpha`) or from the file's root; a problem that has a file keeps it.
        """
        found = list(problems)
        if all(problem.file is not None or not problem.path for problem in found):
            return found
        scenario, source = self.point(axes or {}, case)
        data = {"scenario": scenario.dump()}

        def there(problem: Problem) -> Problem:
            if problem.file is not None or not problem.path:
                return problem
            if problem.path.startswith("facts."):
                place: Path = ("scenario", problem.path)
            else:
                place = segments(data, f"scenario.{problem.path.removeprefix('scenario.')}")
                if place[1] not in data["scenario"]:
                    return problem if source.document is None else replace(problem, file=source.document.file)
            return source.problem(place, problem.message, problem.hint)

        return [there(problem) for problem in found]

    def resolve(self, axes: Mapping[str, Any] | None = None, case: str | None = None) -> Scenario:
        """The scenario of one point of the plan: one value for each given axis path, and one case.

        Raises UserError for a case that is none, a path that matches nothing, and what the values make wrong.
        """
        return self.point(axes or {}, case)[0]

    def point(self, axes: Mapping[str, Any], case: str | None = None) -> tuple[Scenario, Source]:
        """As `resolve`, and where each part of that scenario was written. Over an axis, the case wins."""
        settings: dict[str, Any] = {}
        written: dict[str, Path] = {}
        for axis, value in axes.items():
            chosen = axis_sets(self.axes.get(axis), axis, value)
            settings |= {path: setting for path, (setting, _) in chosen.items()}
            written |= {path: place for path, (_, place) in chosen.items() if place}
        if case is not None:
            number = self._number(case)
            settings |= self.cases[number].set
            written |= {path: ("cases", number, "set", path) for path in self.cases[number].set}
        applied = apply(Experiment, self.dump(), settings, self._source, written)
        raise_all(applied.problems)
        scenario = Experiment.parse(applied.data, applied.source).scenario
        return scenario.placed(self.scenario.folder, {**self.facts, **applied.facts}), applied.source

    def _number(self, case: str) -> int:
        names = [c.name for c in self.cases]
        if case not in names:
            raise UserError(Problem(f"no case named {case!r}", hint=did_you_mean(case, names)))
        return names.index(case)
