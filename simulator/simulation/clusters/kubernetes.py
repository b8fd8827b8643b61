"""One cluster over its members: an orchestrator's page, joined to the machines that it runs on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, DaemonSet, Deployment, Job, Node, ReplicaSet
from simulator.control.api.server import ApiServer
from simulator.control.controllers.daemonset import eligible
from simulator.control.controllers.manager import ControllerManager
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.proxy import Plane
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.session import Session
from simulator.control.delivery.station import HubStation
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.control.scheduling.answering import Policy
from simulator.control.scheduling.scheduler import Scheduler
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.control.scheduling.truth import Truth
from simulator.faults import Switch
from simulator.runtime.agent import NodeAgent
from simulator.runtime.settings import AgentSettings
from simulator.simulation.clusters.delivery import delivery
from simulator.simulation.clusters.machines import FOLLOW, Machines, follow_boots
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout, components_on
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import kubernetes as settings
from simulator.simulation.settings.pulling import PullTable
from simulator.simulation.settings.station import station
from simulator.spec.mechanism import Autonomy, Framework, Lease, Server, Taints, Watch
from simulator.spec.orchestrator import Orchestrator
from simulator.world.image import ImageStore
from simulator.world.node import NodeRow


class Cluster:
    """Control plane and agents of one cluster. `agents` and `node_objects` by the index of their machine."""

    __slots__ = ("agents", "machines", "manager", "node_objects", "notes", "page", "reach", "scheduler", "server",
                 "watches")  # fmt: skip

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
        self.notes: Sequence[str] = ()
        watch, frame, beat = page.get(Watch), page.get(Framework), page.get(Lease)
        self.server = server = ApiServer(clock, recorder, watch.watch_latency, world.uids)
        waits = station(page)
        if waits is not None:
            server.intake = Intake(clock, HubStation(rng, "api-server", waits))
            server.up_hooks.append(server.intake.server_changed)
        self.reach = reach = Reach(network, server, layout.api, layout.members, beat.bytes)
        agent_settings = PullTable(runtimes, settings.agent(page))
        self.watches = delivery(world, layout, page, server=server, reach=reach, plane=plane)
        self.agents: dict[int, NodeAgent] = {}
        self.node_objects: dict[int, Node] = {}
        for row, index in enumerate(layout.members):
            machine = layout.nodes[index]
            costs, daemons = runtimes.of(machine.runtimes)
            of_agent = agent_settings.of(machine.runtimes)
            agent = NodeAgent(
                clock,
                rng,
                recorder,
                world.nodes,
                index,
                network=network,
                registry=world.registry,
                images=ImageStore(
                    max(0, machine.disk_bytes - runtimes.disk_bytes(machine.runtimes)),
                    of_agent.pulls.engine.keeps_archives,
                ),
                settings=of_agent,
                runtimes=costs,
                system_bytes=daemons + machine.system_bytes + sum(c.ram for c in components_on(page, layout, index)),
            )
            node = server.create(node_object(machine, page, of_agent, runtimes=tuple(costs), now=clock.now))
            agent.connect(self.watches.attach(agent, node, row))
            follow_boots(agent, reach, row)
            self.agents[index], self.node_objects[index] = agent, node
        heartbeats = Heartbeats(
            clock,
            rng,
            server,
            self.watches.ways(),
            nodes=tuple(self.node_objects.values()),
            settings=settings.lease(page, world.tcp),
            intake=self.watches.intake,
            direct=self.watches.direct,
        )
        self.watches.beat(heartbeats)
        control = settings.manager(page)
        control.monitor.check(settings.lease(page, world.tcp))
        self.manager = ControllerManager(
            clock,
            rng,
            recorder,
            server,
            heartbeats=heartbeats,
            admission=Admission(page.get(Taints).toleration // 1_000_000_000, page.get(Autonomy).label or ""),
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
            atlas=world.atlas,
            truth=Truth(reach, self.agents),
        )
        self.machines = Machines(
            world, layout, page, server=server, reach=reach, manager=self.manager, scheduler=self.scheduler
        )

    @property
    def switches(self) -> Mapping[str, Switch]:
        """What a fault of kind stop can stop."""
        return {**self.machines.switches, **self.watches.switches}

    @property
    def follows(self) -> Collection[str]:
        """Kubernetes' own: they have copies on the machines of the control plane."""
        return FOLLOW

    @property
    def sessions(self) -> Mapping[int, Session]:
        """Standing connections of machines to a hub in the cloud, where the orchestrator has such."""
        return self.watches.sessions

    def apply(self, objects: Iterable[ApiObject]) -> None:
        """Somebody applies these objects now."""
        for obj in objects:
            self.server.create(obj)

    def applied(self) -> Iterable[ApiObject]:
        """The workloads that somebody has applied."""
        yield from self.server.list(Deployment)
        yield from self.server.list(DaemonSet)

    def changed(self, obj: ApiObject) -> None:
        """Somebody has changed this object."""
        self.server.changed(obj)

    def start(self) -> None:
        """Time begins."""
        self.machines.start()

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


def node_object(
    machine: NodeRow, page: Orchestrator, agent: AgentSettings, *, runtimes: tuple[str, ...], now: int
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
        allocatable_cpu_m=agent.allocatable_cpu_m(machine.cores),
        allocatable_ram_bytes=agent.allocatable_ram_bytes(machine.ram_bytes),
        max_pods=machine.max_pods,
        extended=dict(machine.extended),
        accelerators=machine.accelerators,
        runtimes=runtimes,
        speed=machine.speed,
        heard_ns=now,
    )
