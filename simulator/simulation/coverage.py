"""What covers whom: what the scenario says of coverage, as radios and their links."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from simulator.errors import Problem, UserError
from simulator.facts import Model
from simulator.physics.coverage import Cells, Reach, Squares
from simulator.physics.distributions import Distribution, from_spec
from simulator.physics.movement import Path
from simulator.simulation.links import link_row, within
from simulator.simulation.movement import Site, idle, paths_of
from simulator.spec.check_movement import unmatched
from simulator.spec.coverage import Coverage, DistanceCoverage, GridCoverage
from simulator.spec.positions import read_squares, unknown
from simulator.spec.topology import matching
from simulator.streams import Rng
from simulator.world.link import LinkRow
from simulator.world.roaming import Radio


@dataclass(frozen=True, slots=True)
class Motion:
    """Who moves how, by node; the radios of all that cells cover; and the links between both."""

    paths: Mapping[int, Path] = field(default_factory=dict)
    radios: tuple[Radio, ...] = ()
    links: tuple[LinkRow, ...] = ()


def motion(site: Site, links: int, rng: Rng) -> Motion:
    """Everything that moves and all that covers it; `links` are there already. Raises UserError for a cell that moves,
    and where a place, a file or a fact is missing."""
    if strange := [replace(p, path=f"scenario.{p.path}") for p in unmatched(site.scenario, site.names)]:
        raise UserError(strange)
    paths = paths_of(site, rng)
    radios: list[Radio] = []
    rows: list[LinkRow] = []
    for number, item in enumerate(site.scenario.coverage):
        where = f"scenario.coverage.{number}"
        cells = _cells(item, site, paths, where)
        reach, takes = _map(item, site, cells, where), _handover(item, site, where)
        for node in matching(item.node, site.names):
            near = reach(paths.get(node) or _standing(site, node, f"{where}.node"))
            own = tuple(cells[i] for i in near.cells)
            numbers = range(links + len(rows), links + len(rows) + len(own))
            rows += [_link(item, site, node, cell) for cell in own]
            radios.append(Radio(item.name, node, near, own, tuple(numbers), takes))
    if problems := list(idle(site, {radio.node for radio in radios})):
        raise UserError(problems)
    return Motion(paths, tuple(radios), tuple(rows))


def _link(item: Coverage, site: Site, node: int, cell: int) -> LinkRow:
    spec = item.link(site.names[node], site.names[cell])
    row = link_row(spec.name, node, cell, spec, site.catalogue, folder=site.scenario.folder)
    row = replace(row, radio=f"{item.name}.{site.names[node]}")
    return within(row, (site.specs[node], site.specs[cell]), site.catalogue)


def _cells(item: Coverage, site: Site, paths: Mapping[int, Path], where: str) -> list[int]:
    cells = matching(item.cell, site.names)
    moving = [site.names[cell] for cell in cells if cell in paths]
    if moving:
        raise UserError(Problem(f"{moving[0]} moves, and cells stand", path=f"{where}.cell"))
    both = [site.names[cell] for cell in cells if cell in matching(item.node, site.names)]
    if both:
        raise UserError(Problem(f"{both[0]} would cover itself", path=f"{where}.cell", hint="see node and cell"))
    return cells


def _map(item: Coverage, site: Site, cells: Sequence[int], where: str) -> Callable[[Path], Reach]:
    """Which cells a path comes to, as positions in `cells`."""
    names = [site.names[cell] for cell in cells]
    match item:
        case DistanceCoverage():
            radius = np.full(len(cells), float(item.radius))
            for glob, other in reversed(item.radii.items()):  # the first that matches counts
                found = matching(glob, names)
                if not found:
                    raise UserError(Problem(f"{glob} matches no cell", path=f"{where}.radii.{glob}"))
                radius[found] = float(other)
            places = np.array([_place(site, cell, f"{where}.cell") for cell in cells])
            circles = Cells(places[:, 0], places[:, 1], radius)
            margin = _margin(item, site, where)
            return lambda path: circles.reach(path, margin)
        case GridCoverage():
            file = site.scenario.folder / item.file
            (south, west), squares = read_squares(file, item.square)
            numbers = {name: i for i, name in enumerate(names)}
            if problems := unknown(file, "cell of this item", iter(squares.values()), set(numbers)):
                raise UserError(problems)
            return Squares(south, west, item.square, {at: numbers[name] for at, name in squares.items()}).reach
    raise AssertionError(item.name)


def _margin(item: DistanceCoverage, site: Site, where: str) -> float:
    if item.margin is not None:
        return float(item.margin)
    return float(_model(item, site, "handover.margin", "margin: 20%", where).quantity("handover.margin"))


def _handover(item: Coverage, site: Site, where: str) -> Distribution:
    if item.handover is not None:
        return site.ticks(item.handover)
    facts = _model(item, site, "handover.time", "handover: 50ms", where)
    return from_spec(facts.distribution("handover.time"), "duration", site.scenario.folder)


def _model(item: Coverage, site: Site, fact: str, written: str, where: str) -> Model:
    """The model of a radio, which has to have a fact that nobody wrote."""
    model = site.catalogue.model("links", item.model)
    if not model.has(fact):
        hint = f"write it, as in {written}"
        raise UserError(Problem(f"{item.model} has no fact {fact}", path=f"{where}.model", hint=hint))
    return model


def _standing(site: Site, node: int, where: str) -> Path:
    latitude, longitude = _place(site, node, where)
    return Path([0.0], [latitude], [longitude])


def _place(site: Site, node: int, where: str) -> tuple[float, float]:
    spec = site.specs[node]
    if spec.latitude is None or spec.longitude is None:
        said = f"nobody knows where {site.names[node]} is"
        raise UserError(Problem(said, path=where, hint="give the node a latitude and a longitude, or let it move"))
    return spec.latitude, spec.longitude
