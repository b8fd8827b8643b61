"""Delivery through CloudCore: a session to every machine but the control plane's, which have plain kubelets."""

from __future__ import annotations

from collections.abc import Container, Mapping
from functools import partial
from typing import Protocol

from simulator.control.api.objects import Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.delivery.acked_push import AckedPush
from simulator.control.delivery.cloudcore import CloudCore
from simulator.control.delivery.edge_pods import EdgePods
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.mesh import Mesh
from simulator.control.delivery.proxy import Plane, Proxies
from simulator.control.delivery.reach import Reach, Ways
from simulator.control.delivery.session import Session
from simulator.control.delivery.station import HubStation
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.control.liveness.session import SessionWays
from simulator.faults import Switch
from simulator.runtime.agent import NodeAgent
from simulator.runtime.status import Upstream
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.simulation.settings import kubeedge as settings
from simulator.simulation.settings.station import station
from simulator.spec.mechanism import EdgeMesh, Lease
from simulator.spec.mechanism import Session as SessionPart
from simulator.spec.orchestrator import Orchestrator


class Watches(Protocol):
    """How machines without a session are joined."""

    def attach(self, agent: NodeAgent, node_object: Node, row: int) -> Upstream:
        """Join one."""

    def file(self, pod: Pod) -> None:
        """A pod that is there already."""


class EdgeDelivery:
    """KubeEdge's. Endpoints come by the mesh where the page has one, else by a proxy that watches."""

    __slots__ = ("_core", "_hub_reach", "_kubelets", "_mesh", "_names", "_pods", "_proxies", "_reach", "_rows",
                 "_server", "_watches", "switches")  # fmt: skip

    def __init__(
        self,
        world: World,
        layout: Layout,
        page: Orchestrator,
        *,
        server: ApiServer,
        reach: Reach,
        plane: Plane,
        watches: Watches,
        proxies: Proxies,
    ) -> None:
        clock, rng, recorder, network = world.clock, world.rng, world.recorder, world.network
        self._server, self._reach, self._watches, self._proxies = server, reach, watches, proxies
        self._kubelets = frozenset(layout.control_planes)
        self._names: set[str] = set()  # of nodes with a session
        self._rows: dict[int, int] = {}  # machine -> row
        self._core = core = CloudCore(
            clock, rng, recorder, network, node=layout.api, limit=page.get(SessionPart).node_limit,
            settings=settings.session(page, world.tcp),
        )  # fmt: skip
        waits = station(page, "cloudcore")
        if waits is not None:
            core.intake = Intake(clock, HubStation(rng, "cloudcore", waits))
            for process in (core, server):  # without an API server its workers' calls fail, and so the line is gone
                process.up_hooks.append(core.intake.server_changed)
        self._hub_reach = hub_reach = Reach(network, core, layout.api, layout.members, page.get(Lease).bytes)
        core.listen(hub_reach)
        push = AckedPush(clock, rng, recorder, server, core, settings=settings.push(page))
        self._pods = EdgePods(
            clock, rng, recorder, server, core, push=push, reach=hub_reach, settings=settings.pods(page)
        )  # fmt: skip
        self._mesh = Mesh(plane, proxies, push, hub_reach) if page.find(EdgeMesh) is not None else None
        self.switches: Mapping[str, Switch] = {"cloudcore": core}

    @property
    def intake(self) -> Intake | None:
        """CloudCore's."""
        return self._core.intake

    @property
    def direct(self) -> Container[int]:
        """Those of plain kubelets."""
        return [row for row, index in enumerate(self._hub_reach.rows) if index in self._kubelets]

    @property
    def sessions(self) -> Mapping[int, Session]:
        """By machine."""
        return self._core.sessions

    def attach(self, agent: NodeAgent, node_object: Node, row: int) -> Upstream:
        """A session, or on the control plane's machines a watch."""
        index = self._hub_reach.rows[row]
        if index in self._kubelets:
            return self._watches.attach(agent, node_object, row)
        agent.up_hooks.append(partial(self._hub_reach.set_agent, row))
        self._names.add(node_object.name)
        self._rows[index] = row
        upstream = self._pods.attach(agent, node_object, row)
        if self._mesh is not None:
            self._mesh.attach(self._pods, node_object, row)
        else:
            self._proxies.attach(node_object, row)
        return upstream

    def file(self, pod: Pod) -> None:
        """Where its node keeps it."""
        (self._pods if pod.node in self._names else self._watches).file(pod)

    def ways(self) -> Ways:
        """The sessions'."""
        sessions = {self._rows[index]: session for index, session in self._core.sessions.items()}
        return SessionWays(self._reach, self._server, sessions)

    def beat(self, heartbeats: Heartbeats) -> None:
        """They are sent on the sessions: the first that silence swallows starts TCP's repetitions."""
        for index, session in self._core.sessions.items():
            session.sends_next = partial(heartbeats.attempt, self._rows[index])
