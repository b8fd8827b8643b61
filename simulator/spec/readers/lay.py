"""From a graph to machines and links: what the file does not say or says twice is repaired, and told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from simulator.facts.yaml import Document, Path
from simulator.geography import great_circle_km
from simulator.spec.readers.graph import Edge, Graph, Vertex
from simulator.spec.readers.names import slug, unique
from simulator.spec.readers.report import Report
from simulator.units import UnitError, parse

ROUTER: Final = "backbone-router"


def lay(graph: Graph, models: Mapping[str, str], report: Report) -> Document:
    """The topology, as if somebody had written it, with the line of the graph's file for each node and link.

    Every vertex is a machine of `models["node"]`, those outside the network routers; every edge a link of
    `models["link"]`, as long as its ends are apart on a great circle, unless the file says its length or latency. Of a
    graph in several parts the largest is kept; parallel edges become one link with the rates of all.
    """
    if report.ignored:
        report.repaired(None, f"graph {report.name}: ignores the attributes {', '.join(report.ignored)}")
    kept = _largest(graph, report)
    nowhere = {end for edge in kept.edges if _apart(edge) for end in (edge.a, edge.b)}
    names = _names(kept.vertices, report)
    lines: dict[Path, int] = {(): 1, ("nodes",): 1, ("links",): 1}
    nodes: list[dict[str, Any]] = []
    for vertex in kept.vertices:
        if vertex.line:
            lines["nodes", len(nodes)] = vertex.line
        nodes.append(_node(vertex, names[vertex.id], models["node"], report))
        if vertex.latitude is None and vertex.id in nowhere:
            said = "has no coordinates: it has no place, and its links have no length"
            report.repaired(vertex.line, f"node {vertex.label}: {said}")
    joined = _joined(kept, report)
    places = {vertex.id: vertex for vertex in kept.vertices}
    links: list[dict[str, Any]] = []
    for name, edge in zip(unique(f"{names[e.a]}-{names[e.b]}" for e in joined), joined, strict=True):
        if edge.line:
            lines["links", len(links)] = edge.line
        between = [names[edge.a], names[edge.b]]
        own = _link(edge, places[edge.a], places[edge.b], models["link"])
        if kept.rates and edge.bps is None and not {"rate", "up", "down"} & own.keys():
            report.repaired(edge.line, f"link {name}: has no rate in the file, and takes that of {own['model']}")
        links.append({"name": name, "between": between, **own})
    return Document({"nodes": nodes, "links": links}, report.file, lines)


def _largest(graph: Graph, report: Report) -> Graph:
    """The part with most vertices, the first of equals; every vertex left out is told, and every loop."""
    edges = []
    for edge in graph.edges:
        if edge.a == edge.b:
            report.repaired(edge.line, f"edge {edge.a}: leads back to its own node, and is left out")
        else:
            edges.append(edge)
    beside: dict[str, set[str]] = {vertex.id: set() for vertex in graph.vertices}
    for edge in edges:
        beside[edge.a].add(edge.b)
        beside[edge.b].add(edge.a)
    parts: list[set[str]] = []
    for vertex in graph.vertices:
        if not any(vertex.id in part for part in parts):
            part, waiting = {vertex.id}, [vertex.id]
            while waiting:
                new = beside[waiting.pop()] - part
                part |= new
                waiting += new
            parts.append(part)
    largest = max(parts, key=len)
    for vertex in graph.vertices:
        if vertex.id not in largest:
            said = f"is not joined to the largest part of {len(parts)}, and is left out with its edges"
            report.repaired(vertex.line, f"node {vertex.label}: {said}")
    vertices = [vertex for vertex in graph.vertices if vertex.id in largest]
    return replace(graph, vertices=vertices, edges=[edge for edge in edges if edge.a in largest])


def _names(vertices: Iterable[Vertex], report: Report) -> dict[str, str]:
    """A name for each vertex by id: its label's letters and digits, and a number where another has it already."""
    vertices = list(vertices)
    wanted = [slug(vertex.label) or slug(vertex.id) or "node" for vertex in vertices]
    made = unique(wanted)
    for vertex, name, want in zip(vertices, made, wanted, strict=True):
        if name != want:
            report.repaired(vertex.line, f"node {vertex.label}: another has the name {want}, so this one is {name}")
        elif not slug(vertex.label):
            report.repaired(vertex.line, f"node {vertex.label}: has no letter or digit in its name, and is {name}")
    return dict(zip((vertex.id for vertex in vertices), made, strict=True))


