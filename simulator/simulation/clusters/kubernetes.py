"""One cluster over its members: an orchestrator's page, joined to the machines that it runs on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, DaemonSet, Deployment, Job, Node, ReplicaSet
from simulator.control.api.server import ApiServer
from simulator.control.controllers.daemonset import eligible
from simulator.control.controllers.manager import ControllerManager
from simulator.control.delivery.proxy import Plane, Proxies
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.watch import PodWatches
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.control.scheduling.answering import Policy
from simulator.control.scheduling.scheduler import Scheduler
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.faults import Switch
from simulator.runtime.agent import NodeAgent
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout, components_on
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.mechanism import Framework, Lease, Server, Taints, Watch
from simulator.spec.orchestrator import Orchestrator
from simulator.world.image import ImageStore
from simulator.world.node import NodeRow


class Cluster:
    """Control plane and agents of one cluster. `agents` and `node_objects` by the index of their machine."""

    __slots__ = ("agents", "manager", "node_objects", "page", "proxies", "reach", "scheduler", "server", "watches")

    def __init__(
        self,
        world: World,
        layout: Layout,
        page: Orchestrator,
        runtimes: RuntimeTable,
        *,
        plane: Plane,
        policy: Policy | None,
        scheduling: SchedulerSettings,
    ) -> None:
        clock, rng, recorder, network = world.clock, world.rng, world.recorder, world.network
        self.page = page
        watch, frame, beat = page.get(Watch), page.get(Framework), page.get(Lease)
        self.server = server = ApiServer(clock, recorder, watch.watch_latency, world.uids)
        self.reach = reach = Reach(network, server, layout.api, layout.members, beat.bytes)
        agent_settings = settings.agent(page)
        self.watches = PodWatches(
            clock, rng, network, server, reach, api_node=layout.api, settings=settings.watch(page)
        )  # fmt: skip
        self.proxies = Proxies(
            clock, rng, network, server, reach, api_node=layout.api, plane=plane, settings=settings.proxy(page)
        )
        self.agents: dict[int, NodeAgent] = {}
        self.node_objects: dict[int, Node] = {}
        for row, index in enumerate(layout.members):
            machine = layout.nodes[index]
            costs, daemons = runtimes.of(machine.runtimes)
            agent = NodeAgent(
                clock,
                rng,
                recorder,
                world.nodes,
                index,
                network=network,
                registry=world.registry,
                images=ImageStore(machine.disk_bytes),
                settings=agent_settings,
                runtimes=costs,
                system_bytes=daemons + sum(c.ram for c in components_on(page, layout, index)),
            )
            node = server.create(_node_object(machine, page, agent, runtimes=tuple(costs), now=clock.now))
            agent.connect(self.watches.attach(agent, node, row))
            self.proxies.attach(node, row)
            self.agents[index], self.node_objects[index] = agent, node
        heartbeats = Heartbeats(
            clock, rng, server, reach, nodes=tuple(self.node_objects.values()), settings=settings.lease(page, world.tcp)
        )
        control = settings.manager(page)
        control.monitor.check(settings.lease(page, world.tcp))
        self.manager = ControllerManager(
            clock,
            rng,
            recorder,
            server,
            heartbeats=heartbeats,
            admission=Admission(page.get(Taints).toleration // 1_000_000_000),
            settings=replace(control, leader=replace(control.leader, copies=len(layout.control_planes))),
        )
        self.scheduler = Scheduler(
            clock,
            rng,
            recorder,
            server,
            Client(clock, server, frame.qps, frame.burst, watch.write_latency),
            policy=policy,
            settings=scheduling,
            heard_ns=heartbeats.heard_ns,
        )

    @property
    def switches(self) -> Mapping[str, Switch]:
        """What a fault of kind stop can stop."""
        return {
            "api-server": self.server,
            "scheduler": self.scheduler,
            "controller-manager": _Manager(self.manager),
            "leader": _Manager(self.manager, leader=True),
        }

    def apply(self, objects: Iterable[ApiObject]) -> None:
        """Somebody applies these objects now."""
        for obj in objects:
            self.server.create(obj)

    def start(self) -> None:
        """Time begins."""
        self.manager.start()

    def wanted(self, workload: ApiObject) -> int:
        """How many pods this workload wants; a DaemonSet one for each node that it is eligible for."""
        match workload:
            case DaemonSet():
                return sum(eligible(workload.template, node)[1] for node in self.server.list(Node))
            case Job():
                return min(workload.parallelism, workload.completions)
            case Deployment() | ReplicaSet():
                return workload.replicas
        return 1


class _Manager:
    """The controller manager as a switch: a stop stops every copy of it, or only the one that leads."""

    def __init__(self, manager: ControllerManager, leader: bool = False) -> None:
        self._manager, self._leader = manager, leader

    def set_up(self, up: bool) -> None:
        self._manager.set_up(up, leader=self._leader)


def _node_object(
    machine: NodeRow, page: Orchestrator, agent: NodeAgent, *, runtimes: tuple[str, ...], now: int
) -> Node:
    """The node as it has registered, some time before the scenario begins."""
    taints = list(machine.taints)
    if machine.role == "control-plane":
        taints += [taint for c in page.components if isinstance(c, Server) for taint in c.node_taints]
    return Node(
        machine.name,
        zone=machine.zone,
        platform=machine.platform,
        labels=dict(machine.labels),
        taints=taints,
        allocatable_cpu_m=agent.allocatable_cpu_m,
        allocatable_ram_bytes=agent.allocatable_ram_bytes,
        max_pods=machine.max_pods,
        extended=dict(machine.extended),
        runtimes=runtimes,
        speed=machine.speed,
        heard_ns=now,
    )
