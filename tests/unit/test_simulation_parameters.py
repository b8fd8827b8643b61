"""Each parameter of a scenario moves what it is there to move, in the direction that it must.

One small scenario, in which one setting is changed; the case names the column or the metric that tells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from moves import (
    BASE,
    Move,
    bound,
    down,
    down_s,
    events,
    falls,
    first,
    first_event,
    fullest,
    latency,
    metric,
    rises,
    rows,
    total,
    up,
)
from scenarios import run
from simulator.errors import RunFailed
from simulator.simulation.run import Run

CUT = {"kind": "cut", "name": "cut", "link": "w-*", "at": "60s", "duration": "60s"}
CRASH = {"kind": "crash", "name": "crash", "node": "w-1", "at": "60s", "reboot_after": "10s"}
STOP = {"kind": "stop", "name": "stop", "component": "scheduler", "at": "0s", "duration": "20s"}
API: dict[str, Any] = BASE["workloads"][0]
BUSY = {"workloads.api.work": {"exponential": "150ms"}}
LIMITED = {"workloads.api.ram_limit": "256Mi"}
FOUR = {"workloads.api.replicas": 4}
W = {"name": "w", "between": ["cloud", "w-*"]}


def calling(**changes: Any) -> dict[str, Any]:
    """The API makes a call to a slow database."""
    call = {"target": "db", "request": "1kB", "response": "1kB", **changes}
    return {
        "workloads.db.work": {"exponential": "150ms"},
        "workloads.db.workers": 50,
        "workloads.api.calls": [call],
    }


def api(**changes: Any) -> dict[str, Any]:
    """The API's item, changed; None takes a key away."""
    return {"workloads.api": {key: value for key, value in {**API, **changes}.items() if value is not None}}


def fault(of: dict[str, str], **changes: str) -> dict[str, Any]:
    return {"faults": [{**of, **changes}]}


def attempts(run: Run) -> float:
    return float(np.mean(run.table("requests")["attempts"].to_numpy()))


SERVICE = [
    rises("workloads.api.work", None, {"exponential": "20ms"}, latency(), 1.5),
    falls("workloads.api.workers", None, 8, latency(), 1.2, **BUSY),
    falls("workloads.api.threads", None, "async", latency(), 1.2, **calling()),
    rises("workloads.api.replicas", None, 4, metric("pods_started")),
    rises("workloads.api.cpu", None, "3.9", metric("unschedulable_pods"), **FOUR),
    rises("workloads.api.ram", None, "12Gi", metric("unschedulable_pods"), **FOUR),
    rises("workloads.api.ram_limit", "150Mi", "60Mi", events("OOMKilled"), **{"workloads.api.ram": "50Mi"}),
    rises("workloads.api.memory.idle", None, "300Mi", events("OOMKilled"), **LIMITED),
    rises("workloads.api.memory.per_request", None, "60Mi", events("OOMKilled"), **BUSY, **LIMITED),
    rises("workloads.api.start", None, "20s", total("refused"), 2),
    rises("workloads.api.run", None, "20s", events("Started"), 2),
    rises("workloads.api.runtime", "runc", "wasmtime", latency()),
    rises("workloads.api.image", None, "shop/db", events("Pulling", "shop/db"), images={}),
    rises("workloads.api.node_selector", None, {"nobody": "has"}, metric("unschedulable_pods")),
    up("calls", {}, calling(), latency(), 2),
    up("calls.request", calling(), calling(request="1MB"), latency(), 1.2),
    up("calls.response", calling(), calling(response="1MB"), latency(), 1.2),
    down("calls.timeout", calling(), calling(timeout="50ms"), latency(), 1.2),
    up("calls.retries", calling(timeout="50ms"), calling(timeout="50ms", retries=3), latency(), 1.2),
    up("per node", api(), api(per="node", replicas=None), metric("pods_started")),
    up("per site", {}, api(per="site", replicas=None), bound("api-site")),
]

