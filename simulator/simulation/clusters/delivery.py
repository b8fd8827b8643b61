"""How what a cluster wants reaches its machines, and what they say comes back: chosen by what its page has."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Protocol

from simulator.control.api.objects import Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.proxy import Plane, Proxies
from simulator.control.delivery.reach import Reach, Ways
from simulator.control.delivery.session import Session
from simulator.control.delivery.watch import PodWatches
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.faults import Switch
from simulator.runtime.agent import NodeAgent
from simulator.runtime.status import Upstream
from simulator.simulation.clusters.edge import EdgeDelivery
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.simulation.settings import kubernetes as settings
from simulator.spec.mechanism import AckedPush
from simulator.spec.orchestrator import Orchestrator


class Delivery(Protocol):
    """One cluster's. `sessions` go by the index of their machine; `switches` are the components that it brings.

    Heartbeats wait at `intake`, where there is one, except those of the rows in `direct`, which never wait.
    """

    @property
    def intake(self) -> Intake | None:
        """The hub's."""

    @property
    def direct(self) -> Container[int]:
        """Rows whose agents do not turn to it."""

    @property
    def sessions(self) -> Mapping[int, Session]:
        """Of machines that have one."""

    @property
    def switches(self) -> Mapping[str, Switch]:
        """What a fault of kind stop can stop besides Kubernetes' own."""

    def attach(self, agent: NodeAgent, node_object: Node, row: int) -> Upstream:
        """Join the agent of a machine, whose row in the cluster's reach this is."""

    def file(self, pod: Pod) -> None:
        """A pod that is on its node already: there is nothing to tell."""

    def ways(self) -> Ways:
        """What heartbeats meet; every machine has been joined."""

    def beat(self, heartbeats: Heartbeats) -> None:
        """These are the heartbeats."""


def delivery(
    world: World, layout: Layout, page: Orchestrator, *, server: ApiServer, reach: Reach, plane: Plane
) -> Delivery:
    """By session where the page pushes to the edge, else by watch."""
    watches = WatchDelivery(world, layout, page, server=server, reach=reach, plane=plane)
    if page.find(AckedPush) is None:
        return watches
    return EdgeDelivery(
        world, layout, page, server=server, reach=reach, plane=plane, watches=watches, proxies=watches.proxies
    )  # fmt: skip


class WatchDelivery:
    """Every agent, and every service proxy, watches the API server."""

    __slots__ = ("_reach", "_watches", "direct", "intake", "proxies", "sessions", "switches")

    def __init__(
        self, world: World, layout: Layout, page: Orchestrator, *, server: ApiServer, reach: Reach, plane: Plane
    ) -> None:
        clock, rng, network, api = world.clock, world.rng, world.network, layout.api
        self._reach = reach
        self._watches = PodWatches(clock, rng, network, server, reach, api_node=api, settings=settings.watch(page))
        self.proxies = Proxies(
            clock, rng, network, server, reach, api_node=api, plane=plane, settings=settings.proxy(page)
        )
        self.intake, self.direct = server.intake, ()
        self.sessions: dict[int, Session] = {}
        self.switches: dict[str, Switch] = {}

    def attach(self, agent: NodeAgent, node_object: Node, row: int) -> Upstream:
        """Its watch, and that of its proxy."""
        self.proxies.attach(node_object, row)
        return self._watches.attach(agent, node_object, row)

    def file(self, pod: Pod) -> None:
        """The server's watch cache has it."""
        self._watches.file(pod)

    def ways(self) -> Ways:
        """The network's."""
        return self._reach

    def beat(self, heartbeats: Heartbeats) -> None:
        """They have a connection of their own."""
