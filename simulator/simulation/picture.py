"""The static picture of a run that figures need, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import TYPE_CHECKING, Any

from simulator.simulation.layout import Layout
from simulator.spec.coverage import DistanceCoverage, GridCoverage
from simulator.spec.positions import read_squares
from simulator.spec.scenario import Scenario
from simulator.spec.topology import matching
from simulator.units import SECOND

if TYPE_CHECKING:
    from simulator.simulation.build import Parts


def picture(parts: Parts, wanted: Mapping[str, int], end: int) -> dict[str, Any]:
    """What there is, where, and what happens to it by the end (ns); `wanted` is how many pods of each workload."""
    scenario, layout = parts.plan.scenario, parts.plan.layout
    nodes, links = layout.nodes, layout.links
    return {
        "begins": scenario.begins.astimezone(UTC).isoformat(),
        "duration_s": end / SECOND,
        "warm_up_s": int(scenario.warm_up) / SECOND,
        "interval_s": int(scenario.record.interval) / SECOND,
        "nodes": [
            {
                "name": n.name,
                "zone": n.zone,
                "role": n.role,
                "model": n.model,
                "platform": n.platform,
                "latitude": n.latitude,
                "longitude": n.longitude,
            }
            for n in nodes
        ],
        "links": [
            {
                "name": link.name,
                "a": nodes[link.a].name,
                "b": nodes[link.b].name,
                "model": link.model,
                "latency_s": link.latency_ns / SECOND,
                "up_bps": link.up_bps,
                "down_bps": link.down_bps,
            }
            for link in links
        ],
        "movement": [
            {"node": nodes[i].name, **dict(zip(("time_s", "latitude", "longitude"), path.corners(), strict=True))}
            for i, path in layout.motion.paths.items()
        ],
        "cells": list(_cells(scenario, layout)),
        "wanted": dict(wanted),
        "faults": [
            {"name": f.name, "kind": f.kind, "start_s": f.start_s, "end_s": min(f.end_s, end / SECOND)}
            for f in parts.mischief.scheduled
        ],
        "evaluators": parts.plane.evaluators(),
    }


def _cells(scenario: Scenario, layout: Layout) -> Iterator[dict[str, Any]]:
    """What each cell covers: a circle of `radius_m` around a place, or squares of `side` degrees, each by its
    south-west corner."""
    names = [node.name for node in layout.nodes]
    for item in scenario.coverage:
        match item:
            case DistanceCoverage():
                cells = matching(item.cell, names)
                radius = dict.fromkeys(cells, float(item.radius))
                for glob, other in reversed(item.radii.items()):
                    radius |= {cells[i]: float(other) for i in matching(glob, [names[cell] for cell in cells])}
                for cell in cells:
                    place = {"latitude": layout.nodes[cell].latitude, "longitude": layout.nodes[cell].longitude}
                    yield {"radio": item.name, "cell": names[cell], **place, "radius_m": radius[cell]}
            case GridCoverage():
                (south, west), squares = read_squares(scenario.folder / item.file, item.square)
                for (row, column), name in squares.items():
                    place = {"latitude": south + row * item.square, "longitude": west + column * item.square}
                    yield {"radio": item.name, "cell": name, **place, "side": float(item.square)}
