"""`perfect_knowledge`: whoever chooses a node sees what is; believed and running are told apart in all else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import simulator as sim
from simulator.errors import UserError
from simulator.show.report import render
from simulator.simulation.entry import check
from simulator.spec.check import check_scenario
from simulator.spec.look import Look

PLACE: dict[str, Any] = {
    "duration": "5min",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "role": "control-plane"},
            {"name": "a", "model": "x86-edge"},
            {"name": "b", "model": "x86-edge"},
        ],
        "links": [
            {"name": "wire-a", "between": ["a", "hub"], "model": "ethernet"},
            {"name": "wire-b", "between": ["b", "hub"], "model": "ethernet"},
        ],
    },
    "orchestrator": "k3s",
    "images": {"job": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": ["linux/amd64"]}},
}
JOB = {"kind": "pods", "name": "job", "image": "job", "cpu": "100m", "count": 1, "node_selector": {"edge": "yes"}}
CUT = {"kind": "cut", "name": "cut", "link": "wire-a", "at": "100s", "duration": "30s", "mode": "silent"}
CRASH = {"kind": "crash", "name": "crash", "node": "a", "at": "100s", "reboot_after": "30s"}
BOUND = "perfect_knowledge: the policy sees what nodes really are; this is a bound, and no result of a real controller"


def simulation(knows: bool, *pods: dict[str, Any], policy: Any = "first-fit", **changes: Any) -> sim.Simulation:
    place = {**PLACE["topology"], "nodes": [PLACE["topology"]["nodes"][0]]}
    place["nodes"] += [{**node, "labels": {"edge": "yes"}} for node in PLACE["topology"]["nodes"][1:]]
    policies = {"placement": policy, "perfect_knowledge": knows}
    items = [{**JOB, **item} for item in pods]
    return sim.Simulation(sim.Scenario.parse({**PLACE, "topology": place, "policies": policies, "workloads": items,
                                              **changes}))  # fmt: skip


def at(second: int, **item: Any) -> dict[str, Any]:
    """A pod that comes once, at about that second: the phase of `every` is drawn."""
    return {"arrivals": {"trace": f"{second}.csv"}, **item}


@pytest.fixture(autouse=True)
def times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for second in (1, 110, 120):
        (tmp_path / f"{second}.csv").write_text(f"at\n{second}\n", "utf-8")
    monkeypatch.chdir(tmp_path)


def bound(run: sim.Run) -> dict[str, str]:
    return dict(run.table("decisions").filter(pl.col("decision") == "Bind").select("pod", "node").rows())


@pytest.mark.parametrize("fault", [CUT, CRASH], ids=["cut", "crash"])
def test_who_believes_chooses_the_node_that_is_gone_and_who_knows_does_not(fault: dict[str, Any]) -> None:
    runs = {knows: simulation(knows, at(110), faults=[fault]).finish() for knows in (False, True)}
    assert {knows: bound(run)["job-0"] for knows, run in runs.items()} == {False: "a", True: "b"}
    running = {
        knows: run.table("pods").filter(truth="running", state="started")["time_s"][0] for knows, run in runs.items()
    }
    assert running[False] > 130 > running[True]
    early = pl.col("time_s") < 111  # all others believe what they believed
    believed, known = (run.table("nodes").filter(early).to_dicts() for run in runs.values())
    assert believed == known
    assert [BOUND in run.warnings for run in runs.values()] == [False, True]
    assert [run.manifest.get("perfect_knowledge") for run in runs.values()] == [None, True]


def test_a_pod_that_found_nobody_is_tried_again_when_the_way_is_back() -> None:
    only = at(110, node_selector={"kubernetes.io/hostname": "a"})
    run = simulation(True, only, faults=[CUT]).finish()
    decisions = run.table("decisions")
    assert decisions["decision"].to_list() == ["Wait", "Bind"]
    assert decisions["time_s"][1] == pytest.approx(130, abs=1.5)
    said = run.table("events").filter(kind="FailedScheduling")["detail"][0]
    assert "node is really down or cut off" in said


def test_the_view_has_what_is_free_in_truth_and_no_age() -> None:
    """A pod of a's ends while nobody hears of it: its cpu is free for who knows. And age is 0."""
    ends = at(1, name="old", cpu="3", run="114s", node_selector={"kubernetes.io/hostname": "a"})
    seen: dict[bool, Any] = {}
    for knows in (False, True):
        s = simulation(knows, ends, at(120), faults=[CUT])

        def look(ask: Any, knows: bool = knows) -> None:
            if ask.pod.name == "job-0":
                view = ask.cluster
                row = view.names.index("a")
                seen[knows] = view.free_cpu_m[row], bool(view.ready[row]), view.age_s.copy()

        s.witness(look)
        s.run(121)
    assert seen[True][0] - seen[False][0] == 3000
    assert (seen[False][1], seen[True][1]) == (True, False)
    assert (seen[False][2][1] > 10, np.all(seen[True][2] == 0)) == (True, True)


def test_where_it_means_nothing_it_is_an_error() -> None:
    horizon = {"orchestrator": "open-horizon", "policies": {"perfect_knowledge": True}}
    with pytest.raises(UserError, match="has no scheduler that asks for perfect_knowledge"):
        check({"scenario": {**PLACE, **horizon}}, Path())
    still = sim.Scenario.parse({**PLACE, "fidelity": "scheduling", "policies": {"perfect_knowledge": True}})
    assert "fidelity: scheduling has nothing that is otherwise than believed" in [
        problem.message for problem in check_scenario(Look(still))
    ]


def test_the_report_says_so_above_its_answer() -> None:
    run = simulation(True, at(110)).finish()
    before, answer, _ = render("Which?", [run], [], notes=run.warnings).partition("<h2 id='answer'>")
    assert answer
    assert f"<div class='warning'>{BOUND}" in before
