"""One parameter at a time: what a run measures, and whether a changed setting moves it in the right direction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from json import dumps, loads
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from scenarios import LINUX, simulation
from simulator.simulation.run import Run

Settings = Mapping[str, Any]
Measure = Callable[[Run], float]

BASE: dict[str, Any] = {
    "duration": "200s",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "w", "model": "x86-edge", "zone": "site", "count": 2,
             "runtimes": ["containerd/runc", "containerd/wasmtime"]},
            {"name": "till", "model": "till", "zone": "site", "role": "device", "count": 2},
        ],
        "links": [
            {"name": "w", "between": ["cloud", "w-*"], "latency": "5ms", "rate": "100Mbps"},
            {"name": "till", "between": ["cloud", "till-*"], "latency": "5ms", "rate": "100Mbps"},
        ],
    },
    "images": {"shop/api": {"compressed": "20MB", "unpacked": "50MB", "layers": 2, "platforms": [*LINUX, "wasi/wasm"]}},
    "workloads": [
        {"kind": "service", "name": "api", "image": "shop/api", "replicas": 1, "cpu": "500m", "ram": "256Mi",
         "work": {"exponential": "5ms"}, "memory": {"idle": "100Mi", "per_request": "1Mi"}},
        {"kind": "service", "name": "db", "image": "shop/db", "cpu": "500m", "ram": "256Mi", "work": "1ms"},
        {"kind": "requests", "name": "ask", "source": "till-0", "target": "api", "arrivals": {"poisson": "5/s"},
         "request": "1kB", "response": "1kB"},
        {"kind": "telemetry", "name": "read", "source": "till-0", "target": "db", "every": "1s", "size": "200B"},
    ],
    "record": {"requests": {"sample": "100%"}, "interval": "10s"},
}  # fmt: skip


@dataclass(frozen=True)
class Move:
    """With `after` instead of `before` what is measured rises (or falls), by the factor `by` at least."""

    name: str
    before: Settings
    after: Settings
    measure: Measure
    rises: bool = True
    by: float = 1.0

    def check(self) -> None:
        before, after = (self.measure(_run(dumps(settings))) for settings in (self.before, self.after))
        low, high = (before, after) if self.rises else (after, before)
        assert high > low, (before, after)
        assert high >= self.by * low, (before, after)


@cache
def _run(settings: str) -> Run:
    """The base with keys (without a dot) and paths (with one) set; `manifest` is a list of Kubernetes objects that take
    the services' place."""
    changed = loads(settings)
    data = {**BASE, **{key: changed.pop(key) for key in tuple(changed) if "." not in key}}
    objects = data.pop("manifest", None)
    if objects is None:
        return simulation(data, changed).finish()
    with TemporaryDirectory() as folder:
        file = Path(folder) / "manifest.yaml"
        file.write_text("\n---\n".join(map(dumps, objects)))
        asks = [item for item in data["workloads"] if item["kind"] == "requests"]
        data["workloads"] = [{"kind": "manifest", "file": str(file)}, *asks]
        return simulation(data, changed).finish()


def up(name: str, before: Settings, after: Settings, measure: Measure, by: float = 1.0) -> Move:
    return Move(name, before, after, measure, True, by)


def down(name: str, before: Settings, after: Settings, measure: Measure, by: float = 1.0) -> Move:
    return Move(name, before, after, measure, False, by)


def rises(path: str, before: Any, after: Any, measure: Measure, by: float = 1.0, **also: Any) -> Move:
    """One path from one value to another; None: as it is in the base. `also` is set in both."""
    return Move(path, also if before is None else {path: before} | also, {path: after} | also, measure, True, by)


def falls(path: str, before: Any, after: Any, measure: Measure, by: float = 1.0, **also: Any) -> Move:
    return Move(path, also if before is None else {path: before} | also, {path: after} | also, measure, False, by)


# What is measured.


def metric(name: str) -> Measure:
    return lambda run: run.summary[name]


def total(column: str, table: str = "traffic") -> Measure:
    return lambda run: float(run.table(table)[column].sum())


def rows(table: str) -> Measure:
    return lambda run: float(run.table(table).height)


def outcomes(word: str) -> Measure:
    return lambda run: float((run.table("requests")["outcome"] == word).sum())


def events(kind: str, detail: str = "") -> Measure:
    def count(run: Run) -> float:
        found = run.table("events").filter(pl.col("kind") == kind)
        return float(found.filter(pl.col("detail").str.contains(detail, literal=True)).height)

    return count


def first_event(kind: str, subject: str = "") -> Measure:
    def time(run: Run) -> float:
        found = run.table("events").filter((pl.col("kind") == kind) & pl.col("subject").str.starts_with(subject))
        return found["time_s"].to_list()[0] if found.height else np.inf

    return time


def latency(statistic: Callable[[Any], Any] = np.mean) -> Measure:
    """Of the requests issued after the start-up that completed."""

    def measure(run: Run) -> float:
        found = run.table("requests").filter((pl.col("outcome") == "completed") & (pl.col("issued_s") > 30))
        return float(statistic(found["latency_s"].to_numpy()))

    return measure


def started(node: str) -> Measure:
    """Pods that ran on a node."""

    def count(run: Run) -> float:
        pods = run.table("pods").filter((pl.col("state") == "started") & (pl.col("node") == node))
        return float(pods["pod"].n_unique())

    return count


def bound(owner: str = "", node: str = "") -> Measure:
    """Pods of an owner bound to a node."""

    def count(run: Run) -> float:
        made = run.table("decisions").filter(pl.col("decision") == "Bind")
        found = made.filter(pl.col("pod").str.starts_with(owner) & pl.col("node").str.starts_with(node))
        return float(found.height)

    return count


def fullest(run: Run) -> float:
    """Pods of api on the node that has most of them."""
    return max(bound("api", node)(run) for node in ("w-0", "w-1"))


def first(owner: str, state: str) -> Measure:
    """When a pod of an owner was in a state first; infinite: never."""

    def time(run: Run) -> float:
        found = run.table("pods").filter((pl.col("owner") == owner) & (pl.col("state") == state))
        return float(found["time_s"].to_list()[0]) if found.height else np.inf

    return time


def down_s(run: Run) -> float:
    """Seconds for which w-1 was without power, the first time."""
    nodes = run.table("nodes").filter((pl.col("truth") == "running") & (pl.col("node") == "w-1"))
    _started, failed, back, *_ = nodes["time_s"].to_list()
    return float(back - failed)
