"""Open Horizon from a scenario as a user writes it: its models, what it drops, and what is refused elsewhere."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

import simulator as sim
from horizons import Horizon, template
from scenarios import scenario, simulation
from simulator.control.api.objects import DaemonSet
from simulator.simulation.simulation import Simulation
from simulator.spec.check import check_scenario
from simulator.spec.look import Look
from simulator.world.pod import ContainerTemplate, Probe, Toleration

MIB = 1 << 20
FLEET: dict[str, Any] = {
    "duration": "20min",
    "orchestrator": "open-horizon",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "role": "control-plane"},
            {"name": "edge", "model": "x86-edge", "count": 40,
             "taints": [{"key": "k", "effect": "NoSchedule"}]},
        ],
        "links": [{"name": "wan", "between": ["edge-*", "hub"], "latency": "10ms", "rate": "100Mbps"}],
    },
    "workloads": [{"kind": "model", "name": "weights", "size": "20Mi", "nodes": "edge-*", "at": "5min"}],
}  # fmt: skip


def fleet(settings: dict[str, Any] | None = None, **changes: Any) -> Simulation:
    return simulation(FLEET | changes, settings)


def waits(s: Simulation) -> np.ndarray:
    """From the publication to each node's having all of it, less what the transfer takes: E-P28 without a cut."""
    rows = s.finish().table("deliveries").filter(pl.col("kind") == "model", pl.col("event") == "delivered")
    return rows["time_s"].to_numpy() - 300 - 20 * MIB * 8 / 100e6 - 5 * 0.02


def test_a_model_reaches_each_node_with_its_next_poll_in_four_chunks() -> None:
    found = waits(fleet())
    assert len(found) == 40
    assert found.min() >= -0.1
    assert found.max() <= 60
    assert found.mean() == pytest.approx(30, abs=6)
    moved = waits(fleet({"facts.orchestrators.open-horizon.desired_state.model-objects.poll": "75s"}))
    assert moved.max() > 60


def test_chunks_cost_a_round_trip_each() -> None:
    few = fleet().finish().summary["model_delivery_s"]
    many = fleet({"facts.orchestrators.open-horizon.desired_state.model-objects.chunk": "1Mi"}).finish()
    assert many.summary["model_delivery_s"] - few == pytest.approx(16 * 0.02, abs=0.01)  # 20 chunks, not 4


def test_what_has_not_come_is_missing_and_counts_to_the_end() -> None:
    cut = [{"kind": "cut", "link": "wan-[0-9]", "at": "4min", "mode": "silent"}]
    summary = fleet(faults=cut).finish().summary
    assert summary["models_missing"] == 10
    whole = fleet().finish().summary
    assert whole["models_missing"] == 0
    assert summary["model_delivery_s"] > whole["model_delivery_s"] + 10 / 40 * (1200 - 300 - 70)


def test_a_hub_that_does_not_answer_publishes_later() -> None:
    stop = [{"kind": "stop", "component": "hub", "at": "4min", "duration": "4min"}]
    rows = fleet(faults=stop).finish().table("deliveries").filter(pl.col("kind") == "model")
    assert set(rows.filter(pl.col("event") == "sent")["time_s"]) == {480.0}
    assert rows.filter(pl.col("event") == "delivered").height == 40


def test_a_model_is_published_from_python() -> None:
    s = fleet(workloads=[])
    s.run("10min")
    s.inject(sim.Model(name="now", size="5Mi", nodes="*"))  # not to the hub's own machine
    s.inject(sim.Model(name="later", size="5Mi", nodes="edge-7", at="12min"))
    for wrong, message in (
        (sim.Model(name="now", size="5Mi", nodes="*"), "two workload items are named now"),
        (sim.Model(name="past", size="5Mi", nodes="*", at="1min"), "the model begins at 60 s, and it is 600 s already"),
        (sim.Model(name="home", size="5Mi", nodes="hub"), "hub matches no node that Open Horizon brings models to"),
        (sim.Model(name="lost", size="5Mi", nodes="egde-1"), "no node is named egde-1 .*mean edge-1"),
    ):
        with pytest.raises(sim.UserError, match=message):
            s.inject(wrong)
    rows = s.finish().table("deliveries").filter(pl.col("kind") == "model", pl.col("event") == "sent")
    assert rows.filter(pl.col("about") == "now").height == 40
    assert rows.filter(pl.col("about") == "later").select("node", "time_s").rows() == [("edge-7", 720.0)]


@pytest.mark.parametrize("orchestrator", ["kubernetes", "k3s", "kubeedge"])
def test_who_brings_no_models_refuses_them(orchestrator: str) -> None:
    with pytest.raises(sim.UserError, match=r"model weights: .* has no service that brings models to nodes"):
        fleet(orchestrator=orchestrator)


def test_a_model_has_a_size_and_a_time_within_the_run() -> None:
    item = FLEET["workloads"][0]
    with pytest.raises(sim.UserError, match="size"):
        sim.Model(**item | {"size": "0B"})
    late = scenario(FLEET | {"workloads": [item | {"at": "20min"}]})
    assert [p.message for p in check_scenario(Look(late))] == [
        "model weights comes at 20min, and the run ends at 20min"
    ]


def test_what_is_left_out_of_a_workload_is_said_by_name() -> None:
    work = [
        {"kind": "service", "name": "web", "image": "a", "per": "node", "cpu": "500m"},
        {"kind": "service", "name": "api", "image": "a", "per": "node", "ram": "64Mi"},
        {"kind": "service", "name": "bare", "image": "a", "per": "node"},
    ]
    warnings = fleet(workloads=work).finish().warnings
    assert "DaemonSet web, api: Open Horizon looks at no requests" in warnings
    assert not any("bare: Open Horizon looks" in warning for warning in warnings)
    tainted = next(warning for warning in warnings if "taints" in warning)
    assert tainted.startswith("node edge-0, edge-1")
    assert "hub" not in tainted


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"extended": {"example.com/gpu": 1}}, "Open Horizon looks at no extended resources"),
        ({"tolerations": (Toleration("k"),)}, "Open Horizon looks at no tolerations"),
        ({"node_preferences": ((1, ()),)}, "Open Horizon looks at no preferred node affinity"),
        ({"containers": (ContainerTemplate("main", "app", liveness=Probe()),)}, "Open Horizon looks at no probes"),
        ({"restart_policy": "Never"}, "Open Horizon starts again whatever ends, restartPolicy Never or not"),
        ({}, None),
    ],
)
def test_each_part_that_is_left_out_has_its_name(part: dict[str, Any], said: str | None) -> None:
    hub = Horizon(1)
    hub.apply(DaemonSet("web", template=replace(template("web"), **part)))
    assert hub.cluster.notes == ([] if said is None else [f"DaemonSet web: {said}"])
