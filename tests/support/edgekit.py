"""A small KubeEdge: one machine with the API server and CloudCore, edge nodes around it, fake agents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from controlkit import TCP, FakeAgent, FakePlane, Numbers, template
from simulator.control.api.admission import Admission
from simulator.control.api.objects import Node, Pod
from simulator.control.api.queue import RetrySettings
from simulator.control.api.server import ApiServer
from simulator.control.controllers.manager import ControllerManager
from simulator.control.delivery.acked_push import AckedPush, AckedPushSettings
from simulator.control.delivery.cloudcore import CloudCore
from simulator.control.delivery.dial_cycle import DialSettings
from simulator.control.delivery.edge_pods import EdgePods, EdgePodSettings
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.mesh import Mesh
from simulator.control.delivery.proxy import Proxies, ProxySettings
from simulator.control.delivery.push import PushSettings
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.session import Session, SessionSettings
from simulator.control.delivery.station import HubStation, StationSettings
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.control.liveness.session import SessionWays
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.runtime.status import DesiredPod, PodStatus
from simulator.streams import Rng
from simulator.traffic.buffers.channel import HubChannel, HubSettings
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable


@dataclass(frozen=True)
class EdgeNumbers(Numbers):
    """Kubernetes' and KubeEdge's defaults in seconds, as the reference gives them."""

    keepalive: float = 15.0
    cloud_timeout: float = 30.0
    dials: int = 5
    gap: float = 5.0
    pause: float = 30.0
    ack_timeout: float = 5.0
    sends: int = 5
    resync: float = 5.0
    write: float = 0.01
    limit: int = 500
    rate: float = 30.0
    burst: int = 60
    one_way: float = 0.01  # latency of a link
    restores: bool = True
    in_flight: int = 1
    pending: int = 1

    def session(self) -> SessionSettings:
        dial = DialSettings(self.dials, ns(self.gap), ns(self.pause), True, 30 * SECOND, SECOND)
        return SessionSettings(
            ns(self.keepalive), ns(self.cloud_timeout), 2000, dial, TCP
        )  # fmt: skip

    def push(self) -> AckedPushSettings:
        retry = RetrySettings(5 * MS, 1000 * SECOND, 10.0, 100)
        return AckedPushSettings(
            PushSettings(self.in_flight, self.pending, ns(self.ack_timeout), self.sends, retry), ns(self.resync), 500
        )


def ns(seconds: float) -> int:
    return round(seconds * SECOND)


class EdgeCluster:
    """Node 0 is the cloud's machine and no member; edge nodes `w0 …` hang on it, a link `l0 …` each, zones apart.

    `station`: what the edge nodes send waits at CloudCore.
    """

    def __init__(
        self,
        nodes: int,
        numbers: EdgeNumbers | None = None,
        *,
        seed: int = 1,
        lossless: bool = True,
        station: StationSettings | None = None,
    ) -> None:
        self.numbers = n = numbers or EdgeNumbers()
        self.clock, self.rng, self.recorder = Clock(), Rng(seed), Recorder()
        names = ["control", *(f"w{i}" for i in range(nodes))]
        self.table = NodeTable([_machine(name) for name in names])
        links = [LinkRow(f"l{i}", 0, i + 1, ns(n.one_way), 1e8, 1e8) for i in range(nodes)]
        self.network = Network(self.clock, self.table, links, self.recorder, self.rng, retransmission=TCP)
        self.server = ApiServer(self.clock, self.recorder, ns(n.watch))
        self.nodes = [self.server.create(Node(name=name, zone=f"z-{name}")) for name in names[1:]]
        self.reach = Reach(self.network, self.server, 0, range(1, nodes + 1), 300)
        self.core = CloudCore(
            self.clock, self.rng, self.recorder, self.network, node=0, limit=n.limit, settings=n.session()
        )
        if station is not None:
            self.core.intake = Intake(self.clock, HubStation(self.rng, "cloudcore", station))
            for process in (self.core, self.server):
                process.up_hooks.append(self.core.intake.server_changed)
        hub = self.hub = Reach(self.network, self.core, 0, range(1, nodes + 1), 300)
        self.core.listen(hub)
        self.push = AckedPush(self.clock, self.rng, self.recorder, self.server, self.core, settings=n.push())
        settings = EdgePodSettings(2000, 500, ns(n.write), 10 * SECOND, n.restores)
        self.pods = EdgePods(
            self.clock, self.rng, self.recorder, self.server, self.core, push=self.push, reach=hub, settings=settings
        )
        self.plane = FakePlane(self.clock)
        proxies = ProxySettings(n.channel(), SECOND, 2, 300, 100)
        self.proxies = Proxies(
            self.clock, self.rng, self.network, self.server, self.reach, api_node=0, plane=self.plane, settings=proxies
        )
        self.mesh = Mesh(self.plane, self.proxies, self.push, hub)
        self.agents: list[FakeAgent] = []
        for row in range(nodes):
            agent = FakeAgent(self.clock, 0.5, 1.0)
            agent.channel = self.pods.attach(agent, self.nodes[row], row)  # type: ignore[assignment]  # another upstream
            self.mesh.attach(self.pods, self.nodes[row], row)
            self.agents.append(agent)
        self.sessions: list[Session] = [self.core.sessions[row + 1] for row in range(nodes)]
        ways = self.ways = SessionWays(self.reach, self.server, dict(enumerate(self.sessions)))
        self.beats = Heartbeats(
            self.clock, self.rng, self.server, ways, nodes=self.nodes, settings=n.lease_settings(),
            intake=self.core.intake,
        )  # fmt: skip
        for row, session in enumerate(self.sessions):
            session.sends_next = lambda row=row: self.beats.attempt(row)
            law = HubSettings(ns(1 / n.rate), n.burst, 1024, True, "lose")
            session.leaves = HubChannel(row + 1, 0, law).take  # without readings
        self.admission = Admission(n.toleration, "app-offline.kubeedge.io=autonomy")
        self.manager = ControllerManager(
            self.clock, self.rng, self.recorder, self.server, heartbeats=self.beats, admission=self.admission,
            settings=n.manager(),
        )  # fmt: skip
        self.manager.start()

    def run(self, until_s: float) -> None:
        self.clock.run(ns(until_s))

    def at(self, time_s: float, call: Any, *args: Any) -> None:
        self.clock.at(ns(time_s), call, *args)

    # Faults.
    def cut(self, row: int, mode: str = "silent", lasts: float | None = None, **how: Any) -> None:
        token = self.network.cut(row, mode, **how)
        if lasts is not None:
            self.clock.after(ns(lasts), self.network.mend, row, token)

    def crash(self, row: int) -> None:
        self.network.set_node(row + 1, False)
        self.agents[row].crash()

    def boot(self, row: int) -> None:
        self.network.set_node(row + 1, True)

    # Objects.
    def pod(self, name: str, row: int, **fields: Any) -> Pod:
        """A pod that runs on a node from the beginning, written there and acknowledged."""
        made = self.admission.admit(template(name, **fields))
        pod = Pod(name=name, template=made, node=f"w{row}", phase="Running", ready=True, ready_ns=0)
        self.server.create(pod)
        self.pods.file(pod)
        self.agents[row].pods[pod.uid] = DesiredPod(pod.uid, pod.name, pod.template)
        self.agents[row].runs.add(pod.uid)
        self.pods.node(row)._said[pod.uid] = PodStatus("Running", True)
        return pod

    def bind(self, name: str, row: int) -> Pod:
        """A pod that is bound to a node now."""
        pod = self.server.create(Pod(name=name, template=template(name)))
        pod.node = f"w{row}"
        self.server.changed(pod)
        return pod

    # What was recorded.
    def events(self, kind: str) -> list[tuple[float, str]]:
        """(seconds, subject) of each event of this kind."""
        rows = self.recorder.events.frame().select("time_s", "kind", "subject").rows()
        return [(t, subject) for t, k, subject in rows if k == kind]

    def believed(self, name: str) -> list[tuple[float, str]]:
        """(seconds, state) of each change of what is believed of a node."""
        rows = self.recorder.nodes.frame().rows()
        return [(t, state) for t, node, truth, state in rows if node == name and truth == "believed"]

    def deliveries(self, kind: str, *events: str) -> list[tuple[float, str, str, str]]:
        """(seconds, node, about, cause) of the rows of one kind with one of these events."""
        rows = self.recorder.deliveries.frame().iter_rows(named=True)
        return [
            (r["time_s"], r["node"], r["about"], r["cause"]) for r in rows if r["kind"] == kind and r["event"] in events
        ]


def _machine(name: str) -> NodeRow:
    role = "control-plane" if name == "control" else "worker"
    return NodeRow(name, "test", f"z-{name}", role, "linux/amd64", 4, 1.0, 8 << 30, 64 << 30, 1e9, 30 * SECOND)
