"""One seed, one run: the same bytes in any slices, with any evaluator, in any process; and names decide the draws."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scenarios import SMALL, digest, run, simulation
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation

SUPPORT = Path(__file__).parents[1] / "support"

# Something of everything that draws: jitter, loss, lots of ties, a policy that draws, and that thinks.
RICH: dict[str, Any] = {
    "duration": "700s",
    "policy": "random",
    "policy_time": {"exponential": "50ms"},
    "topology.links.wan-a.jitter": "3ms",
    "topology.links.till-b.loss": "5%",
    "faults": [
        {"kind": "cut", "name": "first", "link": "wan-a", "at": "60s", "duration": "420s"},
        {"kind": "cut", "link": "wan-b", "at": "100s", "duration": "30s", "mode": "lossy", "loss": "30%"},
        {"kind": "cut", "link": "lan-b-0", "at": "200s", "duration": "50s", "mode": "one-way", "direction": "up"},
        {"kind": "cut", "link": "core", "at": "300s", "duration": "20s", "mode": "refused"},
        {"kind": "crash", "node": "b-1", "at": "150s", "reboot_after": "10s"},
        {"kind": "stop", "component": "api-server", "at": "330s", "duration": "40s"},
        {"kind": "stop", "component": "controller-manager", "at": "450s", "duration": "30s"},
    ],
}


@cache
def bytes_of_rich() -> dict[str, str]:
    return digest(run(SMALL, RICH))


def stepped(simulation: Simulation, times: list[float]) -> Run:
    """Run in slices, and look around at each stop."""
    for time in sorted(times):
        simulation.run(time)
        simulation.state()
    return simulation.finish()


def test_a_run_is_the_same_again() -> None:
    assert digest(run(SMALL, RICH)) == bytes_of_rich()


def test_a_placed_start_is_the_same_again_and_with_exact_events() -> None:
    placed = {**RICH, "start": "placed"}
    once = digest(run(SMALL, placed))
    assert digest(run(SMALL, placed)) == digest(run(SMALL, placed, exact_events=True)) == once != bytes_of_rich()


def test_exact_events_change_no_byte() -> None:
    exact = run(SMALL, RICH, exact_events=True)
    assert digest(exact) == bytes_of_rich()
    assert all(each["stream"] == 0 for each in exact.world["evaluators"].values())


@given(times=st.lists(st.floats(0, 700), max_size=12))
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_slices_change_no_byte(times: list[float]) -> None:
    assert digest(stepped(simulation(SMALL, RICH), times)) == bytes_of_rich()


def test_two_simulations_in_one_process_do_not_disturb_each_other() -> None:
    one, other = simulation(SMALL, RICH), simulation(SMALL, {"duration": "700s"}, seed=7)
    for time in range(0, 700, 50):
        one.run(time)
        other.run(700 - time if other.now_s < 700 - time < 50 else min(time + 20, 700))
    assert digest(one.finish()) == bytes_of_rich()
    assert digest(other.finish()) == digest(run(SMALL, {"duration": "700s"}, seed=7))


@pytest.mark.parametrize("hash_seed", ["1", "4242"])
def test_another_process_with_another_hash_seed_gives_the_same_bytes(hash_seed: str) -> None:
    code = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); from scenarios import SMALL, digest, run\n"
        "print(json.dumps(digest(run(SMALL, json.loads(sys.argv[2])))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SUPPORT), json.dumps(RICH)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == bytes_of_rich()


QUIET = {
    "links",
    "clusters",
    "commands",
    "functions",
    "energy",
    "batteries",
    "costs",
    "spools",
    "carried",
    "migrations",
}  # no lot decides what is in them


@pytest.mark.parametrize("how", [{"replication": 1}, {"seed": 2}])
def test_another_replication_or_seed_draws_anew(how: dict[str, int]) -> None:
    assert {k for k, v in digest(run(SMALL, RICH, **how)).items() if v == bytes_of_rich()[k]} <= QUIET


# Common random numbers. A star: whichever worker answers, the way there and back is the same, and nobody queues; so a
# request's latency is its own draw of work and nothing else.

STAR: dict[str, Any] = {
    "duration": "400s",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "hub", "model": "gateway", "zone": "hub", "role": "router"},
            *({"name": f"w{i}", "model": "x86-edge", "zone": f"z{i}", "speed": 1.0} for i in range(5)),
            {"name": "till", "model": "till", "zone": "z0", "role": "device", "count": 2},
        ],
        "links": [
            {"name": "cloud", "between": ["cloud", "hub"], "latency": "2ms", "rate": "1Gbps"},
            *({"name": f"w{i}", "between": ["hub", f"w{i}"], "latency": "2ms", "rate": "1Gbps"} for i in range(5)),
            {"name": "till", "between": ["hub", "till-*"], "latency": "2ms", "rate": "1Gbps"},
        ],
    },
    "images": {"shop/api": {"compressed": "5MB", "unpacked": "9MB", "platforms": ["linux/amd64"]}},
    "workloads": [
        {"kind": "service", "name": "api", "image": "shop/api", "replicas": 3, "cpu": "300m", "ram": "1Gi",
         "work": {"exponential": "4ms"}, "workers": 100},
        {"kind": "requests", "name": "ask", "source": "till-*", "target": "api", "arrivals": {"poisson": "1/s"},
         "request": "1kB", "response": "1kB"},
    ],
    "faults": [{"kind": "cut", "link": "w*", "at": "300s"}],
    "record": {"requests": {"sample": "40%"}, "interval": "10s"},
}  # fmt: skip
OTHER = [
    {"kind": "service", "name": "other", "image": "shop/api", "replicas": 2, "cpu": "2", "work": "1ms", "workers": 100},
    {"kind": "requests", "name": "also", "source": "till-1", "target": "other", "arrivals": {"poisson": "2/s"},
     "request": "1kB", "response": "1kB"},
]  # fmt: skip


def with_node_first(data: dict[str, Any]) -> dict[str, Any]:
    """Another worker, before all others in the file, in a zone of its own."""
    place = data["topology"]
    nodes = [place["nodes"][0], {"name": "extra", "model": "x86-edge", "zone": "y", "speed": 1.0}, *place["nodes"][1:]]
    link = {"name": "extra", "between": ["hub", "extra"], "latency": "2ms", "rate": "1Gbps"}
    return {**data, "topology": {"nodes": nodes, "links": [link, *place["links"]]}}


def with_source(data: dict[str, Any]) -> dict[str, Any]:
    """Another till; the flow's glob matches it."""
    nodes = [{**n, "count": 3} if n["name"] == "till" else n for n in data["topology"]["nodes"]]
    return {**data, "topology": {**data["topology"], "nodes": nodes}}


