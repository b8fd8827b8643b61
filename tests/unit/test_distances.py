"""The map of the network: latencies by name, as they are while nothing is cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scenarios import simulation, world_of
from simulator.world.distances import Distances

WORLD: dict[str, Any] = {
    "duration": "1min",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud"},
            {"name": "a", "model": "x86-edge", "zone": "shop", "count": 2},
            {"name": "alone", "model": "till", "zone": "nowhere", "role": "device"},
        ],
        "links": [
            {"name": "wan", "between": ["cloud", "a-0"], "latency": "20ms", "rate": "1Gbps"},
            {"name": "lan", "between": ["a-0", "a-1"], "latency": "1ms", "rate": "1Gbps"},
        ],
    },
    "faults": [{"kind": "cut", "link": "wan", "at": "1s"}],
}


def test_the_map_tells_the_way_to_a_node_and_to_the_nearest_of_a_zone_also_while_it_is_cut() -> None:
    s = simulation(WORLD)
    s.run("10s")
    world = world_of(s)
    far = Distances(world.nodes, world.network.links)
    names = ("a-1", "cloud", "alone")
    assert far("cloud", names) == pytest.approx([0.021, 0, np.inf])
    assert far("shop", names) == pytest.approx([0, 0.020, np.inf])
    with pytest.raises(KeyError, match="no node and no zone is named 'shops'"):
        far("shops", names)


def test_a_policy_that_asks_for_an_unknown_place_is_told_so() -> None:
    service = {"kind": "service", "name": "app", "image": "alpine", "cpu": "100m"}
    s = simulation(WORLD | {"workloads": [service], "policy": {"use": "latency-aware", "params": {"to": "shops"}}})
    s.run("10s")
    (said,) = {row["detail"] for row in s.finish().table("events").to_dicts() if row["kind"] == "PolicyError"}
    assert "no node and no zone is named 'shops'" in said
