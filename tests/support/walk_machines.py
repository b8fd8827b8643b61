"""Machines, their pages, batteries and panels, and pods, one key at a time."""

from __future__ import annotations

from typing import Any

from walk import SITE, Move, fault, page

WATTS = {"record": {"interval": "10s", "energy": True}}
UNFIT = {"unfit": "leave-out", "workloads": []}
GPU, EDGE = "nvidia.com/gpu", "azure-stack-edge-pro"
BOX_OF_ONE = {"topology.nodes.gw.accelerators": [{"resource": GPU, "product": "T4"}]}


def pi(fact: str, was: Any, now: Any, column: str, sign: str = "+", **also: Any) -> Move:
    """A fact of the gateway's machine."""
    return page(f"nodes.raspberry-pi-4b.{fact}", was, now, column, sign, **also)


def api(**given: Any) -> dict[str, Any]:
    log, served, _, ask, *_ = SITE["workloads"]
    return {"workloads": [log, {**served, **given}, ask]}


def sunny(parameter: str, was: Any, now: Any, column: str, sign: str) -> Move:
    """A key of the gateway that lives on a battery; None: as it is."""
    owner, _, field = parameter.partition(".")
    path = {"BatterySpec": "battery.", "SolarSpec": "solar."}.get(owner, "") + field
    before, after = ({} if value is None else {f"topology.nodes.gw.{path}": value} for value in (was, now))
    return Move(parameter, before, after, column, sign, "sun")


def job(key: str, now: Any, column: str, sign: str) -> Move:
    return Move(f"Pods.{key}", {}, {f"workloads.job.{key}": now}, column, sign, "pods")


def listed(name: str) -> dict[str, Any]:
    """Pods as a trace has them."""
    return {
        "workloads": [{"kind": "pods", "name": "job", "image": "i", "trace": f"{name}-pods.csv", "format": "openb"}]
    }


MACHINES = [
    pi("cores", 4, 1, "unschedulable_pods", **api(cpu="2")),
    pi("speed", 1, 0.1, "requests.latency_s?flow=ask"),
    pi("ram", "4GiB", "1GiB", "unschedulable_pods", **api(ram="2GiB")),
    pi("disk", "32GB", "2MB", "events.kind?kind=Failed"),
    pi("disk_write", "20MB/s", "100kB/s", "events.time_s?kind=Pulled&node=gw"),
    pi("nic", "1Gbps", "50kbps", "mean_message_age_s"),
    pi(
        "disk_endurance",
        "1TB",
        "2TB",
        "events.time_s?kind=DiskWornOut",
        **fault("wear", node="gw", worn=0.9999, writes="50MB/s"),
    ),
    pi("power.idle", "1W", "3W", "energy_j", **WATTS),
    pi("power.max", "5W", "15W", "energy_j", **WATTS),
    page("nodes.till.boot", "5s", "30s", "down_nodes", **fault("crash", node="d", reboot_after="5s")),
    Move(
        "NodeSpec.labels",
        api(node_selector={"tier": "edge"}),
        api(node_selector={"tier": "edge"}) | {"topology.nodes.gw.labels": {"tier": "edge"}},
        "unschedulable_pods",
        "-",
    ),
    Move("NodeSpec.battery", WATTS, WATTS | {"topology.nodes.gw.battery": {"capacity": "6Wh"}}, "grid_energy_j", "-"),
    pi("platforms", ["linux/arm64"], ["linux/arm/v7"], "events.kind?kind=Failed"),
    page(
        "nodes.x86-edge.kvm",
        True,
        False,
        "refused_nodes",
        "+",
        **UNFIT,
        **{"topology.nodes.gw.model": "x86-edge", "topology.nodes.gw.runtimes": ["containerd/kata"]},
    ),
    page(
        "nodes.edge-server.sgx",
        True,
        False,
        "refused_nodes",
        "+",
        **UNFIT,
        **{"topology.nodes.gw.model": "edge-server", "topology.nodes.gw.runtimes": ["twine"]},
    ),
]
ENERGY = [
    page("batteries.lithium-ion.efficiency", "85%", "50%", "battery_loss_j", "+", base="sun"),
    page("batteries.lithium-ion.charging", "0.5/h", "0.05/h", "curtailed_j", "+", base="sun"),
    page("batteries.lithium-ion.restart", "20%", "40%", "battery_empty_s", "+", base="sun"),
    page("panels.silicon.losses", "14%", "50%", "solar_j", "-", base="sun"),
    sunny("BatterySpec.model", None, "./lead.yaml", "battery_loss_j", "+"),
    sunny("BatterySpec.step", None, "1h", "batteries.node", "-"),
    sunny("SolarSpec.model", None, "./thin.yaml", "solar_j", "-"),
    sunny("NodeSpec.latitude", None, 70.0, "solar_j", "-"),
    sunny("NodeSpec.longitude", None, -60.0, "solar_j", "-"),
    sunny("NodeSpec.solar", {"peak": "1W"}, {"peak": "9W"}, "solar_j", "+"),
]
JOBS = [
    job("arrivals", {"every": "15s"}, "pods.time_s?pod=job-5&state=started", "+"),
    job("count", 9, "pods.pod?state=started", "+"),
    job("cpu", "3.5", "pods.time_s?pod=job-5&state=started", "+"),
    job("ram", "3GiB", "pods.time_s?pod=job-5&state=started", "+"),
    job("node_selector", {"nobody": "has"}, "pods.pod?state=started", "-"),
    job("deadline", "1ns", "missed_deadlines", "+"),
    job("run", "50s", "pods.time_s?state=stopped", "+"),
    Move("Pods.trace", listed("one"), listed("two"), "pods.pod?state=started", "+", "pods"),
    *(
        Move(
            "Pods.accelerator",
            *(BOX_OF_ONE | need for need in ({}, {"workloads.job.accelerator": {"resource": GPU}})),
            "pods.time_s?pod=job-5&state=started",
            "+",
            "pods",
        ),
    ),
    *(
        Move(
            "nodes.accelerator.memory",
            *(
                {
                    "topology.nodes.gw.model": EDGE,
                    "workloads.job.accelerator": {"resource": GPU, "memory": "10GB"},
                    f"facts.nodes.{EDGE}.accelerator.memory": size,
                }
                for size in ("16GB", "8GB")
            ),
            "pods.pod?state=started",
            "-",
            "pods",
        ),
    ),
    Move(
        "Pods.image",
        {"fidelity": "full"},
        {"fidelity": "full", "images": {"i": {**SITE["images"]["i"], "compressed": "100MB"}}},
        "pods.time_s?state=started",
        "+",
        "pods",
    ),
]
