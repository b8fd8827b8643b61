"""`fidelity: scheduling`: the scheduler as in the whole cluster, over nodes without agents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import simulator as sim
from simulator.simulation.entry import explain_pod
from simulator.spec.check import check_scenario
from simulator.spec.look import Look

PLACE: dict[str, Any] = {
    "duration": "5min",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "a", "model": "x86-edge", "zone": "a", "count": 3},
            {"name": "b", "model": "raspberry-pi-4b", "zone": "b", "count": 3},
        ],
        "links": [{"name": "lan", "between": ["[ab]-*", "hub"], "model": "ethernet"}],
    },
    "orchestrator": "k3s",
    "policy": "least-loaded",
    "images": {
        "job": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": ["linux/amd64", "linux/arm64"]}
    },
    "workloads": [
        {"kind": "pods", "name": "small", "image": "job", "cpu": "200m", "ram": "100Mi", "arrivals": {"poisson": "1/s"},
         "count": 60},
        {"kind": "pods", "name": "large", "image": "job", "cpu": "1500m", "ram": "1Gi", "arrivals": {"every": "10s"},
         "count": 9},
    ],
}  # fmt: skip
ENDING = [{**item, "run": {"exponential": "20s"}} for item in PLACE["workloads"]]


def scenario(fidelity: str, **changes: Any) -> sim.Scenario:
    return sim.Scenario.parse({**PLACE, "fidelity": fidelity, **changes})


def places(run: sim.Run) -> dict[str, str]:
    bound = run.table("decisions").filter(pl.col("decision") == "Bind")
    return dict(bound.select("pod", "node").iter_rows())


@pytest.mark.parametrize("policy", ["least-loaded", "best-fit", "kube-default"])
def test_where_starts_do_not_matter_pods_get_the_same_nodes(policy: str) -> None:
    runs = [sim.Simulation(scenario(fidelity, policy=policy)).finish() for fidelity in ("full", "scheduling")]
    full, scheduling = map(places, runs)
    assert len(full) > 60
    assert full == scheduling
    assert len(set(full.values())) > 3
    both = [run.table("decisions").select("time_s", "pod", "decision") for run in runs]
    if policy != "kube-default":
        assert both[0].equals(both[1])


def test_nodes_offer_what_their_agents_would() -> None:
    seen = []
    for fidelity in ("full", "scheduling"):
        s = sim.Simulation(scenario(fidelity))
        ask = next(s.decisions())
        cluster = ask.cluster
        seen.append((cluster.names, cluster.allocatable_cpu_m.tolist(), cluster.allocatable_ram_bytes.tolist(),
                     cluster.max_pods.tolist(), cluster.labels, cluster.speed.tolist()))  # fmt: skip
        if fidelity == "scheduling":
            assert not cluster.age_s.any()
    assert seen[0] == seen[1]
    assert len(set(seen[0][1])) > 1 or len(set(seen[0][2])) > 1


def test_a_pod_runs_once_it_is_bound_and_leaves_after_its_run() -> None:
    s = sim.Simulation(scenario("scheduling", workloads=ENDING))
    s.run("20s")
    state = s.state().pods
    ready = state.filter(pl.col("believed") == "Ready")
    assert len(ready)
    assert ready["running"].all()
    assert not state.filter(pl.col("believed") != "Ready")["running"].any()
    run = s.finish()
    assert set(run.table("events")["kind"]) <= {"Scheduled", "FailedScheduling"}
    assert run.summary["pods_started"] == run.summary["decisions"] - (
        run.table("decisions")["decision"] != "Bind"
    ).sum() == 69  # fmt: skip
    assert run.summary["start_p50_s"] < 0.2
    assert run.table("pods").filter(pl.col("state") == "Succeeded").height > 60
    assert sim.Simulation(scenario("full", workloads=ENDING)).finish().summary["start_p50_s"] > 0.5


def test_explain_looks_over_its_shoulder() -> None:
    data = {"scenario": {**PLACE, "fidelity": "scheduling"}}
    (row,) = explain_pod(data, seed=1, replication=0, base=Path(), pod="small-5", until_s=60)
    assert row["decision"] == "Bind"
    assert {node["verdict"] for node in row["nodes"]} == {"feasible"}
    assert len(row["nodes"]) == 7


def test_the_scenario_s_replications_differ_and_repeat() -> None:
    def times(replication: int) -> list[float]:
        return sim.Simulation(scenario("scheduling"), 1, replication).finish().table("decisions")["time_s"].to_list()

    assert times(0) == times(0) != times(1)


def test_one_like_another_is_the_same_as_one_read_anew() -> None:
    read = scenario("scheduling", workloads=ENDING)
    first = sim.Simulation(read, 1, 0)
    first.run()
    again, anew = sim.Simulation(read, 1, 3, like=first).finish(), sim.Simulation(read, 1, 3).finish()
    for name in ("decisions", "pods", "events"):
        assert again.table(name).equals(anew.table(name))
    np.testing.assert_equal(dict(again.summary), dict(anew.summary))


SERVICE = {"kind": "service", "name": "api", "image": "job"}
CUT = {"kind": "cut", "link": "lan-0", "at": "1min", "duration": "1min", "mode": "silent"}
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"workloads": [SERVICE]}, "no workloads of kind service, only pods", "workloads.0.kind"),
    ({"faults": [{**CUT, "link": "lan*"}]}, "has no faults, and so no cut", "faults.0.kind"),
    ({"start": "placed"}, "begins with empty nodes", "start"),
    ({"policy": None, "policies": {"rescheduling": "spread-after-recovery"}}, "asks for rescheduling", "rescheduling"),
    ({"policy": None, "policies": {"caching": "pull-everywhere"}}, "asks for caching", "caching"),
    ({"images": {"job": {**PLACE["images"]["job"], "prepulled": ["a-*"]}}}, "none is prepulled", "prepulled"),
]


@pytest.mark.parametrize(("changes", "said", "place"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_it_leaves_out_is_refused(changes: dict[str, Any], said: str, place: str) -> None:
    (problem,) = check_scenario(Look(scenario("scheduling", **changes)))
    assert said in problem.message
    assert problem.path.endswith(place)
    assert not [p for p in check_scenario(Look(scenario("full", **changes))) if "fidelity" in p.message]


def test_nothing_joins_and_nothing_fails_later() -> None:
    s = sim.Simulation(scenario("scheduling"))
    for late in (sim.Crash(node="a-0"), sim.Service(name="api", image="job")):
        with pytest.raises(sim.UserError, match="fidelity: scheduling has no"):
            s.inject(late)


def test_an_orchestrator_without_a_scheduler_is_told() -> None:
    with pytest.raises(sim.UserError, match="fidelity: scheduling needs a scheduler of pods"):
        sim.Simulation(scenario("scheduling", orchestrator="open-horizon", workloads=[], policy=None, images={}))
