"""The `expect:` block: verdicts by hand, for runs and for benchmarks."""

from __future__ import annotations

import subprocess
import sys
import time
from math import nan
from typing import Any

import pytest

from simulator.errors import RunFailed, UserError
from simulator.simulation.run import Run
from simulator.spec import Expectation, load_experiment
from simulator.study import backend
from simulator.study import bench as bench_module
from simulator.study.bench import judged
from simulator.study.expect import differing, judge
from simulator.study.study import About, Study


def made() -> Study:
    """Two points of three replications: means 10 and 20."""
    runs = [
        Run(f"o={o},case=c", {"scenario.o": o}, "c", k, 1, {}, {}, {"m": mean + k - 1, "u": nan})
        for o, mean in (("k3s", 10.0), ("kubeedge", 20.0))
        for k in range(3)
    ]
    return Study(runs, About(name="V05"))


def rows(**expectation: Any) -> list[dict[str, Any]]:
    found = made()
    return judge(found.records, [Expectation(**{"metric": "m", **expectation})], found.about.name)


@pytest.mark.parametrize(
    ("given", "verdict"),
    [
        ({"value": 10.0}, "within"),
        ({"value": 11.0, "tolerance": 1.0}, "within"),
        ({"value": 11.5, "tolerance": 1.0}, "refuted"),
        ({"value": 12.0, "tolerance": "20%"}, "within"),
        ({"value": 12.0, "tolerance": "15%"}, "refuted"),
        ({"min": 9.0, "max": 11.0}, "within"),
        ({"min": 10.5}, "refuted"),
        ({"max": 9.5}, "refuted"),
        ({"metric": "u", "min": 0.0}, "refuted"),  # undefined is not within anything
        ({"metric": "no", "min": 0.0}, "refuted"),
        ({"value": 99.0, "verdict": "kept back"}, "kept back"),
    ],
)
def test_the_mean_is_held_against_the_band(given: dict[str, Any], verdict: str) -> None:
    (row,) = rows(where={"scenario.o": "k3s"}, **given)
    assert row["verdict"] == verdict


def test_a_row_has_what_the_interface_says() -> None:
    where = {"scenario.o": "kubeedge", "case": "c"}
    (row,) = rows(where=where, value=25.0, tolerance="30%", independence="full", fitted_on="V04", source="s", note="n")
    assert row["low"] < row["predicted"] < row["high"]
    del row["low"], row["high"]
    assert row == {
        "case": "V05",
        "row": "o=kubeedge,case=c",
        "metric": "m",
        "predicted": 20.0,
        "measured": 25.0,
        "min": None,
        "max": None,
        "error": pytest.approx(-0.2),
        "tolerance": 0.3,
        "relative": True,
        "independence": "full",
        "verdict": "within",
        "recorded": "within",
        "fitted_on": "V04",
        "source": "s",
        "note": "n",
    }


def test_an_expectation_holds_for_every_point_that_it_picks() -> None:
    both = rows(value=10.0, tolerance=1.0)
    assert [(r["row"], r["error"], r["verdict"]) for r in both] == [
        ("o=k3s,case=c", 0.0, "within"),
        ("o=kubeedge,case=c", 10.0, "refuted"),
    ]
    assert rows(where={"case": "other"}, value=1.0) == []


def test_only_a_verdict_that_is_not_the_recorded_one_differs() -> None:
    where = {"scenario.o": "k3s"}
    found = [
        *rows(where=where, value=10.0),
        *rows(where=where, value=99.0),
        *rows(where=where, value=99.0, verdict="refuted"),
        *rows(where=where, value=10.0, verdict="refuted"),
        *rows(where=where, value=99.0, verdict="kept back"),
    ]
    assert [(r["verdict"], r["recorded"]) for r in differing(found)] == [("refuted", "within"), ("within", "refuted")]


MEASURED = {
    "name": "stream-100s",
    "value": 3e6,
    "unit": "requests/CPU s",
    "peer": "SimPy",
    "peer_value": 3e4,
    "ratio": 100.0,
}


