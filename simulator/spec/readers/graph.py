"""A graph as somebody's file has it: vertices and edges by line, before it becomes machines and links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

from simulator.spec.near import did_you_mean
from simulator.spec.readers.report import Report
from simulator.spec.topology import LinkSpec, NodeSpec

# What may stand in a file beside a graph's own words: our keys of a node and of a link.
NODE_KEYS: Final = frozenset(NodeSpec.model_fields) - {"name", "count", "latitude", "longitude"}
LINK_KEYS: Final = frozenset(LinkSpec.model_fields) - {"name", "between"}

_LATITUDE: Final = ("Latitude", "latitude", "lat")
_LONGITUDE: Final = ("Longitude", "longitude", "lon", "lng")
_VERTEX_WORDS: Final = frozenset(
    {"id", "label", "name", "pos", "hyperedge", "type", "Internal", *_LATITUDE, *_LONGITUDE}
)
_EDGE_WORDS: Final = frozenset({"source", "target", "LinkSpeedRaw", "dist"})

NORTHMOST: Final = 84.0  # degrees: no settlement lies nearer to a pole (the Mercator grid of UTM ends there, too)


@dataclass(slots=True)
class Vertex:
    """A node of the file: its place in degrees if it is known, and what it says in our own words. One that is
    `outside` is no machine of the network: another network, or the middle of a link with several ends."""

    id: str
    label: str
    line: int | None
    latitude: float | None = None
    longitude: float | None = None
    outside: str = ""
    own: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Edge:
    """An edge of the file: its rate in bit/s and length in km, if it tells them, and what it says in our words."""

    a: str
    b: str
    line: int | None
    bps: float | None = None
    km: float | None = None
    own: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Graph:
    """All of them. A `directed` one has an edge for each direction; `rates`: whether its edges could tell theirs."""

    vertices: list[Vertex] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    directed: bool = False
    rates: bool = True


def place(vertex: Vertex, latitude: Any, longitude: Any, report: Report) -> None:
    """Put the vertex where the file says, in degrees; one without both coordinates has no place.

    A latitude that no settlement has, beside a longitude that would be one, is told and taken for the longitude.
    """
    given = [_degrees(value, vertex, report) for value in (latitude, longitude)]
    if None in given:
        if given != [None, None]:
            report.repaired(vertex.line, f"node {vertex.label}: has one coordinate of two, which is ignored")
        return
    lat, lon = (value for value in given if value is not None)
    if abs(lat) > NORTHMOST and abs(lat) <= 180 and abs(lon) <= NORTHMOST:
        said = f"latitude {lat:g} and longitude {lon:g} are swapped: they are taken the other way round"
        report.repaired(vertex.line, f"node {vertex.label}: {said}")
        lat, lon = lon, lat
    if abs(lat) > 90 or abs(lon) > 180:
        report.wrong(vertex.line, f"node {vertex.label}: latitude {lat:g}, longitude {lon:g} is no place on the Earth")
        return
    vertex.latitude, vertex.longitude = lat, lon


def _degrees(value: Any, vertex: Vertex, report: Report) -> float | None:
    if value is None or value in ("", "None"):
        return None
    try:
        degrees = float(value)
    except (TypeError, ValueError):
        degrees = float("nan")
    if not isfinite(degrees):
        report.wrong(vertex.line, f"node {vertex.label}: {value!r} is no coordinate in degrees")
        return None
    return degrees


def vertex_of(id: str, data: Mapping[str, Any], line: int | None, report: Report) -> Vertex:
    """A vertex from its attributes, in the words of the Topology Zoo, of topohub, or ours."""
    label = str(data.get("label") or data.get("name") or "").strip()
    vertex = Vertex(id, label if label not in ("", "None") else id, line)
    longitude, latitude = data["pos"] if _pair(data.get("pos")) else (None, None)
    latitude = next((data[key] for key in _LATITUDE if key in data), latitude)
    longitude = next((data[key] for key in _LONGITUDE if key in data), longitude)
    place(vertex, latitude, longitude, report)
    if str(data.get("hyperedge", "0")) not in ("0", "", "False", "false"):
        vertex.outside = "is the middle of a link with several ends"
    elif "waypoint" in str(data.get("type", "")).lower():
        vertex.outside = "is a waypoint of a cable"
    elif str(data.get("Internal", "1")) == "0":
        vertex.outside = "belongs to another network"
    report.ignored |= dict.fromkeys(key for key in data if key not in NODE_KEYS | _VERTEX_WORDS)
    vertex.own = {key: value for key, value in data.items() if key in NODE_KEYS}
    return vertex


def edge_of(a: str, b: str, data: Mapping[str, Any], line: int | None, report: Report) -> Edge:
    """An edge from its attributes: LinkSpeedRaw in bit/s, dist in km, or our own words."""
    edge = Edge(a, b, line, own={key: value for key, value in data.items() if key in LINK_KEYS})
    report.ignored |= dict.fromkeys(key for key in data if key not in LINK_KEYS | _EDGE_WORDS)
    for key, what in (("LinkSpeedRaw", "bps"), ("dist", "km")):
        if key not in data:
            continue
        try:
            value = float(data[key])
        except (TypeError, ValueError):
            value = float("nan")
        if not isfinite(value) or value < 0:
            report.wrong(line, f"edge {a} {b}: {key} {data[key]!r} is no positive number")
        elif value > 0 or what == "km":
            setattr(edge, what, value)
    return edge


def check_ends(graph: Graph, report: Report) -> None:
    """Every id belongs to one vertex, and every edge ends at vertices. Raises UserError."""
    lines: dict[str, int | None] = {}
    for vertex in graph.vertices:
        if vertex.id in lines:
            report.wrong(vertex.line, f"two nodes have the id {vertex.id}", f"the first is on line {lines[vertex.id]}")
        lines[vertex.id] = vertex.line
    for edge in graph.edges:
        for end in (edge.a, edge.b):
            if end not in lines:
                report.wrong(edge.line, f"an edge leads to {end}, and no node has this id", did_you_mean(end, lines))
    if not graph.vertices and not report.problems:
        report.wrong(1, "the graph has no nodes")
    report.check()


def _pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2
