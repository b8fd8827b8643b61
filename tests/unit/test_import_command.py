"""`littoral import`: what it writes and says, whole or not at all; and the experiments that it makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.cli.app import call
from simulator.spec.load import load_experiment

NET = '{"nodes": [{"id": "a"}, {"id": "b"}],\n"links": [{"source": "a", "target": "b", "latency": "2ms"}]}'
OUTAGES = "start_time,end_time,status,service\n5,9,1,s\n1,2,1,s\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert call([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_a_topology_is_written_that_can_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "net.json").write_text(NET, "utf-8")
    assert call(["import", "topology", "net.json"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "node-link: 2 nodes, 1 links; 1 repair",
        "net.yaml",
        "use it as topology: {file: net.yaml}",
    ]
    assert err == "repaired: net.json:2: link a-b: has no rate in the file, and takes that of fibre-wan\n"
    (here / "x.yaml").write_text("question: Runs?\nscenario: {duration: 1min, topology: {file: net.yaml}}\n", "utf-8")
    assert [node.name for node in load_experiment("x.yaml").scenario.world.nodes] == ["a", "b"]
    assert call(["run", "x.yaml", "--out", "out", "--no-report"]) == 0
    assert call(["replay", "out"]) == 0


def test_a_topology_may_be_an_axis(here: Path) -> None:
    for name, latency in (("near", "2ms"), ("far", "50ms")):
        (here / f"{name}.json").write_text(NET.replace("2ms", latency), "utf-8")
    axes = "axes: {scenario.topology.file: [near.json, far.json]}\n"
    (here / "x.yaml").write_text(
        f"question: Runs?\nscenario: {{duration: 1min, topology: {{file: near.json}}}}\n{axes}"
    )
    experiment = load_experiment("x.yaml")
    worlds = [experiment.resolve({"scenario.topology.file": f"{name}.json"}).world for name in ("near", "far")]
    assert [str(world.links[0].latency and world.links[0].latency.given) for world in worlds] == ["2ms", "50ms"]


def test_the_document_has_every_repair(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "log.csv").write_text(OUTAGES, "utf-8")
    document = said(capsys, "import", "outages", "log.csv", "--out", "sub/mine.csv")
    assert document == {
        "file": "sub/mine.csv", "files": ["sub/mine.csv"], "kind": "outages", "format": "cloud-uptime-archive",
        "counts": {"services": 1, "outages": 2}, "use": "{kind: outages, link: …, at: 0s, trace: mine.csv}",
        "repairs": [{"file": "log.csv", "line": 3,
                     "message": "outage at 1 s: stands after a later one, and is put in its place"}],
    }  # fmt: skip
    assert (here / "sub" / "mine.csv").read_text("utf-8") == "start_s,duration_s\n1,1\n5,4\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("topology", "none.graphml"), "there is no such file"),
        (("topology", "sndlib/germny50"), "topohub has no network 'sndlib/germny50'"),
        (("topology", "net.json", "--set", "nod=cloud-vm"), "takes no nod"),
        (("topology", "net.json", "--out", "net.csv"), "what is written is YAML"),
        (("topology", "net.json", "--out", "there.yaml"), "the file is there already"),
        (("topology", "there.yaml"), "would be written over itself"),
        (("trace", "log.csv"), "is no trace that is known"),
        (("trace", "net.json"), "is no SimKube trace"),
        (("outages", "log.csv", "--set", "parts=x"), "parts takes a whole number"),
        (("kubernetes", "there.yaml"), "apiVersion is missing"),
        (("kubernetes", "pod.yaml"), "has no Node"),
        (("city", "net.json"), "city"),
    ],
)
def test_what_is_wrong_ends_in_2_and_writes_nothing(
    arguments: tuple[str, ...], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "net.json").write_text(NET, "utf-8")
    (here / "log.csv").write_text(OUTAGES, "utf-8")
    (here / "there.yaml").write_text("nodes: []\n", "utf-8")
    (here / "pod.yaml").write_text(POD, "utf-8")
    before = sorted(here.rglob("*"))
    problems = said(capsys, "import", *arguments, status=2)["problems"]
    assert any(message in problem["message"] for problem in problems), problems
    assert sorted(here.rglob("*")) == before


def test_a_file_is_written_over_only_where_that_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "net.json").write_text(NET, "utf-8")
    (here / "net.yaml").write_text("old", "utf-8")
    said(capsys, "import", "topology", "net.json", status=2)
    assert (here / "net.yaml").read_text("utf-8") == "old"
    said(capsys, "import", "topology", "net.json", "--overwrite")
    assert "a-b" in (here / "net.yaml").read_text("utf-8")


POD = """apiVersion: v1
kind: Pod
metadata: {name: p}
spec: {containers: [{name: c, image: x, resources: {requests: {cpu: 100m}}}]}
"""
NODES = """apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Node
  metadata:
    name: head
    labels: {kubernetes.io/arch: amd64, node-role.kubernetes.io/control-plane: "true"}
  spec: {taints: [{key: dedicated, value: x, effect: NoSchedule}]}
  status:
    capacity: {cpu: "12", memory: 65541060Ki, ephemeral-storage: "931633648115", pods: "110", hugepages-2Mi: "4"}
    nodeInfo: {architecture: amd64, kubeletVersion: v1.27.4+k3s1}
