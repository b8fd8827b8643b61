"""What the generators share: sites at cities that a backbone joins, with a cloud region at one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import cos, degrees, pi, radians, sin
from typing import Any

from simulator.errors import Problem, UserError
from simulator.geography import EARTH_RADIUS_KM
from simulator.spec.near import did_you_mean
from simulator.spec.readers.names import slug, unique
from simulator.streams import Rng, key

TIER = "littoral.io/tier"
_MOST = 100_000  # machines of one kind at one site


@dataclass(frozen=True, slots=True)
class City:
    """Where a router of the backbone stands, in degrees."""

    name: str
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Backbone:
    """Cities, and the fibres between them: (city, city, length in km)."""

    cities: Sequence[City]
    fibres: Sequence[tuple[int, int, float]]


@dataclass(frozen=True, slots=True)
class Sites:
    """The counts that make a site and the cloud. A machine `lte_…` is behind the mobile network, the others behind
    the site's Ethernet."""

    sites: int = 12
    pis: int = 2  # Raspberry Pi 4B at each site
    x86: int = 1  # x86 edge servers at each site
    tills: int = 2
    lte_tills: int = 0
    cameras: int = 1
    lte_cameras: int = 1
    cloud_workers: int = 3


def read_params(params: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[Sites, dict[str, Any]]:
    """The counts, and the generator's `own` parameters with their defaults. Raises UserError with every problem:
    unknown parameters, with near names, and counts that are no whole number or too small."""
    counts = {field.name: field.default for field in fields(Sites)}
    known = [*own, *counts]
    problems = [
        Problem(f"the topology takes no parameter {name}", path=f"params.{name}", hint=did_you_mean(name, known))
        for name in params
        if name not in known
    ]
    for name, default in counts.items():
        least = 1 if name in ("sites", "cloud_workers") else 0
        value = params.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _MOST:
            said = f"{name} takes a whole number from {least} to {_MOST}, not {value!r}"
            problems.append(Problem(said, path=f"params.{name}"))
    if problems:
        raise UserError(problems)
    return Sites(**{name: params.get(name, default) for name, default in counts.items()}), {
        name: params.get(name, default) for name, default in own.items()
    }


def assemble(backbone: Backbone, at: Sequence[int], cloud: int, sites: Sites, rng: Rng) -> dict[str, Any]:
    """The plain data of the topology: a router in every city, a site at each city of `at`, the cloud at one city."""
    world = _World()
    routers = unique(["router-cloud", *(f"router-{slug(city.name) or 'city'}" for city in backbone.cities)])[1:]
    for name, city in zip(routers, backbone.cities, strict=True):
        world.node(name, "backbone-router", "backbone", "router", place=city)
    for number, (a, b, km) in enumerate(backbone.fibres):
        world.link(f"backbone-{number}", routers[a], routers[b], "fibre-wan", length=f"{km:.12g}km")
    _add_cloud(world, routers[cloud], backbone.cities[cloud], sites)
    for number, here in enumerate(at):
        place = _beside(backbone.cities[here], f"site-{number}", rng)
        _add_site(world, number, routers[here], place, sites)
    return {"nodes": world.nodes, "links": world.links}


class _World:
    """The lists under construction, in the form in which a user writes a topology."""

    def __init__(self) -> None:
        self.nodes: list[dict[str, Any]] = []
        self.links: list[dict[str, Any]] = []

    def node(self, name: str, model: str, zone: str, role: str, *, place: City, tier: str = "") -> str:
        self.nodes.append(
            {"name": name, "model": model, "zone": zone, "role": role}
            | ({"labels": {TIER: tier}} if tier else {})
            | {"latitude": round(place.latitude, 5), "longitude": round(place.longitude, 5)}
        )
        return name

    def link(self, name: str, a: str, b: str, model: str, **more: str) -> None:
        """A link; `a` is its end away from the network, from which the model's rate `up` leads."""
        self.links.append({"name": name, "between": [a, b], "model": model, **more})


def _add_cloud(world: _World, router: str, place: City, sites: Sites) -> None:
    """A region: its router on the backbone, a control plane, a registry and workers in one data centre."""
    region = world.node("router-cloud", "backbone-router", "cloud", "router", place=place)
    world.link("cloud-uplink", region, router, "fibre-wan")
    machines = [world.node("control-plane", "cloud-vm", "cloud", "control-plane", place=place, tier="cloud")]
    machines.append(world.node("registry", "registry", "cloud", "registry", place=place))
    machines += [
        world.node(f"cloud-{i}", "cloud-vm", "cloud", "worker", place=place, tier="cloud")
        for i in range(sites.cloud_workers)
    ]
    for number, machine in enumerate(machines):
        world.link(f"cloud-lan-{number}", machine, region, "data-centre")


def _add_site(world: _World, number: int, router: str, place: City, sites: Sites) -> None:
    """A zone: a gateway on the city's router, edge nodes, tills and cameras.

    What is behind Ethernet hangs at the gateway; what is behind LTE at the city's router, where the mobile network
    ends: without its WAN access a site does not see its LTE devices, while the cloud still does.
    """
    zone = f"site-{number}"
    gateway = world.node(f"gateway-{number}", "gateway", zone, "router", place=place)
    world.link(f"wan-{number}", gateway, router, "wan-access")
    models = ["raspberry-pi-4b"] * sites.pis + ["x86-edge"] * sites.x86
    machines = [
        world.node(f"edge-{number}-{i}", m, zone, "worker", place=place, tier="edge") for i, m in enumerate(models)
    ]
    for what, wired, mobile in (
        ("till", sites.tills, sites.lte_tills),
        ("camera", sites.cameras, sites.lte_cameras),
    ):
        for i in range(wired + mobile):
            device = world.node(f"{what}-{number}-{i}", what, zone, "device", place=place)
            if i < wired:
                machines.append(device)
            else:
                world.link(f"lte-{what}-{number}-{i}", device, router, "lte")
    for machine in machines:
        world.link(f"lan-{machine}", machine, gateway, "ethernet")


def offset(city: City, km: float, bearing: float) -> City:
    """A place `km` away from a city in a direction (radians from north): flat, as near as sites are."""
    north, east = km * cos(bearing), km * sin(bearing)
    latitude = max(-90.0, min(90.0, city.latitude + degrees(north / EARTH_RADIUS_KM)))
    round_here = EARTH_RADIUS_KM * max(cos(radians(city.latitude)), 0.01)
    longitude = (city.longitude + degrees(east / round_here) + 180) % 360 - 180
    return City(city.name, latitude, longitude)


def _beside(city: City, name: str, rng: Rng) -> City:
    """Where in its city a site lies, for the map: 2 to 12 km from the router. Delays do not depend on it."""
    identity = key(name)
    return offset(city, 2 + 10 * rng.draw("site-distance", identity), 2 * pi * rng.draw("site-bearing", identity))
