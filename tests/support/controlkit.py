"""A small cluster for tests of the control plane: one machine with the API server, workers around it, fake agents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kubelets import COSTS
from kubelets import SETTINGS as KUBELET
from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.objects import Node, Pod
from simulator.control.api.queue import RetrySettings
from simulator.control.api.server import ApiServer
from simulator.control.controllers.daemonset import DaemonSettings
from simulator.control.controllers.job import JobSettings
from simulator.control.controllers.manager import ControllerManager, ManagerSettings
from simulator.control.delivery.channel import ChannelSettings
from simulator.control.delivery.dialer import BackoffSettings
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.proxy import Proxies, ProxySettings
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.station import HubStation, StationSettings
from simulator.control.delivery.watch import PodWatches, WatchChannel, WatchSettings
from simulator.control.liveness.gc import GcSettings
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.control.liveness.leader import LeaderSettings
from simulator.control.liveness.lease import LeaseSettings
from simulator.control.liveness.monitor import MonitorSettings
from simulator.control.liveness.zones import ZoneSettings
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.runtime.agent import NodeAgent
from simulator.runtime.status import DesiredPod, PodStatus
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.image import Image, ImageStore
from simulator.world.link import LinkRow
from simulator.world.message import Retransmission
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable
from simulator.world.pod import ContainerTemplate, PodTemplate, Toleration
from simulator.world.registry import Registry


@dataclass(frozen=True)
class Numbers:
    """Kubernetes' defaults in seconds, as the reference gives them: what a test moves by a quarter."""

    renew: float = 10.0
    monitor: float = 5.0
    work: tuple[float, float] = (0.01, 0.3)
    grace: float = 40.0
    toleration: int | None = 300
    node_rate: float = 0.1
    secondary_rate: float = 0.01
    unhealthy: float = 0.55
    large_zone: int = 50
    lease: float = 15.0
    renew_deadline: float = 10.0
    retry: float = 2.0
    copies: int = 1
    elect: bool = True
    qps: float = 20.0
    burst: int = 30
    latency: float = 0.005
    watch: float = 0.05
    surge: str = "25%"
    unavailable: str = "25%"
    min_sync: float = 1.0

    def lease_settings(self) -> LeaseSettings:
        return LeaseSettings(round(self.renew * SECOND), 0.04, 200 * MS, 7 * SECOND, TCP)

    def channel(self) -> ChannelSettings:
        backoff = BackoffSettings(800 * MS, 2.0, 30 * SECOND, 1.0, 120 * SECOND, 1 * SECOND, 30 * SECOND)
        return ChannelSettings(30 * SECOND, 15 * SECOND, 200 * MS, 10 * SECOND, 500, backoff)

    def manager(self) -> ManagerSettings:
        zones = ZoneSettings(self.node_rate, self.secondary_rate, self.unhealthy, 2, self.large_zone)
        work = (round(self.work[0] * SECOND), round(self.work[1] * SECOND))
        return ManagerSettings(
            qps=self.qps,
            burst=self.burst,
            latency_ns=round(self.latency * SECOND),
            retry=RetrySettings(5 * MS, 1000 * SECOND, 10.0, 100),
            workers=5,
            daemon_workers=2,
            create_burst=500,
            history=10,
            daemon=DaemonSettings(250, 1 * SECOND, 900 * SECOND),
            job=JobSettings(10 * SECOND, 600 * SECOND),
            gc=GcSettings(20 * SECOND, 40 * SECOND),
            monitor=MonitorSettings(round(self.monitor * SECOND), work, round(self.grace * SECOND), 100 * MS, zones),
            leader=LeaderSettings(
                round(self.lease * SECOND),
                round(self.renew_deadline * SECOND),
                round(self.retry * SECOND),
                1.2,
                self.copies,
                self.elect,
            ),
        )


TCP = Retransmission(200 * MS, 120 * SECOND, 15)


class FakeAgent:
    """A node agent whose pods start and stop after fixed times."""

    def __init__(self, clock: Clock, start_s: float, stop_s: float) -> None:
        self.clock = clock
        self.start_ns = round(start_s * SECOND)
        self.stop_ns = round(stop_s * SECOND)
        self.channel: WatchChannel
        self.pods: dict[int, DesiredPod] = {}
        self.runs: set[int] = set()
        self.starts: dict[int, int] = {}  # uid -> how often it was started
        self.ending: set[int] = set()
        self.life = 0

    def admit(self, desired: DesiredPod) -> None:
        if desired.uid not in self.pods:
            self.pods[desired.uid] = desired
            self.clock.after(self.start_ns, self._started, desired.uid, self.life)

    def _started(self, uid: int, life: int) -> None:
        if life == self.life and uid in self.pods and uid not in self.ending:
            self.runs.add(uid)
            self.starts[uid] = self.starts.get(uid, 0) + 1
            self.channel.status(uid, PodStatus("Running", True))

    def remove(self, uid: int, grace_ns: int | None) -> None:
        if uid not in self.pods:
            self.channel.gone(uid)
        elif uid not in self.ending:
            self.ending.add(uid)
            stop = self.stop_ns if grace_ns is None else min(self.stop_ns, grace_ns)
            self.clock.after(stop, self._stopped, uid, self.life)

    def _stopped(self, uid: int, life: int) -> None:
        if life == self.life:
            del self.pods[uid]
            self.runs.discard(uid)
            self.ending.discard(uid)
            self.channel.gone(uid)

    def sync(self, desired: Sequence[DesiredPod]) -> None:
        wanted = {each.uid: each for each in desired}
        for uid in self.pods.keys() - wanted.keys():
            self.remove(uid, None)
        for uid in wanted.keys() - self.pods.keys():
            self.admit(wanted[uid])

    def stored(self) -> Iterable[int]:
        return tuple(self.pods)

    def crash(self) -> None:
        self.life += 1
        self.pods.clear()
        self.runs.clear()
        self.ending.clear()

    def finish(self, uid: int, phase: str, reason: str = "") -> None:
        """The pod ends by itself."""
        self.runs.discard(uid)
        self.channel.status(uid, PodStatus(phase, False, reason))


