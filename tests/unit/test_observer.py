"""The record of a node's path is that of the network, whoever runs on the node."""

from __future__ import annotations

import polars as pl
import pytest

from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario

BOOT = 35  # of the board's operating system


@pytest.mark.parametrize("orchestrator", ["kubernetes", "k3s"])
def test_a_path_opens_when_it_does_and_not_when_an_agent_that_waited_for_it_runs(orchestrator: str) -> None:
    run = Simulation(
        Scenario.parse(
            {
                "duration": "10min",
                "orchestrator": orchestrator,
                "topology": {
                    "nodes": [
                        {"name": "server", "model": "cloud-vm", "role": "control-plane"},
                        {"name": "board", "model": "raspberry-pi-4b"},
                    ],
                    "links": [{"name": "wan", "between": ["board", "server"], "model": "ethernet"}],
                },
                "faults": [
                    {"kind": "cut", "link": "wan", "at": "1min", "duration": "5min"},
                    {"kind": "crash", "node": "board", "at": "2min", "reboot_after": "1min"},
                    {"kind": "crash", "node": "board", "at": "7min", "reboot_after": "10s"},
                ],
            }
        )
    ).finish()
    board = run.table("nodes").filter(pl.col("node") == "board", pl.col("truth") != "believed", pl.col("time_s") > 0)
    assert board.select("time_s", "state").rows() == [
        (60, "cut"),
        (120, "down"),
        (180 + BOOT, "up"),
        (360, "open"),
        (420, "down"),
        (430 + BOOT, "up"),
    ]
