"""Karmada over real clusters of different orchestrators, from a scenario as a user writes it."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from scenarios import LINUX, SMALL, broken_rows, simulation, unlike
from simulator.errors import UserError
from simulator.simulation.simulation import Simulation

# SMALL's two sites, each a cluster of its own without a gateway, under a hub in the cloud.
_NODES, _LINKS = (
    {each["name"]: each for each in SMALL["topology"][what] if each["name"] not in ("core", "gw-a", "gw-b")}
    for what in ("nodes", "links")
)
SITES: dict[str, Any] = {
    "duration": "10min",
    "topology": {
        "nodes": [
            {**_NODES["cloud"], "role": "worker"},
            *({**_NODES[site], "model": "x86-edge"} for site in "ab"),
            *(_NODES[f"till-{site}"] for site in "ab"),
        ],
        "links": [
            {**_LINKS[f"{kind}-{site}"], "between": ends}
            for site in "ab"
            for kind, ends in (
                ("wan", ["cloud", f"{site}-0"]),
                ("lan", [f"{site}-0", f"{site}-1"]),
                ("till", [f"{site}-0", f"till-{site}"]),
            )
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


def test_a_machine_too_small_for_the_hub_is_refused() -> None:
    nodes = [{**each, "ram": "1GB"} if each["name"] == "cloud" else each for each in SITES["topology"]["nodes"]]
    with pytest.raises(UserError, match=r"cloud: RAM of 1000 MB; karmada's control-plane needs 2000 MB"):
        sites("push", topology={**SITES["topology"], "nodes": nodes})
