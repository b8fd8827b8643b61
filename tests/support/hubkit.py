"""A hub over members for tests: one machine each, links between; in the members somebody who starts pods at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

from networks import LINUX, link, node_row
from simulator.control.api.objects import ApiObject, Deployment, Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.clusters.hub import Hub, HubSettings
from simulator.control.clusters.objects import Binding, Work, key_of
from simulator.control.clusters.site import Site
from simulator.engine.clock import Clock
from simulator.facts import Catalogue
from simulator.policy.reference import instantiate
from simulator.record.buffer import Recorder
from simulator.simulation.settings import karmada
from simulator.spec.orchestrator import load_orchestrator
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.network import Network
from simulator.world.node import NodeTable
from simulator.world.pod import ContainerTemplate, PodTemplate

PAGE = "facts.orchestrators.karmada"


@dataclass(frozen=True)
class Page:
    """Karmada's page, at a version, with facts set over it: path below the page -> value."""

    version: str = "1.15"
    facts: tuple[tuple[str, Any], ...] = ()

    def moved(self, path: str, factor: float) -> Page:
        """With one duration or rate moved."""
        base = _catalogue(self).model("orchestrators", f"karmada@{self.version}").quantity(path)
        value = f"{base * factor}/s" if isinstance(base, float) else f"{base * factor / SECOND}s"
        return replace(self, facts=(*self.facts, (path, value)))

    def settings(self) -> HubSettings:
        return _settings(self)


def _catalogue(page: Page) -> Catalogue:
    return Catalogue({f"{PAGE}.{path}": value for path, value in page.facts})


@lru_cache
def _settings(page: Page) -> HubSettings:
    return karmada.hub(load_orchestrator(_catalogue(page), f"karmada@{page.version}"), LINUX, "fallback")


def template(name: str, cpu_m: int = 100) -> PodTemplate:
    return PodTemplate(name, {"app": name}, (ContainerTemplate(name, name, cpu_m=cpu_m),), cpu_m=cpu_m)


class Runner:
    """In a member: makes the pods of each deployment, and has them ready after `start_s`, unless it is told not to."""

    def __init__(self, clock: Clock, server: ApiServer, start_s: float) -> None:
        self.clock, self.server, self.start_ns = clock, server, round(start_s * SECOND)
        self.starts = True
        self._names = count(1)
        server.watch(Deployment, self._changed)

    def _changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Deployment)
        pods = [pod for pod in self.server.list(Pod) if pod.owner is obj and pod.active]
        wanted = 0 if event == "DELETED" else obj.replicas
        for pod in pods[wanted:]:
            self.server.remove(pod)
        for _ in range(wanted - len(pods)):
            pod = self.server.create(Pod(f"{obj.name}-{next(self._names)}", template=obj.template, owner=obj, node="n"))
            self.clock.after(self.start_ns, self._ready, pod)

    def _ready(self, pod: Pod) -> None:
        if self.starts and not pod.deleted:
            pod.phase, pod.ready = "Running", True
            self.server.changed(pod)


class Hubs:
    """Member i is `m{i}`, on machine i + 1, behind link i. `cpu`: cores of each member."""

    def __init__(
        self,
        members: int,
        page: Page | None = None,
        *,
        policy: Any = "clusters/weighted",
        mode: str | Sequence[str] = "push",
        cpu: Sequence[int] = (),
        start_s: float = 1.0,
        seed: int = 1,
        latency_s: float = 0.01,
        loss: float = 0.0,
        settings: HubSettings | None = None,
    ) -> None:
        settings = settings or (page or Page()).settings()
        self.clock, self.rng, self.recorder = Clock(), Rng(seed), Recorder()
        table = NodeTable([node_row(name) for name in ("hub", *(f"api{i}" for i in range(members)))])
        links = [link(0, i + 1, round(latency_s * SECOND), 1e9, loss=loss) for i in range(members)]
        self.network = Network(self.clock, table, links, self.recorder, self.rng, retransmission=LINUX)
        uids = count(1)
        self.servers = [ApiServer(self.clock, self.recorder, 50 * MS, uids) for _ in range(members)]
        for row, server in enumerate(self.servers):
            cores = cpu[row] if cpu else 64
            server.create(Node(f"n{row}", allocatable_cpu_m=cores * 1000, allocatable_ram_bytes=64 << 30))
        self.runners = [Runner(self.clock, server, start_s) for server in self.servers]
        modes = [mode] * members if isinstance(mode, str) else mode
        self.hub = Hub(
            self.clock,
            self.rng,
            self.recorder,
            self.network,
            ApiServer(self.clock, self.recorder, 50 * MS, uids),
            node=0,
            machine="hub",
            sites=[
                Site(f"m{i}", server, i + 1, f"api{i}", modes[i])  # type: ignore[arg-type]
                for i, server in enumerate(self.servers)
            ],
            policy=instantiate(policy, {}, Path()) if isinstance(policy, str) else policy,
            settings=settings,
        )
        self.hub.start()

    def deploy(self, name: str, replicas: int, cpu_m: int = 100) -> Deployment:
        made = Deployment(name, template=template(name, cpu_m), replicas=replicas)
        self.hub.apply([made])
        return made

    def scale(self, deployment: Deployment, replicas: int) -> None:
        deployment.replicas = replicas
        applied = self.hub.applied(deployment)
        assert applied is not None
        self.hub.server.changed(applied)

    def run(self, until_s: float) -> None:
        self.clock.run(round(until_s * SECOND))

    def at(self, time_s: float, call: Callable[..., Any], *args: Any) -> None:
        self.clock.at(round(time_s * SECOND), call, *args)

    def cut(self, row: int, mode: str = "silent", **how: Any) -> int:
        return self.network.cut(row, mode, **how)

    # What is believed, wanted, and runs.
    def binding(self, workload: ApiObject) -> Binding:
        found = self.hub.server.get(Binding, key_of(workload))
        assert found is not None
        return found

    def ready(self, row: int) -> str:
        return self.hub.roster.members[row].ready

    def runs(self, row: int, workload: str = "") -> int:
        """Ready pods in a member."""
        return sum(p.ready and p.active and workload in ("", p.template.workload) for p in self.servers[row].list(Pod))

    def works(self) -> list[Work]:
        return list(self.hub.server.list(Work))

    def believed(self, state: str) -> dict[str, float]:
        """When each member turned to this state first."""
        frame = self.recorder.clusters.frame()
        found: dict[str, float] = {}
        for row in frame.iter_rows(named=True):
            if row["truth"] == "believed" and row["state"] == state and (state != "Ready" or row["time_s"] > 0):
                found.setdefault(row["cluster"], row["time_s"])
        return found

    def events(self, kind: str) -> list[tuple[float, str, str]]:
        """(seconds, subject, detail) of each event of this kind."""
        rows = self.recorder.events.frame().iter_rows(named=True)
        return [(row["time_s"], row["subject"], row["detail"]) for row in rows if row["kind"] == kind]
