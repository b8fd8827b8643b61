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
            "duration_s": 600.0,
            "warm_up_s": 60.0,
            "nodes": nodes,
            "links": links,
            "wanted": {"web": 1},
            "faults": [{"name": "wan", "kind": "cut", "start_s": 180.0, "end_s": 300.0}],
        },
    )
