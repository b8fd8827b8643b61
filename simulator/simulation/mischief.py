"""The scenario's faults on the clock, and the same ones injected into a running simulation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path

from simulator.control.api.update import apply_update
from simulator.engine.clock import Clock
from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.faults import Component, HostImage, Rollout, apply_host_update, apply_stop
from simulator.simulation.clusters.cluster import LEADER, Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.link_faults import LinkFaults
from simulator.simulation.node_faults import NodeFaults, some
from simulator.simulation.powers import Powers
from simulator.simulation.systems import at_once
from simulator.spec.faults import Cut, HostUpdate, LinkFault, NodeFault, Stop, Update
from simulator.spec.near import did_you_mean
from simulator.spec.outages import Outages, Partition, ZoneOutage
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
        "_build_time", "_catalogue", "_clusters", "_components", "_links", "_nodes", "_top", "_world", "powers",
        "scheduled",
    )  # fmt: skip

    def __init__(
        self,
        world: World,
        clusters: Mapping[str, Cluster],
        top: str,
        catalogue: Catalogue,
        build_time: Callable[[str], int],
        *,
        folder: Path,
    ) -> None:
        """`top` names the cluster that a stop means which names none; `build_time` tells how long a changed image of a
        workload takes to build (ns); `folder` is where data files are."""
        self._world, self._clusters, self._top, self._catalogue = world, clusters, top, catalogue
        self._build_time = build_time
        # One component each for the whole run, so that stops nest.
        self._components = {
            key: {name: Component(_full(key, name), switch) for name, switch in cluster.switches.items()}
            for key, cluster in clusters.items()
        }
        self.powers = Powers(world, clusters, self._components, catalogue)
        self._nodes = NodeFaults(world, clusters, catalogue, self.powers, folder)
        self._links = LinkFaults(world, catalogue, self._nodes, folder)
        self.scheduled: list[Scheduled] = []

    def add(self, fault: LinkFault | NodeFault | Stop | Update | HostUpdate) -> None:
        """Schedule a fault; without a time of its own it begins now. Raises UserError for a glob that matches nothing
        and for a time that has passed."""
        clock = self._world.clock
        at = moment(clock, fault.at, fault.kind)
        last: float = at
        match fault:
            case Cut() | Outages() | Partition() | ZoneOutage():
                last = self._links.add(fault, at)
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
            case _:
                last = self._nodes.add(fault, at)
        name = fault.name or f"{fault.kind}-{len(self.scheduled)}"
        self.scheduled.append(Scheduled(name, fault.kind, at / SECOND, last / SECOND))

    def _host_update(self, fault: HostUpdate, at: int) -> None:
        name = fault.name or f"{fault.kind}-{len(self.scheduled)}"
        image = HostImage(name, int(fault.compressed), int(fault.unpacked), fault.health == "good")
        rows = self._world.nodes.rows
        nodes = some(fault.node, self._world.nodes.names, "node")
        without = [rows[node].name for node in nodes if not rows[node].system]
        if without:
            said = f"{without[0]} names no operating system, so its host cannot be updated"
            raise UserError(Problem(said, path="node", hint="give the node a system, such as system: eve-os"))
        kinds = {system: [n for n in nodes if rows[n].system == system] for system in (rows[n].system for n in nodes)}
        rollouts = [
            Rollout(image, [self.powers.system(node) for node in same], at_once(self._catalogue, system))
            for system, same in kinds.items()
        ]
        apply_host_update(self._world.clock, rollouts, at=at)

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


def _end(at: int, lasts: int | None) -> float:
    return inf if lasts is None else at + lasts
