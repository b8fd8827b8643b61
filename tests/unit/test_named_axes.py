"""An axis whose values have names, each with a set of paths."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from simulator.errors import UserError
from simulator.spec import Experiment, load_experiment
from simulator.study.execute import plan_of

DATA = Path(__file__).parents[1] / "data_spec"
_LINE = "scenario.faults.line.mode: [silent, refused]"
_NAMED = """who:
    hasty: {scenario.faults.line.mode: refused, scenario.workloads.sale.timeout: 1s}
    calm: {scenario.workloads.sale.timeout: 9s}"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for name in ("corner.yaml", "corner-shop.yaml"):
        shutil.copy(DATA / name, tmp_path)
    return tmp_path / "corner.yaml"


def written(file: Path, axis: str, more: str = "") -> Path:
    text = file.read_text("utf-8")
    assert _LINE in text
    file.write_text(text.replace(_LINE, axis) + more, "utf-8")
    return file


def sets(experiment: Experiment, **who: str) -> tuple[str, int]:
    scenario = experiment.resolve(who, "short")
    sale = next(item for item in scenario.workloads if item.name == "sale")
    return scenario.faults[0].mode, int(sale.timeout) // 10**9  # type: ignore[union-attr]


def test_each_name_sets_its_paths_and_stands_for_them(file: Path) -> None:
    more = "\n  - {metric: availability, where: {who: calm, case: short}, max: 1}\n"
    experiment = load_experiment(written(file, _NAMED, more))
    assert [sets(experiment, who=who) for who in ("hasty", "calm")] == [("refused", 1), ("silent", 9)]
    points = plan_of(experiment).points
    assert [point.axes for point in points[:2]] == [{"who": "hasty"}] * 2
    assert [point.name for point in points] == [
        f"who={who},case={c}" for who in ("hasty", "calm") for c in ("short", "long")
    ]


def test_a_name_pins_the_axis(file: Path) -> None:
    more = "".join(
        f"\n  - {{metric: availability, where: {{who: {who}}}, max: {n}}}" for n, who in ((1, "calm"), (2, "hasty"))
    )
    experiment = load_experiment(written(file, _NAMED, more + "\n"), {"who": "calm"})
    assert (experiment.axes, [e.max for e in experiment.expect][-1:]) == ({}, [1])
    assert sets(experiment) == ("silent", 9)
    with pytest.raises(UserError, match=r"set who: the axis has no value 'clam'"):
        load_experiment(file, {"who": "clam"})


def test_what_every_name_sets_cannot_be_set_beside_and_what_one_leaves_can(file: Path) -> None:
    experiment = load_experiment(written(file, _NAMED), {"scenario.faults.line.mode": "one-way"})
    assert [sets(experiment, who=who)[0] for who in ("hasty", "calm")] == ["refused", "one-way"]
    with pytest.raises(UserError, match="every value of the axis who stands over it"):
        load_experiment(file, {"scenario.workloads.sale.timeout": "3s"})


@pytest.mark.parametrize(
    ("axis", "said", "line"),
    [
        ("who: {a: {scenario.duration: 2h}, b: {scenario.duratoin: 3h}}", "scenario has no duratoin", 1),
        ("who: {a: {scenario.duration: 2h}, b: {duration: 3h}}", "duration lies outside the scenario", 1),
        ("who: {a: {scenario.duration: 2h}, b: {scenario.duration: 2h}}", "axis who has .* twice", 1),
        ("scenario.duration: {a: {scenario.duration: 2h}}", "axis scenario.duration has names for its values", 1),
        ("case: {a: {scenario.duration: 2h}}", "axis case has names for its values", 1),
        ("who: {a: {scenario.duration: 2h}}\n  scenario.duration: [1h, 2h]", "the axes who and .* both", 2),
        ("who: {a: {scenario.faults.line.duration: 2min}}", "case short sets .* is set by the axis who", None),
        ("who: {a: {scenario.faults.line.duration.x: 2min}}", "sets .* holds .* is set by the axis who", None),
        ("who: {a: {}}", "takes", 1),
        ("who: {a: 5}", "takes", 1),
        ("who: 5", "who takes a list", 1),
    ],
)  # fmt: skip
def test_what_is_wrong_with_names_is_said_where_it_stands(file: Path, axis: str, said: str, line: int | None) -> None:
    at = file.read_text("utf-8").splitlines().index(f"  {_LINE}")
    with pytest.raises(UserError, match=said) as caught:
        load_experiment(written(file, axis))
    if line is not None:
        assert {problem.line for problem in caught.value.problems} == {at + line}
