"""A policy as an extender of a kube-scheduler: over HTTP, with what Kubernetes sends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import yaml

from schedulers import kubernetes
from simulator.interop.extender.extender import Extender
from simulator.interop.extender.server import pods_at, serve
from simulator.policy import Batch, ClusterView, Filter, PodView, Reason, Reject, Score
from simulator.policy.reference import instantiate


def node(name: str, cpu: str = "4", memory: str = "8Gi", zone: str = "", **labels: str) -> dict[str, Any]:
    """A v1.Node as an API server gives it, with a field that nobody here knows."""
    named = {"kubernetes.io/hostname": name, **labels} | ({"topology.kubernetes.io/zone": zone} if zone else {})
    return {
        "metadata": {"name": name, "labels": named, "uid": f"uid-{name}", "resourceVersion": "17"},
        "spec": {"podCIDR": "10.42.0.0/24", "aFieldOfTomorrow": {"x": 1}},
        "status": {
            "allocatable": {"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "20Gi"},
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
            "images": [{"names": ["docker.io/library/app:1"], "sizeBytes": 50_000_000}] if name == "c" else [],
            "nodeInfo": {"architecture": "arm64", "operatingSystem": "linux", "kubeletVersion": "v1.33.1"},
        },
    }


def pod(name: str, cpu: str = "500m", memory: str = "256Mi", node: str = "", phase: str = "Pending") -> dict[str, Any]:
    """A v1.Pod as an API server gives it."""
    resources = {"requests": {"cpu": cpu, "memory": memory}}
    spec = {"containers": [{"name": "main", "image": "docker.io/library/app:1", "resources": resources}]}
    named = {"nodeName": node} if node else {}
    return {
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}, "uid": f"uid-{name}"},
        "spec": {**spec, "schedulerName": "default-scheduler", "volumes": [{"name": "data", "emptyDir": {}}], **named},
        "status": {"phase": phase, "qosClass": "Burstable"},
    }


THREE = [node("a"), node("b", zone="east"), node("c")]


class Cluster:
    """An extender that listens, with an API server beside it whose pods are `running`."""

    def __init__(self, policy: Any) -> None:
        self.running: list[dict[str, Any]] = []
        cluster = self

        class Api(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps({"kind": "PodList", "items": cluster.running}).encode()
                self.send_response(200 if self.path == "/api/v1/pods" else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.told: list[str] = []
        api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        extender = Extender(policy, kubernetes(), pods=pods_at(f"http://127.0.0.1:{api.server_address[1]}"))
        self.servers = [api, serve(extender, 0, self.told.append)]
        for server in self.servers:
            Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def post(self, verb: str, pod: dict[str, Any], nodes: list[dict[str, Any]] = THREE) -> Any:
        """ExtenderArgs, as kube-scheduler sends them: Go's names, nodes in full."""
        body = json.dumps({"Pod": pod, "Nodes": {"metadata": {}, "items": nodes}, "NodeNames": None}).encode()
        at = f"http://127.0.0.1:{self.servers[1].server_address[1]}/{verb}"
        with urlopen(Request(at, body, {"Content-Type": "application/json"}), timeout=10) as answer:
            return json.load(answer)

    def close(self) -> None:
        for server in self.servers:
            server.shutdown()
            server.server_close()


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    made = Cluster(request.param)
    yield made
    made.close()


def shipped(name: str) -> Any:
    return pytest.param(instantiate(name, {}, Path(), given=2), id=name)


def scores(answer: list[dict[str, Any]]) -> dict[str, int]:
    return {each["Host"]: each["Score"] for each in answer}


@pytest.mark.parametrize("cluster", [shipped("least-loaded")], indirect=True)
def test_a_placement_gives_its_node_ten_and_counts_who_runs_already(cluster: Cluster) -> None:
    assert scores(cluster.post("prioritize", pod("web"))) == {"a": 10, "b": 0, "c": 0}
    done = pod("done", "4", node="b", phase="Succeeded")
    cluster.running = [pod("x", "2", node="a"), pod("y", "1", node="c"), done, pod("waits", "4")]
    assert scores(cluster.post("prioritize", pod("web"))) == {"a": 0, "b": 10, "c": 0}
    answer = cluster.post("filter", pod("web"))
    assert [each["metadata"]["name"] for each in answer["Nodes"]["items"]] == answer["NodeNames"] == ["a", "b", "c"]
    assert answer["Nodes"]["items"] == THREE  # as they came, unknown fields and all
    assert answer["FailedNodes"] == {}
    assert answer["Error"] == ""


