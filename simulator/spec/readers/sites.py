"""Sites and users of the EUA data set (Lai et al., ICSOC 2018): base stations, and who may attach to them."""

from __future__ import annotations

from typing import Final

from simulator.geography import great_circle_km
from simulator.spec.readers.graph import Edge, Graph, Vertex, place
from simulator.spec.readers.report import Report
from simulator.spec.readers.table import read_table

SITES: Final = ("SITE_ID", "LATITUDE", "LONGITUDE", "NAME")
_MORE: Final = ("STATE", "LICENSING_AREA_ID", "POSTCODE", "SITE_PRECISION", "ELEVATION", "HCIS_L2")
USERS: Final = ("Latitude", "Longitude")


def read_sites(text: str, report: Report) -> Graph:
    """A machine at each site, all joined to a router in their middle: the file has no links, which is told."""
    graph = Graph(rates=False)
    first: dict[str, int] = {}
    for line, row in read_table(text, SITES, report, _MORE):
        vertex = Vertex(row["SITE_ID"], f"site-{row['SITE_ID']}", line)
        if not vertex.id:
            report.wrong(line, "a site has no SITE_ID")
        elif vertex.id in first:
            report.wrong(line, f"two sites have the SITE_ID {vertex.id}", f"the first is on line {first[vertex.id]}")
        first[vertex.id] = line
        _put(vertex, row["LATITUDE"], row["LONGITUDE"], report)
        graph.vertices.append(vertex)
    if not graph.vertices and not report.problems:
        report.wrong(1, "the file has no sites")
    report.check()
    lat = sum(v.latitude or 0 for v in graph.vertices) / len(graph.vertices)
    lon = _middle([v.longitude or 0 for v in graph.vertices])
    graph.edges = [Edge(vertex.id, "", vertex.line) for vertex in graph.vertices]
    graph.vertices.append(Vertex("", "hub", None, lat, lon, own={"model": "backbone-router", "role": "router"}))
    report.repaired(1, f"table {report.name}: has no links, so each site is joined to a router hub in their middle")
    return graph


def read_users(text: str, graph: Graph, models: dict[str, str], report: Report) -> None:
    """Add a device for each user of a file of positions, joined to the nearest site."""
    sites = graph.vertices[:-1]
    found: list[Vertex] = []
    for number, (line, row) in enumerate(read_table(text, USERS, report)):
        own = {"model": models["user"], "role": "device"}
        vertex = Vertex(f"user {number}", f"user-{number}", line, own=own)
        _put(vertex, row["Latitude"], row["Longitude"], report)
        found.append(vertex)
    if not found and not report.problems:
        report.wrong(1, "the file has no users")
    report.check()
    for user in found:
        near = min(sites, key=lambda site: _apart(user, site))
        user.own["zone"] = near.label
        # From the user to the site: `up` of the access is the user's. A model of access has its own latency.
        graph.edges.append(Edge(user.id, near.id, None, own={"model": models["access"]}))
    graph.vertices += found


def _middle(longitudes: list[float]) -> float:
    """The mean of longitudes, also of some on both sides of the date line: those to the west of it go on beyond 180."""
    if max(longitudes) - min(longitudes) <= 180:
        return sum(longitudes) / len(longitudes)
    return (sum(longitude % 360 for longitude in longitudes) / len(longitudes) + 180) % 360 - 180


def _put(vertex: Vertex, latitude: str, longitude: str, report: Report) -> None:
    before = len(report.problems)
    place(vertex, latitude, longitude, report)
    if vertex.latitude is None and len(report.problems) == before:
        report.wrong(vertex.line, f"{vertex.label} has no coordinates", "a site or a user is a place")


def _apart(a: Vertex, b: Vertex) -> float:
    assert a.latitude is not None
    assert a.longitude is not None
    assert b.latitude is not None
    assert b.longitude is not None
    return great_circle_km(a.latitude, a.longitude, b.latitude, b.longitude)
