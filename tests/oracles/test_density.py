"""How many machines a host holds and how fast it starts them: closed forms, and the raw data of RunD's paper."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from kubelets import GI, MI, SETTINGS, kubelets
from scenarios import run
from simulator.engine.clock import Clock
from simulator.facts import Catalogue
from simulator.physics.distributions import Constant
from simulator.runtime.settings import Step
from simulator.runtime.stack import compose, costs
from simulator.runtime.starts import Starts
from simulator.streams import Rng
from simulator.units import MS, SECOND
from starting import steps, window

S, C, THREADS = 88.0, 5.91, 104  # ms, of one start; contention and hardware threads of RunD's host
MOST = THREADS / (C * S) * 1e3  # starts a second


# The start rate.


@pytest.mark.parametrize("width", [1, 10, 100, 1000])
def test_a_closed_window_obeys_little_s_law_and_never_passes_the_saturation(width: int) -> None:
    took = window((Step("one", Constant(S * MS), contention=C),), width, 4 * width, threads=THREADS, speed=1.0)
    rate = width / took.mean() * 1e3
    assert rate == pytest.approx(width / (S * (1 + C * (width - 1) / THREADS)) * 1e3, rel=1e-6)
    assert rate < MOST


def at_work(rate_per_s: float, count: int, seed: int) -> float:
    """Starts at work on average, of Poisson orders at this rate."""
    clock, rng = Clock(), np.random.default_rng(seed)
    starts = Starts(clock, Rng(seed), speed=1.2, threads=THREADS)
    orders = np.cumsum(rng.exponential(1e9 / rate_per_s, count)).astype(np.int64)
    took: list[int] = []
    what = steps("containerd/rund")
    for i, at in enumerate(orders):
        clock.at(int(at), starts.begin, what, 1, i, lambda at=int(at): took.append(clock.now - at))
    clock.run(3600 * SECOND)
    return float(np.sum(took) / orders[-1])


def by_kelly(rate_per_s: float) -> float:
    """The mean number in a symmetric queue whose k jobs proceed at r(k) each: P(k) as (rate x S)^k / (k! prod r)."""
    k = np.arange(1, 5000)
    each = 1 / (1 + C * (k - 1) / THREADS)
    weights = np.exp(np.cumsum(np.log(rate_per_s * S * np.exp(0.0562**2 / 2) / 1e3) - np.log(k * each)))
    return float((k * weights).sum() / (1 + weights.sum()))


@pytest.mark.parametrize("rate_per_s", [50, 150])
def test_orders_that_come_by_chance_find_as_many_at_work_as_the_symmetric_queue_says(rate_per_s: int) -> None:
    """An independent model of the same law: its steady state does not depend on how a start's time is spread."""
    found = np.mean([at_work(rate_per_s, 6000, seed) for seed in range(3)])
    assert found == pytest.approx(by_kelly(rate_per_s), rel=0.06)
    assert by_kelly(rate_per_s * 1.25) > 1.25 * by_kelly(rate_per_s)


def test_machines_that_are_there_slow_starts_down_by_their_number() -> None:
    def batch(there: int, crowding: float) -> float:
        node = Starts(Clock(), Rng(1), speed=1.0, threads=4)
        ends: list[float] = []
        step = (Step("one", Constant(100 * MS), contention=1.0, crowding=crowding),)
        for i in range(3):
            node.begin(step, 1, i, lambda: ends.append(node.clock.now / MS))
        node.settle(there)
        node.clock.run(10**12)
        return ends[-1]

    assert batch(0, 0.5) == batch(10, 0.0) == pytest.approx(100 * (1 + 2 / 4))
    assert batch(10, 0.5) == pytest.approx(100 * (1 + (1 + 0.5 * 10) * 2 / 4))


# Raw data of the paper's figures: ms from the first of so many orders to the last machine, beside so many others. 200
# at once beside none and beside 1000 gave the crowding.
BESIDE = {(100, 500): 907.8, (100, 1500): 2142.0, (200, 500): 1901.2, (300, 1000): 4698.4, (400, 1000): 6540.9}


def last(count: int, there: int, changes: dict[str, object] | None = None) -> float:
    node, what = Starts(Clock(), Rng(1), speed=1.2, threads=THREADS), steps("containerd/rund", changes)
    node.settle(there)
    ends: list[float] = []
    for i in range(count):
        node.begin(what, 1, i, lambda: ends.append(node.clock.now / MS))
    node.clock.run(3600 * SECOND)
    return max(ends)


def test_what_starts_beside_other_machines_takes_what_the_paper_measured() -> None:
    off = {key: last(*key) / measured - 1 for key, measured in BESIDE.items()}
    assert max(map(abs, off.values())) < 0.25
    assert sum(abs(value) < 0.15 for value in off.values()) >= 4
    moved = {"facts.runtimes.rund.start.crowding": 0.0123 * 1.25}
    assert np.mean([last(*key, moved) / BESIDE[key] for key in BESIDE]) > 1.15


# Memory.

# KiB for each of so many machines with guests of 128 MB; the first and the last gave the two facts.
HELD = {1: 60128.0, 10: 28784.9, 100: 25062.0, 500: 24177.42, 1000: 24496.488, 2000: 24658.522}


def held_kib(machines: int, changes: dict[str, object] | None = None) -> float:
    """KiB that a node's pods hold, each, by its own count."""
    made = costs(compose(Catalogue(changes or {}), "containerd/rund"))
    kit = kubelets(settings=SETTINGS, costs=replace(made, sandbox=(), create=()), ram_bytes=64 * GI, max_pods=3000)
    whole = kit.agent.available_ram_bytes
    for _ in range(machines):
        kit.admit(ram_idle_bytes=0)
    kit.run(30)
    return (whole - kit.agent.available_ram_bytes) / machines / 1024