def bench(*expectations: dict[str, Any], **measured: Any) -> dict[str, Any]:
    given = [Expectation(**{"metric": "stream-100s", **e}) for e in expectations]
    (row,) = judged([{**MEASURED, "peak_rss_mb": 80.0, **measured}], given)
    return row


def test_a_rate_reaches_its_goal_from_above_and_a_time_from_below() -> None:
    row = bench({"goal": 2e6})
    assert (row["goal"], row["met"], row["verdict"], row["quoted"]) == (2e6, True, "within", False)
    assert bench({"goal": 4e6})["met"] is False
    assert bench({"goal": 2.0}, unit="CPU s/run", value=1.5)["met"] is True
    assert bench({"goal": 2.0}, unit="CPU s/run", value=2.5)["met"] is False
    assert bench({"min": 2e6})["met"] is True
    assert bench()["met"] is None  # nothing was asked of it


def test_other_numbers_of_a_row_have_goals_too_and_all_must_be_met() -> None:
    assert bench({"goal": 2e6}, {"metric": "stream-100s.ratio", "goal": 50.0})["met"] is True
    assert bench({"goal": 2e6}, {"metric": "stream-100s.ratio", "goal": 500.0})["met"] is False
    assert bench({"metric": "stream-100s.peak_rss_mb", "goal": 100.0})["met"] is True
    assert bench({"metric": "stream-100s.peak_rss_mb", "goal": 10.0})["met"] is False
    with pytest.raises(UserError, match="no row of the benchmark is named loop"):
        bench({"metric": "loop", "goal": 9e9})


def test_a_published_peer_is_quoted() -> None:
    row = bench({"peer": "iCanCloud", "value": 1e5}, {"goal": 1.0})
    assert (row["peer"], row["peer_value"], row["ratio"], row["quoted"], row["met"]) == (
        "iCanCloud",
        1e5,
        30.0,
        True,
        True,
    )


def test_a_goal_that_was_missed_when_last_looked_at_does_not_differ() -> None:
    row = bench({"goal": 4e6, "verdict": "refuted"})
    assert (row["met"], differing([row])) == (False, [])
    assert differing([bench({"goal": 4e6})]) != []


def test_memory_is_that_of_the_process_itself() -> None:
    """Not that of a large parent, which getrusage would give."""
    code = "from simulator.study.bench import peak_rss_mb as p; a = p(); b = bytearray(60_000_000); print(a, p())"
    ours = bytearray(200_000_000)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert before < len(ours) / 1e6
    assert after - before == pytest.approx(60, abs=10)


def test_a_benchmark_is_measured_by_its_driver_or_by_its_own_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load_experiment("wan-outage")
    asked: list[Any] = []

    def driver(data: Any, base: Any) -> list[dict[str, Any]]:
        asked.append((data["scenario"]["duration"], base))
        return [{"name": "loop", "value": 1.0, "unit": "visits/CPU s"}]

    monkeypatch.setattr(backend, "load", lambda *_, **__: experiment)
    monkeypatch.setattr(backend, "bench_drivers", lambda: {"loop": driver})
    (row,) = bench_module.measure("loop")
    assert asked == [("25min", experiment.scenario.folder)]
    assert (row["name"], row["peak_rss_mb"] > 10) == ("loop", True)

    def busy(*_: Any, **__: Any) -> None:
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass

    monkeypatch.setattr(backend, "simulate", busy)
    runs, start = bench_module.measure("demo")
    assert (runs["name"], runs["unit"], start["name"]) == ("demo", "CPU s/run", "demo-start")
    assert runs["value"] == pytest.approx(0.05, abs=0.03)  # of each of two scenarios, on average
    assert start["value"] > 0.1  # this process has imported and tested a while


def test_a_benchmark_that_fails_says_what_it_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_module, "bench_names", lambda names: ["warp"])
    monkeypatch.setattr(backend, "load", lambda *_, **__: load_experiment("wan-outage"))
    with pytest.raises(RunFailed, match=r"the benchmark warp failed: .*no experiment named 'bench/warp'"):
        bench_module.run_bench(["warp"])
