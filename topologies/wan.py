"""Sites at the cities of a real wide-area network, from the topohub package.

Each fibre's delay comes from its length by the delay per km of the model `fibre-wan`. Sites are put at cities by
lot: by the draw of each city's name, so that a larger number of sites keeps those of a smaller one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from math import degrees, dist
from typing import Any, Final

from simulator.shipped.topologies._sites import Backbone, City, assemble, read_params

from simulator.errors import Problem, UserError
from simulator.geography import EARTH_RADIUS_KM
from simulator.spec.near import did_you_mean
from simulator.spec.readers.nodelink import topohub
from simulator.streams import Rng, key
from simulator.units import UnitError, parse

_DEFAULTS: Final = {"network": "sndlib/germany50", "cloud": None, "unit": None}


def build(params: Mapping[str, Any], rng: Rng) -> Mapping[str, Any]:
    """The topology as plain data. `network` is a name of topohub's (`topozoo/Abilene`), `cloud` the city of the cloud
    region (default: the best connected); the counts are those of `_sites.Sites`. A network that lies on a plane needs
    `unit`, the length of one unit of it (`1km`): then a fibre is as long as its ends are apart."""
    sites, own = read_params(params, _DEFAULTS)
    name = own["network"]
    data = _network(name)
    nodes = [_city(node) for node in data["nodes"]]
    position = {node["id"]: i for i, node in enumerate(data["nodes"])}
    fibres = [(position[e["source"]], position[e["target"]], float(e["dist"])) for e in data["edges"]]
    # A waypoint of a sea cable is no place for a site.
    inhabited = [i for i, node in enumerate(data["nodes"]) if "waypoint" not in node.get("type", "").lower()]
    flat = any(not (abs(city.latitude) <= 90 and abs(city.longitude) <= 180) for city in nodes)
    if flat != (own["unit"] is not None):
        said = f"{name} lies on {'a plane, so it needs a unit' if flat else 'the Earth, so it has no unit'}"
        hint = "unit: 1km, the length of one unit of the plane" if flat else "remove unit"
        raise UserError(Problem(said, path="params.network" if flat else "params.unit", hint=hint))
    if flat:
        nodes, fibres = _unrolled(nodes, fibres, _km(own["unit"]))
    cloud = _cloud(own["cloud"], name, nodes, fibres, inhabited)
    if sites.sites > len(inhabited):
        said = f"{sites.sites} sites, but {name} has {len(inhabited)} cities"
        raise UserError(Problem(said, path="params.sites", hint=f"at most {len(inhabited)}, or a larger network"))
    draws = rng.draws("site-city", [key(f"{nodes[i].name}/{i}") for i in inhabited])
    at = [city for _, city in sorted(zip(draws.tolist(), inhabited, strict=True))][: sites.sites]
    return assemble(Backbone(nodes, fibres), at, cloud, sites, rng)


def _km(unit: object) -> float:
    try:
        return float(parse(unit if isinstance(unit, str) else "", "length")) / 1000
    except UnitError as error:
        raise UserError(Problem(f"unit: {error.message}", path="params.unit", hint=error.hint)) from None


def _unrolled(
    cities: list[City], fibres: list[tuple[int, int, float]], unit_km: float
) -> tuple[list[City], list[tuple[int, int, float]]]:
    """A plane laid on the Earth where it is flattest, at latitude and longitude 0: coordinates become kilometres."""
    middle_x = sum(city.longitude for city in cities) / len(cities)
    middle_y = sum(city.latitude for city in cities) / len(cities)
    flat = [((c.longitude - middle_x) * unit_km, (c.latitude - middle_y) * unit_km) for c in cities]
    laid = [
        City(c.name, degrees(y / EARTH_RADIUS_KM), degrees(x / EARTH_RADIUS_KM))
        for c, (x, y) in zip(cities, flat, strict=True)
    ]
    if not unit_km > 0 or any(not (abs(c.latitude) <= 90 and abs(c.longitude) <= 180) for c in laid):
        raise UserError(Problem("the plane is larger than the Earth", path="params.unit", hint="a smaller unit"))
    return laid, [(a, b, dist(flat[a], flat[b])) for a, b, _ in fibres]


def _city(node: Mapping[str, Any]) -> City:
    longitude, latitude = node["pos"]
    return City(node.get("name") or f"{node['id']}", float(latitude), float(longitude))


def _cloud(
    wanted: object, network: str, cities: list[City], fibres: list[tuple[int, int, float]], inhabited: list[int]
) -> int:
    """The city of that name, or the one with most fibres (the first of those)."""
    if wanted is None:
        degree = [0] * len(cities)
        for a, b, _ in fibres:
            degree[a] += 1
            degree[b] += 1
        return max(inhabited, key=degree.__getitem__)
    names = {cities[i].name: i for i in reversed(inhabited)}
    if wanted not in names:
        hint = did_you_mean(str(wanted), list(names))
        raise UserError(Problem(f"{network} has no city {wanted!r}", path="params.cloud", hint=hint))
    return names[str(wanted)]


def _network(name: object) -> dict[str, Any]:
    """One of topohub's networks."""
    try:
        data: dict[str, Any] = json.loads(topohub(name))
    except UserError as error:
        raise UserError(replace(problem, path="params.network") for problem in error.problems) from None
    return data
