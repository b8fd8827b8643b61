"""Who moves and where to: what the scenario says of movement, as paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.dist import parse_dist
from simulator.physics.distributions import Distribution, from_spec
from simulator.physics.movement import Path
from simulator.physics.waypoints import random_waypoint, route
from simulator.spec.movement import Movement, PositionTrace, RandomWaypoint, Waypoints
from simulator.spec.positions import read_positions, unknown
from simulator.spec.scenario import Scenario
from simulator.spec.topology import NodeSpec, matching
from simulator.streams import Rng, key
from simulator.units import SECOND


@dataclass(frozen=True, slots=True)
class Site:
    """What movement and coverage are read from: the scenario, and the machines by name and as they are written."""

    scenario: Scenario
    catalogue: Catalogue
    names: Sequence[str]
    specs: Sequence[NodeSpec]

    def ticks(self, written: object) -> Distribution:
        """A random duration as it was written, in ns."""
        return from_spec(parse_dist(written, "duration"), "duration", self.scenario.folder)


def paths_of(site: Site, rng: Rng) -> dict[int, Path]:
    """The path of each node that moves. Raises UserError for one that moves in two ways, and where a file is wrong."""
    found: dict[int, Path] = {}
    for number, item in enumerate(site.scenario.movement):
        where = f"scenario.movement.{number}"
        for node, path in _paths(item, site, rng, where):
            if node in found:
                raise UserError(Problem(f"{site.names[node]} moves in two ways", path=f"{where}.node"))
            found[node] = path
    return found


def idle(site: Site, covered: set[int]) -> Iterator[Problem]:
    """Movement on which nothing depends: no coverage names the node."""
    for number, item in enumerate(site.scenario.movement):
        alone = [site.names[node] for node in matching(item.node, site.names) if node not in covered]
        if alone:
            said = f"nothing depends on where {alone[0]} is: no coverage names it"
            yield Problem(said, path=f"scenario.movement.{number}.node", hint="add an item to coverage")


def _paths(item: Movement, site: Site, rng: Rng, where: str) -> Iterator[tuple[int, Path]]:
    nodes, until = matching(item.node, site.names), int(site.scenario.duration) / SECOND
    match item:
        case Waypoints(speed=None):
            for number, node in enumerate(nodes):
                late = number * item.headway / SECOND
                at = [int(point.at or 0) / SECOND + late for point in item.points]
                yield node, Path(at, [p.latitude for p in item.points], [p.longitude for p in item.points])
        case Waypoints(speed=speed):
            assert speed is not None
            stops = [(p.latitude, p.longitude, int(p.pause or 0) / SECOND) for p in item.points]
            for number, node in enumerate(nodes):
                try:
                    yield node, route(stops, float(speed), item.then, number * item.headway / SECOND, until)
                except ValueError as error:
                    raise UserError(Problem(str(error), path=f"{where}.points")) from None
        case RandomWaypoint():
            for node in nodes:
                yield node, _random(item, site, node, rng)
        case PositionTrace():
            path = site.scenario.folder / item.file
            found = read_positions(path, item.origin)
            moving = {site.names[node] for node in nodes}
            problems = unknown(path, "node of this item", iter(found), moving)
            problems += [
                Problem(f"there is no position of {name}", str(path), hint=f"{item.node} matches it")
                for name in sorted(moving - found.keys())
            ]
            if problems:
                raise UserError(problems)
            for node in nodes:
                yield node, Path(*zip(*found[site.names[node]], strict=True))


def _random(item: RandomWaypoint, site: Site, node: int, rng: Rng) -> Path:
    own, spec = key(site.names[node]), site.specs[node]
    rest = None if item.pause is None else site.ticks(item.pause)

    def between(what: str, k: int, low: float, high: float) -> float:
        return low + (high - low) * rng.draw(f"random-waypoint/{what}", own, k)

    def place(k: int) -> tuple[float, float]:
        if k == 0 and spec.latitude is not None and spec.longitude is not None:
            return spec.latitude, spec.longitude
        return between("latitude", k, item.south, item.north), between("longitude", k, item.west, item.east)

    def speed(k: int) -> float:
        return between("speed", k, float(item.slowest), float(item.fastest))

    def pause(k: int) -> float:
        return 0.0 if rest is None else rest.tick(rng.draw("random-waypoint/pause", own, k)) / SECOND

    return random_waypoint(place, speed, pause, int(site.scenario.duration) / SECOND)
