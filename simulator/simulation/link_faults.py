"""The faults of links that a scenario names, on the links that they match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.faults import LinkCut, apply_cut, apply_outages, drawn, listed
from simulator.physics.distributions import Distribution, from_spec
from simulator.simulation.clusters.world import World
from simulator.simulation.node_faults import NodeFaults, some
from simulator.spec.failures import PowerCut
from simulator.spec.faults import Cut, LinkFault
from simulator.spec.outages import Impairment, Outages, Partition, ZoneOutage
from simulator.spec.windows import read_windows


class LinkFaults:
    """Puts them on the clock of one simulation. `folder` is where the scenario's data files are."""

    __slots__ = ("_catalogue", "_drawn", "_folder", "_links", "_nodes", "_world")

    def __init__(self, world: World, catalogue: Catalogue, nodes: NodeFaults, folder: Path) -> None:
        self._world, self._catalogue, self._nodes, self._folder = world, catalogue, nodes, folder
        self._links = [link.name for link in world.network.links]
        self._drawn: Counter[str] = Counter()  # names that draws have so far

    def add(self, fault: LinkFault, at: int) -> float:
        """Schedule a fault that begins at `at` (ns); when it ends (ns), or infinity. Raises UserError for a glob that
        matches nothing, and where nothing is left to be cut."""
        match fault:
            case Cut():
                return self._cut(some(fault.link, self._links, "link"), fault, fault.duration, at)
            case Partition():
                return self._cut(self._crossing(fault), fault, fault.duration, at)
            case ZoneOutage(what="power"):
                return self._nodes.add(PowerCut(zone=fault.zone, duration=fault.duration), at)
            case ZoneOutage():
                return self._cut(self._leaving(self._zones(fault.zone)), fault, fault.duration, at)
            case Outages():
                return self._fail(fault, at)

    def _cut(self, links: Sequence[int], how: Impairment, duration: int | None, at: int) -> float:
        lasts, world = None if duration is None else int(duration), self._world
        for link in links:
            apply_cut(
                world.clock, world.network, world.recorder, link,
                at=at, duration=lasts, mode=how.mode, loss=float(how.loss or 0.0), direction=_direction(how),
            )  # fmt: skip
        return inf if lasts is None else at + lasts

    def _fail(self, fault: Outages, at: int) -> float:
        windows = self._windows(fault)
        said = fault.name or " ".join(
            f"{key} {glob}" for key in ("link", "node", "zone") if (glob := getattr(fault, key)) is not None
        )
        self._drawn[said] += 1
        name = said if self._drawn[said] == 1 else f"{said}#{self._drawn[said]}"
        world = self._world
        for unit, links in self._units(fault):
            cut = LinkCut(
                world.clock, world.network, world.recorder, links,
                fault.mode, loss=float(fault.loss or 0.0), direction=_direction(fault),
            )  # fmt: skip
            spells = listed(windows) if windows else drawn(world.rng, name, unit, *self._times(fault, links))
            apply_outages(world.clock, cut, spells, at=at)
        return at + windows[-1][1] if windows else inf

    def _windows(self, fault: Outages) -> Sequence[tuple[int, int]]:
        if fault.trace is not None:
            return read_windows(self._folder / fault.trace)
        return [(int(each.at), int(each.at + each.duration)) for each in fault.windows or ()]

    def _times(self, fault: Outages, links: Sequence[int]) -> tuple[Distribution, Distribution]:
        """How long they are up, and down: as written, or as the model of the link says."""
        given: tuple[Any, Any] = (fault.up, fault.down)
        if fault.up is None:
            given = (self._fact(links[0], "up"), self._fact(links[0], "down"))
        up, down = (from_spec(each, "duration", self._folder) for each in given)
        for path, times in (("up", up), ("down", down)):
            if times.mean <= 0:
                raise UserError(Problem(f"{path} takes no time", path=path, hint="write a duration above 0"))
        return up, down

    def _fact(self, link: int, which: str) -> Any:
        row = self._world.network.links[link]
        model = self._catalogue.model("links", row.model) if row.model else None
        if model is None or not model.has(f"outage.{which}"):
            said = f"link {row.name} has no model that says how it fails"
            raise UserError(Problem(said, path="up", hint="write up and down, as in up: {exponential: 1h}"))
        return model.distribution(f"outage.{which}")

    # Which links it means.

    def _units(self, fault: Outages) -> list[tuple[str, Sequence[int]]]:
        """What fails as one, by name."""
        if fault.link is not None:
            return [(self._links[link], [link]) for link in some(fault.link, self._links, "link")]
        if fault.zone is not None:
            return [(zone, self._leaving([zone])) for zone in self._zones(fault.zone)]
        nodes = self._world.nodes.names
        rows = self._world.network.links
        units: list[tuple[str, Sequence[int]]] = []
        for node in some(fault.node or "", nodes, "node"):
            links = [i for i, row in enumerate(rows) if node in (row.a, row.b)]
            if not links:
                raise _nothing(f"{nodes[node]} has no link", "node")
            units.append((nodes[node], links))
        return units

    def _zones(self, glob: str) -> list[str]:
        zones = tuple(dict.fromkeys(self._world.nodes.zone))
        return [zones[i] for i in some(glob, zones, "zone")]

    def _leaving(self, zones: Sequence[str]) -> list[int]:
        """The links that lead out of these zones."""
        inside = [zone in zones for zone in self._world.nodes.zone]
        links = [i for i, row in enumerate(self._world.network.links) if inside[row.a] != inside[row.b]]
        if not links:
            raise _nothing(f"no link leads out of {', '.join(zones)}", "zone")
        return links

    def _crossing(self, fault: Partition) -> list[int]:
        names = self._world.nodes.names
        one, other = ({n for glob in side for n in some(glob, names, "node")} for side in fault.sides)
        if both := one & other:
            raise _nothing(f"{names[min(both)]} is on both sides", "between")
        rows = self._world.network.links
        links = [
            i for i, row in enumerate(rows) if (row.a in one and row.b in other) or (row.b in one and row.a in other)
        ]
        if not links:
            raise _nothing("no link leads from one side to the other", "between", "routers stand on a side, too")
        return links


def _direction(how: Impairment) -> int:
    return 1 if how.direction == "down" else 0


def _nothing(said: str, path: str, hint: str = "") -> UserError:
    return UserError(Problem(said, path=path, hint=hint))
