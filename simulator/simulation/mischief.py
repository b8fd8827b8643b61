"""The scenario's faults on the clock, and the same ones injected into a running simulation."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from simulator.control.controllers.manager import ControllerManager
from simulator.errors import Problem, UserError
from simulator.faults import Component, PowerCycled, apply_crash, apply_cut, apply_stop
from simulator.simulation.clusters.kubernetes import Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.layout import Layout
from simulator.spec.faults import Crash, Cut, Stop
from simulator.spec.topology import matching
from simulator.units import SECOND


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A fault as the report marks it: `end_s` is infinite where it never ends."""

    name: str
    kind: str
    start_s: float
    end_s: float


class Mischief:
    """Puts faults on the clock of one simulation."""

    __slots__ = ("_api", "_cluster", "_components", "_links", "_world", "scheduled")

    def __init__(self, world: World, cluster: Cluster, layout: Layout) -> None:
        self._world, self._cluster = world, cluster
        self._links = [link.name for link in world.network.links]
        # One component each for the whole run, so that stops nest.
        self._components = {
            "api-server": Component("api-server", cluster.server),
            "scheduler": Component("scheduler", cluster.scheduler),
            "controller-manager": Component("controller-manager", _Manager(cluster.manager)),
            "leader": Component("controller-manager", _Manager(cluster.manager, leader=True)),
        }
        self._api = layout.api
        self.scheduled: list[Scheduled] = []

    def add(self, fault: Cut | Crash | Stop) -> None:
        """Schedule a fault; without a time of its own it begins now. Raises UserError for a glob that matches nothing
        and for a time that has passed."""
        clock = self._world.clock
        at = clock.now if fault.at is None else int(fault.at)
        if at < clock.now:
            said = f"the fault begins at {at / SECOND:g} s, and it is {clock.now / SECOND:g} s already"
            raise UserError(Problem(said, path="at", hint="leave out `at` to begin now"))
        last: float = at
        match fault:
            case Cut():
                last = self._cut(fault, at)
            case Crash():
                last = self._crash(fault, at)
            case Stop():
                lasts = None if fault.duration is None else int(fault.duration)
                component = self._components["leader" if fault.leader else fault.component]
                apply_stop(clock, self._world.recorder, component, at=at, duration=lasts)
                last = _end(at, lasts)
        name = fault.name or f"{fault.kind}-{len(self.scheduled)}"
        self.scheduled.append(Scheduled(name, fault.kind, at / SECOND, last / SECOND))

    def _cut(self, fault: Cut, at: int) -> float:
        lasts = None if fault.duration is None else int(fault.duration)
        for link in _some(fault.link, self._links, "link"):
            apply_cut(
                self._world.clock,
                self._world.network,
                self._world.recorder,
                link,
                at=at,
                duration=lasts,
                mode=fault.mode,
                loss=float(fault.loss or 0.0),
                direction=1 if fault.direction == "down" else 0,
            )
        return _end(at, lasts)

    def _crash(self, fault: Crash, at: int) -> float:
        wait = None if fault.reboot_after is None else int(fault.reboot_after)
        boots = 0
        for node in _some(fault.node, self._world.nodes.names, "node"):
            boots = max(boots, self._world.nodes.rows[node].boot_ns)
            apply_crash(
                self._world.clock,
                self._world.network,
                self._world.nodes,
                self._world.recorder,
                node,
                at=at,
                reboot_after=wait,
                agent=self._powered(node),
            )
        return _end(at, None if wait is None else wait + boots)

    def _powered(self, node: int) -> PowerCycled | None:
        """What lives on a machine: its agent, and on that of the API server the control plane too."""
        agent = self._cluster.agents.get(node)
        if agent is None or node != self._api:
            return agent
        return _ControlPlane(agent, [c for name, c in self._components.items() if name != "leader"])


class _Manager:
    """The controller manager as a switch: a stop stops every copy of it, or only the one that leads."""

    def __init__(self, manager: ControllerManager, leader: bool = False) -> None:
        self._manager, self._leader = manager, leader

    def set_up(self, up: bool) -> None:
        self._manager.set_up(up, leader=self._leader)


class _ControlPlane:
    """The machine of the API server: its power is the control plane's."""

    def __init__(self, agent: PowerCycled, components: list[Component]) -> None:
        self._agent, self._components = agent, components

    def crash(self) -> None:
        for component in self._components:
            component.stop()
        self._agent.crash()

    def boot(self) -> None:
        for component in self._components:
            component.start()
        self._agent.boot()


def _end(at: int, lasts: int | None) -> float:
    return inf if lasts is None else at + lasts


def _some(glob: str, names: list[str] | tuple[str, ...], what: str) -> list[int]:
    found = matching(glob, names)
    if not found:
        raise UserError(Problem(f"{glob} matches no {what}", path=what, hint=f"such as {', '.join(names[:5])}"))
    return found
