"""Operating systems of hosts: what they admit and refuse, what they take, and what they bring."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from commands import here, littoral
from scenarios import cluster_of, run, simulation, world_of
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.simulation.plan import read
from simulator.simulation.systems import at_once, host_settings
from simulator.spec.scenario import Scenario
from simulator.units import SECOND

__all__ = ["here"]  # a fixture
ON_BOX = {"kubernetes.io/hostname": "box"}


def world(box: dict[str, Any], orchestrator: str = "k3s", **more: Any) -> dict[str, Any]:
    """A box at the end of a line of 100 Mbit/s that runs one pod."""
    return {
        "duration": "10min",
        "orchestrator": orchestrator,
        "topology": {
            "nodes": [
                {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                {"name": "box", "model": "edge-server", "zone": "site", **box},
            ],
            "links": [{"name": "line", "between": ["cloud", "box"], "latency": "1ms", "rate": "100Mbps"}],
        },
        "images": {"app": {"compressed": "1MB", "unpacked": "2MB", "platforms": ["linux/amd64", "linux/arm/v7"]}},
        "workloads": [{"kind": "service", "name": "app", "image": "app", "node_selector": ON_BOX, "ram": "10MB"}],
        **more,
    }


def said(box: dict[str, Any], orchestrator: str = "k3s") -> list[str]:
    """What is said against the box."""
    try:
        read(Scenario.parse(world(box, orchestrator)), seed=1)
    except UserError as error:
        return [problem.message for problem in error.problems]
    return []


KVM_LESS = {"model": "visionfive-2", "platform": "linux/riscv64"}


@pytest.mark.parametrize(
    ("box", "orchestrator", "why"),
    [
        ({"system": "eve-os", "ram": "512MB"}, "k3s", ""),
        ({"system": "eve-os", "ram": "511MB", "role": "device"}, "k3s", "its ram is 511 MB"),
        ({"system": "eve-os", "platform": "linux/arm/v7"}, "k3s", "it is linux/arm/v7"),
        ({"system": "eve-os", **KVM_LESS, "role": "device"}, "k3s", "runs no virtual machines"),
        ({"system": "pantavisor-linux", "ram": "64MB", "role": "device"}, "k3s", ""),
        ({"system": "pantavisor-linux", "ram": "63MB", "role": "device"}, "k3s", "its ram is 63 MB"),
        ({"system": "pantavisor-linux", "disk": "49MB", "role": "device"}, "k3s", "its disk is 49 MB"),
        ({"system": "pantavisor-linux"}, "open-horizon", ""),
        ({"system": "balena-os", "platform": "linux/arm/v7"}, "open-horizon", ""),
        # EVE-OS runs containers, virtual machines and Kubernetes together; the others run less.
        ({"system": "eve-os", "runtimes": ["containerd/runc", "containerd/kata", "firecracker/unikraft"]}, "k3s", ""),
        ({"system": "k3os", "runtimes": ["containerd/kata"]}, "k3s", "runs no vm"),
        ({"system": "k3os", "runtimes": ["firecracker/unikraft"]}, "k3s", "runs no unikernel"),
        ({"system": "balena-os"}, "k3s", "runs no Kubernetes, so no k3s"),
        ({"system": "k3os"}, "k3s", ""),
        ({"system": "k3os"}, "kubernetes", "comes with k3s, not with kubernetes"),
        ({"system": "balena-os", "runtimes": ["docker/runc"]}, "open-horizon", "the engine balena-engine, not docker"),
        ({"system": "balena-os", "runtimes": ["balena-engine/crun"]}, "open-horizon", ""),
        ({"system": "balena"}, "k3s", "balena"),
    ],
)  # fmt: skip
def test_hardware_engine_runtimes_and_orchestrator_are_admitted_or_refused(
    box: dict[str, Any], orchestrator: str, why: str
) -> None:
    found = said(box, orchestrator)
    assert [why in each for each in found] == ([True] if why else []), found


def test_a_refusal_stands_at_its_line(here: Path) -> None:
    (here / "x.yaml").write_text(
        "question: Does it fit?\nscenario:\n  duration: 1min\n  topology:\n    nodes:\n"
        "      - {name: cloud, model: cloud-vm, role: control-plane}\n"
        "      - {name: box, model: edge-server, ram: 256MB, system: eve-os, role: device}\n"
        "    links:\n      - {name: line, between: [cloud, box], model: lte}\n"
    )
    answer = littoral("check", "x.yaml")
    assert answer.status == 2
    assert "x.yaml:7: node box (edge-server) cannot have EVE-OS: its ram is 256 MB" in answer.err + answer.out
    assert "EVE-OS needs 512 MB" in answer.err + answer.out


def test_its_boot_is_the_machines_and_its_engine_too() -> None:
    sim = simulation(world({"system": "balena-os"}, "open-horizon"))
    row = world_of(sim).nodes.rows[1]
    assert (row.boot_ns, row.runtimes) == (35 * SECOND, ("balena-engine/runc",))
    own = simulation(world({"system": "balena-os", "boot": "7s"}, "open-horizon"))
    assert world_of(own).nodes.rows[1].boot_ns == 7 * SECOND
    crash = [{"kind": "crash", "node": "box", "at": "1min", "reboot_after": "10s"}]
    events = run(world({"system": "balena-os"}, "open-horizon", faults=crash)).table("events")
    assert events.filter(pl.col("kind") == "NodeBooted")["time_s"].to_list() == [60 + 10 + 35]


def test_its_footprint_takes_ram_and_holds_its_engines_daemon() -> None:
    """EVE-OS's 640 MB contain containerd's 57; balenaOS's 128 its engine's 35; Pantavisor is its engine."""
    free = {
        system: cluster_of(simulation(world({"system": system} if system else {}, orchestrator))).agents[1]
        for system, orchestrator in (("", "k3s"), ("eve-os", "k3s"))
    }
    assert free[""].available_ram_bytes - free["eve-os"].available_ram_bytes == (640 - 57) * 10**6
    rows = [
        world_of(simulation(world({"system": s}, "open-horizon"))).nodes.rows[1]
        for s in ("balena-os", "pantavisor-linux")
    ]
    assert [row.system_bytes for row in rows] == [(128 - 35) * 10**6, 0]


def test_left_out_a_machine_is_no_member_and_counted() -> None:
    found = run(world({"system": "eve-os", "ram": "256MB"}, unfit="leave-out"))
    assert found.summary["refused_nodes"] == 1
    assert found.summary["pods_started"] == 0
    assert any("node box was left out" in note and "cannot have EVE-OS" in note for note in found.warnings)
    assert run(world({"system": "eve-os"}, unfit="leave-out")).summary["refused_nodes"] == 0


def test_left_out_for_its_engine_or_its_orchestrator() -> None:
    """Docker on a node too small for it; a platform that the orchestrator has no agent for."""
    small = {"ram": "200MB", "runtimes": ["docker/runc"]}
    assert run(world(small, "open-horizon", unfit="leave-out")).summary["refused_nodes"] == 1
    assert run(world({**small, "ram": "256MB"}, "open-horizon", unfit="leave-out")).summary["refused_nodes"] == 0
    assert run(world({"platform": "linux/riscv64"}, unfit="leave-out")).summary["refused_nodes"] == 1


def test_a_control_plane_is_never_left_out() -> None:
    data = world({}, unfit="leave-out")
    data["topology"]["nodes"][0]["ram"] = "100MB"
    with pytest.raises(UserError, match="cloud"):
        read(Scenario.parse(data), seed=1)


@pytest.mark.parametrize(
    ("system", "kept", "back"),
    [
        ("eve-os", 16 + 500 / 240 + 60 + 60 + 600, 16 + 500 / 240 + 60 + 60 + 300 + 60 + 60),
        ("balena-os", 1.6 + 500 / 240 + 35 + 60, 1.6 + 500 / 240 + 35 + 900 + 35),
        ("pantavisor-linux", 16 + 500 / 240 + 10 + 25, 16 + 500 / 240 + 10 + 120 + 10),
        ("k3os", 16 + 500 / 240 + 20.67, None),
    ],
)
def test_an_update_takes_what_each_systems_page_says(system: str, kept: float, back: float | None) -> None:
    """200 MB at 100 Mbit/s take 16 s, 500 MB at 240 MB/s are written in 2.08 s; boots, trial and delays follow."""
    orchestrator = "k3s" if system in ("eve-os", "k3os") else "open-horizon"
    update = {"kind": "host-update", "node": "box", "at": "5min", "compressed": "200MB", "unpacked": "500MB"}

    def ended(health: str) -> tuple[str, float]:
        data = world({"system": system}, orchestrator, faults=[{**update, "health": health}], duration="30min")
        found = run(data)
        events = found.table("events")
        rows = events.filter(pl.col("kind").is_in(["HostUpdateCommitted", "HostRolledBack"])).select("kind", "time_s")
        ((kind, time),) = rows.rows()
        assert found.summary["host_commits"] == (kind == "HostUpdateCommitted")
        assert found.summary["host_rollbacks"] == (kind == "HostRolledBack")
        assert kind == "HostRolledBack" or found.summary["host_update_s"] == pytest.approx(time - 300)
        return kind, time - 300

    assert ended("good") == ("HostUpdateCommitted", pytest.approx(kept, abs=1e-6))
    expected = ("HostUpdateCommitted", kept) if back is None else ("HostRolledBack", back)
    assert ended("bad") == (expected[0], pytest.approx(expected[1], abs=1e-6))


def test_pods_of_an_updated_host_come_back() -> None:
    update = {"kind": "host-update", "node": "box", "at": "3min", "compressed": "20MB", "unpacked": "50MB"}
    pods = run(world({"system": "pantavisor-linux"}, "open-horizon", faults=[update])).table("pods")
    states = pods.filter(pl.col("truth") == "running")["state"].to_list()
    assert states == ["started", "stopped", "started"]


def test_a_host_update_needs_a_system() -> None:
    update = {"kind": "host-update", "node": "box", "at": "3min", "compressed": "20MB", "unpacked": "50MB"}
    with pytest.raises(UserError, match="box names no operating system"):
        simulation(world({}, faults=[update]))


def test_what_the_pages_say_of_updates() -> None:
    catalogue = Catalogue()
    assert at_once(catalogue, "k3os") == 1
    assert at_once(catalogue, "eve-os") is None
    assert not host_settings(catalogue, "k3os").rolls_back
    over = Catalogue({"facts.systems.eve-os.survives_power_cut": False})
    assert (host_settings(catalogue, "eve-os").whole, host_settings(over, "eve-os").whole) == (True, False)
