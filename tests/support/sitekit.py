"""A cloud and two sites of workers behind WAN links, for tests of what images send over them."""

from __future__ import annotations

from typing import Any

import polars as pl

from scenarios import LINUX, world_of
from simulator.simulation.run import Run

WAN = 2.0  # seconds of 25 MB at 100 Mbit/s
# Layers are unpacked in no time, as the disks below are quick: what is left is the way.
FREE = {"facts.runtimes.containerd.pull.unpack": "100GB/s"}

# A cloud with the registry, and two sites of two workers behind a WAN link; site a has a mirror.
SITES: dict[str, Any] = {
    "duration": "3min",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "registry", "model": "registry", "zone": "cloud", "role": "registry"},
            {"name": "gw-a", "model": "gateway", "zone": "a", "role": "router"},
            {"name": "gw-b", "model": "gateway", "zone": "b", "role": "router"},
            {"name": "mirror", "model": "registry", "zone": "a", "role": "registry"},
            {"name": "a", "model": "x86-edge", "zone": "a", "count": 2, "disk_write": "100GB/s"},
            {"name": "b", "model": "x86-edge", "zone": "b", "count": 2, "disk_write": "100GB/s"},
        ],
        "links": [
            {"name": "core", "between": ["cloud", "registry"], "latency": 0, "rate": "10Gbps"},
            {"name": "wan-a", "between": ["cloud", "gw-a"], "latency": 0, "rate": "100Mbps"},
            {"name": "wan-b", "between": ["cloud", "gw-b"], "latency": 0, "rate": "100Mbps"},
            {"name": "lan-m", "between": ["gw-a", "mirror"], "latency": 0, "rate": "10Gbps"},
            {"name": "lan-a", "between": ["gw-a", "a-*"], "latency": 0, "rate": "10Gbps"},
            {"name": "lan-b", "between": ["gw-b", "b-*"], "latency": 0, "rate": "10Gbps"},
        ],
    },
    "images": {"app:1": {"compressed": "25MB", "unpacked": "25MB", "platforms": LINUX}},
    "workloads": [{"kind": "service", "name": "app", "image": "app:1", "per": "node"}],
}


def pulls(run: Run, node: str) -> float:
    """Seconds that the one pull of a node takes; not a number without one that ends."""
    rows = run.table("events").filter((pl.col("node") == node) & pl.col("kind").is_in(["Pulling", "Pulled"]))
    times = rows["time_s"].to_list()
    return times[1] - times[0] if len(times) > 1 else float("nan")


def wan(s: Any, name: str) -> float:
    """Megabytes that a WAN link has carried down, in whole pulls."""
    network = world_of(s).network
    index = next(i for i, link in enumerate(network.links) if link.name == name)
    return sum(network.bytes_carried[2 * index : 2 * index + 2]) / 1e6
