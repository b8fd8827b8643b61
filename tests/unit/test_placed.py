"""`start: placed`: the beginning is what an empty start comes to, and nothing has to come up any more."""

from __future__ import annotations

import polars as pl
import pytest

from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec import Scenario

_WORLD = {
    "duration": "8min",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
            {"name": "edge", "model": "x86-edge", "zone": "shop", "count": 3},
            {"name": "till", "model": "till", "zone": "shop", "role": "device"},
        ],
        "links": [
            {"name": "lan", "between": ["edge-*", "cloud"], "model": "ethernet"},
            {"name": "desk", "between": ["till", "edge-*"], "model": "ethernet"},
        ],
    },
    "images": {"shop/api": {"compressed": "45MB", "unpacked": "120MB", "layers": 6, "platforms": ["linux/amd64"]}},
    "workloads": [
        {"kind": "service", "name": "api", "image": "shop/api", "replicas": 3, "cpu": "1", "ram": "64Mi",
         "start": "20s"},
        {"kind": "service", "name": "probe", "image": "shop/api", "per": "node", "cpu": "10m", "ram": "16Mi"},
        {"kind": "requests", "source": "till", "target": "api", "arrivals": {"every": "1s"}, "request": "1kB",
         "response": "1kB"},
    ],
}  # fmt: skip


def _run(**changes: object) -> Run:
    return Simulation(Scenario.parse({**_WORLD, **changes})).finish()


def _places(run: Run) -> dict[str, str]:
    ready = run.table("pods").filter((pl.col("truth") == "believed") & (pl.col("state") == "Ready"))
    return dict(ready.select("pod", "node").rows())


def test_pods_lie_where_an_empty_start_puts_them() -> None:
    assert _places(_run(start="placed")) == _places(_run())
    assert _places(_run(start="placed", policy="most-allocated")) == _places(_run(policy="most-allocated"))


def test_everything_runs_from_the_first_instant_on_and_nothing_is_pulled() -> None:
    run = _run(start="placed")
    started = run.table("pods").filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    assert started["time_s"].to_list() == [0.0] * 6
    assert run.table("events").filter(pl.col("kind") == "Pulling").is_empty()
    assert run.table("decisions").is_empty()
    assert run.table("pods").filter(pl.col("state") == "stopped").is_empty()


def test_requests_are_answered_as_soon_as_the_endpoints_are_known() -> None:
    placed, empty = _run(start="placed").summary, _run().summary
    assert placed["requests_failed"] <= 1  # the proxies hear of the endpoints within a second
    assert empty["requests_failed"] > 15  # until a process that needs 20 reference seconds to come up answers


def test_what_is_lost_later_is_replaced_as_ever() -> None:
    run = _run(start="placed", faults=[{"kind": "crash", "node": "edge-0", "at": "1min"}])
    victims = {pod for pod, node in _places(run).items() if node == "edge-0" and pod.startswith("api")}
    replaced = run.table("decisions").filter(pl.col("decision") == "Bind")["pod"].to_list()
    assert len(victims) == len(replaced) == 1
    assert not victims & set(replaced)


def test_a_pod_that_fits_nowhere_begins_as_pending() -> None:
    huge = {"kind": "service", "name": "huge", "image": "shop/api", "replicas": 1, "cpu": "64", "ram": "1Gi"}
    run = _run(start="placed", workloads=[*_WORLD["workloads"], huge])  # type: ignore[misc]  # a list of mappings
    assert run.summary["unschedulable_pods"] == 1


@pytest.mark.parametrize("start", ["placed", "empty"])
def test_the_start_changes_no_draw_of_the_traffic(start: str) -> None:
    issued = _run(start=start).table("traffic").group_by("start_s").agg(pl.col("issued").sum()).sort("start_s")
    assert issued["issued"].to_list() == [10] * 48
