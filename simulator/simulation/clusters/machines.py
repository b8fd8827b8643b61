"""A control plane on its machines: what a lost machine takes with it, and who takes over."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from simulator.control.api.datastore import Datastore, Single
from simulator.control.api.server import ApiServer
from simulator.control.controllers.manager import ControllerManager
from simulator.control.delivery.reach import Reach
from simulator.control.liveness.leader import Leadership
from simulator.control.scheduling.scheduler import Scheduler
from simulator.faults import Switch
from simulator.runtime.agent import NodeAgent
from simulator.simulation.clusters.cluster import LEADER
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.simulation.settings import kubernetes as settings
from simulator.simulation.settings.availability import datastore
from simulator.spec.orchestrator import Orchestrator

# Components that a machine's power takes and gives back by itself: no fault has to stop them with it.
FOLLOW: Final = ("api-server", "scheduler", "controller-manager")


def follow_boots(agent: NodeAgent, reach: Reach, row: int) -> None:
    """An agent talks to its control plane only while it runs; one that waits for its server hears of it."""
    agent.up_hooks.append(partial(reach.set_agent, row))
    agent.waits_by(partial(reach.when_open, row))


class Machines:
    """The components of a control plane, each with a copy on every machine of it (the scheduler too, if several)."""

    __slots__ = ("_manager", "_scheduler", "datastore")

    def __init__(
        self,
        world: World,
        layout: Layout,
        page: Orchestrator,
        *,
        server: ApiServer,
        reach: Reach,
        manager: ControllerManager,
        scheduler: Scheduler,
    ) -> None:
        copies = len(layout.control_planes)
        self._manager = manager
        self._scheduler: Leadership | Single = Single(scheduler)
        if copies > 1:
            self._scheduler = Leadership(
                world.clock,
                world.rng,
                world.recorder,
                server,
                "scheduler",
                settings=settings.leader(page, copies),
                begin=partial(scheduler.set_up, True),
                end=partial(scheduler.set_up, False),
            )
        self.datastore = Datastore(
            world.clock,
            world.rng,
            world.recorder,
            world.nodes,
            world.network,
            server=server,
            reach=reach,
            machines=layout.control_planes,
            settings=datastore(page),
            hosted=(manager.leadership, self._scheduler),
        )

    @property
    def switches(self) -> Mapping[str, Switch]:
        """What a fault of kind stop can stop."""
        return {
            "api-server": self.datastore,
            "scheduler": self._scheduler,
            "controller-manager": self._manager.leadership,
            LEADER: _Leader(self._manager.leadership),
        }

    def start(self) -> None:
        """Time begins: somebody leads each component."""
        self._manager.start()
        if isinstance(self._scheduler, Leadership):
            self._scheduler.start()


class _Leader:
    """The copy of a component that leads, as a switch."""

    def __init__(self, leadership: Leadership) -> None:
        self._leadership = leadership

    def set_up(self, up: bool) -> None:
        self._leadership.set_up(up, leader=True)
