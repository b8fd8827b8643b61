"""Karmada over real clusters of different orchestrators, from a scenario as a user writes it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from scenarios import LINUX, broken_rows, simulation, unlike
from simulator.simulation.simulation import Simulation

SITES: dict[str, Any] = {
    "duration": "10min",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud"},
            {"name": "a", "model": "x86-edge", "zone": "a", "count": 2},
            {"name": "b", "model": "x86-edge", "zone": "b", "count": 2},
            {"name": "till-a", "model": "till", "zone": "a", "role": "device"},
            {"name": "till-b", "model": "till", "zone": "b", "role": "device"},
        ],
        "links": [
            {"name": "wan-a", "between": ["cloud", "a-0"], "latency": "20ms", "rate": "100Mbps"},
            {"name": "wan-b", "between": ["cloud", "b-0"], "latency": "20ms", "rate": "100Mbps"},
            {"name": "lan-a", "between": ["a-0", "a-1"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "lan-b", "between": ["b-0", "b-1"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "till-a", "between": ["a-0", "till-a"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "till-b", "between": ["b-0", "till-b"], "latency": "1ms", "rate": "1Gbps"},
        ],
    },
    "clusters": {
        "hub": {"orchestrator": "karmada", "nodes": "cloud", "members": ["a", "b"]},
        "a": {"orchestrator": "k3s", "nodes": "a-*"},
        "b": {"orchestrator": "kubernetes", "nodes": "b-*"},
    },
    "images": {"shop/api": {"compressed": "20MB", "unpacked": "50MB", "layers": 2, "platforms": LINUX}},
    "workloads": [
        {"kind": "service", "name": "api", "image": "shop/api", "replicas": 4, "cpu": "500m", "ram": "256Mi",
         "work": {"exponential": "5ms"}},
        {"kind": "requests", "name": "ask", "source": "till-*", "target": "api", "arrivals": {"poisson": "1/s"},
         "request": "1kB", "response": "1kB", "timeout": "1s"},
    ],
    "faults": [{"kind": "cut", "link": "wan-b", "at": "2min", "duration": "3min", "mode": "silent"}],
    "record": {"requests": {"sample": "100%"}, "interval": "10s"},
}  # fmt: skip


MODES = pytest.mark.parametrize("mode", ["push", "pull"])


def sites(mode: str, **changes: Any) -> Simulation:
    return simulation(SITES | changes, {"facts.orchestrators.karmada.desired_state.propagation.mode": mode})


@MODES
def test_both_sites_serve_through_a_cut_of_the_wan(mode: str) -> None:
    s = sites(mode)
    run = s.finish()
    assert not broken_rows(run.tables)
    assert not unlike(s.state(), run.tables)
    pods = run.table("pods").filter(pl.col("state") == "started")
    assert sorted(pods["pod"].str.slice(0, 2).to_list()) == ["a/", "a/", "b/", "b/"]
    assert set(pods["owner"]) == {"api"}
    assert run.summary["availability"] > 0.98  # what fails does so while the first pods start
    believed = run.table("clusters").filter(pl.col("truth") == "believed").filter(pl.col("time_s") > 0)
    assert believed["state"].to_list() == ["NotReady" if mode == "push" else "Unknown", "Ready"]
    assert run.table("events").filter(pl.col("kind") == "EvictWorkloadFromClusterSucceed").is_empty()


@MODES
def test_the_hub_s_components_stop_and_the_members_go_on(mode: str) -> None:
    faults = [{"kind": "stop", "component": "hub", "at": "1min", "duration": "8min"}]
    s = sites(mode, faults=faults)
    run = s.finish()
    assert run.summary["availability"] > 0.98
    believed = run.table("clusters").filter(pl.col("truth") == "believed").filter(pl.col("time_s") > 0)
    assert believed.is_empty()
    assert not broken_rows(run.tables)


@MODES
def test_the_hub_s_machine_loses_power_and_everything_is_found_again(mode: str) -> None:
    faults = [{"kind": "crash", "node": "cloud", "at": "1min", "reboot_after": "4min"}]
    s = sites(mode, faults=faults)
    run = s.finish()
    assert not broken_rows(run.tables)
    assert not unlike(s.state(), run.tables)
    assert run.summary["pods_started"] == 4
