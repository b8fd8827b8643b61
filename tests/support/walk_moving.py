"""Ways, cells and maps, one key at a time."""

from __future__ import annotations

from typing import Any

from roads import IMAGES, asked, point
from walk import BUS, Move, page

BOX = {"kind": "random-waypoint", "node": "bus-*", "south": 45.0, "north": 45.009, "west": 5.699, "east": 5.701,
       "slowest": "20m/s", "fastest": "21m/s"}  # fmt: skip
ASKED = {"workloads": asked(), "images": IMAGES, "duration": "30s"}


def roaming(key: str, now: Any, column: str, sign: str, **usual: Any) -> Move:
    before = BOX | usual
    return Move(
        f"RandomWaypoint.{key}", {"movement": [before]}, {"movement": [before | {key: now}]}, column, sign, "bus"
    )


def trace(file: str, **origin: float) -> dict[str, Any]:
    place = {"latitude": 45.0, "longitude": 5.7, **origin}
    return {"movement": [{"kind": "trace", "node": "bus-*", "file": file, "origin": place}]}


def grid(file: str, square: float = 0.001) -> dict[str, Any]:
    shared = {key: value for key, value in BUS["coverage"][0].items() if key not in ("radius", "margin")}
    return {"coverage": [{**shared, "kind": "grid", "file": file, "square": square}]}


MOVING = [
    roaming("south", 44.9, "uncovered_s", "+"),
    roaming("north", 45.1, "uncovered_s", "+"),
    roaming("west", 5.5, "uncovered_s", "+"),
    roaming("east", 5.9, "uncovered_s", "+"),
    roaming("slowest", "60m/s", "handovers", "+", slowest="5m/s", fastest="60m/s"),
    roaming("fastest", "60m/s", "handovers", "+", slowest="5m/s", fastest="5m/s"),
    roaming("pause", "1h", "handovers", "-"),
    Move("PositionTrace.file", trace("way.csv"), trace("stand.csv"), "handovers", "-", "bus"),
    Move("PositionTrace.origin", trace("way.csv"), trace("way.csv", latitude=46.0), "uncovered_s", "+", "bus"),
    Move("Place.latitude", trace("way.csv"), trace("way.csv", latitude=44.99), "uncovered_s", "+", "bus"),
    Move("Place.longitude", trace("way.csv"), trace("way.csv", longitude=5.71), "uncovered_s", "+", "bus"),
    Move("GridCoverage.file", grid("map.csv"), grid("small.csv"), "uncovered_s", "+", "bus"),
    Move("GridCoverage.square", grid("map.csv"), grid("map.csv", 0.0005), "uncovered_s", "+", "bus"),
    page("links.lte.handover.time", "1s", "3s", "handover_s", "+", base="bus", **{"coverage.lte.handover": None}),
    page(
        "links.lte.handover.margin",
        "10%",
        "60%",
        "events.time_s?kind=HandoverStarted",
        "+",
        base="bus",
        **{"coverage.lte.margin": None},
    ),
    Move("Coverage.model", ASKED, ASKED | {"coverage.lte.model": "geo"}, "requests.latency_s", "+", "bus"),
    Move("Waypoint.latitude", {}, {"movement.line.points": [point(0), point(100)]}, "handovers", "-", "bus"),
    Move(
        "Waypoint.longitude",
        {},
        {"movement.line.points": [point(0), point(1000) | {"longitude": 5.8}]},
        "uncovered_s",
        "+",
        "bus",
    ),
]
