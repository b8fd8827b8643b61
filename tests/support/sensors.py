"""A sensor on a radio, as small as a scenario can be: what it takes, and how long its battery lasts."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.paths import apply
from simulator.spec.problems import UNKNOWN
from simulator.spec.scenario import Scenario

FARM: dict[str, Any] = {
    "duration": "4h",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "barn", "model": "raspberry-pi-4b", "zone": "farm"},
            {"name": "sensor", "model": "lorawan-sensor", "zone": "farm", "role": "device"},
        ],
        "links": [
            {"name": "uplink", "between": ["barn", "hub"], "latency": "10ms", "rate": "100Mbps"},
            {"name": "radio", "between": ["sensor", "barn"], "model": "lorawan"},
        ],
    },
    "orchestrator": "k3s",
    "images": {"farm:1": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": ["linux/arm64"]}},
    "workloads": [
        {"kind": "service", "name": "server", "image": "farm:1", "cpu": "500m", "ram": "128Mi", "per": "site"},
        {"kind": "telemetry", "name": "readings", "source": "sensor", "target": "server", "every": "5min",
         "size": "20B", "protocol": "lorawan"},
    ],
    "record": {"interval": "30min", "energy": True},
}  # fmt: skip


def sense(
    settings: Mapping[str, Any] | None = None, facts: Mapping[str, Any] | None = None, *more: dict[str, Any]
) -> Run:
    """The farm with paths and facts set, and more workloads."""
    data = deepcopy(FARM)
    data["workloads"] += more
    applied = apply(Scenario, data, dict(settings or {}), UNKNOWN)
    assert not applied.problems, applied.problems
    written = {f"facts.{path}": value for path, value in (facts or {}).items()}
    return Simulation(Scenario.parse(applied.data).placed(Path(), written)).finish()


def joules(run: Run, part: str, node: str = "sensor") -> float:
    """What one part of a machine took in the whole run."""
    table = run.table("energy")
    return float(table.filter((table["node"] == node) & (table["part"] == part))["energy_j"].sum())
