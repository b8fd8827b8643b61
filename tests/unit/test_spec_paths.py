"""The path grammar of --set, axes, cases and set=."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.spec import Experiment
from simulator.spec.paths import Applied, apply, parse_setting
from simulator.spec.problems import UNKNOWN

DATA: dict[str, Any] = {
    "question": "x",
    "scenario": {
        "duration": "1h",
        "topology": {
            "use": "wan",
            "params": {"sites": 3},
        },
        "policy": "kube-default",
        "behaviour": {"api.v2": {"work": {"exponential": "5ms"}}, "api": {"workers": 1}},
        "workloads": [
            {"kind": "service", "name": "db", "image": "d"},
            {"kind": "requests", "source": "a", "target": "db"},
        ],
        "faults": [{"kind": "cut", "name": "wan", "link": "wan-*", "at": "1min"}],
    },
}


def set_(path: str, value: Any = 1) -> Applied:
    return apply(Experiment, DATA, {path: value}, UNKNOWN)


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("seed", ("seed",)),
        ("scenario.duration", ("scenario", "duration")),
        ("scenario.warm_up", ("scenario", "warm_up")),  # valid, and not in the file
        ("scenario.record.requests.sample", ("scenario", "record", "requests", "sample")),
        ("scenario.topology.params.sites", ("scenario", "topology", "params", "sites")),
        ("scenario.topology.params.new.one", ("scenario", "topology", "params", "new.one")),  # a free mapping
        ("scenario.policy.params.alpha", ("scenario", "policy", "params", "alpha")),  # the short form grows
        ("scenario.behaviour.api.v2.work", ("scenario", "behaviour", "api.v2", "work")),  # the longest key
        ("scenario.behaviour.api.workers", ("scenario", "behaviour", "api", "workers")),
        ("scenario.behaviour.api.v2.work.exponential", ("scenario", "behaviour", "api.v2", "work", "exponential")),
        ("scenario.workloads.db.replicas", ("scenario", "workloads", 0, "replicas")),  # an item by its name
        ("scenario.faults.wan", ("scenario", "faults", 0)),
        ("scenario.faults.wan.duration", ("scenario", "faults", 0, "duration")),
    ],
)
def test_a_path_sets_one_place_and_no_other(path: str, where: tuple[str | int, ...]) -> None:
    applied = set_(path, {"a": 1})
    assert applied.problems == ()
    found: Any = applied.data
    for key in where:
        found = found[key]
    assert found == {"a": 1}
    assert list(applied.source.over) == [where]
    assert DATA["scenario"]["policy"] == "kube-default", "the original is left alone"
    assert "warm_up" not in DATA["scenario"]


def test_a_short_reference_keeps_its_name_when_it_gets_parameters() -> None:
    assert set_("scenario.policy.params.alpha").data["scenario"]["policy"] == {
        "use": "kube-default",
        "params": {"alpha": 1},
    }


@pytest.mark.parametrize(
    ("path", "said", "hint"),
    [
        ("scenaro.duration", "the file has no scenaro", "did you mean scenario?"),
        ("scenario.durations", "scenario has no durations", "did you mean duration?"),
        ("scenario.faults.van.at", "scenario.faults has no item named van", "did you mean wan?"),
        ("scenario.faults.0.at", "scenario.faults has no item named 0", "one of wan"),
        ("scenario.behaviour.db.workers", "scenario.behaviour has no db", "one of api, api.v2"),
        ("scenario.duration.max", "scenario.duration is a value: nothing is below it", "set scenario.duration"),
        ("scenario.duration.", "a path has a word between two dots", "as in scenario.duration"),
        ("facts.nodes.pi", "a fact's path has a kind, a name and a field", "as in facts.runtimes.kata.cold_start"),
    ],
)
def test_a_path_that_matches_nothing_is_told_with_what_is_near(path: str, said: str, hint: str) -> None:
    (problem,) = set_(path).problems
    assert problem.message == f"set {path}: {said}"
    assert problem.hint == hint


def test_facts_are_kept_apart() -> None:
    applied = set_("facts.nodes.raspberry-pi-4b.ram", "8GiB")
    assert applied.facts == {"facts.nodes.raspberry-pi-4b.ram": "8GiB"}
    assert applied.data == DATA


def test_later_settings_see_earlier_ones() -> None:
    settings = {"scenario.record": {"interval": "1s"}, "scenario.record.requests.sample": 0.5}
    assert apply(Experiment, DATA, settings, UNKNOWN).data["scenario"]["record"] == {
        "interval": "1s",
        "requests": {"sample": 0.5},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a.b=10min", "10min"),
        ("a.b=3", 3),
        ("a.b=[silent, refused]", ["silent", "refused"]),
        ("a.b={exponential: 5ms}", {"exponential": "5ms"}),
        ("a.b=", None),
        ("a.b=x=y", "x=y"),
        ("a.b=no", "no"),  # YAML 1.2: a word
    ],
)
def test_settings_of_the_command_line_are_yaml(text: str, value: Any) -> None:
    assert parse_setting(text) == ("a.b", value)


def test_files_in_settings_are_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_setting("a=./x.yaml") == ("a", str(tmp_path / "x.yaml"))
    assert parse_setting("a=[{use: ./p.py:P}]") == ("a", [{"use": str(tmp_path / "p.py:P")}])
