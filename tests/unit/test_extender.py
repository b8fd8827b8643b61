"""A policy as an extender of a kube-scheduler: over HTTP, with what Kubernetes sends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
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
from simulator.cli.serve_policy import serve_policy
from simulator.errors import UserError
from simulator.interop.extender.extender import Extender
from simulator.interop.extender.server import listed_at, serve
from simulator.policy import Batch, Bind, ClusterView, Filter, PodView, Reason, Reject, Score
from simulator.policy.reference import instantiate
from simulator.policy.view import Bools, Floats


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
                items = cluster.running if self.path == "/api/v1/pods" else THREE
                body = json.dumps({"items": items}).encode()
                self.send_response(200 if self.path in ("/api/v1/pods", "/api/v1/nodes") else 404)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None: ...

        self.told: list[str] = []
        api = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        at = f"http://127.0.0.1:{api.server_address[1]}"
        extender = Extender(policy, kubernetes(), pods=listed_at(at, "pods"), nodes=listed_at(at, "nodes"))
        self.servers = [api, serve(extender, 0, self.told.append)]
        for server in self.servers:
            Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def post(self, verb: str, pod: dict[str, Any], nodes: list[dict[str, Any]] = THREE) -> Any:
        """ExtenderArgs, as kube-scheduler sends them: Go's names, nodes in full."""
        body = json.dumps({"Pod": pod, "Nodes": {"metadata": {}, "items": nodes}, "NodeNames": None}).encode()
        at = f"http://127.0.0.1:{self.servers[1].server_address[1]}/{verb}"
        with urlopen(Request(at, body, {"Content-Type": "application/json"}), timeout=10) as answer:
            return json.load(answer)

    def raw(self, path: str, body: bytes) -> tuple[int, Any]:
        """Status and document of an answer to any bytes."""
        try:
            with urlopen(
                Request(f"http://127.0.0.1:{self.servers[1].server_address[1]}/{path}", body), timeout=10
            ) as got:
                return got.status, json.load(got)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)

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
    assert answer["FailedAndUnresolvableNodes"] == dict.fromkeys("abc", "on no account")  # preemption will not help
    assert answer["FailedNodes"] == {}


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


@pytest.mark.parametrize("cluster", [shipped("least-loaded")], indirect=True)
def test_a_scheduler_that_sends_names_alone_is_answered_with_names(cluster: Cluster) -> None:
    cluster.running = [pod("x", "2", node="c")]
    args = {"Pod": pod("web"), "Nodes": None, "NodeNames": ["c", "b"]}
    status, answer = cluster.raw("filter?timeout=5s", json.dumps(args).encode())
    assert (status, answer["Nodes"], answer["NodeNames"]) == (200, None, ["c", "b"])
    assert scores(cluster.raw("prioritize", json.dumps(args).encode())[1]) == {"c": 0, "b": 10}
    args["NodeNames"] = ["a", "z"]
    assert cluster.raw("filter", json.dumps(args).encode())[1]["Error"] == "the API server has no node z"


WEB = json.dumps({"Pod": pod("web"), "Nodes": {"items": THREE}}).encode()


@pytest.mark.parametrize("cluster", [shipped("first-fit")], indirect=True)
@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("filter", b"{", 400, "no JSON"),
        ("filter", b"\xff", 400, "no JSON"),
        ("filter", b"[]", 400, "no ExtenderArgs"),
        ("bind", WEB, 404, "no verb 'bind'"),
        ("filter", b"{}", 200, "no pod was sent"),
        ("prioritize", b"{}", 500, "no pod was sent"),
        ("filter", b'{"Pod": 3, "Nodes": {"items": [{}]}}', 200, "no pod was sent"),
        ("filter", b'{"Pod": {}, "Nodes": [1]}', 200, "nodeCacheCapable: false"),
        ("filter", b'{"Pod": {}, "Nodes": {"items": [3]}}', 200, "a node has no name"),
        ("filter", b'{"Pod": {}, "Nodes": {"items": [{"metadata": null}]}}', 200, "a node has no name"),
        ("filter", b'{"Pod": {"spec": 3}, "Nodes": {"items": [{"metadata": {"name": "a"}}]}}', 200, "no object: '3'"),
        ("filter", WEB.replace(b'"conditions": [{', b'"conditions": [3, {', 1), 200, "node a: 'int' object"),
        ("filter", WEB.replace(b'"cpu": "4"', b'"cpu": "four"', 1), 200, "node a: 'four' is no quantity"),
        ("filter", WEB.replace(b'"containers": [{', b'"containers": [3, {', 1), 200, "pod web: "),
    ],
)
def test_what_is_malformed_is_answered_in_a_sentence(
    cluster: Cluster, path: str, body: bytes, status: int, said: str
) -> None:
    got, answer = cluster.raw(path, body)
    assert got == status
    assert said in answer["Error"]
    assert cluster.raw("filter", WEB)[1]["NodeNames"] == ["a", "b", "c"], "it serves on"


