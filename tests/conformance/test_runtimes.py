"""Every page of a runtime runs a pod on some node, written as a user writes it; and what a machine cannot run."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from scenarios import cluster_of, run, simulation
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.simulation.runtimes import RuntimeTable

TABLE = RuntimeTable(Catalogue())
PAGES = [name for name in Catalogue().names("runtimes") if name != "runtime-class"]
ANYWHERE = ["linux/amd64", "linux/arm64", "wasi/wasm"]
HOST = "kubernetes.io/hostname"


def world(*nodes: dict[str, Any], images: dict[str, Any], services: list[dict[str, Any]]) -> dict[str, Any]:
    names = [node["name"] for node in nodes]
    image = {"compressed": "1MB", "unpacked": "2MB", "platforms": ANYWHERE}
    return {
        "duration": "30s",
        "topology": {
            "nodes": [{"name": "hub", "model": "cloud-vm", "role": "control-plane"}, *nodes],
            "links": [
                {"name": f"lan-{name}", "between": ["hub", name], "latency": "1ms", "rate": "1Gbps"} for name in names
            ],
        },
        "images": {name: image | how for name, how in images.items()},
        "workloads": [{"kind": "service", "ram": "16MB", **service} for service in services],
    }


def test_every_runtime_runs_a_pod() -> None:
    """One node for each page, and one pod on it, whose image has a format that the stack unpacks."""
    formats = {name: min(next(iter(TABLE.stacks((name,)).values())).formats) for name in PAGES}
    found = run(
        world(
            *({"name": f"on-{name}", "model": "edge-server", "runtimes": [name]} for name in PAGES),
            images={f"app-{kind}": {"format": kind} for kind in set(formats.values())},
            services=[
                {"name": name, "image": f"app-{kind}", "runtime": name, "node_selector": {HOST: f"on-{name}"}}
                for name, kind in formats.items()
            ],
        )
    )
    rows = found.tables["pods"].filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    assert sorted(rows["owner"].unique()) == sorted(PAGES)
    assert not (found.tables["events"]["kind"] == "Failed").any()


def started(found: Any) -> dict[str, str]:
    rows = found.tables["pods"].filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    return dict(rows.select("owner", "node").unique().rows())


def test_an_image_of_another_format_is_refused_on_the_node_and_says_so() -> None:
    """Nabla is an OCI runtime that takes no OCI image."""
    box = {"name": "box", "model": "edge-server", "runtimes": ["containerd/runc", "containerd/nabla"]}
    service = {"name": "app", "image": "app", "runtime": "nabla", "node_selector": {HOST: "box"}}
    found = run(world(box, images={"app": {}}, services=[service]))
    assert started(found) == {}
    failed = found.tables["events"].filter(pl.col("kind") == "Failed")["detail"]
    assert failed[0] == "image format oci is none of nabla"


def test_one_module_runs_on_every_architecture_of_its_runtime() -> None:
    """A Wasm image names no machine: it follows its runtime, on x86, ARM and POWER; a container does not."""
    boxes = [
        {"name": name, "model": model, "runtimes": ["containerd/runc", "containerd/wasmi"]}
        for name, model in (("x86", "x86-edge"), ("arm", "raspberry-pi-5"), ("power", "talos-ii"))
    ]
    service = {"name": "app", "image": "app", "runtime": "wasmi", "replicas": None, "per": "node"}
    data = world(*boxes, images={"app": {"platforms": ["wasi/wasm"]}}, services=[service])
    data["topology"]["nodes"][0] |= {"runtimes": ["containerd/runc", "containerd/wasmi"]}
    rows = run(data).tables["pods"].filter((pl.col("truth") == "running") & (pl.col("state") == "started"))
    assert {"x86", "arm", "power"} <= set(rows["node"])
    del service["runtime"]
    found = run(world(*boxes, images={"app": {"platforms": ["wasi/wasm"]}}, services=[service]))
    assert started(found) == {}


def test_a_pod_of_a_vm_asks_for_its_runtime_s_overhead() -> None:
    box = {"name": "box", "model": "edge-server", "runtimes": ["containerd/runc", "containerd/kata"]}
    services = [{"name": n, "image": "app", "runtime": n, "node_selector": {HOST: "box"}} for n in ("runc", "kata")]
    s = simulation(world(box, images={"app": {}}, services=services))
    s.run("25s")
    (agent,) = (a for i, a in cluster_of(s).agents.items() if cluster_of(s).node_objects[i].name == "box")
    asked = {pod.template.workload: (pod.template.cpu_m, pod.template.ram_bytes) for pod in agent.running()}
    assert asked == {"runc": (0, 16_000_000), "kata": (250, 16_000_000 + 130 * 2**20)}
    held = {pod.template.workload: pod.ram_bytes for pod in agent.running()}
    assert held == {"runc": 16_000_000 + 4_550_000, "kata": 16_000_000 + 136_000_000}


@pytest.mark.parametrize(
    ("box", "said"),
    [
        ({"model": "raspberry-pi-5", "runtimes": ["containerd/rund"]}, "cannot run containerd/rund: it is linux/arm64"),
        ({"model": "azure-stack-edge-pro", "runtimes": ["containerd/kata"]}, "it has no KVM"),
        ({"model": "beaglebone-black", "runtimes": ["docker"], "ram": "200MB"}, "it has 200 MB of RAM"),
        ({"model": "visionfive-2", "runtimes": ["containerd/youki"]}, "it is linux/riscv64"),
        ({"model": "esp32", "runtimes": ["containerd/wasm3"]}, "it is freertos/xtensa"),
        ({"model": "x86-edge", "runtimes": ["containerd/kata/unikraft"]}, "kata does not drive unikraft"),
    ],
)
def test_a_machine_that_cannot_run_a_runtime_is_refused_at_its_place(box: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        simulation(world({"name": "box", **box}, images={}, services=[]))
    told = [problem for problem in caught.value.problems if said in problem.message]
    assert [problem.path for problem in told] == ["topology.nodes.1.runtimes"]
