"""Whole scenarios as a user writes them, small enough for a test, and what their tables add up to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl

from simulator.simulation.clusters.kubernetes import Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation, State
from simulator.spec.paths import apply
from simulator.spec.problems import UNKNOWN
from simulator.spec.scenario import Scenario
from simulator.traffic.plane import RequestPlane

HERE = Path(__file__).parent
FAILED = ("timeout", "no_endpoint", "refused", "lost", "died")
_OUTCOMES = {"no-endpoint": "no_endpoint"}  # the requests table's words, where they are not the traffic table's

LINUX = ["linux/amd64", "linux/arm64"]

# Two sites of two nodes behind a gateway each, and a cloud of a control plane and one worker.
SMALL: dict[str, Any] = {
    "duration": "10min",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "core", "model": "cloud-vm", "zone": "cloud"},
            {"name": "gw-a", "model": "gateway", "zone": "a", "role": "router"},
            {"name": "a", "model": "raspberry-pi-4b", "zone": "a", "count": 2},
            {"name": "gw-b", "model": "gateway", "zone": "b", "role": "router"},
            {"name": "b", "model": "raspberry-pi-4b", "zone": "b", "count": 2},
            {"name": "till-a", "model": "till", "zone": "a", "role": "device"},
            {"name": "till-b", "model": "till", "zone": "b", "role": "device"},
        ],
        "links": [
            {"name": "core", "between": ["cloud", "core"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "wan-a", "between": ["cloud", "gw-a"], "latency": "10ms", "rate": "100Mbps"},
            {"name": "wan-b", "between": ["cloud", "gw-b"], "latency": "10ms", "rate": "100Mbps"},
            {"name": "lan-a", "between": ["gw-a", "a-*"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "lan-b", "between": ["gw-b", "b-*"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "till-a", "between": ["gw-a", "till-a"], "latency": "1ms", "rate": "1Gbps"},
            {"name": "till-b", "between": ["gw-b", "till-b"], "latency": "1ms", "rate": "1Gbps"},
        ],
    },
    "images": {
        name: {"compressed": "20MB", "unpacked": "50MB", "layers": 2, "platforms": LINUX}
        for name in ("shop/api", "shop/log", "shop/books", "shop/schema")
    },
    "behaviour": {
        "books": {"work": {"exponential": "3ms"}, "workers": 8, "memory": {"idle": "50Mi", "per_request": "1Mi"}},
        "schema": {"run": "20s"},
    },
    "workloads": [
        {"kind": "manifest", "name": "site", "file": "./site.yaml"},
        {"kind": "service", "name": "api", "image": "shop/api", "replicas": 4, "cpu": "500m", "ram": "256Mi",
         "work": {"exponential": "5ms"}, "workers": 2, "memory": {"idle": "100Mi", "per_request": "1Mi"}, "start": "1s",
         "calls": [{"target": "books", "request": "1kB", "response": "1kB", "timeout": "500ms", "retries": 1}]},
        {"kind": "service", "name": "log", "image": "shop/log", "per": "node", "cpu": "50m", "ram": "32Mi",
         "work": {"exponential": "1ms"}},
        {"kind": "requests", "name": "sale", "source": "till-*", "target": "api", "arrivals": {"poisson": "1/s"},
         "request": "1kB", "response": "2kB", "timeout": "1s", "retries": 1},
        {"kind": "telemetry", "name": "reading", "source": "till-*", "target": "log", "every": "1s", "size": "200B"},
    ],
    "faults": [],
    "record": {"requests": {"sample": "100%"}, "interval": "10s"},
}  # fmt: skip


def edge_site(edges: int) -> dict[str, Any]:
    """A control plane in the cloud, so many machines at the edge, and one user."""
    return {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
            {"name": "edge", "model": "x86-edge", "count": edges},
            {"name": "user", "model": "till", "role": "device"},
        ],
        "links": [
            {"name": "lan", "between": ["edge-*", "cloud"], "model": "ethernet"},
            {"name": "desk", "between": ["user", "cloud"], "model": "ethernet"},
        ],
    }


def scenario(data: Mapping[str, Any], settings: Mapping[str, Any] | None = None, folder: Path = HERE) -> Scenario:
    """The scenario with paths set, in the grammar of `--set` without its `scenario.`; facts by `facts.…`."""
    applied = apply(Scenario, deepcopy(dict(data)), settings or {}, UNKNOWN)
    assert not applied.problems, applied.problems
    return Scenario.parse(applied.data).placed(folder, applied.facts)


def simulation(
    data: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    *,
    seed: int = 1,
    replication: int = 0,
    exact_events: bool = False,
    folder: Path = HERE,
) -> Simulation:
    return Simulation(scenario(data, settings, folder), seed, replication, exact_events=exact_events)


def run(data: Mapping[str, Any], settings: Mapping[str, Any] | None = None, **how: Any) -> Run:
    return simulation(data, settings, **how).finish()


# What a test looks at inside: the store, the agents, the network, the plane. Nothing of it is a user's.


def cluster_of(s: Simulation) -> Cluster:
    return s._parts.cluster


def world_of(s: Simulation) -> World:
    return s._parts.world


def plane_of(s: Simulation) -> RequestPlane:
    return s._parts.plane


def digest(run: Run) -> dict[str, str]:
    """A hash of each table's bytes."""
    found = {}
    for name, frame in run.tables.items():
        buffer = BytesIO()
        frame.write_ipc(buffer)
        found[name] = blake2b(buffer.getvalue()).hexdigest()
    return found


# What must add up in the tables of any run.


