"""openb's nodes and pods: every trap told or refused by line, and what comes out is what the scheduler is asked."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator as sim
from simulator.errors import UserError
from simulator.interop.command import import_file
from simulator.simulation.entry import check
from simulator.spec.pods import Pods, each
from simulator.spec.readers.openb import PodKind, read_pods
from simulator.spec.readers.topology import read_topology
from simulator.units import SECOND

NODES = "sn,cpu_milli,memory_mib,gpu,model\nn-0,8000,16384,2,T4\nn-1,4000,8192,1,P100\nn-2,4000,8192,0,\n"
HEAD = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
PODS = (
    HEAD
    + "a,1000,1024,1,1000,,LS,Running,0,100,10\n"
    + "b,500,0,1,300,T4|V100M16,BE,Succeeded,20,50,20\n"
    + "c,2000,2048,0,0,,Guaranteed,Pending,30,90,\n"
    + "d,1000,1024,2,1000,,LS,Failed,40,40,40\n"
)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def scenario(folder: Path, **item: Any) -> sim.Scenario:
    written(folder, "nodes.csv", NODES)
    written(folder, "late.csv", "at\n1000\n")
    if not (folder / "pods.csv").exists():
        written(folder, "pods.csv", PODS)
    pods = {"kind": "pods", "name": "p", "image": "i", "trace": "pods.csv", "format": "openb", **item}
    plain = {
        "duration": "2min", "fidelity": "scheduling", "topology": {"file": "nodes.csv"}, "workloads": [pods],
        "images": {"i": {"compressed": "1kB", "unpacked": "2kB", "platforms": ["linux/amd64"]}},
    }  # fmt: skip
    return sim.Scenario.parse(plain).placed(folder, {})


def test_a_node_is_as_it_was_measured_and_joined_to_a_hub_that_takes_no_pods(tmp_path: Path) -> None:
    read = read_topology(written(tmp_path, "n.csv", NODES), {"node": "x86-edge"})
    hub, first, _, plain = read.topology.nodes
    assert (hub.role, hub.taints[0].effect) == ("control-plane", "NoSchedule")
    assert (first.name, first.cores, int(first.ram or 0), first.model) == ("n-0", 8, 16384 << 20, "x86-edge")
    assert [(a.resource, a.product, a.count) for a in first.accelerators or ()] == [("nvidia.com/gpu", "T4", 2)]
    assert plain.accelerators == ()  # whatever its model has
    assert [link.between for link in read.topology.links] == [("hub", "*")]
    assert ["hub is added" in repair.message for repair in read.repairs] == [True, False]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("n-0,4000,8192,0,", "n.csv:5: two nodes are named n-0 (the first is on line 2)"),
        (",4000,8192,0,", "the node has no sn"),
        ("n-3,4500,8192,0,", "node n-3: 4500 millicores and 8192 MiB are no machine"),
        ("n-3,4000,0,0,", "and 0 MiB are no machine"),
        ("n-3,4000,8192,2,", "node n-3: has 2 GPUs of no model"),
        ("n-3,4000,8192,0,T4", "node n-3: has GPUs of model T4, and none of them"),
        ("n-3,4000,8192,-1,T4", "gpu: -1 is no number from 0"),
        ("n-3,4000,8192,0.5,T4", "gpu: 0.5 is not whole"),
        ("n-3,4000,8192", "3 values, and the heading names 5"),
    ],
)
def test_a_node_that_cannot_be_is_refused_by_line(row: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        read_topology(written(tmp_path, "n.csv", f"{NODES}{row}\n"))
    assert said in str(told.value)
    assert ":5: " in str(told.value)


def test_a_pod_asks_for_whole_gpus_or_a_share_and_runs_from_when_it_was_scheduled(tmp_path: Path) -> None:
    read = read_pods(written(tmp_path, "p.csv", PODS))
    assert [read.kinds[kind] for kind in read.kind] == [
        PodKind(1000, 1024 << 20, 1, 0, (), "LS"),
        PodKind(500, 0, 0, 300, ("T4", "V100M16"), "BE"),
        PodKind(2000, 2048 << 20, 0, 0, (), "Guaranteed"),
        PodKind(1000, 1024 << 20, 2, 0, (), "LS"),
    ]
    assert read.created_ns == (0, 20 * SECOND, 30 * SECOND, 40 * SECOND)
    assert read.run_ns == (90 * SECOND, 30 * SECOND, 60 * SECOND, 1)
    assert [repair.message.partition(": ")[2] for repair in read.repairs] == [
        "1 pods were never scheduled: each runs as long as it waited",
        "1 pods of no duration run for 1 ns",
    ]


def test_pods_are_sorted_by_creation_and_those_that_last_to_the_end_are_told(tmp_path: Path) -> None:
    rows = "a,1,1,0,0,,LS,Running,9,20,9\nb,2,1,0,0,,LS,Running,5,20,5\nc,3,1,0,0,,LS,Running,5,8,5\n"
    read = read_pods(written(tmp_path, "p.csv", HEAD + rows))
    assert [read.kinds[kind].cpu_m for kind in read.kind] == [2, 3, 1]
    assert [repair.message.partition(": ")[2][:48] for repair in read.repairs] == [
        "its pods do not stand in the order of their crea",
        "2 pods last until the trace ends, and how much l",
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("a,1,1,0,0,,LS,Running,0,1,0", "two pods are named a (the first is on line 2)"),
        (",1,1,0,0,,LS,Running,0,1,0", "the pod has no name"),
        ("x,1,1,0,500,,LS,Running,0,1,0", "pod x: wants no GPU, and 500 thousandths of one of any model"),
        ("x,1,1,0,0,T4,LS,Running,0,1,0", "pod x: wants no GPU, and 0 thousandths of one of T4 model"),
        ("x,1,1,1,0,,LS,Running,0,1,0", "pod x: gpu_milli 0 is no share of a GPU"),
        ("x,1,1,1,1001,,LS,Running,0,1,0", "pod x: gpu_milli 1001 is no share of a GPU"),
        ("x,1,1,2,500,,LS,Running,0,1,0", "pod x: wants 2 GPUs and 500 thousandths of each"),
        ("x,1,1,0,0,,Gold,Running,0,1,0", "pod x: no class of service is named 'Gold'"),
        ("x,1,1,0,0,,LS,Running,5,4,", "pod x: is created, scheduled and deleted in another order"),
        ("x,1,1,0,0,,LS,Running,5,9,4", "pod x: is created, scheduled and deleted in another order"),
        ("x,1,1,0,0,,LS,Running,5,9,10", "pod x: is created, scheduled and deleted in another order"),
        ("x,1,1,0,0,,LS,Running,soon,9,10", "creation_time: 'soon' is no number"),
    ],
)
def test_a_pod_that_cannot_be_is_refused_by_line(row: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        read_pods(written(tmp_path, "p.csv", f"{PODS}{row}\n"))
    assert said in str(told.value)
    assert "p.csv:6: " in str(told.value)


def test_an_empty_trace_is_refused_and_a_table_of_nodes_is_no_trace(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the trace has no pods"):
        read_pods(written(tmp_path, "p.csv", HEAD))
    with pytest.raises(UserError, match="the file has no nodes"):
        read_topology(written(tmp_path, "n.csv", NODES.partition("\n")[0] + "\n"))
    with pytest.raises(UserError, match="has the nodes of openb, and is a topology"):
        import_file("trace", str(written(tmp_path, "n.csv", NODES)), str(tmp_path / "x.csv"))


def test_what_is_imported_can_be_used(tmp_path: Path) -> None:
    found = import_file("trace", str(written(tmp_path, "p.csv", PODS)), str(tmp_path / "x.csv"))
    lines = found.files[0].read_text("utf-8").splitlines()
    assert lines[0] == "create_s,run_s,cpu_m,ram_bytes,gpus,gpu_milli,gpu_models,qos"
    assert lines[2] == "20,30,500,0,0,300,T4|V100M16,BE"
    assert (found.format, found.counts) == ("openb", {"pods": 4, "kinds": 4})
    nodes = import_file("topology", str(written(tmp_path, "n.csv", NODES)), str(tmp_path / "n.yaml"))
    assert (nodes.format, nodes.counts["nodes"]) == ("openb", 4)
    assert len(read_topology(nodes.files[0]).topology.nodes) == 4


# In a scenario.


def test_as_it_was_every_pod_comes_runs_and_ends_when_it_did(tmp_path: Path) -> None:
    run = sim.Simulation(scenario(tmp_path)).finish()
    pods = run.table("pods")
    made = pods.filter(state="Pending").sort("time_s")
    assert made.select("pod", "time_s").rows() == [("p-0", 0.0), ("p-1", 20.0), ("p-2", 30.0), ("p-3", 40.0)]
    began, ended = (dict(pods.filter(state=s).select("pod", "time_s").rows()) for s in ("started", "stopped"))
    assert {name: round(ended[name] - began[name], 6) for name in ("p-0", "p-1", "p-2")} == {
        "p-0": 90, "p-1": 30, "p-2": 60
    }  # fmt: skip
    bound = dict(run.table("decisions").filter(decision="Bind").select("pod", "node").rows())
    assert bound["p-1"] == "n-0"  # the only T4


def test_each_kind_is_an_item_of_its_own_and_carries_its_class_of_service(tmp_path: Path) -> None:
    item = scenario(tmp_path, labels={"team": "x"}).workloads[0]
    assert isinstance(item, Pods)
    kinds, _ = each(item, tmp_path)
    assert [kind.labels["qos"] for kind in kinds] == ["LS", "BE", "Guaranteed", "LS"]
    assert {kind.labels["team"] for kind in kinds} == {"x"}
    needs = [kind.accelerator and (kind.accelerator.count, kind.accelerator.milli) for kind in kinds]
    assert needs == [(1, None), (None, 300), None, (2, None)]


def test_a_demand_ends_a_trace_as_it_was_too(tmp_path: Path) -> None:
    run = sim.Simulation(scenario(tmp_path, demand=0.4)).finish()
    assert asked(run) == ["p-0", "p-1"]  # 1 and 0.3 of three GPUs
    with pytest.raises(UserError, match="pods p: ask for none of the accelerators"):
        sim.Simulation(scenario(tmp_path, demand=0.4, arrivals={"trace": "late.csv"}))


def asked(run: sim.Run) -> list[str]:
    return run.table("decisions")["pod"].unique(maintain_order=True).to_list()


def test_with_arrivals_each_comes_once_in_random_order_and_then_copies_until_the_demand(tmp_path: Path) -> None:
    rows = "".join(f"{n},{n + 1},1,1,{100 + n},,LS,Running,0,9,0\n" for n in range(8))  # cpu says which it is
    written(tmp_path, "pods.csv", HEAD + rows)
    orders = []
    for seed in (1, 2):
        s = sim.Simulation(scenario(tmp_path, arrivals={"every": "1s"}, demand=0.5), seed=seed)
        seen: dict[str, int] = {}
        s.witness(lambda ask, seen=seen: seen.setdefault(ask.pod.name, ask.pod.cpu_m))  # type: ignore[misc]
        run = s.finish()
        order = list(seen.values())
        assert sorted(order[:8]) == list(range(1, 9))
        milli = np.cumsum([99 + cpu for cpu in order])
        assert milli[-1] >= 1500 > milli[-2]  # half of three GPUs
        assert run.summary["allocated_accelerators"] == milli[-1] / 3000
        assert not run.table("pods").filter(state="stopped").height  # for ever: no run was given
        orders.append(order)
    assert orders[0] != orders[1]
    more = sim.Simulation(scenario(tmp_path, arrivals={"every": "1s"}, demand=0.9), seed=1).finish()
    assert len(asked(more)) > len(orders[0])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"format": None}, "a trace and its format go together"),
    ({"cpu": "1"}, "a trace says itself what each pod asks for: cpu is too much"),
    ({"run": "1s"}, "a trace says itself how long each pod runs"),
    ({"trace": None, "format": None}, "pods p have neither arrivals nor a trace"),
    ({"trace": None, "format": None, "arrivals": {"every": "1s"}, "demand": 1}, "demand is of accelerators"),
    ({"trace": "gone.csv"}, "gone.csv: there is no such file"),
    ({"arrivals": {"every": "50s"}, "demand": 5}, "and not for 5 times"),
]


@pytest.mark.parametrize(("item", "said"), WRONG, ids=lambda value: str(value)[:30])
def test_what_is_wrong_with_an_item_is_said(item: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as told:
        check({"scenario": scenario(tmp_path, **item).dump()}, tmp_path)
    assert said in str(told.value)


def test_an_experiment_tells_repairs_and_a_wrong_trace_by_its_own_line(tmp_path: Path) -> None:
    def load(**item: Any) -> sim.Experiment:
        text = dumps({"question": "Why?", "scenario": scenario(tmp_path, **item).dump()})
        return sim.Experiment.load(written(tmp_path, "e.yaml", text))

    assert "trace pods.csv: 1 pods were never scheduled: each runs as long as it waited" in load().notes
    with pytest.raises(UserError, match=r"e.yaml:\d+: there is no file .*gone.csv"):
        load(trace="gone.csv")
    written(tmp_path, "pods.csv", PODS + "x,1,1,1,0,,LS,Running,0,1,0\n")
    with pytest.raises(UserError, match=r"pods.csv:6: pod x: gpu_milli 0"):
        load()


def test_the_published_files_read_as_their_description_says(shared_data: Path) -> None:
    folder = shared_data / "openb-gpu-cluster"
    for name, nodes in (("all", 1523), ("gpu", 1213)):
        read = read_topology(folder / f"openb_node_list_{name}_node.csv").topology
        assert len(read.nodes) == nodes + 1  # and the hub
        assert sum(a.count for node in read.nodes for a in node.accelerators or ()) == 6212
    pods = read_pods(folder / "openb_pod_list_default.csv")
    assert len(pods.kind) == 8152
    assert sum(pods.kinds[kind].gpus * 1000 + pods.kinds[kind].milli for kind in pods.kind) == 6_086_800
    assert len(pods.repairs) == 3