CHANGES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "least-loaded": lambda data: {**data, "policy": "least-loaded"},
    "most-allocated": lambda data: {**data, "policy": "most-allocated"},
    "random": lambda data: {**data, "policy": "random"},
    "a node": with_node_first,
    "a flow": lambda data: {**data, "workloads": [*OTHER, *data["workloads"]]},
    "a source": with_source,
}


def fates(table: pl.DataFrame) -> pl.DataFrame:
    """The sampled requests of the first flow's two sources while all is well: when issued, and how long they took."""
    rows = table.filter((pl.col("flow") == "ask") & pl.col("source").is_in(["till-0", "till-1"]))
    rows = rows.filter(pl.col("issued_s").is_between(30, 290))
    return rows.select("source", "issued_s", "latency_s", "outcome").sort("source", "issued_s")


def detections(run: Run) -> dict[str, float]:
    """When each worker was believed lost: what the phase of its lease and the passes decide."""
    rows = run.table("nodes").filter((pl.col("truth") == "believed") & (pl.col("state") == "Unknown"))
    return {node: time for node, time in rows.select("node", "time_s").rows() if node.startswith("w")}


def homes(run: Run) -> set[tuple[str, str]]:
    rows = run.table("decisions").filter(pl.col("decision") == "Bind")
    return set(rows.select("pod", "node").rows())


@cache
def star() -> Run:
    return run(STAR)


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_not_touched_draws_as_before(change: str) -> None:
    """Arrivals, the sample, the work of each request, phases of leases and passes."""
    before, after = star(), run(CHANGES[change](STAR))
    known = fates(before.table("requests"))
    assert known.height > 100
    assert known["latency_s"].n_unique() > 100  # each its own draw
    assert fates(after.table("requests")).equals(known)
    assert len(detections(before)) == 5
    assert detections(after) == detections(before)


@pytest.mark.parametrize("change", ["least-loaded", "most-allocated", "random"])
def test_the_change_itself_shows(change: str) -> None:
    """Else the test above could not fail: pods are elsewhere."""
    assert homes(run(CHANGES[change](STAR))) != homes(star())


def test_issued_requests_per_source_and_interval_stay_the_same() -> None:
    counts = ["start_s", "flow", "zone", "issued"]
    before = run(SMALL, {"duration": "200s"}).table("traffic").select(counts)
    for policy in ("least-loaded", "most-allocated", "random"):
        assert run(SMALL, {"duration": "200s", "policy": policy}).table("traffic").select(counts).equals(before)
