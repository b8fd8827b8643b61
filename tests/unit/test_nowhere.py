"""Workloads that fit on no machine: what is told of them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from networks import node_row
from simulator.simulation.nowhere import nowhere
from simulator.world.pod import PodTemplate

MACHINES = [
    replace(node_row("wide"), cores=8, ram_bytes=1000),
    replace(node_row("deep"), cores=2, ram_bytes=4000),
]


@pytest.mark.parametrize(
    ("cpu_m", "ram_bytes", "why"),
    [
        (8000, 1000, None),
        (2000, 4000, None),
        (8001, 0, "it asks for more CPU than any node has that it selects"),
        (0, 4001, "it asks for more memory than any node has that it selects"),
        (2001, 1001, "no node that it selects has both the CPU and the memory"),
    ],
)
def test_a_workload_has_to_fit_on_one_machine(cpu_m: int, ram_bytes: int, why: str | None) -> None:
    template = PodTemplate("f", {}, (), cpu_m=cpu_m, ram_bytes=ram_bytes)
    workload = cast("Any", SimpleNamespace(objects=[], functions={"f": template}))
    told = list(nowhere(workload, MACHINES))
    assert told == ([] if why is None else [f"function f: {why}, so no instance of it ever runs"])
