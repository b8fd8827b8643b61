"""What policies know of nodes without hearing from them, in whole scenarios."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import simulator as sim
from simulator.errors import UserError

PLACE: dict[str, Any] = {
    "duration": "3min",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane",
             "taints": [{"key": "own", "effect": "NoSchedule"}]},
            {"name": "vm", "model": "cloud-vm", "zone": "north"},
            {"name": "pi", "model": "raspberry-pi-4b", "zone": "south"},
        ],
        "links": [{"name": "wan", "between": ["vm", "hub"], "latency": "5ms", "rate": "1Gbps"},
                  {"name": "lan", "between": ["pi", "hub"], "latency": "5ms", "rate": "1Gbps"}],
    },
    "orchestrator": "kubernetes",
    "images": {"api:1": {"compressed": "2MB", "unpacked": "5MB", "layers": 1,
                         "platforms": ["linux/amd64", "linux/arm64"]}},
    "workloads": [{"kind": "service", "name": "api", "image": "api:1", "replicas": 1, "cpu": "500m", "work": "5ms"}],
    "carbon": {"north": "50g/kWh", "*": "800g/kWh"},
}  # fmt: skip


def simulate(**changes: Any) -> sim.Simulation:
    return sim.Simulation(sim.Scenario.model_validate(deepcopy(PLACE) | changes), seed=1)


def seen(what: str, **changes: Any) -> dict[str, float]:
    """A column of the view at the one decision there is, by node."""
    simulation = simulate(**changes)
    (ask,) = [ask for ask in simulation.decisions() if simulation.answer(ask, sim.Bind(1)) is None]
    return dict(zip(ask.cluster.names, getattr(ask.cluster, what).tolist(), strict=True))


def test_the_view_has_the_pages_watts_and_the_zones_grids() -> None:
    assert seen("idle_w") == {"hub": 10, "vm": 10, "pi": 1.6}
    assert seen("core_w") == {"hub": 10, "vm": 10, "pi": pytest.approx((5.0 - 1.6) / 4)}
    assert seen("carbon_g_per_kwh") == pytest.approx({"hub": 800, "vm": 50, "pi": 800})


def test_a_grid_that_changes_is_seen_as_it_is_at_the_decision_and_a_battery_has_none(tmp_path: Path) -> None:
    (tmp_path / "grid.csv").write_text("time_s,g\n0,300\n60,120\n")
    topology = deepcopy(PLACE["topology"])
    topology["nodes"][1]["battery"] = {"capacity": "500Wh"}
    workload = PLACE["workloads"][0] | {"at": "90s"}
    column = seen(
        "carbon_g_per_kwh", topology=topology, carbon={"*": f"{tmp_path}/grid.csv#g"}, workloads=[workload]
    )  # fmt: skip
    assert column == pytest.approx({"hub": 120, "vm": 0, "pi": 120})


@pytest.mark.parametrize(("policy", "node"), [("carbon-aware", "vm"), ("energy-aware", "pi")])
def test_who_counts_carbon_and_who_counts_joules_part_ways(policy: str, node: str) -> None:
    """A core of the machine takes 10 W over a speed of 1.2, one of the board 0.85 over 0.554, under a dirtier grid."""
    run = simulate(policy=policy)
    run.run()
    assert set(run.state().pods["node"]) == {node}


def test_who_decides_by_carbon_is_refused_where_there_is_none() -> None:
    with pytest.raises(UserError, match="carbon-aware decides by carbon, and the scenario gives none") as told:
        simulate(policy="carbon-aware", carbon={})
    assert told.value.problems[0].path == "policy"


def test_a_policy_that_asks_for_carbon_where_the_scenario_gives_none_is_told_at_each_decision(tmp_path: Path) -> None:
    lines = ["from simulator.policy import Bind", "def place(pod, cluster):"]
    (tmp_path / "mine.py").write_text("\n".join([*lines, "    return Bind(int(cluster.carbon_g_per_kwh.argmin()))"]))
    run = simulate(policy=f"{tmp_path}/mine.py:place", carbon={})
    run.run()
    found = run.finish()
    assert "policy_error" in set(found.table("decisions")["decision"])
    assert "gives no carbon intensity" in found.table("events").filter(pl.col("kind") == "PolicyError")["detail"][0]


def test_a_zone_without_a_grid_is_refused() -> None:
    with pytest.raises(UserError, match="the grid of zone cloud has no carbon intensity"):
        simulate(policy="carbon-aware", carbon={"north": "50g/kWh", "south": "50g/kWh"})