def test_a_template_s_pages_are_shared_as_the_paper_measured() -> None:
    for machines in (1, 10, 100, 500):
        assert held_kib(machines) == pytest.approx(HELD[machines], rel=0.03)
    moved = {"facts.runtimes.rund.memory.per_instance": f"{24658.5 * 1.25}Ki"}
    assert held_kib(100, moved) != pytest.approx(HELD[100], rel=0.15)


def world(box: dict[str, Any], **service: Any) -> dict[str, Any]:
    names = {"name": "hub", "model": "cloud-vm", "role": "control-plane"}
    return {
        "duration": "3min",
        "topology": {
            "nodes": [names, {"name": "box", "model": "edge-server", "runtimes": ["containerd/runc"], **box}],
            "links": [{"name": "lan", "between": ["hub", "box"], "latency": "100us", "rate": "10Gbps"}],
        },
        "images": {"app": {"compressed": "1kB", "unpacked": "2kB", "platforms": ["linux/amd64"], "prepulled": ["box"]}},
        "workloads": [
            {"kind": "service", "name": "app", "image": "app", "node_selector": {"kubernetes.io/hostname": "box"}}
            | {"replicas": 40, "ram": "128Mi", "memory": {"idle": "128Mi", "per_request": "0"}}
            | service
        ],
    }


def test_each_part_of_a_node_s_memory_moves_how_many_fit() -> None:
    """Requests, what the node keeps back, its eviction threshold, and the overhead of a RuntimeClass."""
    small = {"ram": "4Gi", "runtimes": ["containerd/runc", "containerd/kata"]}
    kubelet = "facts.orchestrators.kubernetes.node_agent.kubelet"

    def fit(settings: dict[str, Any] | None = None, **service: Any) -> int:
        data = world(small, memory={"idle": "1Mi", "per_request": "0"}, **service)
        return int(run(data, settings).summary["pods_started"])

    every = 128 * MI
    assert fit() == (4 * GI - 100 * MI) // every
    assert fit(ram="256Mi") == (4 * GI - 100 * MI) // (2 * every)
    assert fit({f"{kubelet}.reserved_ram": "1Gi"}) == (3 * GI - 100 * MI) // every
    assert fit({f"{kubelet}.memory_eviction": "1Gi"}) == 3 * GI // every
    kata = {"facts.runtimes.kata.overhead.cpu": "0m"}
    assert fit(kata, runtime="kata") == (4 * GI - 100 * MI) // (every + 130 * MI)


def test_what_nobody_asked_for_is_evicted_by_kubernetes_and_killed_under_k3s() -> None:
    best_effort = world({"ram": "4Gi"}, ram="0")
    seen = {name: kinds(best_effort | {"orchestrator": name}) for name in ("kubernetes", "k3s")}
    assert seen["kubernetes"]["Evicted"] > 0
    assert (seen["k3s"]["Evicted"], seen["k3s"]["OOMKilled"] > 0) == (0, True)


def test_pages_of_a_template_are_held_once_whatever_the_number_of_machines() -> None:
    def held(replicas: int, shared: str) -> float:
        data = world({"runtimes": ["containerd/rund"]}, replicas=replicas) | {"warm_up": "2min"}
        return run(data, {"facts.runtimes.rund.memory.shared": shared}).summary["held_ram_bytes"]

    more = [held(n, "135469.5Ki") - held(n, "35469.5Ki") for n in (1, 20)]
    assert more == [100_000 * 1024] * 2


def test_a_pod_s_memory_moves_the_boot_of_its_guest() -> None:
    """Unikraft's page tables: 57 us more at 3072 MB than at 256 MB, of cores of the speed that was measured."""

    def start(ram: str) -> float:
        data = world({"runtimes": ["qemu/unikraft"], "speed": 1.6}, replicas=1, ram=ram, memory={"idle": "8MB"})
        data["images"]["app"]["format"] = "unikernel"
        return run(data, {"facts.runtimes.unikraft.start.under.qemu.vmm": "0ms"}).summary["start_p50_s"]

    assert start("3Gi") - start("256Mi") == pytest.approx(57e-6, abs=1e-7)


def test_pods_of_a_node_slow_down_what_starts_beside_them() -> None:
    """Two that start together: one's time by 1 + 1 / 104, and where ten are there, by 10 more."""
    data = world({"runtimes": ["containerd/rund"], "cores": 104, "speed": 1.2}, replicas=2, ram="16Mi", at="1min")
    data["workloads"].append({**data["workloads"][0], "name": "there", "replicas": 10, "at": None})
    facts = {
        "facts.runtimes.rund.start.container": "100ms",
        "facts.runtimes.rund.start.contention": 1.0,
        "facts.orchestrators.kubernetes.desired_state.watch.watch_latency": "0ms",
        "facts.orchestrators.kubernetes.desired_state.watch.write_latency": "0ms",
        "facts.orchestrators.kubernetes.scheduling.framework.cycle": "0ms",
    }
    took = []
    for crowding in (0.0, 104.0):
        made = run(data, {**facts, "facts.runtimes.rund.start.crowding": crowding})
        starts = made.table("pods").filter((pl.col("owner") == "app") & pl.col("state").is_in(["Scheduled", "started"]))
        took.append(starts["time_s"].max() - starts["time_s"].min())
    assert took == pytest.approx([0.1 * (1 + 1 / 104), 0.1 * (1 + (1 + 1040) / 104)], rel=0.01)


def kinds(data: dict[str, Any]) -> Counter[str]:
    return Counter(run(data).table("events")["kind"])
