"""Whom a run blames for a wrong answer, and that none goes untold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario

_POLICIES = """
from simulator.policy import Autoscaling, Placement, Routing

class Beyond(Routing):
    def route(self, request, endpoints):
        return 99

class Fewer(Autoscaling):
    def replicas(self, service):
        return -1

class Raises(Placement):
    def place(self, pod, cluster):
        raise ZeroDivisionError
"""
_WORLD: dict[str, Any] = {
    "duration": "20s",
    "start": "placed",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "role": "control-plane"},
            {"name": "edge", "model": "x86-edge", "count": 2},
        ],
        "links": [{"name": "lan", "between": ["edge-*", "hub"], "model": "ethernet"}],
    },
    "orchestrator": "kubernetes",
    "images": {"api:1": {"compressed": "20MB", "unpacked": "50MB", "platforms": ["linux/amd64"]}},
    "workloads": [
        {"kind": "service", "name": "api", "image": "api:1", "replicas": 2, "cpu": "1", "ram": "64Mi"},
        {"kind": "requests", "source": "hub", "target": "api", "arrivals": {"every": "1s"}, "request": "1kB",
         "response": "1kB"},
    ],
}  # fmt: skip


def _run(folder: Path, **changes: Any) -> Run:
    (folder / "mine.py").write_text(_POLICIES)
    return Simulation(Scenario.parse({**_WORLD, **changes}).placed(folder, {})).finish()


@pytest.mark.parametrize(
    ("point", "name", "said"),
    [
        ("routing", "Beyond", "a policy that was asked about api answered row 99 of 2; "),
        ("autoscaling", "Fewer", "a policy that was asked about api answered -1 replicas; "),
    ],
)
def test_placement_is_not_blamed_for_another_point(tmp_path: Path, point: str, name: str, said: str) -> None:
    run = _run(tmp_path, policies={point: f"./mine.py:{name}"})
    (told,) = [each for each in run.warnings if "policy_errors counts" in each]
    assert told.startswith(said)
    assert run.summary["policy_errors"] > 0


def test_errors_before_a_placed_beginning_are_told(tmp_path: Path) -> None:
    """The run itself asks the policy nothing: without this, the default's placement would bear the policy's name."""
    run = _run(tmp_path, policy="./mine.py:Raises")
    (told,) = [each for each in run.warnings if "ZeroDivisionError" in each]
    assert told.startswith("before the beginning (start: placed) a policy that was asked about api-")
    assert not [each for each in _run(tmp_path).warnings if "before the beginning" in each]
