"""The expansion of an experiment: what differs names a scenario, and nothing else moves."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from simulator.errors import Problem, UserError
from simulator.study import plan
from simulator.study.plan import Plan


def expand(data: Mapping[str, Any]) -> Plan:
    """Resolve as the spec layer does, for keys of mappings only."""

    def resolve(axes: Mapping[str, Any], case: str | None) -> Mapping[str, Any]:
        out = copy.deepcopy(dict(data))
        chosen = next((c.get("set", {}) for c in data.get("cases", ()) if c["name"] == case), {})
        for path, value in {**axes, **chosen}.items():
            *parents, last = path.split(".")
            here = out
            for key in parents:
                here = here.setdefault(key, {})
            here[last] = value
        return {key: out[key] for key in ("scenario", "facts") if key in out}

    return plan.expand(data, resolve)


EXPERIMENT = {
    "question": "?",
    "scenario": {"duration": "1h", "orchestrator": "k3s", "wan": {"duration": "1min"}},
    "axes": {"scenario.orchestrator": ["k3s", "kubeedge"], "scenario.wan.latency": ["1ms", "9ms"]},
    "cases": [{"name": "brief"}, {"name": "ten minutes", "set": {"scenario.wan.duration": "10min"}}],
    "replications": 3,
    "seed": 42,
    "metrics": ["availability"],
}


def names(data: Mapping[str, Any]) -> list[str]:
    return [point.name for point in expand(data).points]


def test_the_first_axis_varies_slowest_then_cases_then_replications() -> None:
    assert names(EXPERIMENT) == [
        f"orchestrator={o},latency={latency},case={case}"
        for o in ("k3s", "kubeedge")
        for latency in ("1ms", "9ms")
        for case in ("brief", "ten-minutes")
    ]
    found = expand(EXPERIMENT)
    assert len(found) == 24 == len(list(found.jobs()))
    assert [(point.name, replication) for point, replication in found.jobs()][:4] == [
        ("orchestrator=k3s,latency=1ms,case=brief", 0),
        ("orchestrator=k3s,latency=1ms,case=brief", 1),
        ("orchestrator=k3s,latency=1ms,case=brief", 2),
        ("orchestrator=k3s,latency=1ms,case=ten-minutes", 0),
    ]


def test_a_point_is_the_scenario_with_its_paths_set_and_nothing_that_only_asks() -> None:
    found = expand(EXPERIMENT)
    last = found.points[-1]
    assert last.axes == {"scenario.orchestrator": "kubeedge", "scenario.wan.latency": "9ms"}
    assert last.case == "ten minutes"
    assert last.data == {
        "scenario": {"duration": "1h", "orchestrator": "kubeedge", "wan": {"duration": "10min", "latency": "9ms"}}
    }
    assert found.seed == 42  # of every point: common random numbers


def test_a_model_can_be_an_axis() -> None:
    data = {"scenario": {"duration": "1h"}, "axes": {"facts.runtimes.kata.cold_start": ["1s", "2s"]}}
    second = expand(data).points[1]
    assert second.name == "cold_start=2s"
    assert second.data["facts"] == {"runtimes": {"kata": {"cold_start": "2s"}}}


def test_expansion_changes_no_input_and_needs_no_axes() -> None:
    before = copy.deepcopy(EXPERIMENT)
    expand(EXPERIMENT)
    assert before == EXPERIMENT
    found = expand({"scenario": {"duration": "1h"}})
    assert [(p.name, p.axes, p.case) for p in found.points] == [("base", {}, None)]
    assert (found.replications, found.seed) == (1, 1)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({"a.wan.duration": ["1s"], "a.lte.duration": ["2s"]}, "wan.duration=1s,lte.duration=2s"),
        ({"a.x.d": ["1s"], "d": ["2s"]}, "x.d=1s,d=2s"),
        ({"policy": ["./mine.py:Mine"]}, "policy=mine.py-Mine"),
        ({"policy": [{"use": "./mine.py:Mine", "params": {"alpha": 0.3}}]}, "policy=mine.py-Mine"),
        ({"on": [True]}, "on=true"),
        ({"zones": [["a", "b"]]}, "zones=a+b"),
        ({"rate": [0.5]}, "rate=0.5"),
        ({"path": ["../../etc"]}, "path=etc"),
    ],
)
def test_names_are_short_unambiguous_and_fit_for_a_folder(axes: dict[str, list[Any]], expected: str) -> None:
    assert names({"scenario": {}, "axes": axes}) == [expected]


def test_values_that_look_alike_get_different_names() -> None:
    policies = [{"use": "p", "params": {"alpha": alpha}} for alpha in (1, 2)]
    assert names({"scenario": {}, "axes": {"policy": policies}}) == ["policy=p~0", "policy=p~1"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"axes": {"scenario.a": []}}, "at least one value"),
        ({"axes": {"scenario.a": [1, 2, 1]}}, "a value twice"),
        ({"cases": [{"name": "a"}, {"name": "a"}]}, "two cases are named 'a'"),
        ({"axes": {"scenario.a.b": [1]}, "cases": [{"name": "c", "set": {"scenario.a": 2}}]}, "axis scenario.a.b"),
        ({"axes": {"scenario.a": [1]}, "cases": [{"name": "c", "set": {"scenario.a.b": 2}}]}, "axis scenario.a sets"),
    ],
)
def test_what_would_make_a_name_lie_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        expand({"scenario": {}, **more})


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(UserError) as caught:
        expand({"axes": {"a": [], "b": [1, 1]}, "cases": [{"name": "c"}, {"name": "c"}]})
    assert len(caught.value.problems) == 3


def test_problems_of_single_points_are_gathered_once_each() -> None:
    def resolve(axes: Mapping[str, Any], _: str | None) -> Mapping[str, Any]:
        if axes["a"] == 1:
            return {}
        raise UserError([Problem("the same everywhere"), Problem(f"wrong with {axes['a']}")])

    with pytest.raises(UserError) as caught:
        plan.expand({"axes": {"a": [1, 2, 3]}}, resolve)
    assert [p.message for p in caught.value.problems] == ["the same everywhere", "wrong with 2", "wrong with 3"]