- apiVersion: v1
  kind: Node
  metadata: {name: pi, labels: {topology.kubernetes.io/zone: roof}}
  spec: {taints: [{key: node.kubernetes.io/not-ready, effect: NoExecute}]}
  status:
    capacity: {cpu: 4, memory: 3880992Ki, nvidia.com/gpu: 2}
    conditions: [{type: Ready, status: "False"}]
    nodeInfo: {architecture: arm64, kubeletVersion: v1.27.4+k3s1}
"""


def test_a_cluster_becomes_an_experiment(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "dump.yaml").write_text(f"{NODES}---\n{POD}", "utf-8")
    document = said(capsys, "import", "kubernetes", "dump.yaml")
    assert document["counts"] == {"nodes": 2, "workloads": 1}
    assert document["files"] == ["dump-experiment.yaml", "dump-experiment.manifest.yaml"]
    speed = "stands for its speed, disk and power: a dump does not tell them"
    assert [(repair["line"], repair["message"]) for repair in document["repairs"]] == [
        (4, f"node head: model edge-server {speed}"),
        (4, "node head: hugepages-2Mi is not simulated, and left out"),
        (13, f"node pi: model raspberry-pi-4b {speed}"),
        (13, "node pi: its taint node.kubernetes.io/not-ready is a state, not a wish, and is left out"),
        (13, "node pi: was not ready when it was dumped, and begins ready"),
        (None, "cluster dump.yaml: a dump has no links: all are joined to switch by ethernet"),
        (None, "cluster dump.yaml: kubelets of v1.27.4+k3s1: orchestrator k3s, in its newest version here"),
    ]
    scenario = load_experiment("dump-experiment.yaml").scenario
    head, pi, switch = scenario.world.nodes
    assert (head.role, head.cores, head.ram, head.disk) == ("control-plane", 12, 65541060 * 1024, 931633648115)
    assert (head.max_pods, head.taints[0].key, head.platform) == (110, "dedicated", "linux/amd64")
    assert (pi.zone, pi.taints, pi.extended, pi.platform) == ("roof", (), {"nvidia.com/gpu": 2}, "linux/arm64")
    assert switch.role == "router"
    assert scenario.orchestrator == "k3s"


def test_what_is_wrong_with_a_cluster_leaves_nothing(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "dump.yaml").write_text(NODES.replace("arm64", "riscv64").replace('"12"', "twelve"), "utf-8")
    problems = said(capsys, "import", "kubernetes", "dump.yaml", status=2)["problems"]
    assert [(p["line"], p["message"]) for p in problems] == [
        (4, "Node head: cpu: 'twelve' is no quantity"),
        (13, "Node pi: no model is known for architecture riscv64"),
    ]
    # Two workloads of one name: the experiment would be wrong, and its place is said, not where it lay meanwhile.
    twice = POD.replace("{name: p}", "{name: p, namespace: other}")
    (here / "dump.yaml").write_text(f"{NODES}---\n{POD}---\n{twice}", "utf-8")
    problems = said(capsys, "import", "kubernetes", "dump.yaml", status=2)["problems"]
    assert Path(problems[0]["file"]) == Path("dump-experiment.manifest.yaml")
    assert "has the name of" in problems[0]["message"]
    assert sorted(here.iterdir()) == [here / "dump.yaml"]


def test_the_cluster_of_the_raspberry_pis(here: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shared_data / "manifests" / "nodes"
    nodes = f"nodes={folder / 'k3s-raspberrypi-nodes.yaml'}"
    file = str(folder / "k3s-raspberrypi-all-namespaces.yaml")
    document = said(capsys, "import", "kubernetes", file, "--set", nodes, "--out", "pis.yaml")
    assert document["counts"] == {
        "nodes": 4,
        "workloads": 10,
    }  # three bare pods, four Deployments, a DaemonSet, two Jobs
    assert load_experiment("pis.yaml").scenario.orchestrator == "k3s"


def test_the_simkube_trace_becomes_an_experiment(
    here: Path, shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(shared_data / "k8s-event-trace-dsb" / "large_trace.json")
    document = said(capsys, "import", "trace", file)
    assert document["files"] == ["large_trace.yaml", "large_trace/0s.yaml"]
    assert document["counts"]["workloads"] == 27
    assert not load_experiment("large_trace.yaml").scenario.faults
