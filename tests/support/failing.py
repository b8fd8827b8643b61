"""Scenarios in which nodes fail, and what is read of their tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from networks import World
from scenarios import LINUX, SMALL, run
from simulator.faults import Power
from simulator.simulation.run import Run

Fault = dict[str, Any]
QUIET = {**SMALL, "duration": "4min"}


def power(world: World, node: int = 0) -> Power:
    return Power(world.clock, world.network, world.nodes, world.recorder, node, agent=None)


def faulty(*faults: Fault, **more: Any) -> Run:
    return run({**QUIET, "faults": list(faults), **more})


def times(run: Run, kind: str, node: str | None = None) -> list[float]:
    rows = run.table("events").filter(kind=kind)
    return rows["time_s"].to_list() if node is None else rows.filter(subject=node)["time_s"].to_list()


def eight(*faults: Fault, duration: str = "5min", settings: dict[str, Any] | None = None, **more: Any) -> Run:
    """Eight boards with nothing to do, but a pod of an image of 1 MB, 2 MB unpacked."""
    return run(
        {
            "duration": duration,
            "topology": {
                "nodes": [
                    {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                    {"name": "n", "model": "raspberry-pi-4b", "count": 8},
                ],
                "links": [{"name": "lan", "between": ["cloud", "n-*"], "latency": "1ms", "rate": "1Gbps"}],
            },
            "images": {"i": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": LINUX}},
            "workloads": [{"kind": "service", "name": "s", "image": "i", "per": "node", "cpu": "1", "ram": "64Mi"}],
            "faults": list(faults),
            **more,
        },
        settings,
    )


def down_s(run: Run, *nodes: str) -> float:
    """Seconds without power, of these nodes together."""
    rows = run.table("nodes").filter(truth="running").filter(pl.col("node").is_in(nodes))
    changes = np.where(rows["state"] == "down", -1.0, 1.0) * (rows["time_s"] > 0).to_numpy()
    still = int(-changes.sum())  # at the end
    return float((changes * rows["time_s"].to_numpy()).sum() + still * run.world["duration_s"])
