"""Where things are: routers, sites and the cloud at their positions; links by how long they are up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go
import polars as pl

from simulator.show.intervals import intervals
from simulator.show.style import CUT, INK, OUTAGES, QUIET, SERIES, Drawing, layout
from simulator.simulation.run import Run

Place = tuple[float, float]
_NOWHERE: Place = (math.nan, math.nan)
# Links by the share of time in which they are up: what the legend says, at least, below; colour, and width in pixels.
_LINKS: Final = (
    ("link, up all the time", 1.0, 2.0, QUIET, 1.2),
    ("up 99 % or more of it", 0.99, 1.0, OUTAGES[0], 2.5),
    ("up 90 % to 99 %", 0.9, 0.99, OUTAGES[1], 3.0),
    ("up 50 % to 90 %", 0.5, 0.9, OUTAGES[2], 3.5),
    ("up less than half of it", -1.0, 0.5, OUTAGES[3], 4.0),
)


def _places(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Place]:
    """Each node's (longitude, latitude): its own, or its zone's. Where nobody has one, zones on a circle."""
    own: dict[str, Place] = {}
    zone: dict[str, Place] = {}
    for node in nodes:
        place = (node["longitude"], node["latitude"])
        if None not in place and not any(map(math.isnan, place)):
            own[node["name"]] = place
            zone.setdefault(node["zone"], place)
    if not own:
        zone = _circle(nodes)
    return {n["name"]: own.get(n["name"]) or zone.get(n["zone"]) or _NOWHERE for n in nodes}


def _circle(nodes: Sequence[Mapping[str, Any]]) -> dict[str, Place]:
    """The control plane's zone in the middle, the others around it."""
    zones = list(dict.fromkeys(n["zone"] for n in nodes))
    centre = next((n["zone"] for n in nodes if n["role"] == "control-plane"), zones[0])
    around = [zone for zone in zones if zone != centre]
    turn = 2 * math.pi / max(1, len(around))
    return {centre: (0.0, 0.0)} | {z: (math.cos(i * turn), math.sin(i * turn)) for i, z in enumerate(around)}


def _side(place: Place, others: Sequence[Place]) -> str:
    """Where the name of a place is written: away from its nearest neighbour."""
    distances = [(math.dist(place, other), other[1]) for other in others if other != place]
    return "bottom center" if min(distances, default=(0.0, -math.inf))[1] > place[1] else "top center"


def rows(run: Run) -> pl.DataFrame:
    """One row per link that leaves its place, or was cut: (link, model, a, b, ends' positions, latency_s, cut,
    up_ratio), `up_ratio` the share of the run in which no cut holds. Radios' links to cells are not among them, nor are
    those of which nobody knows where an end is."""
    nodes = list(run.world["nodes"])
    place = _places(nodes)
    changes, until = run.table("links"), float(run.world["duration_s"])
    length = pl.col("end_s") - pl.col("start_s")
    spells = intervals(changes, "link", until).filter(pl.col("state") == "cut")
    cut = dict(spells.group_by("link").agg(length.sum()).iter_rows())
    radios = set(changes.filter(pl.col("state") == "apart")["link"])  # which the figure of the coverage shows
    found = [
        {
            "link": link["name"],
            "model": link["model"],
            "a": link["a"],
            "b": link["b"],
            "a_longitude": place[link["a"]][0],
            "a_latitude": place[link["a"]][1],
            "b_longitude": place[link["b"]][0],
            "b_latitude": place[link["b"]][1],
            "latency_s": link["latency_s"],
            "cut": link["name"] in cut,
            "up_ratio": 1 - cut.get(link["name"], 0.0) / until,
        }
        for link in run.world["links"]
        if link["name"] not in radios
        and not any(math.isnan(place[end][0]) for end in (link["a"], link["b"]))
        and (place[link["a"]] != place[link["b"]] or link["name"] in cut)
    ]
    return pl.DataFrame(found)