REQUESTS = [
    rises("workloads.ask.source", None, "till-*", total("issued"), 1.8),
    rises("workloads.ask.target", "db", "api", latency(), 1.1),
    rises("workloads.ask.arrivals", None, {"poisson": "20/s"}, total("issued"), 3),
    rises("workloads.ask.arrivals", {"every": "1s"}, {"every": "100ms"}, total("issued"), 9),
    rises("workloads.ask.arrivals", *({"users": n, "think": "1s"} for n in (2, 10)), total("issued"), 4),
    rises("workloads.ask.arrivals", *({"users": 2, "think": t} for t in ("2s", "500ms")), total("issued"), 3),
    rises("workloads.ask.request", None, "100kB", latency(), 1.2),
    rises("workloads.ask.response", None, "100kB", latency(), 1.2),
    rises("workloads.ask.timeout", "10s", "25ms", total("timeout")),
    rises("workloads.ask.retries", None, 3, attempts, 1.1, **{"workloads.ask.timeout": "25ms"}),
    rises("workloads.read.source", None, "till-*", total("created", "messages"), 1.9),
    falls("workloads.read.every", None, "4s", total("created", "messages"), 3.5),
    rises("workloads.read.size", None, "100kB", metric("mean_message_age_s"), 1.5),
    rises("workloads.read.properties", None, 500, metric("mean_message_age_s"), 1.5),
    rises("workloads.read.protocol", "mqtt", "http", metric("mean_message_age_s")),
    rises("workloads.read.target", "db", "api", metric("lost_messages"), **{"workloads.api.start": "60s"}),
]

NODES = [
    falls("topology.nodes.w.speed", 0.25, 2.0, latency(), 1.5),
    rises("topology.nodes.w.model", None, "raspberry-pi-4b", latency()),
    rises("topology.nodes.w.cores", None, 1, metric("unschedulable_pods"), **FOUR),
    rises("topology.nodes.w.ram", None, "1GiB", metric("unschedulable_pods"), **{"workloads.api.replicas": 8}),
    rises("topology.nodes.w.max_pods", None, 1, metric("unschedulable_pods"), **FOUR),
    rises("topology.nodes.w.count", None, 3, bound("api"), **api(per="node", replicas=None)),
    rises("topology.nodes.w.zone", None, "b", bound("api-b"), **api(per="site", replicas=None)),
    rises("topology.nodes.w.disk", None, "10MB", events("Failed", "no space left")),
    falls("topology.nodes.w.disk_write", "1MB/s", "1GB/s", metric("start_p50_s"), 2),
    rises("topology.nodes.w.boot", "1s", "60s", down_s, 5, faults=[CRASH]),
    rises("topology.nodes.w.platform", None, "linux/arm64", events("Failed", "exec format error"),
          **{"images.shop/api.platforms": ["linux/amd64"]}),
    rises("topology.nodes.w.taints", None, [{"key": "own", "effect": "NoSchedule"}], metric("unschedulable_pods")),
    falls("topology.nodes.w.role", None, "router", bound("", "w-"), **{"topology.nodes.cloud.role": "worker"}),
]  # fmt: skip

LINKS = [
    rises("topology.links.w.latency", None, "50ms", latency(), 2),
    falls("topology.links.w.rate", "1Mbps", "100Mbps", latency(), 1.2),
    up("up", {"topology.links.w": {**W, "latency": "5ms", "up": "100Mbps", "down": "100Mbps"}},
       {"topology.links.w": {**W, "latency": "5ms", "up": "1Mbps", "down": "100Mbps"}}, latency(), 1.1),
    up("down", {"topology.links.w": {**W, "latency": "5ms", "up": "100Mbps", "down": "100Mbps"}},
       {"topology.links.w": {**W, "latency": "5ms", "up": "100Mbps", "down": "1Mbps"}}, latency(), 1.1),
    rises("topology.links.w.jitter", None, "5ms", latency(np.std)),
    rises("topology.links.w.loss", None, "10%", latency(np.max), 5),
    rises("topology.links.w", *({**W, "model": "fibre-wan", "length": km} for km in ("1km", "5000km")), latency(), 1.5),
    rises("topology.links.w", *({**W, "model": model} for model in ("ethernet", "lte")), latency(), 1.2),
    rises("images.shop/api.compressed", None, "200MB", first_event("Pulled", "api"), 2),
    rises("images.shop/api.unpacked", None, "2GB", first_event("Pulled", "api"), 2),
    # A layer is unpacked while the next is on its way.
    falls("images.shop/api.layers", 1, 20, first_event("Pulled", "api")),
]  # fmt: skip

