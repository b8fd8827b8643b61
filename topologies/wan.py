"""Sites at the cities of a real wide-area network, from the topohub package.

Each fibre's delay comes from its length by the delay per km of the model `fibre-wan`. Sites are put at cities by
lot: by the draw of each city's name, so that a larger number of sites keeps those of a smaller one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

from simulator.shipped.topologies._sites import Backbone, City, assemble, read_params

from simulator.errors import Problem, UserError
from simulator.spec.near import did_you_mean
from simulator.streams import Rng, key

_DEFAULTS: Final = {"network": "sndlib/germany50", "cloud": None}


def build(params: Mapping[str, Any], rng: Rng) -> Mapping[str, Any]:
    """The topology as plain data. `network` is a name of topohub's (`topozoo/Abilene`), `cloud` the city of the cloud
    region (default: the best connected); the counts are those of `_sites.Sites`."""
    sites, own = read_params(params, _DEFAULTS)
    name = own["network"]
    data = _network(name)
    nodes = [_city(node) for node in data["nodes"]]
    position = {node["id"]: i for i, node in enumerate(data["nodes"])}
    fibres = [(position[e["source"]], position[e["target"]], float(e["dist"])) for e in data["edges"]]
    # A waypoint of a sea cable is no place for a site.
    inhabited = [i for i, node in enumerate(data["nodes"]) if "waypoint" not in node.get("type", "").lower()]
    if any(not (abs(city.latitude) <= 90 and abs(city.longitude) <= 180) for city in nodes):
        raise UserError(
            Problem(
                f"{name} lies on a plane, not on the Earth: its lengths are no kilometres",
                path="params.network",
                hint="topozoo/…, backbone/… and most of sndlib/… lie on the Earth",
            )
        )
    cloud = _cloud(own["cloud"], name, nodes, fibres, inhabited)
    if sites.sites > len(inhabited):
        said = f"{sites.sites} sites, but {name} has {len(inhabited)} cities"
        raise UserError(Problem(said, path="params.sites", hint=f"at most {len(inhabited)}, or a larger network"))
    draws = rng.draws("site-city", [key(f"{nodes[i].name}/{i}") for i in inhabited])
    at = [city for _, city in sorted(zip(draws.tolist(), inhabited, strict=True))][: sites.sites]
    return assemble(Backbone(nodes, fibres), at, cloud, sites, rng)


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
    """One of topohub's networks, read from its files, which it keeps under their names."""
    try:
        folder = files("topohub") / "data"
    except ModuleNotFoundError:
        hint = "pip install 'littoral[wan]'"
        raise UserError(Problem("the topology wan needs the package topohub", hint=hint)) from None
    names = _names(folder)
    if name not in names:
        hint = did_you_mean(str(name), names)
        raise UserError(Problem(f"topohub has no network {name!r}", path="params.network", hint=hint))
    data: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return data


def _names(folder: Traversable, prefix: str = "") -> list[str]:
    """The names of all networks below a folder: their paths without the suffix."""
    found: list[str] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _names(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".json"):
            found.append(prefix + item.name.removesuffix(".json"))
    return sorted(found)
