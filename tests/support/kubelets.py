"""A registry and some nodes with their agents, for tests: Kubernetes' documented defaults, and one that listens.

Numbers of settings: kubelet and containerd defaults of Kubernetes 1.31; costs are round numbers that tests can add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from networks import LINUX
from simulator.engine.clock import Clock
from simulator.physics.distributions import Constant
from simulator.record.buffer import Recorder
from simulator.runtime.agent import NodeAgent
from simulator.runtime.pod_run import PodRun
from simulator.runtime.settings import AgentSettings, MemorySettings, PullSettings, RuntimeCosts, Step
from simulator.runtime.status import DesiredPod, PodStatus
from simulator.streams import Rng
from simulator.units import MINUTE, MS, SECOND
from simulator.world.image import Image, ImageStore
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable
from simulator.world.pod import ContainerTemplate, PodTemplate
from simulator.world.registry import Registry

MI = 1 << 20
GI = 1 << 30
PULLS = PullSettings(
    parallel=False,
    at_once=None,
    layers_at_once=3,
    registry_qps=5.0,
    registry_burst=10,
    dial_timeout_ns=30 * SECOND,
    stall_ns=5 * MINUTE,
    backoff_first_ns=10 * SECOND,
    backoff_cap_ns=300 * SECOND,
    backoff_reset_ns=600 * SECOND,
)
MEMORY = MemorySettings(
    reserved_bytes=0,
    threshold_bytes=100 * MI,
    check_ns=10 * SECOND,
    cleanup_ns=1 * SECOND,
    transition_ns=5 * MINUTE,
)
SETTINGS = AgentSettings(
    pulls=PULLS,
    memory=MEMORY,
    reserved_cpu_m=0,
    crash_first_ns=10 * SECOND,
    crash_cap_ns=300 * SECOND,
    crash_reset_ns=600 * SECOND,
    relist_ns=1 * SECOND,
    resync_ns=10 * SECOND,
    resync_jitter=0.5,
    status_ns=10 * SECOND,
)
COSTS = RuntimeCosts(
    sandbox=(Step("sandbox", Constant(400 * MS)),),
    create=(Step("create", Constant(100 * MS)),),
    start=(Step("start", Constant(100 * MS)),),
    stop=Constant(0),
)
IMAGE = Image.equal("app", compressed=10_000_000, unpacked=10_000_000, layers=1)


class Listener:
    """An upstream that writes down what it hears, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.statuses: list[tuple[int, int, PodStatus]] = []  # (time, uid, status)
        self.confirmed: list[int] = []
        self.conditions: list[tuple[int, dict[str, bool]]] = []
        self.images: list[dict[str, int]] = []

    def status(self, uid: int, status: PodStatus) -> None:
        self.statuses.append((self.clock.now, uid, status))

    def gone(self, uid: int) -> None:
        self.confirmed.append(uid)

    def node_status(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        self.conditions.append((self.clock.now, conditions))
        self.images.append(images)

    def of(self, uid: int) -> list[PodStatus]:
        return [status for _, one, status in self.statuses if one == uid]

    def when(self, uid: int, reason: str) -> list[int]:
        return [time for time, one, status in self.statuses if one == uid and status.reason == reason]


@dataclass
class Kubelets:
    """Node 0 is the registry; nodes 1 … n have agents, each behind its own link to it."""

    clock: Clock
    recorder: Recorder
    nodes: NodeTable
    network: Network
    agents: list[NodeAgent]
    upstreams: list[Listener]
    served: list[tuple[int, int, bool, str]] = field(default_factory=list)  # (time, uid, up, how)
    uids: int = 0

    @property
    def agent(self) -> NodeAgent:
        return self.agents[0]

    @property
    def upstream(self) -> Listener:
        return self.upstreams[0]

    def run(self, seconds: float) -> None:
        """Let simulated time reach this many seconds."""
        self.clock.run(round(seconds * SECOND))

    def desired(self, name: str = "", **pod: Any) -> DesiredPod:
        self.uids += 1
        return DesiredPod(self.uids, name or f"pod-{self.uids}", template(**pod))

    def admit(self, name: str = "", agent: int = 0, **pod: Any) -> int:
        desired = self.desired(name, **pod)
        self.agents[agent].admit(desired)
        return desired.uid

    def events(self, kind: str, subject: str | None = None) -> list[float]:
        """Times in seconds of the events of a kind."""
        frame = self.recorder.events.frame().to_dicts()
        return [r["time_s"] for r in frame if r["kind"] == kind and subject in (None, r["subject"])]

    def pods(self, truth: str) -> list[tuple[float, str, str]]:
        """(time, pod, state) of the changes of one truth."""
        frame = self.recorder.pods.frame().to_dicts()
        return [(r["time_s"], r["pod"], r["state"]) for r in frame if r["truth"] == truth]

    def note_serving(self, pod: PodRun, up: bool, how: str) -> None:
        if how != "starting":  # it has neither begun to answer nor ceased to
            self.served.append((self.clock.now, pod.uid, up, how))


def container(**fields: Any) -> ContainerTemplate:
    return ContainerTemplate(**({"name": "main", "image": "app"} | fields))


def template(
    *containers: ContainerTemplate,
    init: tuple[ContainerTemplate, ...] = (),
    pod: Mapping[str, Any] | None = None,
    **fields: Any,
) -> PodTemplate:
    """A pod of one container unless they are given; `fields` are the container's, `pod` the pod's."""
    all_of_it = containers or (container(**fields),)
    requests = {
        "cpu_m": sum(c.cpu_m for c in all_of_it),
        "ram_bytes": sum(c.ram_bytes for c in all_of_it),
    }
    return PodTemplate("shop", {}, all_of_it, init, **(requests | dict(pod or {})))


def kubelets(
    count: int = 1,
    *,
    images: Iterable[Image] = (IMAGE,),
    cached: bool = True,
    settings: AgentSettings = SETTINGS,
    costs: RuntimeCosts = COSTS,
    bps: float = 100e6,
    latency_ns: int = 0,
    disk_bytes_per_s: float = 1e18,
    seed: int = 1,
    system_bytes: int = 0,
    downloads_at_once: int | None = None,
    **row: Any,
) -> Kubelets:
    """The world; with `cached`, every node has every image already. Disks write at once unless told otherwise."""
    clock, recorder, rng = Clock(), Recorder(), Rng(seed)
    base = NodeRow(
        name="registry",
        model="box",
        zone="z",
        role="registry",
        platform="linux/amd64",
        cores=4,
        speed=1.0,
        ram_bytes=4 * GI,
        disk_bytes=64 * GI,
        disk_write_bytes_per_s=disk_bytes_per_s,
        boot_ns=0,
    )
    members = [replace(base, name=f"node-{i}", role="worker", **row) for i in range(count)]
    nodes = NodeTable([base, *members])
    links = [LinkRow(f"link-{i}", 0, i + 1, latency_ns, bps, bps) for i in range(count)]
    network = Network(clock, nodes, links, recorder, rng, retransmission=LINUX)
    registry = Registry(0, images, downloads_at_once)
    kit = Kubelets(clock, recorder, nodes, network, [], [])
    for node in range(1, count + 1):
        store = ImageStore(base.disk_bytes)
        if cached:
            for image in registry.images.values():
                for layer in image.layers:
                    store.add_layer(layer)
                store.add(image)
        upstream = Listener(clock)
        agent = NodeAgent(
            clock,
            rng,
            recorder,
            nodes,
            node,
            network=network,
            registry=registry,
            images=store,
            settings=settings,
            runtimes={"runc": costs},
            system_bytes=system_bytes,
        )
        agent.connect(upstream)
        agent.serving_hooks.append(kit.note_serving)
        kit.agents.append(agent)
        kit.upstreams.append(upstream)
    return kit
