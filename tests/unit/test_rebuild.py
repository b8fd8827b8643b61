"""A changed unikernel is built before anybody can pull it, and keeps no layer; a container's image keeps its base."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from scenarios import run, simulation
from simulator.errors import UserError
from simulator.simulation.plan import read
from simulator.spec.faults import Update
from simulator.spec.scenario import Scenario

MB = 1_000_000
AT, BUILD = 120, 600
TAINT = {"key": "hub", "effect": "NoSchedule"}


def world(runtimes: list[str], base: str | None, **service: Any) -> dict[str, Any]:
    """A box behind 8 Mbit/s whose workload is given another image: 9 MB, or 1 MB above what both images have."""
    shared = {} if base is None else {"base": base}
    image = {"compressed": "9MB", "unpacked": "9MB", "layers": 2, "platforms": ["linux/amd64"]}
    found = {"app:1": {**image, **shared}, "app:2": {**image, **shared}}
    if base is not None:
        found[base] = {**image, "compressed": "8MB", "unpacked": "8MB", "layers": 1}
    return {
        "duration": "20min",
        "orchestrator": "k3s",
        "topology": {
            "nodes": [
                {"name": "hub", "model": "cloud-vm", "role": "control-plane", "taints": [TAINT]},
                {"name": "box", "model": "edge-server", "runtimes": runtimes},
            ],
            "links": [{"name": "line", "between": ["hub", "box"], "latency": "1ms", "rate": "8Mbps"}],
        },
        "images": found,
        "workloads": [{"kind": "service", "name": "app", "image": "app:1", "ram": "20MB", **service}],
        "faults": [{"kind": "update", "workload": "app", "image": "app:2", "at": f"{AT}s"}],
    }  # fmt: skip


def seen(data: dict[str, Any]) -> tuple[list[float], float, float]:
    """When it was rebuilt (if it was) and updated, and how long the second image took to come."""
    events = run(data).table("events")

    def when(kind: str, detail: str = "app:2") -> list[float]:
        rows = events.filter(pl.col("kind") == kind, pl.col("detail").str.starts_with(detail))
        return rows["time_s"].to_list()

    return when("Rebuilding"), when("Updated")[0], when("Pulled")[0] - when("Pulling")[0]


def test_a_unikernel_is_built_first_and_pulled_whole() -> None:
    began, updated, pull = seen(world(["firecracker/unikraft"], None))
    assert began == [AT]
    assert updated == AT + BUILD
    assert pull == pytest.approx(9, abs=0.2)  # 9 MB at 1 MB/s


def test_a_container_is_updated_at_once_and_its_base_stays() -> None:
    began, updated, pull = seen(world(["containerd/runc"], "debian"))
    assert began == []
    assert updated == AT
    assert pull == pytest.approx(1, abs=0.2)


def test_the_build_is_that_of_the_runtime_that_the_pods_ask_for() -> None:
    both = ["containerd/runc", "containerd/urunc/firecracker/unikraft"]
    assert seen(world(both, None, runtime="runc"))[1] == AT
    assert seen(world(both, None, runtime="unikraft"))[1] == AT + BUILD
    assert seen(world(both, None))[1] == AT, "the first runtime of a node is the default"


def test_how_long_it_takes_is_the_pages_number() -> None:
    found = run(world(["firecracker/unikraft"], None), {"facts.runtimes.unikraft.rebuild": "2min"}).summary
    assert found["rebuild_s"] == 120
    assert run(world(["firecracker/unikraft"], None)).summary["rebuild_s"] == BUILD


def test_a_unikernel_has_no_base() -> None:
    with pytest.raises(UserError, match="is linked as one, so it has no base") as error:
        read(Scenario.parse(world(["firecracker/unikraft"], "debian")), seed=1)
    assert len(error.value.problems) == 2
    read(Scenario.parse(world(["containerd/runc"], "debian")), seed=1)


def test_an_injected_update_is_built_too_and_has_no_base_either() -> None:
    data = world(["firecracker/unikraft"], None)
    fault = data.pop("faults")[0]
    sim = simulation(data)
    sim.run("1min")
    sim.inject(Update(workload="app", image="app:2", at=fault["at"]))
    events = sim.finish().table("events").filter(pl.col("kind") == "Updated")
    assert events["time_s"].to_list() == [AT + BUILD]
    based = world(["firecracker/unikraft"], "debian")
    del based["faults"], based["images"]["app:1"]["base"]
    sim = simulation(based)
    with pytest.raises(UserError, match="is linked as one"):
        sim.inject(Update(workload="app", image="app:2"))
