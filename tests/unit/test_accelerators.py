"""Accelerators: what a machine offers, what a pod may ask for, who gets one, and who is told that there is none."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import polars as pl
import pytest

from onebox import agent_of, world
from scenarios import cluster_of, run, scenario, simulation
from schedulers import Plane, node, template
from simulator.control.api.objects import Node, Pod
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait
from simulator.runtime.status import DesiredPod
from simulator.simulation.nodes import node_rows
from simulator.spec.topology import NodeSpec
from simulator.world.device import Accelerators, DeviceNeed, allot, choose
from simulator.world.pod import ContainerTemplate, PodTemplate

GPU = "nvidia.com/gpu"
TWO = {"model": "edge-server", "accelerators": [{"resource": GPU, "product": "T4", "count": 2, "memory": "16GB"}]}


def asking(box: dict[str, Any], replicas: int, **need: Any) -> tuple[int, set[str]]:
    """How many of these replicas start, and what the scheduler says of the others."""
    tables = run(world(box, replicas=replicas, accelerator={"resource": GPU, **need})).tables
    pods, events = tables["pods"], tables["events"]
    started = pods.filter((pl.col("truth") == "running") & (pl.col("state") == "started"))["pod"].n_unique()
    said = events.filter(pl.col("kind") == "FailedScheduling")["detail"].to_list()
    return started, {text.partition(": 1 ")[2].partition(",")[0] for text in said}


@pytest.mark.parametrize(
    ("need", "started", "said"),
    [
        ({}, 2, f"Insufficient {GPU}"),
        ({"count": 2}, 1, f"Insufficient {GPU}"),
        ({"milli": 300}, 6, f"Insufficient {GPU}-milli"),
        ({"milli": 600}, 2, f"Insufficient {GPU}-milli"),  # 800 thousandths are left, and no device has 600 of them
        ({"memory": "6GB"}, 4, f"Insufficient {GPU}-memory"),
        ({"milli": 100, "memory": "17GB"}, 0, f"Insufficient {GPU}-milli"),
        ({"product": ["T4", "V100"]}, 2, f"Insufficient {GPU}"),
        ({"product": ["V100"]}, 0, "node(s) didn't match Pod's node affinity/selector"),
    ],
)
def test_as_many_start_as_the_devices_take_one_by_one(need: dict[str, Any], started: int, said: str) -> None:
    assert asking(TWO, 8, **need) == (started, {said})


def test_a_machine_without_one_takes_nobody_who_asks() -> None:
    assert asking({"model": "edge-server"}, 1, milli=1) == (0, {f"Insufficient {GPU}-milli"})
    assert asking({"model": "jetson-orin-nano", "accelerators": []}, 1) == (0, {f"Insufficient {GPU}"})


def test_the_fullest_device_that_has_room_is_taken() -> None:
    share, ram, full = np.array([1000, 300, 500]), np.array([16, 16, 8]), np.array([16, 16, 16])
    assert choose(share, ram, full, DeviceNeed(GPU, 1, 300)) == (1,)
    assert choose(share, ram, full, DeviceNeed(GPU, 1, 400)) == (2,)
    assert choose(share, ram, full, DeviceNeed(GPU, 1, 400, 9)) == (0,)
    assert choose(share, ram, full, DeviceNeed(GPU, 1)) == (0,)
    assert choose(share, ram, full, DeviceNeed(GPU, 2)) is None


def test_a_model_offers_what_its_page_names_and_what_is_written_stands_over_it() -> None:
    def row(**more: Any) -> Any:
        return node_rows([NodeSpec(name="n", **more)], Catalogue(), lambda name: 110)[0]

    box = row(model="azure-stack-edge-pro")
    assert (box.extended, box.labels[f"{GPU}.product"]) == ({GPU: 1}, "Tesla-T4")
    assert [(a.count, a.ram_bytes) for a in box.accelerators] == [(1, 16 * 10**9)]
    other = [{"resource": "example.com/npu", "product": "N1", "count": 3}]
    assert row(model="azure-stack-edge-pro", accelerators=other).extended == {"example.com/npu": 3}
    assert row(model="raspberry-pi-5").accelerators == ()


def test_the_binding_names_the_devices_and_the_node_holds_them() -> None:
    data = world(TWO, replicas=3, accelerator={"resource": GPU, "milli": 400})
    s = simulation(data)
    s.run(until="15s")
    cluster = cluster_of(s)
    (node,) = (node for node in cluster.node_objects.values() if node.name == "box")
    agent = next(a for i, a in cluster.agents.items() if cluster.node_objects[i] is node)
    held = sorted(worker.run.devices[GPU] for worker in agent._workers.values())
    assert held == [(0,), (0,), (1,)]
    assert sorted(pod.devices[GPU] for pod in agent.stored_pods()) == held


@pytest.mark.parametrize(
    ("asked", "told", "reasons"),
    [
        ({GPU: 1}, [(), (), ()], ["", "", f"OutOf{GPU}"]),
        ({GPU: 1}, [(1,), (1,), (0,)], ["", f"OutOf{GPU}", ""]),  # as a scheduler would say that missed something
        ({f"{GPU}-milli": 600}, [(), (), ()], ["", "", f"OutOf{GPU}"]),
        ({f"{GPU}-milli": 300}, [(1,), (1,), (1,), (1,)], ["", "", "", f"OutOf{GPU}"]),
        ({f"{GPU}-milli": 1}, [(2,)], [f"OutOf{GPU}"]),  # there is none with this number
        ({"example.com/other-milli": 1}, [()], ["OutOfexample.com/other-milli"]),
    ],
)
def test_the_node_refuses_what_its_devices_do_not_have(
    asked: dict[str, int], told: list[tuple[int, ...]], reasons: list[str]
) -> None:
    agent, template = agent_of(world(TWO)), PodTemplate("w", {}, (ContainerTemplate("c", "app"),), extended=asked)
    for uid, devices in enumerate(told, 1000):
        agent.admit(DesiredPod(uid, f"p-{uid}", template, devices={GPU: devices} if devices else {}))
    assert [agent._workers[uid].run.reason for uid in range(1000, 1000 + len(told))] == reasons


def test_allot_keeps_to_what_it_is_told() -> None:
    machine = node_rows([NodeSpec(name="n", **TWO)], Catalogue(), lambda name: 110)[0].accelerators
    assert allot(machine, [], {f"{GPU}-milli": 600}, {GPU: (1,)}) == ({GPU: (1,)}, "")
    assert allot(machine, [({f"{GPU}-milli": 600}, {GPU: (1,)})], {f"{GPU}-milli": 600}, {GPU: (1,)}) == ({}, GPU)
    assert allot(machine, [], {"example.com/other": 1}, {}) == ({}, "")  # counted, and not here


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"topology.nodes.box.extended": {f"{GPU}-milli": 5}}, "is an accelerator's"),
        ({"topology.nodes.box.accelerators.0.resource": f"{GPU}-milli"}, "is a share of a device"),
        ({"topology.nodes.box.accelerators.0.product": "Edge TPU, 4 TOPS"}, "product"),
        ({"topology.nodes.box.accelerators": [TWO["accelerators"][0]] * 2}, "two accelerators have one resource"),
        ({"workloads.app.accelerator": {"resource": GPU, "count": 1, "milli": 5}}, "taken whole or shared"),
        ({"workloads.app.accelerator": {"resource": GPU, "milli": 1001}}, "1000"),
        ({"workloads.app.accelerator": {"resource": "gpu"}}, "'gpu' is no extended resource .it has a domain"),
        ({"topology.nodes.box.accelerators.0.resource": "a/b/c"}, "'a/b/c' is no extended resource"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], said: str) -> None:
    data = deepcopy(world(TWO))
    for path, value in change.items():
        at: Any = data
        *way, last = path.split(".")
        for key in way:
            at = at[int(key)] if key.isdigit() else at[key] if isinstance(at, dict) else _named(at, key)
        at[last] = value
    with pytest.raises(UserError, match=said):
        scenario(data)


def _named(items: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(item for item in items if item["name"] == name)


def test_no_cost_where_there_is_none() -> None:
    assert agent_of(world({}))._host.row.accelerators == ()


def gpus(count: int) -> Node:
    return node("n", extended={GPU: count}, accelerators=(Accelerators(GPU, "T4", count),))


class Last(Placement):
    """Binds to the first node, and there to the device with the highest number that is free."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()
        free = cluster.free_devices[GPU][0]
        return Bind(0, {GPU: (int(np.flatnonzero(free >= pod.extended[f"{GPU}-milli"])[-1]),)})


def test_a_policy_says_which_device_a_pod_gets() -> None:
    bed = Plane(policy=Last(), nodes=[gpus(3)])
    for i in range(4):
        bed.pod(f"p{i}", template(extended={f"{GPU}-milli": 400}))
    bed.run(5)
    got = [pod.devices[GPU] for pod in bed.server.list(Pod)]
    assert got == [(2,), (2,), (1,), (1,)]
    assert bed.scheduler.info.devices.share[GPU][0].tolist() == [1000, 200, 200]


@pytest.mark.parametrize("devices", [{GPU: (3,)}, {GPU: (0, 1)}, {GPU: (-1,)}, {"other.com/gpu": (0,)}])
def test_a_device_that_a_pod_cannot_have_is_a_policy_error(devices: dict[str, tuple[int, ...]]) -> None:
    bed = Plane(policy=lambda _pod, _cluster: Bind(0, devices), nodes=[gpus(3)])
    bed.pod("p", template(extended={f"{GPU}-milli": 400}))
    bed.run(5)
    (event,) = bed.events("PolicyError")
    assert "with devices that it cannot have there" in event["detail"]
    (pod,) = bed.server.list(Pod)
    assert pod.devices == {GPU: (0,)}  # the default's choice
