"""Items of kind pods: when they are created, how long they run, where they may go, and what is wrong with them."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import simulator as sim
from simulator.simulation.pods import creations
from simulator.spec.pods import Pods
from simulator.streams import Rng
from simulator.units import SECOND

PLACE: dict[str, Any] = {
    "duration": "10min",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "a", "model": "x86-edge", "zone": "a", "count": 2, "labels": {"tier": "edge"}},
        ],
        "links": [{"name": "lan", "between": ["a-*", "hub"], "model": "ethernet"}],
    },
    "orchestrator": "kubernetes",
    "images": {"job": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": ["linux/amd64"]}},
}
JOBS: dict[str, Any] = {
    "kind": "pods", "name": "job", "image": "job", "cpu": "100m", "arrivals": {"every": "10s"}, "count": 3, "run": "20s"
}  # fmt: skip


def scenario(*items: dict[str, Any], **changes: Any) -> sim.Scenario:
    return sim.Scenario.parse(deepcopy({**PLACE, "workloads": list(items), **changes}))


def pods(run: sim.Run, truth: str, state: str) -> dict[str, float]:
    """When each pod first was in that state, in s."""
    rows = run.table("pods").filter(pl.col("truth") == truth, pl.col("state") == state)
    return dict(rows.group_by("pod").agg(pl.col("time_s").min()).iter_rows())


def test_each_is_created_runs_for_its_time_and_has_succeeded() -> None:
    run = sim.Simulation(scenario(JOBS)).finish()
    created = pods(run, "believed", "Pending")
    assert set(created) == {"job-0", "job-1", "job-2"}
    assert np.diff(sorted(created.values())) == pytest.approx([10, 10])
    began, ended = pods(run, "running", "started"), pods(run, "running", "stopped")
    assert {name: ended[name] - began[name] for name in created} == pytest.approx(dict.fromkeys(created, 20))
    assert set(pods(run, "believed", "Succeeded")) == set(created)
    assert run.summary["pods_started"] == 3  # none is started again


def test_without_run_they_never_end() -> None:
    run = sim.Simulation(scenario({**JOBS, "run": None})).finish()
    assert len(pods(run, "running", "started")) == 3
    assert not pods(run, "running", "stopped")


def test_the_room_of_one_that_has_ended_is_another_s() -> None:
    big = {**JOBS, "cpu": "3500m", "node_selector": {"kubernetes.io/hostname": "a-0"}, "count": 2, "run": "1min"}
    run = sim.Simulation(scenario(big)).finish()
    bound, ended = pods(run, "believed", "Scheduled"), pods(run, "believed", "Succeeded")
    assert bound["job-1"] > ended["job-0"] > bound["job-0"] + 60
    assert set(run.table("decisions").filter(pl.col("decision") == "Bind")["node"]) == {"a-0"}


def test_the_higher_priority_is_tried_first_and_labels_are_the_pods() -> None:
    blocker = {**JOBS, "name": "blocker", "cpu": "3500m", "arrivals": {"every": "1ms"}, "count": 2, "run": "2min"}
    low = {**JOBS, "name": "low", "cpu": "3500m", "count": 1, "run": "5min", "arrivals": {"every": "20s"}}
    high = {**low, "name": "high", "arrivals": {"every": "70s"}, "priority": 100, "labels": {"team": "red"}}
    edge = [{**item, "node_selector": {"tier": "edge"}} for item in (blocker, low, high)]
    for own, first in ((100, "high-0"), (0, "low-0")):
        edge[2]["priority"] = own
        s = sim.Simulation(scenario(*edge))
        seen: dict[str, Any] = {}
        s.witness(lambda ask, seen=seen: seen.setdefault(ask.pod.name, ask.pod))
        bound = pods(s.finish(), "believed", "Scheduled")
        assert min(("low-0", "high-0"), key=lambda name: bound.get(name, np.inf)) == first
        assert (seen["high-0"].priority, seen["high-0"].labels) == (own, {"app": "high", "team": "red"})


def test_somebody_waits_for_an_api_server_that_does_not_answer() -> None:
    stop = {"kind": "stop", "component": "api-server", "at": "1s", "duration": "1min"}
    run = sim.Simulation(scenario(JOBS, faults=[stop])).finish()
    created = [pods(run, "believed", "Pending")[f"job-{i}"] for i in range(3)]
    assert created == sorted(created)
    assert created[0] == created[2] == pytest.approx(61)


def test_draws_are_an_item_s_own() -> None:
    drawn = {**JOBS, "arrivals": {"poisson": "1/s"}, "count": 40, "run": {"exponential": "20s"}}
    other = {**drawn, "name": "other"}

    def of(*items: dict[str, Any], **changes: Any) -> list[tuple[float, float]]:
        run = sim.Simulation(scenario(*items, fidelity="scheduling", **changes)).finish()
        made, began, ended = (pods(run, *k.split()) for k in ("believed Pending", "running started", "running stopped"))
        return [(made[f"job-{i}"], round(ended[f"job-{i}"] - began[f"job-{i}"], 6)) for i in range(40)]

    alone = of(drawn)
    assert alone == of(drawn, other) == of(other, drawn) == of(drawn, policy="random")
    assert alone != of({**drawn, "name": "job", "run": {"exponential": "21s"}})


def item(**changes: Any) -> Pods:
    return Pods.parse({**JOBS, **changes})


def test_a_count_takes_the_first_of_the_same_arrivals() -> None:
    rng, end = Rng(3), 100_000 * SECOND
    some = creations(rng, item(arrivals={"poisson": "2/s"}, count=500), Path(), end)
    assert some == creations(rng, item(arrivals={"poisson": "2/s"}, count=900), Path(), end)[:500]
    assert len(creations(rng, item(arrivals={"poisson": "2/s"}, count=None), Path(), 100 * SECOND)) < 500
    assert np.diff(some).mean() / SECOND == pytest.approx(0.5, abs=5 * 0.5 / 500**0.5)
    assert len(creations(rng, item(arrivals={"every": "1s"}, count=7), Path(), end)) == 7


def test_a_trace_gives_the_times(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("at\n1\n2.5\n1\n9\n", "utf-8")
    traced = item(arrivals={"trace": "t.csv#at"}, count=None)
    assert creations(Rng(1), traced, tmp_path, 5 * SECOND) == [1 * SECOND, 1 * SECOND, 5 * SECOND // 2]


def test_as_many_run_as_littles_law_says() -> None:
    """M/M/∞: λ · E[S] pods run on average, Poisson distributed over instants that are far apart."""
    busy = {**JOBS, "cpu": "1m", "arrivals": {"poisson": "2/s"}, "count": None, "run": {"exponential": "10s"}}
    run = sim.Simulation(scenario(busy, fidelity="scheduling", duration="20min", policy="first-fit")).finish()
    began = np.sort(np.array(list(pods(run, "running", "started").values())))
    ended = np.sort(np.array(list(pods(run, "running", "stopped").values())))
    instants = np.arange(100, 1200, 50.0)  # five mean lives apart
    number = np.searchsorted(began, instants) - np.searchsorted(ended, instants)
    assert number.mean() == pytest.approx(20, abs=4 * (20 / len(instants)) ** 0.5)
    assert number.var() == pytest.approx(20, rel=0.8)


POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: job-7}\nspec: {containers: [{name: c, image: job}]}\n"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"arrivals": {"users": 2, "think": "1s"}}, "pods of users who wait for them are not offered yet", "arrivals"),
    ({"arrivals": {"poisson": "10000/s"}, "count": None}, "pods job: more than 1000000 of them", "arrivals"),
    ({"arrivals": {"trace": "gone.csv"}}, "there is no file", "arrivals.trace"),
    ({"run": {"empirical": "gone.csv#s"}}, "there is no file", "run"),
    ({"priority": 2_000_000_000}, "", "priority"),
]


@pytest.mark.parametrize(("changes", "said", "place"), WRONG, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_said_where_it_stands(changes: dict[str, Any], said: str, place: str) -> None:
    with pytest.raises(sim.UserError) as caught:
        problems_of({**JOBS, **changes})
    (problem,) = caught.value.problems
    assert said in problem.message
    assert problem.path.endswith(place)


def problems_of(*items: dict[str, Any], folder: Path | None = None, **changes: Any) -> None:
    from simulator.spec.check import check_scenario
    from simulator.spec.look import Look

    made = scenario(*items, **changes)
    found = check_scenario(Look(made.placed(folder, {}) if folder else made))
    if found:
        raise sim.UserError(found)


def test_names_are_free(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD, "utf-8")
    manifest = {"kind": "manifest", "file": "pod.yaml"}
    with pytest.raises(sim.UserError, match="Pod job-7 has the name of one of the pods job"):
        problems_of(JOBS, manifest, folder=tmp_path)
    service = {"kind": "service", "name": "job", "image": "job"}
    with pytest.raises(sim.UserError, match="two workload items are named job"):
        problems_of(JOBS, service)
    problems_of({**JOBS, "name": "other"}, manifest, folder=tmp_path)


def test_behaviour_is_not_for_them() -> None:
    with pytest.raises(sim.UserError, match="pods job: what they do stands among their own keys"):
        problems_of(JOBS, behaviour={"job": {"run": "1s"}})


def test_an_orchestrator_without_pods_is_told() -> None:
    with pytest.raises(sim.UserError, match=r"pods job: .* has no pods that stand alone"):
        sim.Simulation(scenario(JOBS, orchestrator="open-horizon"))


def test_they_do_not_join() -> None:
    with pytest.raises(sim.UserError, match="pods late cannot join a running simulation"):
        sim.Simulation(scenario(JOBS)).inject(item(name="late"))
