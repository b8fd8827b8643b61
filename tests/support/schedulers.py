"""A small control plane with a scheduler, its numbers read from the shipped page of Kubernetes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from simulator.control.api.client import Client
from simulator.control.api.objects import Node, Pod, ReplicaSet
from simulator.control.api.server import ApiServer
from simulator.control.scheduling import Sampling, Scheduler, SchedulerSettings
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.pod import ContainerTemplate, PodTemplate

GI = 1 << 30
MI = 1 << 20
_UNITS = {"s": SECOND, "ms": MS, "min": 60 * SECOND, "MiB": MI, "millicores": 1, "count": 1, "ratio": 1, "/s": 1}


@cache
def page() -> Mapping[str, Any]:
    """The scheduler's mechanism as the shipped page has it."""
    text = (files("simulator.shipped.models") / "orchestrators" / "kubernetes.yaml").read_text("utf-8")
    framework: Mapping[str, Any] = yaml.safe_load(text)["facts"]["scheduling"][0]
    return framework


def number(page: Mapping[str, Any], *path: str) -> Any:
    """A fact of the page in base units (ns, bytes, millicores)."""
    fact: Any = page
    for part in path:
        fact = fact[part]
    return fact["value"] * _UNITS[fact["unit"]]


def kubernetes(**changes: Any) -> SchedulerSettings:
    """Kubernetes' scheduler, with some settings changed. A cycle takes no time unless a test says so."""
    p = page()
    settings = SchedulerSettings(
        filters=tuple(p["filters"]),
        scores=tuple((name, number(p, "scores", name)) for name in p["scores"]),
        sampling=Sampling(
            *(number(p, "sample", k) for k in ("least_nodes", "base_percent", "nodes_per_percent", "least_percent"))
        ),
        cycle_ns=0,
        backoff_first_ns=number(p, "backoff", "first"),
        backoff_cap_ns=number(p, "backoff", "cap"),
        backoff_flush_ns=number(p, "backoff", "flush"),
        leftover_age_ns=number(p, "leftover", "age"),
        leftover_flush_ns=number(p, "leftover", "flush"),
        unset_cpu_m=number(p, "unset", "cpu"),
        unset_ram_bytes=number(p, "unset", "ram"),
        image_least_bytes=number(p, "image_locality", "least"),
        image_most_bytes=number(p, "image_locality", "most"),
        default_spread=(
            ("kubernetes.io/hostname", number(p, "default_spread", "hostname")),
            ("topology.kubernetes.io/zone", number(p, "default_spread", "zone")),
        ),
        hard_affinity_weight=number(p, "hard_affinity_weight"),
    )
    return replace(settings, **changes)


def node(name: str, cpu_m: int = 4000, ram_bytes: int = 8 * GI, **fields: Any) -> Node:
    """A node of the API server, Ready."""
    given: dict[str, Any] = {"zone": "z", "platform": "linux/amd64"}
    return Node(name=name, allocatable_cpu_m=cpu_m, allocatable_ram_bytes=ram_bytes, **(given | fields))


def template(cpu_m: int = 100, ram_bytes: int = 128 * MI, workload: str = "app", **fields: Any) -> PodTemplate:
    """A pod of one container, whose requests are the pod's."""
    container = ContainerTemplate(
        "main", "img", cpu_m, ram_bytes, has_cpu_request=cpu_m > 0, has_ram_request=ram_bytes > 0
    )
    given: dict[str, Any] = {"labels": {"app": workload}, "containers": (container,), "cpu_m": cpu_m}
    return PodTemplate(workload=workload, **(given | {"ram_bytes": ram_bytes} | fields))


class Plane:
    """Clock, API server, client and scheduler, with nodes and pods as a test makes them."""

    def __init__(
        self,
        nodes: int | list[Node] = 0,
        policy: Any = None,
        settings: SchedulerSettings | None = None,
        *,
        qps: float | None = None,
        burst: int | None = None,
        seed: int = 1,
        watch_ns: int = 0,
    ) -> None:
        p = page()
        self.clock, self.recorder, self.rng = Clock(), Recorder(), Rng(seed)
        self.server = ApiServer(self.clock, self.recorder, watch_ns)
        self.client = Client(
            self.clock, self.server, qps or number(p, "qps"), burst or number(p, "burst"), latency_ns=0
        )
        for each in [node(f"n{i}") for i in range(nodes)] if isinstance(nodes, int) else nodes:
            self.server.create(each)
        self.clock.run(0)
        self.scheduler = Scheduler(
            self.clock, self.rng, self.recorder, self.server, self.client, policy=policy,
            settings=settings or kubernetes(),
        )  # fmt: skip
        self.clock.run(0)
        self.sets: dict[int, ReplicaSet] = {}

    def pod(self, name: str, of: PodTemplate | None = None, *, owned: bool = False) -> Pod:
        """Create a pod now; `owned` gives it a ReplicaSet, one per template object."""
        of = of or template()
        owner = None
        if owned:
            owner = self.sets.setdefault(id(of), ReplicaSet(name=f"{of.workload}-rs", template=of))
        return self.server.create(Pod(name=name, template=of, owner=owner))

    def run(self, seconds: float) -> None:
        """Let this much time pass."""
        self.clock.run(self.clock.now + round(seconds * SECOND))

    def places(self) -> dict[str, str]:
        """Each pod's node, as the API server has it."""
        return {pod.name: pod.node for pod in self.server.list(Pod)}

    def decisions(self) -> list[dict[str, Any]]:
        """The decisions table."""
        return self.recorder.decisions.frame().to_dicts()

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a kind."""
        return [row for row in self.recorder.events.frame().to_dicts() if row["kind"] == kind]
