"""The faults of nodes that a scenario names, on the machines that they match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.faults import (
    Failing,
    Pace,
    Power,
    apply_crash,
    apply_disk_fill,
    apply_failures,
    apply_power_cut,
    apply_slow,
    apply_wear,
)
from simulator.physics.distributions import Distribution, from_spec
from simulator.runtime.agent import NodeAgent
from simulator.simulation.clock_faults import ClockFaults
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.powers import Powers
from simulator.spec.failures import ClockLoss, ClockSkew, DiskFill, Failures, PowerCut, Slow, Wear
from simulator.spec.faults import Crash, NodeFault
from simulator.spec.topology import matching


class NodeFaults:
    """Puts them on the clock of one simulation. `folder` is where the scenario's data files are."""

    __slots__ = ("_catalogue", "_clocks", "_clusters", "_drawn", "_folder", "_paces", "_powers", "_world")

    def __init__(
        self, world: World, clusters: Mapping[str, Cluster], catalogue: Catalogue, powers: Powers, folder: Path
    ) -> None:
        self._world, self._clusters, self._catalogue, self._powers = world, clusters, catalogue, powers
        self._folder = folder
        self._clocks = ClockFaults(world, catalogue)
        self._paces: dict[int, Pace] = {}  # of nodes that somebody has slowed down
        self._drawn: Counter[str] = Counter()  # names that draws have so far

    def add(self, fault: NodeFault, at: int) -> float:
        """Schedule a fault that begins at `at` (ns); when it ends (ns), or infinity. Raises UserError for a glob that
        matches nothing, and for a node that lacks what would fail."""
        clock, recorder = self._world.clock, self._world.recorder
        match fault:
            case Crash():
                wait = _ns(fault.reboot_after)
                nodes = self._nodes(fault.node)
                for node in nodes:
                    apply_crash(clock, self._powers.of(node), at=at, reboot_after=wait)
                return self._end(at, wait, nodes)
            case PowerCut():
                lasts, units = _ns(fault.duration), self._units(fault)
                nodes = [node for _, found in units for node in found]
                apply_power_cut(clock, self._all(nodes), at=at, duration=lasts)
                return self._end(at, lasts, nodes)
            case Failures():
                self._fail(fault, at)
                return inf
            case Slow():
                lasts = _ns(fault.duration)
                for node, agent in self._agents(fault.node, "speed"):
                    apply_slow(clock, recorder, self._pace(node, agent), fault.factor, at=at, duration=lasts)
                return _end(at, lasts)
            case DiskFill():
                lasts = _ns(fault.duration)
                for _, agent in self._agents(fault.node, "disk"):
                    disk = agent.images
                    size = round(float(fault.share or 0) * disk.capacity_bytes) if fault.size is None else fault.size
                    apply_disk_fill(clock, recorder, disk, int(size), node=agent.name, at=at, duration=lasts)
                return _end(at, lasts)
            case ClockSkew() | ClockLoss():
                return self._clocks.add(fault, at, self._nodes(fault.node))
            case Wear():
                self._wear(fault, at)
                return inf

    def _fail(self, fault: Failures, at: int) -> None:
        said = fault.name or f"{'zone' if fault.node is None else 'node'} {fault.node or fault.zone}"
        self._drawn[said] += 1
        name = said if self._drawn[said] == 1 else f"{said}#{self._drawn[said]}"
        how = Failing(name, self._times(fault.up, "up"), self._times(fault.down, "down"), fault.repairers)
        units = [(unit, self._all(nodes)) for unit, nodes in self._units(fault)]
        why = "PowerLost" if fault.node is None else "NodeCrashed"
        apply_failures(self._world.clock, self._world.rng, how, units, at=at, why=why)

    def _times(self, written: Any, path: str) -> Distribution:
        times = from_spec(written, "duration", self._folder)
        if times.mean <= 0:
            raise UserError(Problem(f"{path} takes no time", path=path, hint="write a duration above 0"))
        return times

    def _wear(self, fault: Wear, at: int) -> None:
        world, agents = self._world, self._agents(fault.node, "disk")
        takes = [self._endurance(node) if fault.endurance is None else int(fault.endurance) for node, _ in agents]
        for (node, agent), endurance in zip(agents, takes, strict=True):
            apply_wear(
                world.clock, world.network, world.recorder, agent.images, self._powers.of(node),
                node=agent.name, left=endurance * (1 - float(fault.worn)), rate=float(fault.writes),
                dies=fault.then == "dead", at=at,
            )  # fmt: skip

    def _endurance(self, node: int) -> int:
        """What the node's model says of its disk, in bytes."""
        model = self._catalogue.model("nodes", self._world.nodes.rows[node].model)
        if not model.has("disk_endurance"):
            said = f"{model.name} says nothing of its disk's endurance ({self._world.nodes.names[node]})"
            raise UserError(Problem(said, path="endurance", hint="write one, as in endurance: 5TB"))
        return int(model.quantity("disk_endurance"))

    # Whom it means.

    def _nodes(self, glob: str) -> list[int]:
        return some(glob, self._world.nodes.names, "node")

    def _units(self, fault: PowerCut | Failures) -> list[tuple[str, list[int]]]:
        """What fails as one: each node by itself, or the nodes of each zone."""
        nodes = self._world.nodes
        if fault.node is not None:
            return [(nodes.names[node], [node]) for node in self._nodes(fault.node)]
        zones = tuple(dict.fromkeys(nodes.zone))
        found = [zones[i] for i in some(fault.zone or "", zones, "zone")]
        return [(zone, [node for node, of in enumerate(nodes.zone) if of == zone]) for zone in found]

    def _all(self, nodes: Sequence[int]) -> list[Power]:
        return [self._powers.of(node) for node in nodes]

    def _agents(self, glob: str, what: str) -> list[tuple[int, NodeAgent]]:
        """The node agents of these nodes. Raises UserError where a node has none: there is nothing there to fail."""
        agents = {node: agent for cluster in self._clusters.values() for node, agent in cluster.agents.items()}
        nodes = self._nodes(glob)
        without = [self._world.nodes.names[node] for node in nodes if node not in agents]
        if without:
            said = f"{without[0]} runs no pods, so nothing depends on its {what}"
            raise UserError(Problem(said, path="node", hint="name workers or control planes"))
        return [(node, agents[node]) for node in nodes]

    def _pace(self, node: int, agent: NodeAgent) -> Pace:
        if node not in self._paces:
            self._paces[node] = Pace(agent.name, self._world.nodes.rows[node].speed, agent)
        return self._paces[node]

    def _end(self, at: int, lasts: int | None, nodes: Sequence[int]) -> float:
        """When the last of them has booted."""
        boot = max((self._world.nodes.rows[node].boot_ns for node in nodes), default=0)
        return _end(at, None if lasts is None else lasts + boot)


def _ns(given: int | None) -> int | None:
    return None if given is None else int(given)


def _end(at: int, lasts: int | None) -> float:
    return inf if lasts is None else at + lasts


def some(glob: str, names: Sequence[str], what: str) -> list[int]:
    """The indices of the names that a glob matches. Raises UserError where it matches none."""
    found = matching(glob, names)
    if not found:
        raise UserError(Problem(f"{glob} matches no {what}", path=what, hint=f"such as {', '.join(names[:5])}"))
    return found
