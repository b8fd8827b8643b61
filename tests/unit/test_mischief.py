"""Faults reach what they are meant to reach."""

from __future__ import annotations

import polars as pl

from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario


def _run(faults: list[dict[str, object]], planes: int = 2) -> Run:
    return Simulation(
        Scenario.parse(
            {
                "duration": "10min",
                "start": "placed",
                "topology": {
                    "nodes": [
                        {"name": "cloud", "model": "cloud-vm", "role": "control-plane", "count": planes},
                        {"name": "edge", "model": "x86-edge", "zone": "shop", "count": 4},
                    ],
                    "links": [
                        {"name": "lan", "between": ["edge-*", "cloud-0"], "model": "ethernet"},
                        {"name": "backbone", "between": ["cloud-0", "cloud-*"], "model": "data-centre"},
                    ],
                },
                "workloads": [
                    {"kind": "service", "name": "api", "image": "a", "replicas": 2, "cpu": "1", "ram": "64Mi"}
                ],
                "faults": faults,
            }
        )
    ).finish()


def _leaders(run: Run) -> list[float]:
    became = (pl.col("subject") == "controller-manager") & (pl.col("detail") == "became leader")
    return run.table("events").filter(became)["time_s"].to_list()


def test_a_stopped_leader_has_a_successor_and_a_stopped_component_has_none() -> None:
    stop = {"kind": "stop", "component": "controller-manager", "at": "1min", "duration": "2min"}
    first, second = _leaders(_run([{**stop, "leader": True}]))
    assert first == 0
    assert 60 + 13 <= second <= 60 + 22  # K-P11, as the candidates' looks make it
    first, second = _leaders(_run([stop]))
    assert second >= 180


def test_the_control_planes_machine_takes_it_down_with_it() -> None:
    crash = {"kind": "crash", "node": "cloud-0", "at": "1min", "reboot_after": "3min"}
    lost = {"kind": "crash", "node": "edge-0", "at": "90s"}
    run = _run([crash, lost], planes=1)
    boot = run.table("events").filter(pl.col("kind") == "NodeBooted")["time_s"].to_list()
    believed = run.table("nodes").filter((pl.col("truth") == "believed") & (pl.col("state") == "Unknown"))
    told = believed.filter(pl.col("node") == "edge-0")["time_s"].to_list()
    assert told
    assert min(told) > boot[0] > 60 + 180  # nobody noticed before it was back
    running = run.table("pods").filter((pl.col("truth") == "running") & (pl.col("state") == "stopped"))
    assert set(running["node"]) <= {"edge-0"}  # what runs elsewhere ran on


def test_each_fault_stands_in_the_report_with_its_end() -> None:
    run = _run([{"kind": "cut", "name": "line", "link": "lan-0", "at": "1min", "duration": "90s"}])
    assert run.world["faults"] == [{"name": "line", "kind": "cut", "start_s": 60.0, "end_s": 150.0}]