def broken_rows(tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """Every row that no world could leave behind: of a truth that changes to what it was, of what is nowhere."""
    return [*_truths_of_pods(tables), *_states(tables["nodes"], "node", ("running", "path")), *_links(tables["links"])]


def _states(frame: pl.DataFrame, thing: str, truths: tuple[str, ...]) -> Iterator[str]:
    for truth in truths:
        last: dict[str, str] = {}
        for row in frame.filter(pl.col("truth") == truth).iter_rows(named=True):
            if last.get(row[thing]) == row["state"]:
                yield f"{row[thing]} {truth} is {row['state']} twice, at {row['time_s']} s"
            last[row[thing]] = row["state"]


def _links(frame: pl.DataFrame) -> Iterator[str]:
    last: dict[str, tuple[str, str]] = {}
    for row in frame.iter_rows(named=True):
        state = (row["state"], row["mode"])
        if last.get(row["link"], ("up", "")) == state:
            yield f"link {row['link']} is {state} twice, at {row['time_s']} s"
        last[row["link"]] = state


def _truths_of_pods(tables: Mapping[str, pl.DataFrame]) -> Iterator[str]:
    """In the order of the rows: owner and node never change, what runs was stored, dead nodes run nothing, and what is
    Deleted stays so."""
    power = tables["nodes"].filter(pl.col("truth") == "running")
    state: dict[tuple[str, str], str] = {}
    home: dict[str, tuple[str, str]] = {}
    time = 0.0
    for row in tables["pods"].iter_rows(named=True):
        pod, truth, now, node = row["pod"], row["truth"], row["state"], row["node"]
        said = f"{pod} {truth} {now} at {row['time_s']} s"
        if row["time_s"] < time:
            yield f"{said}: before the row before"
        time = row["time_s"]
        before = state.get((pod, truth))
        owner, where = home.get(pod, (row["owner"], ""))
        if owner != row["owner"] or (where and where != node):
            yield f"{said}: of {row['owner']} on {node}, it was of {owner} on {where}"
        home[pod] = (row["owner"], node)
        if truth == "believed":
            if before == "Deleted" or (before == "Terminating" and now not in ("Terminating", "Deleted")):
                yield f"{said}: after {before}"
        elif before == now or (before is None and now in ("removed", "stopped")):
            yield f"{said}: it was {before}"
        if truth == "running" and now == "started":
            if state.get((pod, "stored")) != "desired":
                yield f"{said}: the agent has not stored it"
            if power.filter((pl.col("node") == node) & (pl.col("time_s") < time))["state"].to_list()[-1:] == ["down"]:
                yield f"{said}: its node is dead"
        state[pod, truth] = now


def unlike(state: State, tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """Where the last row of each truth says something else than what is seen from outside at that moment."""

    def last(frame: pl.DataFrame, thing: str, truth: str | None, column: str = "state") -> dict[str, str]:
        rows = frame if truth is None else frame.filter(pl.col("truth") == truth)
        return dict(rows.select(thing, column).rows())

    pods, nodes = tables["pods"], tables["nodes"]
    believed, stored, running = (last(pods, "pod", truth) for truth in ("believed", "stored", "running"))
    found = []
    for pod, *seen in state.pods.select("pod", "believed", "stored", "running").rows():
        said = [believed.get(pod), stored.get(pod) == "desired", running.get(pod) == "started"]
        if [None if said[0] == "Deleted" else said[0], *said[1:]] != seen:
            found.append(f"{pod} is {seen}, its rows end with {said}")
    gone = {pod: word for pod, word in believed.items() if word != "Deleted"}.keys() - set(state.pods["pod"])
    found += [f"{pod} is nowhere, and {believed[pod]}" for pod in gone]
    for truth in ("believed", "running"):
        ends = last(nodes, "node", truth)
        rows = state.nodes.select("node", truth).rows()
        found += [f"{node} is {seen}, not {ends[node]}" for node, seen in rows if node in ends and ends[node] != seen]
    modes = last(tables["links"], "link", None, "mode")
    rows = state.links.select("link", "running").rows()
    return found + [f"{link} is {seen}" for link, seen in rows if (modes.get(link) or "up") != seen]


def unbalanced(tables: Mapping[str, pl.DataFrame], interval_s: float) -> list[str]:
    """Every count of the traffic table that the rows of single requests contradict. Needs a sample of 100 %."""
    requests, traffic = tables["requests"], tables["traffic"]
    word = pl.col("outcome").replace(_OUTCOMES)
    ended = pl.col("issued_s") + pl.col("latency_s")
    keys = ["flow", "zone"]

    def counted(time: pl.Expr, what: pl.Expr) -> dict[tuple[Any, ...], int]:
        start = (time / interval_s + 1e-9).floor() * interval_s
        rows = requests.with_columns(start=start, what=what).filter(pl.col("what") != "in-flight")
        counts = rows.group_by(*keys, "start", "what").len()
        return {(f, z, round(s, 3), w): n for f, z, s, w, n in counts.rows()}

    rows = counted(pl.col("issued_s"), pl.lit("issued")) | counted(ended, word)
    found = {
        (row["flow"], row["zone"], round(row["start_s"], 3), column): row[column]
        for row in traffic.iter_rows(named=True)
        for column in ("issued", "completed", *FAILED)
        if row[column]
    }
    problems = [
        f"{k}: {found.get(k, 0)} counted, {rows.get(k, 0)} rows"
        for k in sorted({*rows, *found})
        if rows.get(k) != found.get(k)
    ]
    flying = int((requests["outcome"] == "in-flight").sum())
    missing = int(traffic["issued"].sum()) - sum(int(traffic[c].sum()) for c in ("completed", *FAILED))
    if flying != missing:
        problems.append(f"{flying} rows in flight at the end, {missing} missing in the counts")
    return problems
