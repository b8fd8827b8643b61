"""A small run written by hand: one site cut for two minutes, one pod running twice."""

from __future__ import annotations

from simulator.record.buffer import Recorder
from simulator.simulation.run import Run
from simulator.units import MINUTE, SECOND


def hand_made_run(replication: int = 0, case: str | None = None) -> Run:
    """Ten minutes; node edge-0 is cut from minute 3 to 5, and believed Unknown from 3:40 to 5:05."""
    recorder = Recorder()
    for node in ("edge-0", "edge-1", "cloud"):
        recorder.nodes.add(0, node, "believed", "Ready")
        recorder.nodes.add(0, node, "running", "up")
        recorder.nodes.add(0, node, "path", "open")
    recorder.nodes.add(3 * MINUTE, "edge-0", "path", "cut")
    recorder.nodes.add(3 * MINUTE + 40 * SECOND, "edge-0", "believed", "Unknown")
    recorder.nodes.add(5 * MINUTE, "edge-0", "path", "open")
    recorder.nodes.add(5 * MINUTE + 5 * SECOND, "edge-0", "believed", "Ready")
    recorder.links.add(3 * MINUTE, "wan-0", "cut", "silent")
    recorder.links.add(5 * MINUTE, "wan-0", "up", "")
    recorder.pods.add(0, "web-0", "web", "edge-0", "believed", "Ready")
    recorder.pods.add(0, "web-0", "web", "edge-0", "running", "started")
    recorder.pods.add(4 * MINUTE, "web-0", "web", "edge-0", "believed", "Terminating")
    recorder.pods.add(4 * MINUTE, "web-1", "web", "edge-1", "believed", "Ready")
    recorder.pods.add(4 * MINUTE, "web-1", "web", "edge-1", "running", "started")
    recorder.pods.add(5 * MINUTE, "web-0", "web", "edge-0", "running", "stopped")
    for at, pod, node, state in ((0, "web-0", "edge-0", "desired"), (4, "web-1", "edge-1", "desired")):
        recorder.pods.add(at * MINUTE, pod, "web", node, "stored", state)
    recorder.pods.add(5 * MINUTE, "web-0", "web", "edge-0", "stored", "removed")
    recorder.pods.add(5 * MINUTE + SECOND, "web-0", "web", "edge-0", "believed", "Deleted")
    for at, event, cause in ((200, "sent", "change"), (300, "resent", "resync"), (301, "delivered", "resync")):
        recorder.deliveries.add(at * SECOND, "edge-0", "up", "status", "web-0", event, cause, 500)
    for event in ("sent", "delivered"):
        recorder.deliveries.add(301 * SECOND, "edge-0", "down", "list", "pods", event, "resync", 4500)
    for minute in range(10):
        for zone in ("a", "b"):
            failed = 30 if zone == "a" and minute in (3, 4) else 0
            latency = (0.01 + 0.001 * replication, 0.01, 0.02, 0.03, 0.05)
            row = (60, 60 - failed, failed, 0, 0, 0, 0)
            recorder.traffic.add(minute * MINUTE, "sale", zone, *row, *latency)
    # edge-1 goes north, from one cell into another; it lives on a battery, and from minute 5 on on a panel too.
    for at, event, detail in ((0, "CellJoined", "lte mast-0"), (290, "HandoverStarted", "lte mast-1"),
                              (300, "HandoverEnded", "lte mast-1"), (540, "CoverageLost", "lte mast-1")):  # fmt: skip
        recorder.events.add(at * SECOND, event, "edge-1", "edge-1", detail)
    for minute in range(10):
        recorder.energy.add(minute * MINUTE, "edge-1", "", "cores", "battery", 0.0, 90.0, 0.0)
        recorder.energy.add(minute * MINUTE, "edge-1", "web-1", "cores", "battery", 6.0, 30.0, 0.0)
        recorder.energy.add(minute * MINUTE, "cloud", "", "cores", "grid", 0.0, 6000.0, 0.0)
        if minute not in (3, 4):
            recorder.carried.add(minute * MINUTE, "wan-0", "edge-0", 375_000.0, 750_000.0)
        recorder.carried.add(minute * MINUTE, "wan-0", "cloud", 75.0, 7_500_000.0)
        recorder.carried.add(minute * MINUTE, "wan-1", "cloud", 7_500_000.0 * minute / 10, 7_500_000.0)
    recorder.batteries.add(0, "edge-1", "on", 3600.0, 0.0, 2.0, 0.0, 0.0)
    recorder.batteries.add(5 * MINUTE, "edge-1", "on", 3000.0, 6.0, 2.0, 1.0, 1.0)
    nodes = [
        {"name": "edge-0", "zone": "a", "role": "worker", "model": "pi", "longitude": 2.3, "latitude": 48.9},
        {"name": "edge-1", "zone": "b", "role": "worker", "model": "pi", "longitude": 5.4, "latitude": 43.3},
        {"name": "cloud", "zone": "cloud", "role": "control-plane", "model": "vm", "longitude": 4.8, "latitude": 45.8},
    ]
    links = [
        {"name": "wan-0", "a": "edge-0", "b": "cloud", "model": "wan", "latency_s": 0.005},
        {"name": "wan-1", "a": "edge-1", "b": "cloud", "model": "wan", "latency_s": 0.005},
    ]
    return Run(
        name="run",
        axes={},
        case=case,
        replication=replication,
        seed=1,
        scenario={"duration": "10min"},
        tables=recorder.frames(),
        summary={"availability": 0.95},
        warnings=("an image described nowhere took the catalogue's default",),
        facts=(
            {
                "path": "facts.links.lte.latency",
                "value": 0.05,
                "unit": "s",
                "kind": "measured",
                "source": "a-paper",
                "hardware": "",
                "note": "<b>not bold</b>",
            },
        ),
        world={
            "begins": "2026-06-01T12:00:00+00:00",
            "duration_s": 600.0,
            "interval_s": 60.0,
            "warm_up_s": 60.0,
            "nodes": nodes,
            "links": links,
            "movement": [
                {"node": "edge-1", "time_s": [0.0, 600.0], "latitude": [43.3, 43.36], "longitude": [5.4, 5.4]}
            ],
            "cells": [
                {"radio": "lte", "cell": f"mast-{i}", "latitude": 43.3 + 0.03 * i, "longitude": 5.4, "radius_m": 2500.0}
                for i in (0, 1)
            ],
            "wanted": {"web": 1},
            "faults": [{"name": "wan", "kind": "cut", "start_s": 180.0, "end_s": 300.0}],
        },
    )