FAULTS = [
    up("cut", {}, fault(CUT), total("lost")),
    up("cut link", fault(CUT, link="till-1"), fault(CUT), total("lost")),
    up("cut at", fault(CUT, at="50s"), fault(CUT, at="80s"), first_event("NodeNotReady"), 1.2),
    up("cut duration", fault(CUT, duration="20s"), fault(CUT, duration="90s"), total("lost"), 3),
    up("cut mode", fault(CUT), fault(CUT, mode="refused"), total("refused")),
    up("cut loss", *(fault(CUT, mode="lossy", loss=loss) for loss in ("5%", "60%")), latency(np.max), 2),
    # The link leads from the cloud to the workers: readings cross it upwards, only the answers to requests downwards.
    up("cut direction", *(fault(CUT, mode="one-way", direction=way) for way in ("down", "up")),
       metric("lost_messages"), 2),
    up("crash", FOUR, FOUR | fault(CRASH), metric("requests_failed"), 2),
    up("crash node", FOUR | fault(CRASH, node="till-1"), FOUR | fault(CRASH), metric("requests_failed"), 2),
    up("crash reboot_after", fault(CRASH, reboot_after="1s"), fault(CRASH, reboot_after="60s"), down_s, 1.5),
    up("stop", {}, fault(STOP), first("api", "Ready"), 2),
    up("stop duration", fault(STOP, duration="5s"), fault(STOP, duration="60s"), first("api", "Ready"), 2),
    up("stop component", fault(STOP), fault(STOP, component="controller-manager"), first("api", "Pending"), 2),
]  # fmt: skip

WHOLE = [
    rises("duration", None, "400s", total("issued"), 1.8),
    falls("warm_up", None, "100s", metric("requests_issued"), 1.8),
    falls("record.interval", None, "50s", rows("traffic"), 4),
    falls("record.requests.sample", None, "10%", rows("requests"), 5),
    falls("start", None, "placed", total("no_endpoint")),
    rises("policy", "least-loaded", "most-allocated", fullest, **FOUR),
    rises("policies", *({"placement": p} for p in ("least-loaded", "most-allocated")), fullest, **FOUR),
    rises("policy_time", None, {"exponential": "5s"}, first("api", "Ready"), 1.2),
    rises("orchestrator", "kubernetes@1.31", "kubernetes@1.32", first_event("NodeNotReady"), faults=[CUT]),
    rises("facts.links.lte.latency", "5ms", "100ms", latency(), 2, **{"topology.links.w": {**W, "model": "lte"}}),
]


@pytest.mark.parametrize("move", [*SERVICE, *REQUESTS, *NODES, *LINKS, *FAULTS, *WHOLE], ids=lambda move: move.name)
def test_a_parameter_moves_what_it_is_for(move: Move) -> None:
    move.check()


def test_a_trace_gives_each_source_its_times(tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("when,what\n40.25,a\n50,b\n199.5,c\n3.125,d\n")
    asked = [
        {**item, "arrivals": {"trace": "trace.csv#when"}} for item in BASE["workloads"] if item["kind"] == "requests"
    ]
    others = [item for item in BASE["workloads"] if item["kind"] != "requests"]
    data = {**BASE, "workloads": [*others, *asked]}
    requests = run(data, {"workloads.ask.source": "till-*"}, folder=tmp_path).table("requests")
    for source in ("till-0", "till-1"):
        mine = requests.filter(pl.col("source") == source).sort("issued_s")
        assert mine["issued_s"].to_list() == [3.125, 40.25, 50, 199.5]


def test_a_policy_that_fails_is_replaced_or_ends_the_run(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def bad(pod, cluster):\n    raise KeyError('nothing')\n")
    patient = run(BASE, {"policy": "./mine.py:bad"}, folder=tmp_path)
    assert patient.summary["policy_errors"] == 2
    assert patient.summary["pods_started"] == 2
    with pytest.raises(RunFailed, match="KeyError"):
        run(BASE, {"policy": "./mine.py:bad", "on_policy_error": "stop"}, folder=tmp_path)


def test_positions_are_on_the_map() -> None:
    nodes = run(BASE, {"topology.nodes.w.latitude": 48.5, "topology.nodes.w.longitude": 2.25}).world["nodes"]
    assert {(n["latitude"], n["longitude"]) for n in nodes if n["name"].startswith("w-")} == {(48.5, 2.25)}
