"""The scenario's faults on the clock, and the same ones injected into a running simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

from simulator.control.api.update import apply_update
from simulator.engine.clock import Clock
from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.faults import (
    Component,
    HostImage,
    HostSystem,
    PowerCycled,
    Rollout,
    apply_crash,
    apply_cut,
    apply_host_update,
    apply_stop,
)
from simulator.simulation.clusters.cluster import LEADER, Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.systems import at_once, host_settings
from simulator.spec.faults import Crash, Cut, HostUpdate, Stop, Update
from simulator.spec.near import did_you_mean
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

    __slots__ = (
        "_build_time", "_catalogue", "_clusters", "_components", "_links", "_systems", "_top", "_world", "scheduled"
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        clusters: Mapping[str, Cluster],
        top: str,
        catalogue: Catalogue,
        build_time: Callable[[str], int],
    ) -> None:
        """`top` names the cluster that a stop means which names none; `build_time` tells how long a changed image of a
        workload takes to build (ns)."""
        self._world, self._clusters, self._top, self._catalogue = world, clusters, top, catalogue
        self._build_time = build_time
        self._systems: dict[int, HostSystem] = {}  # of machines whose power somebody has asked for
        self._links = [link.name for link in world.network.links]
        # One component each for the whole run, so that stops nest.
        self._components = {
            key: {name: Component(_full(key, name), switch) for name, switch in cluster.switches.items()}
            for key, cluster in clusters.items()
        }
        self.scheduled: list[Scheduled] = []

    def add(self, fault: Cut | Crash | Stop | Update | HostUpdate) -> None:
        """Schedule a fault; without a time of its own it begins now. Raises UserError for a glob that matches nothing
        and for a time that has passed."""
        clock = self._world.clock
        at = moment(clock, fault.at, fault.kind)
        last: float = at
        match fault:
            case Cut():
                last = self._cut(fault, at)
            case Crash():
                last = self._crash(fault, at)
            case Stop():
                lasts = None if fault.duration is None else int(fault.duration)
                component = self._component(fault)
                apply_stop(clock, self._world.recorder, component, at=at, duration=lasts)
                last = _end(at, lasts)
            case Update():
                cluster, world = self._clusters[self._top], self._world
                apply_update(
                    clock, world.recorder, cluster.server,
                    at=at, build_ns=self._build_time(fault.workload), workload=fault.workload, image=fault.image,
                    applied=cluster.applied, changed=cluster.changed,
                )  # fmt: skip
            case HostUpdate():
                self._host_update(fault, at)
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

    def _host_update(self, fault: HostUpdate, at: int) -> None:
        name = fault.name or f"{fault.kind}-{len(self.scheduled)}"
        image = HostImage(name, int(fault.compressed), int(fault.unpacked), fault.health == "good")
        rows = self._world.nodes.rows
        nodes = _some(fault.node, self._world.nodes.names, "node")
        without = [rows[node].name for node in nodes if not rows[node].system]
        if without:
            said = f"{without[0]} names no operating system, so its host cannot be updated"
            raise UserError(Problem(said, path="node", hint="give the node a system, such as system: eve-os"))
        kinds = {system: [n for n in nodes if rows[n].system == system] for system in (rows[n].system for n in nodes)}
        rollouts = [
            Rollout(image, [self._system(node) for node in same], at_once(self._catalogue, system))
            for system, same in kinds.items()
        ]
        apply_host_update(self._world.clock, rollouts, at=at)

    def _system(self, node: int) -> HostSystem:
        """The operating system of a machine that names one."""
        if node not in self._systems:
            world = self._world
            self._systems[node] = HostSystem(
                world.clock, world.network, world.nodes, world.recorder, node,
                source=world.registry.node,
                settings=host_settings(self._catalogue, world.nodes.rows[node].system),
                agent=self._agent(node),
            )  # fmt: skip
        return self._systems[node]

    def _component(self, fault: Stop) -> Component:
        if fault.cluster is not None and fault.cluster not in self._components:
            known = [name for name in self._components if name]
            hint = did_you_mean(fault.cluster, known, "clusters are") if known else "there is one cluster: leave it out"
            raise UserError(Problem(f"no cluster is named {fault.cluster}", path="cluster", hint=hint))
        key = self._top if fault.cluster is None else fault.cluster
        here = self._components[key]
        if fault.component not in here:
            said = f"{self._clusters[key].page.name} has no component {fault.component}"
            hint = did_you_mean(fault.component, [name for name in here if name != LEADER], "it has")
            raise UserError(Problem(said, path="component", hint=hint))
        return here[LEADER if fault.leader else fault.component]

    def _powered(self, node: int) -> PowerCycled | None:
        """What a machine's power brings up: its operating system, where it names one, else what lives on it."""
        return self._system(node) if self._world.nodes.rows[node].system else self._agent(node)

    def _agent(self, node: int) -> PowerCycled | None:
        """What lives on a machine: its agent, and on that of an API server the control plane too."""
        for key, cluster in self._clusters.items():
            agent = cluster.agents.get(node)
            told = self._components[key].keys() - {LEADER, *cluster.follows}
            plane = [c for name, c in self._components[key].items() if name in told]
            if node == cluster.reach.api_node and plane:
                return _ControlPlane(agent, plane)
            if agent is not None:
                return agent
        return None


def moment(clock: Clock, at: int | None, what: str) -> int:
    """When it begins (ns): now, if nothing else is given. Raises UserError for a time that has passed."""
    if at is None:
        return clock.now
    if at < clock.now:
        said = f"the {what} begins at {at / SECOND:g} s, and it is {clock.now / SECOND:g} s already"
        raise UserError(Problem(said, path="at", hint="leave out `at` to begin now"))
    return int(at)


def _full(cluster: str, component: str) -> str:
    name = "controller-manager" if component == LEADER else component
    return f"{cluster}/{name}" if cluster else name


class _ControlPlane:
    """The machine of the API server: its power is the control plane's."""

    def __init__(self, agent: PowerCycled | None, components: list[Component]) -> None:
        self._agent, self._components = agent, components

    def crash(self) -> None:
        for component in self._components:
            component.stop()
        if self._agent is not None:
            self._agent.crash()

    def boot(self) -> None:
        for component in self._components:
            component.start()
        if self._agent is not None:
            self._agent.boot()


def _end(at: int, lasts: int | None) -> float:
    return inf if lasts is None else at + lasts


def _some(glob: str, names: list[str] | tuple[str, ...], what: str) -> list[int]:
    found = matching(glob, names)
    if not found:
        raise UserError(Problem(f"{glob} matches no {what}", path=what, hint=f"such as {', '.join(names[:5])}"))
    return found