class Sees(Score):
    """A score that is the millicores and MiB that it sees of the pod."""

    def score(self, pod: PodView, cluster: ClusterView, where: Any) -> Any:
        return np.array([pod.cpu_m / 100, pod.ram_bytes / 2**20, cluster.free_cpu_m[2] / 100])


def asking(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    mains = [{"name": f"c{i}", "image": "app", "resources": {"requests": r}} for i, r in enumerate(containers)]
    return {"metadata": {"name": "web"}, "spec": {"containers": mains, **spec}}


def before(cpu: str, **more: Any) -> dict[str, Any]:
    return {"name": f"i{cpu}", "image": "app", "resources": {"requests": {"cpu": cpu}}, **more}


@pytest.mark.parametrize("cluster", [Sees()], indirect=True)
@pytest.mark.parametrize(
    ("asked", "tenths"),
    [
        (asking({"cpu": "1e3m", "memory": "10Mi"}), None),  # two suffixes
        (asking({"cpu": "0.1", "memory": "10Mi"}), (0, 1)),
        (asking({"cpu": "1", "memory": "20971520"}), (1, 2)),
        (asking({"cpu": "1", "memory": "31457.28k"}), (1, 3)),
        (asking({"cpu": 2, "memory": "4.194304e7"}), (2, 4)),
        (asking({"cpu": "1500m"}, {"cpu": "500m", "memory": "0.048828125Gi"}), (2, 5)),
        (asking({"cpu": "1"}, initContainers=[before("3")]), (3, 0)),
        (asking({"cpu": "1"}, initContainers=[before("2", restartPolicy="Always")]), (3, 0)),
        (asking({"cpu": "1"}, initContainers=[before("2", restartPolicy="Always"), before("3")]), (5, 0)),
        (asking({"cpu": "1"}, overhead={"cpu": "2", "memory": "10Mi"}), (3, 1)),
        (asking({"cpu": "1"}, resources={"requests": {"cpu": "4"}}, overhead={"cpu": "1"}), (5, 0)),
        (asking({"cpu": "1"}, containersOfTomorrow=3), (1, 0)),
    ],
)
def test_what_a_pod_asks_for_is_read_as_kubernetes_does(
    cluster: Cluster, asked: dict[str, Any], tenths: tuple[int, int] | None
) -> None:
    if tenths is None:
        assert "'1e3m' is no quantity" in cluster.post("filter", asked)["Error"]
    else:
        found = scores(cluster.post("prioritize", asked))
        assert (found["a"], found["b"]) == tenths


class Boundless(Score):
    def score(self, pod: PodView, cluster: ClusterView, where: Any) -> Any:
        return np.array([50.0, np.nan, 101.0])


@pytest.mark.parametrize("cluster", [Boundless()], indirect=True)
def test_a_score_beyond_its_bounds_is_an_error_as_in_a_run(cluster: Cluster) -> None:
    status, answer = cluster.raw("prioritize", WEB)
    assert status == 500
    assert "it must be 0 to 100" in answer["Error"]


class Moody(Filter):
    def passes(self, pod: PodView, cluster: ClusterView) -> Any:
        return np.zeros(len(cluster), np.bool_)

    def why_not(self, pod: PodView, cluster: ClusterView, node: int) -> Reason:
        return Reason("Moody", "no", "never" if node else "not now")


@pytest.mark.parametrize("cluster", [Moody()], indirect=True)
def test_who_never_passes_is_told_apart_so_that_nobody_is_preempted_in_vain(cluster: Cluster) -> None:
    answer = cluster.post("filter", pod("web"))
    assert (answer["FailedNodes"], answer["FailedAndUnresolvableNodes"]) == ({"a": "no"}, {"b": "no", "c": "no"})


def half(pod: PodView, cluster: ClusterView, where: Bools) -> Floats:
    return np.full(len(cluster), 50.0)


def east(pod: PodView, cluster: ClusterView) -> Bools:
    return np.array([zone == "east" for zone in cluster.zones])


@pytest.mark.parametrize("cluster", [half], indirect=True)
def test_a_function_serves_as_a_score(cluster: Cluster) -> None:
    assert scores(cluster.post("prioritize", pod("web"))) == {"a": 5, "b": 5, "c": 5}


@pytest.mark.parametrize("cluster", [east], indirect=True)
def test_a_function_serves_as_a_filter(cluster: Cluster) -> None:
    answer = cluster.post("filter", pod("web"))
    assert (answer["NodeNames"], answer["FailedNodes"]["a"]) == (["b"], "did not pass")


@pytest.mark.parametrize("cluster", [shipped("least-loaded")], indirect=True)
def test_the_scheduler_has_looked_at_neighbours_of_whom_nothing_is_sent(cluster: Cluster) -> None:
    """A pod next to one on a node that is no candidate: kube-scheduler knows both, and sends who passed."""
    cluster.running = [pod("db", "1", node="elsewhere")]
    term = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "topology.kubernetes.io/zone"}
    wanted = pod("web")
    wanted["spec"]["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    assert scores(cluster.post("prioritize", wanted)) == {"a": 10, "b": 0, "c": 0}
    assert cluster.post("filter", wanted)["NodeNames"] == ["a", "b", "c"]


def last(pod: PodView, cluster: ClusterView) -> Bind:
    return Bind(int(np.flatnonzero(cluster.feasible(pod))[-1]))


@pytest.mark.parametrize("cluster", [last], indirect=True)
def test_candidates_are_a_sample_already_and_all_are_seen(cluster: Cluster) -> None:
    many = [node(f"n{i}") for i in range(150)]
    assert [host for host, score in scores(cluster.post("prioritize", pod("web"), many)).items() if score] == ["n149"]


@pytest.mark.parametrize("cluster", [shipped("least-loaded")], indirect=True)
def test_many_ask_at_once(cluster: Cluster) -> None:
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda verb: cluster.raw(verb, WEB), ["filter", "prioritize"] * 12))
    assert {status for status, _ in found} == {200}
    assert all(scores(answer) == {"a": 10, "b": 0, "c": 0} for _, answer in found[1::2])


@pytest.mark.parametrize("cluster", [shipped("least-loaded")], indirect=True)
def test_a_body_that_is_not_read_ends_the_connection(cluster: Cluster) -> None:
    connection = HTTPConnection("127.0.0.1", cluster.servers[1].server_address[1], timeout=10)
    connection.putrequest("POST", "/filter")
    connection.putheader("Content-Length", "many")
    connection.endheaders(b"GET /x HTTP/1.1\r\n\r\n")
    answer = connection.getresponse()
    assert (answer.status, json.load(answer)["Error"][:23]) == (400, "the request has no body")
    assert connection.sock is None or connection.sock.recv(1) == b""
    connection.close()


def test_a_port_in_use_and_a_policy_for_another_point_are_refused() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UserError, match=r"nobody can listen at .*: Address already in use"):
            serve_policy("first-fit", port=taken.getsockname()[1])
    with pytest.raises(UserError, match="nearest is a policy for routing"):
        serve_policy("nearest", port=0)
    with pytest.raises(UserError, match="--api ftp:x: no address"):
        serve_policy("first-fit", port=0, api="ftp:x")


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