class FakePlane:
    """Remembers what was programmed, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.rules: dict[tuple[int, str], tuple[int, ...]] = {}
        self.log: list[tuple[int, int, str, tuple[int, ...]]] = []

    def program(self, proxy_node: int, service: str, pods: tuple[int, ...]) -> None:
        self.rules[proxy_node, service] = pods
        self.log.append((self.clock.now, proxy_node, service, pods))


def template(name: str = "web", *, tolerations: tuple[Toleration, ...] = (), **fields: Any) -> PodTemplate:
    container = ContainerTemplate(name, f"shop/{name}")
    return PodTemplate(name, {"app": name}, (container,), tolerations=tolerations, **fields)


class Cluster:
    """Node 0 is the control plane's machine and no member; workers `w0 …` hang on it, a link `l0 …` each.

    `zones`: the zone of each worker; by default each is a zone of its own, so that no limiter couples them.
    `station`: what the workers send waits at the API server.
    """

    def __init__(
        self,
        workers: int,
        numbers: Numbers | None = None,
        *,
        seed: int = 1,
        zones: Sequence[str] | None = None,
        start_s: float = 0.5,
        stop_s: float = 1.0,
        schedule: bool = True,
        proxies: Sequence[int] = (),
        real: bool = False,
        station: StationSettings | None = None,
    ) -> None:
        self.numbers = numbers or Numbers()
        self.clock, self.rng, self.recorder = Clock(), Rng(seed), Recorder()
        names = ["control", *(f"w{i}" for i in range(workers))]
        zone = ["control", *(zones or [f"z{i}" for i in range(workers)])]
        self.table = NodeTable([_machine(name, z) for name, z in zip(names, zone, strict=True)])
        links = [LinkRow(f"l{i}", 0, i + 1, 10 * MS, 1e8, 1e8) for i in range(workers)]
        self.network = Network(self.clock, self.table, links, self.recorder, self.rng, retransmission=TCP)
        self.server = ApiServer(self.clock, self.recorder, round(self.numbers.watch * SECOND))
        if station is not None:
            self.server.intake = Intake(self.clock, HubStation(self.rng, "api-server", station))
            self.server.up_hooks.append(self.server.intake.server_changed)
        self.nodes = [
            self.server.create(
                Node(name=names[i + 1], zone=zone[i + 1], labels={"kubernetes.io/hostname": names[i + 1]})
            )
            for i in range(workers)
        ]
        self.reach = Reach(self.network, self.server, 0, range(1, workers + 1), 300)
        self.beats = Heartbeats(
            self.clock, self.rng, self.server, self.reach, nodes=self.nodes,
            settings=self.numbers.lease_settings(), intake=self.server.intake,
        )  # fmt: skip
        watch = WatchSettings(self.numbers.channel(), 2000, 500)
        self.watches = PodWatches(
            self.clock, self.rng, self.network, self.server, self.reach, api_node=0, settings=watch
        )
        self.agents: list[FakeAgent] = []
        self.kubelets: list[NodeAgent] = []  # instead of the fakes, where real ones are wanted
        for row in range(workers):
            if real:
                kubelet = self._kubelet(row)
                kubelet.connect(self.watches.attach(kubelet, self.nodes[row], row))
                self.kubelets.append(kubelet)
            else:
                agent = FakeAgent(self.clock, start_s, stop_s)
                agent.channel = self.watches.attach(agent, self.nodes[row], row)
                self.agents.append(agent)
        self.plane = FakePlane(self.clock)
        if proxies:  # rows whose nodes have a service proxy
            settings = ProxySettings(self.numbers.channel(), round(self.numbers.min_sync * SECOND), 2, 300, 100)
            self.proxies = Proxies(
                self.clock, self.rng, self.network, self.server, self.reach, api_node=0, plane=self.plane,
                settings=settings,
            )  # fmt: skip
            for row in proxies:
                self.proxies.attach(self.nodes[row], row)
        self.admission = Admission(self.numbers.toleration)
        self.manager = ControllerManager(
            self.clock, self.rng, self.recorder, self.server, heartbeats=self.beats, admission=self.admission,
            settings=self.numbers.manager(),
        )  # fmt: skip
        if schedule:
            self.scheduler = FakeScheduler(self)
        self.manager.start()

    def run(self, until_s: float) -> None:
        self.clock.run(round(until_s * SECOND))

    def at(self, time_s: float, call: Any, *args: Any) -> None:
        self.clock.at(round(time_s * SECOND), call, *args)

    # Faults.
    def cut(self, row: int, mode: str = "silent", **how: Any) -> int:
        return self.network.cut(row, mode, **how)

    def crash(self, row: int) -> None:
        self.network.set_node(row + 1, False)
        (self.kubelets or self.agents)[row].crash()

    def boot(self, row: int) -> None:
        self.network.set_node(row + 1, True)
        if self.kubelets:
            self.kubelets[row].boot()

    def runs(self, row: int) -> set[int]:
        """The pods that run on a worker."""
        if self.kubelets:
            return {run.uid for run in self.kubelets[row].running() if run.phase == "Running"}
        return self.agents[row].runs

    def _kubelet(self, row: int) -> NodeAgent:
        """A real agent whose node has every image already."""
        images = [Image.equal(f"shop/{name}", compressed=1, unpacked=1, layers=1) for name in ("web", "log")]
        store = ImageStore(64 << 30)
        for image in images:
            for layer in image.layers:
                store.add_layer(layer)
            store.add(image)
        return NodeAgent(
            self.clock,
            self.rng,
            self.recorder,
            self.table,
            row + 1,
            network=self.network,
            registry=Registry(0, images),
            images=store,
            settings=KUBELET,
            runtimes={"runc": COSTS},
        )

    # Objects.
    def pod(self, name: str, row: int, **fields: Any) -> Pod:
        """A pod that runs on a worker from the beginning."""
        made = template(name, **fields)
        pod = Pod(name=name, template=self.admission.admit(made), node=f"w{row}", phase="Running", ready=True)
        pod.ready_ns = 0
        self.server.create(pod)
        self.agents[row].pods[pod.uid] = DesiredPod(pod.uid, pod.name, pod.template)
        self.agents[row].runs.add(pod.uid)
        self.agents[row].channel.status(pod.uid, PodStatus("Running", True))
        return pod

    # What was recorded.
    def events(self, kind: str, detail: str = "") -> list[tuple[float, str]]:
        """(seconds, subject) of each event of this kind, and with this detail if one is given."""
        frame = self.recorder.events.frame()
        rows = frame.select("time_s", "kind", "subject", "detail").rows()
        return [(t, subject) for t, k, subject, d in rows if k == kind and detail in ("", d)]

    def believed(self, name: str) -> list[tuple[float, str]]:
        """(seconds, state) of each change of what is believed of a node."""
        rows = self.recorder.nodes.frame().rows()
        return [(t, state) for t, node, truth, state in rows if node == name and truth == "believed"]


class FakeScheduler:
    """Binds each pod to the node it names, or else to the tolerated node with the fewest pods."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.client = Client(cluster.clock, cluster.server, 50, 100, 5 * MS)
        self.pending: dict[int, Pod] = {}
        self.load: Counter[str] = Counter()  # pods bound, or about to be
        cluster.server.watch(Pod, self._pod)
        cluster.server.watch(Node, lambda _event, _node: self._try())

    def _pod(self, event: str, pod: Pod) -> None:
        if event == "DELETED" or pod.node:
            self.pending.pop(pod.uid, None)
            self.load[pod.node] -= event == "DELETED"
        else:
            self.pending[pod.uid] = pod
            self._try()

    def _try(self) -> None:
        for pod in list(self.pending.values()):
            wanted = pod.template.node_name
            fit = [
                node
                for node in self.cluster.server.list(Node)
                if (not wanted or node.name == wanted)
                and all(
                    t[2] == "PreferNoSchedule" or any(o.tolerates(t) for o in pod.template.tolerations)
                    for t in node.taints
                )
            ]
            if fit:
                best = min(fit, key=lambda node: self.load[node.name])
                self.load[best.name] += 1
                del self.pending[pod.uid]
                self.client.call(self._bind, pod, best.name)

    def _bind(self, pod: Pod, node: str) -> None:
        if not pod.deleted and not pod.node:
            pod.node, pod.scheduled_ns = node, self.cluster.clock.now
            self.cluster.server.changed(pod)
            self.cluster.manager.pods.add(pod)


def _machine(name: str, zone: str) -> NodeRow:
    role = "control-plane" if name == "control" else "worker"
    return NodeRow(name, "test", zone, role, "linux/amd64", 4, 1.0, 8 << 30, 64 << 30, 1e9, 30 * SECOND)


def moved(numbers: Numbers, field: str, factor: float) -> Numbers:
    """The same numbers with one of them moved."""
    value = getattr(numbers, field) * factor
    return replace(numbers, **{field: round(value) if isinstance(getattr(numbers, field), int) else value})
