"""A hub of agreements with many nodes around it, for tests: Open Horizon's own page, with numbers moved at will."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from networks import LINUX
from simulator.control.api.objects import ApiObject, DaemonSet, Deployment, Pod, Service
from simulator.engine.clock import Clock
from simulator.facts import Catalogue
from simulator.faults import Power, apply_crash, apply_cut
from simulator.record.buffer import Recorder
from simulator.simulation.clusters.horizon import AgreementCluster
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.simulation.runtimes import RuntimeTable
from simulator.spec.orchestrator import load_orchestrator
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.image import Image
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable
from simulator.world.pod import ContainerTemplate, PodTemplate, Requirement
from simulator.world.registry import Registry

PAGE = "facts.orchestrators.open-horizon."
GI = 1 << 30


class NoPlane:
    """Who would forward requests: it writes down what it was told."""

    def __init__(self) -> None:
        self.rules: dict[tuple[int, str], tuple[int, ...]] = {}

    def program(self, proxy_node: int, service: str, pods: tuple[int, ...]) -> None:
        self.rules[proxy_node, service] = pods


def template(workload: str = "app", image: str = "app", **pod: Any) -> PodTemplate:
    return PodTemplate(workload, {"app": workload}, (ContainerTemplate("main", image),), **pod)


def per_node(name: str = "app", **pod: Any) -> DaemonSet:
    return DaemonSet(name, template=template(name, **pod))


def service(name: str = "app") -> Service:
    return Service(name, selector=(Requirement("app", "In", (name,)),))


class Horizon:
    """Machine 0 is the hub's; workers 1 … n have links of their own to it. Times in seconds."""

    def __init__(
        self,
        count: int,
        facts: Mapping[str, Any] | None = None,
        *,
        seed: int = 1,
        platforms: Sequence[str] = ("linux/amd64",),
        zones: Sequence[str] = ("edge",),
        bps: float = 100e6,
        latency_ns: int = 10 * MS,
        loss: float = 0.0,
        boot_s: float = 10.0,
    ) -> None:
        catalogue = Catalogue({PAGE + path: value for path, value in (facts or {}).items()})
        assert catalogue.check_overrides() == []
        self.page = load_orchestrator(catalogue, "open-horizon")
        self.clock, self.recorder, rng = Clock(), Recorder(), Rng(seed)

        def machine(name: str, number: int, role: str) -> NodeRow:
            return NodeRow(
                name=name,
                model="box",
                zone="cloud" if role == "control-plane" else zones[number % len(zones)],
                role=role,
                platform="linux/amd64" if role == "control-plane" else platforms[number % len(platforms)],
                cores=4,
                speed=1.0,
                ram_bytes=8 * GI,
                disk_bytes=32 * GI,
                disk_write_bytes_per_s=1e9,
                boot_ns=round(boot_s * SECOND),
                runtimes=("containerd/runc",),
                labels={"name": name, "site": zones[number % len(zones)]},
            )

        rows = [machine("hub", 0, "control-plane"), *(machine(f"n{i}", i, "worker") for i in range(count))]
        links = [LinkRow(f"wan-{i}", 0, i + 1, latency_ns, bps, bps, loss=loss) for i in range(count)]
        self.nodes = NodeTable(rows)
        self.network = Network(self.clock, self.nodes, links, self.recorder, rng, retransmission=LINUX)
        images = [Image.equal("app", compressed=1_000_000, unpacked=1_000_000, layers=1)]
        registry = Registry(0, images)
        self.plane = NoPlane()
        world = World(self.clock, rng, self.recorder, self.nodes, self.network, registry, LINUX)
        layout = Layout(tuple(rows), tuple(links), tuple(range(count + 1)), (0,), 0)
        self.cluster = AgreementCluster(world, layout, self.page, RuntimeTable(catalogue), plane=self.plane)
        self.cluster.start()

    def apply(self, *objects: ApiObject) -> None:
        self.cluster.apply(objects)

    def run(self, until: float) -> None:
        self.clock.run(round(until * SECOND))

    def cut(self, number: int, at: float, lasts: float | None, mode: str = "silent", loss: float = 0.0) -> None:
        """Cut the link of worker `number` (from 0)."""
        duration = None if lasts is None else round(lasts * SECOND)
        apply_cut(
            self.clock, self.network, self.recorder, number, at=round(at * SECOND), duration=duration, mode=mode,
            loss=loss,
        )  # fmt: skip

    def crash(self, number: int, at: float, reboot_after: float | None) -> None:
        wait = None if reboot_after is None else round(reboot_after * SECOND)
        agent = self.cluster.agents[number + 1]
        machine = Power(self.clock, self.network, self.nodes, self.recorder, number + 1, agent=agent)
        apply_crash(self.clock, machine, at=round(at * SECOND), reboot_after=wait)

    # What is seen.

    def pods(self, truth: str, state: str | Sequence[str]) -> pl.DataFrame:
        states = [state] if isinstance(state, str) else list(state)
        frame = self.recorder.pods.frame()
        return frame.filter((pl.col("truth") == truth) & pl.col("state").is_in(states))

    def times(self, kind: str, detail: str | None = None) -> dict[str, list[float]]:
        """By node: when events of a kind happened."""
        frame = self.recorder.events.frame().filter(pl.col("kind") == kind)
        found: dict[str, list[float]] = {}
        for row in frame.iter_rows(named=True):
            if detail is None or row["detail"] == detail:
                found.setdefault(row["node"], []).append(row["time_s"])
        return found

    def believed(self) -> list[Pod]:
        return list(self.cluster.server.list(Pod))

    def running(self, number: int) -> list[str]:
        return [run.name for run in self.cluster.agents[number + 1].running() if run.main.state == "running"]


__all__ = ["PAGE", "Deployment", "Horizon", "NoPlane", "per_node", "service", "template"]
