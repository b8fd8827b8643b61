"""A hub of negotiated agreements over its nodes: Open Horizon's page, joined to the machines that it runs on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from simulator.control.agreements.address import Addresses
from simulator.control.agreements.agbot import AgBot, Publishable
from simulator.control.agreements.agent import HorizonAgent
from simulator.control.agreements.exchange import Exchange
from simulator.control.agreements.matching import targets
from simulator.control.agreements.models import Models
from simulator.control.agreements.poller import Poller
from simulator.control.agreements.quiet import QuietPolls
from simulator.control.api.objects import ApiObject, DaemonSet, Deployment, Node, Pod, ReplicaSet, Service
from simulator.control.api.server import ApiServer
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.proxy import Plane
from simulator.control.delivery.reach import Reach
from simulator.control.delivery.session import Session
from simulator.control.delivery.station import HubStation
from simulator.control.liveness.stream import HubStream
from simulator.engine.clock import Clock
from simulator.errors import Problem, UserError
from simulator.faults import Switch
from simulator.runtime.agent import NodeAgent
from simulator.simulation.clusters.cluster import Several
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout, components_on
from simulator.simulation.runtimes import RuntimeTable
from simulator.simulation.settings import horizon as settings
from simulator.simulation.settings.pulling import PullTable
from simulator.simulation.settings.station import station
from simulator.spec.mechanism import Agreement, NodeMatch
from simulator.spec.orchestrator import Orchestrator
from simulator.streams import key
from simulator.units import SECOND
from simulator.world.image import ImageStore
from simulator.world.node import NodeRow
from simulator.world.pod import ContainerTemplate, PodTemplate

_CONTROL_PLANE: Final = "control-plane"


class AgreementCluster:
    """Hub and agents of one cluster. `agents` and `node_objects` by the index of their machine.

    `server` is the Exchange's store: Node objects, and a Pod for each agreement that the hub believes in. `models`
    publishes model objects; `polls_per_s()` is the load of heartbeats on the Exchange. A machine of role control-plane
    runs the hub, and is no node. Raises UserError for more nodes than one user may register.
    """

    __slots__ = ("addresses", "agbot", "agents", "exchange", "follows", "models", "node_objects", "notes", "page",
                 "reach", "scheduler", "server", "sessions")  # fmt: skip

    def __init__(
        self, world: World, layout: Layout, page: Orchestrator, runtimes: RuntimeTable, *, plane: Plane, name: str = ""
    ) -> None:
        """`name` tells several hubs of one world apart."""
        clock, rng, recorder, network = world.clock, world.rng, world.recorder, world.network
        of, hub = page.get(Agreement), settings.hub(page)
        _check_count(page, layout)
        self.page = page
        self.scheduler = None
        self.sessions: Mapping[int, Session] = {}
        self.follows: Collection[str] = ()
        self.notes: list[str] = []  # what a reader of the results should know of how workloads were taken
        self.server = server = ApiServer(clock, recorder, 0, world.uids)
        waits = station(page)
        if waits is not None:
            server.intake = Intake(clock, HubStation(rng, "exchange", waits))
            server.up_hooks.append(server.intake.server_changed)
        self.reach = reach = Reach(network, server, layout.api, layout.members, of.poll_bytes)
        self.exchange = Exchange(clock, recorder, server, hub)
        self.agbot = AgBot(clock, rng, recorder, self.exchange, settings=hub, name=name)
        self.models = Models(clock, rng, recorder, network, reach=reach, settings=settings.models(page))
        self.agents: dict[int, NodeAgent] = {}
        self.node_objects: dict[int, Node] = {}
        self.addresses = Addresses(plane, self.node_objects)
        horizon: dict[int, HorizonAgent] = {}
        engines, agent_settings = PullTable(runtimes, settings.engine(page)), settings.agent(page)
        for row, index in enumerate(layout.members):
            machine = layout.nodes[index]
            costs, daemons = runtimes.of(machine.runtimes)
            held = {key: replace(each, ram_bytes=each.ram_bytes + of.agreement_ram) for key, each in costs.items()}
            engine = engines.of(machine.runtimes)
            taken = of.agent_disk + runtimes.disk_bytes(machine.runtimes)
            store = ImageStore(max(0, machine.disk_bytes - taken), engine.pulls.engine.keeps_archives)
            agent = self.agents[index] = NodeAgent(
                clock,
                rng,
                recorder,
                world.nodes,
                index,
                network=network,
                registry=world.registry,
                images=store,
                settings=engine,
                runtimes=held,
                system_bytes=daemons + machine.system_bytes + sum(c.ram for c in components_on(page, layout, index)),
            )
            node = self.node_objects[index] = server.create(
                _node_object(machine, agent, runtimes=tuple(costs), now=clock.now)
            )
            if machine.role != _CONTROL_PLANE:
                horizon[row] = HorizonAgent(
                    clock,
                    rng,
                    recorder,
                    network,
                    reach,
                    row=row,
                    exchange=self.exchange,
                    node=node,
                    agent=agent,
                    settings=agent_settings,
                    placed=self.addresses.placed,
                )
                self.models.attach(row, machine.name, store)
                if machine.taints:
                    self.notes.append(f"node {machine.name}: {page.title} knows no taints: its own keep nothing away")

        def paths_changed(rows: list[int], booted: list[int]) -> None:
            for row in rows:
                if row in horizon:
                    horizon[row].path_changed(row in booted)

        reach.tell(paths_changed)
        if server.intake is not None:
            least = agent_settings.polls.least_ns
            _queue_polls(clock, server.intake, self.exchange, [each.poller for each in horizon.values()], least)

    @property
    def switches(self) -> Mapping[str, Switch]:
        """What a fault of kind stop can stop."""
        return {"exchange": self.server, "agbot": self.agbot, "hub": Several(self.server, self.agbot)}

    def apply(self, objects: Iterable[ApiObject]) -> None:
        """Somebody publishes these objects now; of one that is known already, a new version.

        Raises TypeError for what cannot be published: what the page refuses has to be refused before.
        """
        for obj in objects:
            if isinstance(obj, Service):
                if self.server.get(Service, obj.name) is None:
                    self.server.create(obj)
            else:
                self.notes += _dropped(obj, self.page.title)
                self._publish(_publishable(obj))
        self.addresses.configure(self.server.list(Service))

    def applied(self) -> Iterable[ApiObject]:
        """The workloads that somebody has applied."""
        yield from self.server.list(Deployment)
        yield from self.server.list(DaemonSet)

    def changed(self, obj: ApiObject) -> None:
        """Somebody has published this object in a new version."""
        self.apply([obj])

    def start(self) -> None:
        """Time begins; an AgBot needs no telling."""

    def wanted(self, workload: ApiObject) -> int:
        """How many instances it would run if nothing were wrong: one on each node that it is published to."""
        return len(targets(workload, self.exchange.nodes.values()))

    def polls_per_s(self) -> float:
        """Heartbeats that arrive at the Exchange in a second now."""
        return self.exchange.polls_per_s()

    def _publish(self, workload: Publishable) -> None:
        known = self.server.get(type(workload), workload.name)
        if known is None:
            self.server.create(workload)
        else:
            known.template = workload.template
            self.server.changed(known)
        found = self.agbot.publish(workload)
        indices = [self.exchange.names[node.name] for node in found]
        self.addresses.publish(workload.name, workload.template, indices)
        self.notes += _said(workload, [node.name for node in found])


def _queue_polls(clock: Clock, intake: Intake, exchange: Exchange, pollers: Sequence[Poller], least_ns: int) -> None:
    """Have quiet polls wait with everything else; their rate is that of the shortest interval, so that a hub which all
    of them at once would overload is looked at poll by poll."""
    indices = list(exchange.nodes)
    stream = HubStream(
        clock, intake, QuietPolls(pollers),
        keys={row: key(exchange.nodes[index].name) for row, index in enumerate(indices)},
        rate=len(indices) * SECOND / least_ns,
        waits=lambda row: exchange.hub.pulse_changed(indices[row]),
        heard=lambda _row: None,
    )  # fmt: skip
    exchange.join(stream, {index: row for row, index in enumerate(indices)})


def _check_count(page: Orchestrator, layout: Layout) -> None:
    most = page.get(NodeMatch).nodes
    count = sum(layout.nodes[index].role != _CONTROL_PLANE for index in layout.members)
    if count > most:
        said = f"{count} nodes; one user registers at most {most} with {page.name}'s Exchange"
        raise UserError(Problem(said, path="scenario.topology", hint="use fewer nodes, or several hubs"))


def _publishable(obj: ApiObject) -> Publishable:
    """The object with a template as a container engine takes it. Raises TypeError for what cannot be published."""
    match obj:
        case DaemonSet():
            return DaemonSet(obj.name, template=_as_containers(obj.template))
        case Deployment() | ReplicaSet():
            return Deployment(obj.name, template=_as_containers(obj.template), replicas=obj.replicas)
        case Pod():  # stored as what is wanted: a Pod in the store is an agreement that is believed in
            return Deployment(obj.name, template=_as_containers(obj.template), replicas=1)
    raise TypeError(f"a {obj.kind} cannot be published")


def _as_containers(template: PodTemplate) -> PodTemplate:
    """What is left of a pod where there is no kubelet: requests are not looked at, there are no probes, and whatever
    ends is started again."""
    return replace(
        template,
        containers=tuple(_as_container(each) for each in template.containers),
        cpu_m=0,
        ram_bytes=0,
        extended={},
        restart_policy="Always",
        qos="BestEffort",
    )


def _as_container(template: ContainerTemplate) -> ContainerTemplate:
    return replace(template, cpu_m=0, ram_bytes=0, liveness=None, readiness=None, startup=None)


def _dropped(obj: ApiObject, system: str) -> Iterator[str]:
    """What `_as_containers` leaves out of this workload, by name."""
    template: PodTemplate = obj.template  # type: ignore[attr-defined]  # every kind that can be published has one
    parts = {
        "requests": any(each.cpu_m or each.ram_bytes for each in template.containers),
        "extended resources": template.extended,
        "probes": any(each.liveness or each.readiness or each.startup for each in template.containers),
        "tolerations": template.tolerations,
        "preferred node affinity": template.node_preferences,
    }
    if left_out := [what for what, there in parts.items() if there]:
        yield f"{obj.kind} {obj.name}: {system} looks at no {', '.join(left_out)}"
    if template.restart_policy != "Always":
        policy = template.restart_policy
        yield f"{obj.kind} {obj.name}: {system} starts again whatever ends, restartPolicy {policy} or not"


def _said(workload: Publishable, nodes: list[str]) -> Iterator[str]:
    if not nodes:
        yield f"{workload.name}: no node matches its constraints and architecture, so there is no agreement about it"
    elif isinstance(workload, Deployment) and (workload.replicas != 1 or len(nodes) != workload.replicas):
        named = ", ".join(nodes[:3]) + (", …" if len(nodes) > 3 else "")
        yield (
            f"{workload.name}: the hub places no replicas; it is published to the first {len(nodes)} nodes that match "
            f"({named}) and stays there"
        )


def _node_object(machine: NodeRow, agent: NodeAgent, *, runtimes: tuple[str, ...], now: int) -> Node:
    """The node as it has registered, some time before the scenario begins; the hub's own machine is none."""
    return Node(
        machine.name,
        zone=machine.zone,
        platform=machine.platform,
        labels=dict(machine.labels),
        taints=list(machine.taints),
        unschedulable=machine.role == _CONTROL_PLANE,
        allocatable_cpu_m=agent.allocatable_cpu_m,
        allocatable_ram_bytes=agent.allocatable_ram_bytes,
        max_pods=machine.max_pods,
        extended=dict(machine.extended),
        accelerators=machine.accelerators,
        runtimes=runtimes,
        speed=machine.speed,
        heard_ns=now,
    )
