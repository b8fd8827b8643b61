"""What comes while a simulation runs: workloads with a time of their own, and updates from Python."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import simulator as sim
from scenarios import SMALL, broken_rows, scenario, simulation, unlike
from simulator.spec.check import check_scenario
from simulator.spec.look import Look

DESCRIBED = SMALL["images"]["shop/api"]
API: dict[str, Any] = SMALL["workloads"][1] | {"calls": []}
PLAIN: dict[str, Any] = {**SMALL, "behaviour": {}, "workloads": [API], "images": {"shop/api": DESCRIBED}}


def started(s: sim.Simulation, name: str = "api") -> list[float]:
    rows = s.finish().table("pods").filter(pl.col("owner") == name, pl.col("state") == "started")
    return rows["time_s"].to_list()


@pytest.mark.parametrize("start", ["empty", "placed"])
def test_a_workload_comes_at_its_time(start: str) -> None:
    late = {"kind": "service", "name": "late", "image": "shop/api", "replicas": 2, "at": "4min", "work": "1ms"}
    asks = {"kind": "requests", "source": "till-a", "target": "late", "arrivals": {"every": "1s"}, "request": "1kB",
            "response": "1kB", "timeout": "1s"}  # fmt: skip
    s = simulation({**PLAIN, "start": start, "workloads": [API, late, asks]})
    s.run("2min")
    assert set(s.state().pods["owner"]) == {"api"}
    run = s.finish()
    assert not broken_rows(run.tables)
    assert not unlike(s.state(), run.tables)
    began = started(s, "late")
    assert len(began) == 2
    assert 240 < min(began) < 300
    asked = run.table("traffic").filter(pl.col("flow") == "requests")
    before, after = asked.filter(pl.col("start_s") < 240), asked.filter(pl.col("start_s") >= 240)
    assert (before["completed"].sum(), before["no_endpoint"].sum()) == (0, 240)
    assert after["completed"].sum() > 300


def test_it_waits_for_an_api_server_that_does_not_answer() -> None:
    stop = [{"kind": "stop", "component": "api-server", "at": "3min", "duration": "3min"}]
    s = simulation({**PLAIN, "workloads": [API | {"at": "4min"}], "faults": stop})
    assert min(started(s)) > 360


def test_from_python_it_comes_at_its_time_too() -> None:
    s = simulation({**PLAIN, "workloads": []})
    s.run("2min")
    s.inject(sim.Service(name="api", image="shop/api", replicas=1, work="1ms", at="4min"))
    with pytest.raises(sim.UserError, match="the service begins at 60 s, and it is 120 s already"):
        s.inject(sim.Service(name="past", image="shop/api", at="1min"))
    assert 240 < min(started(s)) < 300


def test_an_update_comes_after_its_workload() -> None:
    def said(at: str) -> list[str]:
        update = {"kind": "update", "workload": "api", "image": "shop/api:2", "at": at}
        found = check_scenario(Look(scenario({**PLAIN, "workloads": [API | {"at": "4min"}], "faults": [update]})))
        return [f"{problem.path}: {problem.message}" for problem in found]

    assert said("5min") == []
    assert said("3min") == ["faults.0.at: api is updated before it is applied, at 4min"]


@pytest.mark.parametrize("at", [None, "4min"])
def test_an_injected_update_rolls_every_pod_to_an_image_that_exists(at: str | None) -> None:
    s = simulation(PLAIN)
    s.run("2min")
    s.inject(sim.Update(workload="api", image="shop/new", at=at))
    with pytest.raises(sim.UserError, match=r"no workload is named apy .*mean api"):
        s.inject(sim.Update(workload="apy", image="shop/new"))
    run = s.finish()
    assert len(started(s)) == 8
    assert min(started(s)[4:]) > (240 if at else 120)
    assert s.state().pods["running"].sum() == 4
    assert run.table("events").filter(pl.col("kind").is_in(["Failed", "BackOff"])).is_empty()
    default = "image shop/new: described nowhere, so it took the catalogue's default-image, which is assumed"
    assert default in run.warnings


def test_an_injected_update_to_an_image_that_is_described_takes_that() -> None:
    images = {"shop/api": DESCRIBED, "shop/new": DESCRIBED | {"compressed": "60MB"}}
    s = simulation({**PLAIN, "images": images})
    s.run("2min")
    s.inject(sim.Update(workload="api", image="shop/new"))
    run = s.finish()
    assert len(started(s)) == 8
    assert not any("default-image" in warning for warning in run.warnings)