@pytest.mark.parametrize("cluster", [shipped("image-locality")], indirect=True)
def test_images_on_nodes_are_seen(cluster: Cluster) -> None:
    assert scores(cluster.post("prioritize", pod("web"))) == {"a": 0, "b": 0, "c": 10}


class Arm(Filter):
    def passes(self, pod: PodView, cluster: ClusterView) -> Any:
        return np.array([zone == "east" for zone in cluster.zones])

    def why_not(self, pod: PodView, cluster: ClusterView, node: int) -> Reason:
        return Reason("Arm", f"{cluster.names[node]} lies elsewhere")


@pytest.mark.parametrize("cluster", [Arm()], indirect=True)
def test_a_filter_says_of_each_node_why_not(cluster: Cluster) -> None:
    answer = cluster.post("filter", pod("web"))
    assert answer["NodeNames"] == ["b"]
    assert answer["FailedNodes"] == {"a": "a lies elsewhere", "c": "c lies elsewhere"}
    assert set(scores(cluster.post("prioritize", pod("web"))).values()) == {0}


class Free(Score):
    def score(self, pod: PodView, cluster: ClusterView, where: Any) -> Any:
        return 100 * cluster.free_cpu_m / 4000


@pytest.mark.parametrize("cluster", [Free()], indirect=True)
def test_a_score_is_brought_to_ten(cluster: Cluster) -> None:
    cluster.running = [pod("x", "2", node="a"), pod("y", "3", node="c")]
    assert scores(cluster.post("prioritize", pod("web"))) == {"a": 5, "b": 10, "c": 2}
    assert cluster.post("filter", pod("web"))["NodeNames"] == ["a", "b", "c"]


def never(_pod: PodView, _cluster: ClusterView) -> Reject:
    return Reject((Reason("never", "on no account"),))


@pytest.mark.parametrize("cluster", [never], indirect=True)
def test_a_pod_that_is_rejected_passes_no_node(cluster: Cluster) -> None:
    answer = cluster.post("filter", pod("web"))
    assert answer["NodeNames"] == []
    assert set(answer["FailedNodes"].values()) == {"on no account"}


@pytest.mark.parametrize("cluster", [lambda _pod, _cluster: 1 / 0], indirect=True)
def test_an_error_is_told_as_kubernetes_wants_it(cluster: Cluster) -> None:
    assert "ZeroDivisionError" in cluster.post("filter", pod("web"))["Error"]
    with pytest.raises(HTTPError) as failed:
        cluster.post("prioritize", pod("web"))
    assert failed.value.code == 500
    failed.value.close()
    assert "quantity" in cluster.post("filter", pod("web", cpu="many"))["Error"]
    assert "nodeCacheCapable" in cluster.post("filter", pod("web"), [])["Error"]
    assert len(cluster.told) == 4


@pytest.mark.parametrize("cluster", [shipped("first-fit")], indirect=True)
def test_a_real_dump_of_a_k3s_cluster_is_read(cluster: Cluster, shared_data: Path) -> None:
    dumps = shared_data / "manifests" / "nodes"
    nodes = yaml.safe_load((dumps / "k3s-raspberrypi-nodes.yaml").read_text("utf-8"))["items"]
    everything = yaml.safe_load((dumps / "k3s-raspberrypi-all-namespaces.yaml").read_text("utf-8"))["items"]
    cluster.running = [item for item in everything if item["kind"] == "Pod"]
    assert len(nodes) >= 2
    assert any(item["spec"].get("nodeName") for item in cluster.running)
    names = [item["metadata"]["name"] for item in nodes]
    assert cluster.post("filter", pod("web"), nodes)["NodeNames"] == names
    assert list(scores(cluster.post("prioritize", pod("web"), nodes)).values()) == [10, *[0] * (len(nodes) - 1)]


def test_the_command_serves_until_it_is_interrupted() -> None:
    command = [sys.executable, "-c", "from simulator.cli import main; main()", "serve-policy", "tier-affinity"]
    with subprocess.Popen(
        [*command, "--port", "0", "--param", "tiers=[east]"], stderr=subprocess.PIPE, text=True
    ) as served:
        assert served.stderr is not None
        at = served.stderr.readline().split()[2].rstrip(",")
        body = json.dumps({"Pod": pod("web"), "Nodes": {"items": THREE}}).encode()
        with urlopen(Request(f"{at}/prioritize", body), timeout=10) as answer:
            assert scores(json.load(answer)) == {"a": 0, "b": 10, "c": 0}
        served.send_signal(signal.SIGINT)
        assert served.wait(10) == 0


def test_a_batch_is_refused() -> None:
    with pytest.raises(TypeError, match="a batch places pods together"):
        Extender(Batch(), kubernetes())