def draw(run: Run) -> Drawing:
    """The map, without tiles: it must open offline."""
    data = rows(run)
    figure = go.Figure()
    for name, least, below, colour, width in _LINKS:
        part = data.filter(pl.col("up_ratio") >= least, pl.col("up_ratio") < below) if len(data) else data
        x: list[float | None] = []
        y: list[float | None] = []
        for row in part.iter_rows(named=True):
            x += [row["a_longitude"], row["b_longitude"], None]
            y += [row["a_latitude"], row["b_latitude"], None]
        if x:
            line = {"color": colour, "width": width}
            figure.add_scatter(x=x, y=y, mode="lines", line=line, name=name, hoverinfo="skip")
    cuts = data.filter("cut") if len(data) else data
    if len(cuts):
        between = {axis: (cuts[f"a_{axis}"] + cuts[f"b_{axis}"]) / 2 for axis in ("longitude", "latitude")}
        times = [f"{row['link']}: up {row['up_ratio']:.2%} of the time" for row in cuts.iter_rows(named=True)]
        figure.add_scatter(
            x=between["longitude"].to_list(), y=between["latitude"].to_list(), hovertext=times, hoverinfo="text",
            mode="markers", marker={"size": 14, "opacity": 0}, showlegend=False,
        )  # fmt: skip
    place = _places(run.world["nodes"])
    zones: dict[str, list[Mapping[str, Any]]] = {}
    for node in run.world["nodes"]:
        zones.setdefault(node["zone"], []).append(node)
    cut_ends = set(data.filter(pl.col("cut"))["a"]) | set(data.filter(pl.col("cut"))["b"]) if len(data) else set()
    looks = {
        "router": ("router", QUIET, 6, "circle"),
        "site": ("site", SERIES[0], 13, "circle"),
        "cut": ("site cut off by a fault", CUT, 16, "circle"),
        "cloud": ("cloud", INK, 17, "square"),
    }
    points: dict[str, list[tuple[float, float, str, str]]] = {kind: [] for kind in looks}
    for zone, members in zones.items():
        roles = {m["role"] for m in members}
        counts = ", ".join(
            f"{sum(m['model'] == model for m in members)} {model}"
            for model in dict.fromkeys(m["model"] for m in members)
        )
        if math.isnan(place[members[0]["name"]][0]):
            continue
        if roles == {"router"}:
            for m in members:
                points["router"].append((*place[m["name"]], "", m["name"]))
            continue
        kind = "cloud" if "control-plane" in roles else "site"
        if kind == "site" and any(m["name"] in cut_ends for m in members):
            kind = "cut"
        points[kind].append((*place[members[0]["name"]], zone, f"{zone}: {counts}"))
    real = any(n["latitude"] is not None and not math.isnan(n["latitude"]) for n in run.world["nodes"])
    labelled = [(x, y) for kind in looks if kind != "router" for x, y, *_ in points[kind]]
    for kind, (name, colour, size, symbol) in looks.items():
        if points[kind]:
            px, py, text, hover = zip(*points[kind], strict=True)
            figure.add_scatter(
                x=px, y=py, text=text, hovertext=hover, hoverinfo="text", name=name,
                mode="markers+text" if kind != "router" else "markers",
                textposition=[_side((x, y), labelled if real else [(x, 0.0)]) for x, y in zip(px, py, strict=True)],
                marker={"color": colour, "size": size, "symbol": symbol, "line": {"color": "white", "width": 1}},
            )  # fmt: skip
    layout(figure, 640 if real or len(zones) > 2 else 240)
    middle = [p[1] for p in place.values() if not math.isnan(p[1])]
    stretch = 1 / math.cos(math.radians(sum(middle) / len(middle))) if real else 1.0
    bare = {"showgrid": False, "zeroline": False, "showticklabels": real}
    figure.update_yaxes(scaleanchor="x", scaleratio=stretch, title="latitude" if real else "", **bare)
    figure.update_xaxes(title="longitude" if real else "", **bare)
    lost = sum(math.isnan(p[0]) for p in place.values())
    said = "Lines are links between places, the darker and thicker the longer they were cut."
    said += f" Nobody knows the place of {lost} node{'s' if lost != 1 else ''}." if lost else ""
    return Drawing("Where things are", said, figure, data)