def _node(vertex: Vertex, name: str, model: str, report: Report) -> dict[str, Any]:
    made: dict[str, Any] = {"name": name, "model": model, "zone": name, **vertex.own}
    if vertex.outside and "role" not in vertex.own:
        report.repaired(vertex.line, f"node {vertex.label}: {vertex.outside}, so it is a router and no machine")
        made |= {"model": vertex.own.get("model", ROUTER), "role": "router"}
    if vertex.latitude is None:
        return made
    return {**made, "latitude": vertex.latitude, "longitude": vertex.longitude}


def _joined(graph: Graph, report: Report) -> list[Edge]:
    """One edge for each pair of vertices, in the order of the first; in a directed graph from its two directions."""
    pairs: dict[frozenset[str], list[Edge]] = {}
    for edge in graph.edges:
        pairs.setdefault(frozenset((edge.a, edge.b)), []).append(edge)
    return [_one(edges, directed=graph.directed, report=report) for edges in pairs.values()]


def _one(edges: list[Edge], *, directed: bool, report: Report) -> Edge:
    label = f"edge {edges[0].a} {edges[0].b}"
    if len(edges) > 1 and not any({"up", "down"} & edge.own.keys() for edge in edges):
        edges = [_by_number(edge) for edge in edges]
    first = edges[0]
    back = [edge for edge in edges if directed and edge.a != first.a]
    forth = [edge for edge in edges if edge not in back] if back else edges
    if directed and not back:
        report.repaired(first.line, f"{label}: leads one way only, and stands for both")
    for same in (forth, back):
        for edge in same[1:]:
            known = sum(each.bps is not None for each in (same[0], edge))
            rates = ("", ", with the rate of the one that tells it", " with the rates of both")[known]
            said = f"is parallel to that of line {same[0].line}: the two are one link{rates}"
            report.repaired(edge.line, f"{label}: {said}")
    for edge in edges[1:]:
        others = [key for key, value in edge.own.items() if value != first.own.get(key)]
        if edge.km not in (None, first.km):
            others.append("dist")
        if others:
            said = f"what it says of {', '.join(others)} is left out: the edge of line {first.line} holds"
            report.repaired(edge.line, f"{label}: {said}")
    one = replace(first, bps=_sum(forth), own=dict(first.own))
    if back and (one.bps or _sum(back)):
        one.own |= {"up": _rate(one.bps or _sum(back)), "down": _rate(_sum(back) or one.bps)}
    return one


def _by_number(edge: Edge) -> Edge:
    """The edge with a rate in our own words as a number, so that it can be added to others."""
    if edge.bps is not None or "rate" not in edge.own:
        return edge
    try:
        bps = float(parse(edge.own["rate"], "bitrate"))
    except UnitError:
        return edge  # refused with its line when the topology is parsed
    return replace(edge, bps=bps, own={key: value for key, value in edge.own.items() if key != "rate"})


def _sum(edges: Iterable[Edge]) -> float | None:
    known = [edge.bps for edge in edges if edge.bps is not None]
    return sum(known) if known else None


def _link(edge: Edge, a: Vertex, b: Vertex, model: str) -> dict[str, Any]:
    made: dict[str, Any] = {"model": model, **edge.own}
    if edge.bps is not None and not {"rate", "up", "down"} & edge.own.keys():
        made["rate"] = _rate(edge.bps)
    if not {"latency", "length"} & edge.own.keys():
        km = edge.km
        if _apart(edge) and None not in (a.latitude, a.longitude, b.latitude, b.longitude):
            km = great_circle_km(a.latitude, a.longitude, b.latitude, b.longitude)  # type: ignore[arg-type]  # not None
        if km is not None:
            made["length"] = f"{km:.6g}km"
    return made


def _apart(edge: Edge) -> bool:
    """Whether the edge is as long as its ends are apart. One that names a model of its own also says its own length."""
    return edge.km is None and not {"latency", "length", "model"} & edge.own.keys()


def _rate(bps: float | None) -> str:
    """A rate as somebody writes it: exactly, in the largest unit that leaves no fraction of a bit."""
    assert bps is not None
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if bps >= factor:
            return f"{bps / factor:.12g}{unit}bps"
    return f"{bps:.12g}bps"
