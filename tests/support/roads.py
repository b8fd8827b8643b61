"""A straight road with masts, what moves on it, and what it meets: for tests of movement."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, degrees, radians
from typing import Any

import polars as pl

from simulator.geography import EARTH_RADIUS_KM
from simulator.physics.coverage import NONE, Reach

KINDS = ("CellJoined", "HandoverStarted", "HandoverEnded", "CoverageLost")
LATITUDE, LONGITUDE = 45.0, 5.7
LINUX = ["linux/amd64", "linux/arm64"]


def north(metres: float) -> float:
    return LATITUDE + degrees(metres / (1000 * EARTH_RADIUS_KM))


def east(metres: float, latitude: float = LATITUDE) -> float:
    return LONGITUDE + degrees(metres / (1000 * EARTH_RADIUS_KM * cos(radians(latitude))))


def point(y: float, **more: Any) -> dict[str, Any]:
    """A point of the road, so many metres from its south end."""
    return {"latitude": north(y), "longitude": LONGITUDE, **more}


def road(masts: int = 5, spacing: float = 500.0, *, buses: int = 1, role: str = "device") -> dict[str, Any]:
    """Masts beside a road; each is a site of its own, 5 ms from the cloud. Buses that go along it at 20 m/s, under LTE
    without loss and jitter, each cell 400 m wide, and take half a second for each handover."""
    return {
        "duration": "2min",
        "orchestrator": "k3s",
        "topology": {
            "nodes": [
                {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                *(
                    {"name": f"mast-{i}", "model": "raspberry-pi-4b", "zone": f"site-{i}",
                     "latitude": north(i * spacing), "longitude": LONGITUDE}
                    for i in range(masts)
                ),
                {"name": "bus", "model": "raspberry-pi-4b", "role": role, "zone": "bus", "count": buses},
            ],
            "links": [{"name": "fibre", "between": ["mast-*", "cloud"], "latency": "5ms", "rate": "1Gbps"}],
        },
        "movement": [
            {"kind": "waypoints", "name": "line", "node": "bus-*", "speed": "20m/s",
             "points": [point(0), point((masts - 1) * spacing)]},
        ],
        "coverage": [
            {"kind": "distance", "name": "lte", "node": "bus-*", "cell": "mast-*", "radius": "400m", "margin": "20%",
             "model": "lte", "loss": 0, "jitter": 0, "handover": "500ms"},
        ],
        "record": {"requests": {"sample": "100%"}, "interval": "1s"},
    }  # fmt: skip


def asked(target: str = "api", **more: Any) -> list[dict[str, Any]]:
    """A service in the cloud, and a bus that asks it and sends readings to it ten times a second."""
    return [
        {"kind": "service", "name": target, "image": "api:1", "replicas": 1, "work": "1ms",
         "node_selector": {"kubernetes.io/hostname": "cloud"}},
        {"kind": "requests", "name": "ask", "source": "bus-*", "target": target, "arrivals": {"every": "100ms"},
         "request": "1kB", "response": "1kB", **more},
        {"kind": "telemetry", "name": "readings", "source": "bus-*", "target": target, "every": "100ms", "size": "1kB"},
    ]  # fmt: skip


IMAGES = {"api:1": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": LINUX}}


def told(events: pl.DataFrame, node: str = "bus-0") -> list[tuple[float, str, str]]:
    """What a node's radios went through: when, what, and the cell."""
    rows = events.filter(pl.col("kind").is_in(KINDS), pl.col("node") == node).select("time_s", "kind", "detail")
    return [(time, kind, detail.partition(" ")[2]) for time, kind, detail in rows.iter_rows()]


def served(reach: Reach, until: float, joins: float = 0.0, up: Sequence[bool] | None = None) -> list[tuple[float, int]]:
    """Who serves a path from when on, as numbers of cells, or NONE: what no clock is needed for."""
    works = [True] * len(reach) if up is None else up
    time, own = 0.0, reach.nearest(0.0, works)
    found = [(0.0, own)]
    while (change := reach.change(time, own, works)) is not None and change[0] <= until:
        found.append(change)
        time, own = change[0] + (joins if change[1] != NONE else 0.0), change[1]
    return [(at, NONE if i == NONE else reach.cells[i]) for at, i in found]
