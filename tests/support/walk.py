"""One parameter of the physical world at a time, as rows: what changes, and which column moves up or down with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from json import dumps, loads
from pathlib import Path
from typing import Any

import pytest

from moves import Settings
from roads import road
from scenarios import LINUX, simulation
from simulator.facts import catalogue
from simulator.policy import reference
from simulator.record.buffer import Recorder
from simulator.record.glossary import summarise
from simulator.simulation import simulation as whole
from simulator.simulation.run import Run

# A device, its gateway, which serves it, and a cloud over LTE, to which it reports.
SITE: dict[str, Any] = {
    "duration": "2min",
    "orchestrator": "k3s",
    "topology": {
        "nodes": [
            {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "gw", "model": "raspberry-pi-4b", "zone": "site", "boot": "5s"},
            {"name": "d", "model": "till", "zone": "site", "role": "device"},
        ],
        "links": [
            {"name": "wan", "between": ["cloud", "gw"], "model": "lte", "jitter": 0, "loss": 0},
            {"name": "lan", "between": ["gw", "d"], "latency": "1ms", "rate": "10Mbps"},
        ],
    },
    "images": {"i": {"compressed": "1MB", "unpacked": "2MB", "layers": 1, "platforms": LINUX}},
    "workloads": [
        {"kind": "service", "name": "log", "image": "i", "replicas": 1, "work": "1ms",
         "node_selector": {"kubernetes.io/hostname": "cloud"}},
        {"kind": "service", "name": "api", "image": "i", "replicas": 1, "work": "20ms",
         "node_selector": {"kubernetes.io/hostname": "gw"}},
        {"kind": "telemetry", "name": "read", "source": "d", "target": "log", "every": "1s", "size": "1kB"},
        {"kind": "requests", "name": "ask", "source": "d", "target": "api", "arrivals": {"every": "1s"},
         "request": "1kB", "response": "1kB"},
        {"kind": "requests", "name": "far", "source": "d", "target": "log", "arrivals": {"every": "1s"},
         "request": "1kB", "response": "1kB"},
    ],
    "record": {"requests": {"sample": "100%"}, "interval": "10s"},
}  # fmt: skip
# The gateway lives on a battery from an hour before sunrise.
SUN = {
    **SITE,
    "duration": "4h",
    "epoch": "2026-03-20T05:00:00Z",
    "workloads": [],
    "record": {"interval": "10min", "energy": True},
}
BATTERY = {"capacity": "6Wh", "charge": "10%"}
SUN["topology"] = {**SITE["topology"], "nodes": [
    SITE["topology"]["nodes"][0],
    {**SITE["topology"]["nodes"][1], "latitude": 46.5, "longitude": 9.5, "battery": BATTERY, "solar": {"peak": "6W"}},
    SITE["topology"]["nodes"][2],
]}  # fmt: skip
# A bus under masts along a road, and pods one by one.
BUS = road(3) | {"duration": "100s"}
PODS: dict[str, Any] = {
    "duration": "2min", "fidelity": "scheduling",
    "topology": {"nodes": [*SITE["topology"]["nodes"][:2]], "links": SITE["topology"]["links"][:1]},
    "images": SITE["images"],
    "workloads": [
        {"kind": "pods", "name": "job", "image": "i", "arrivals": {"every": "10s"}, "count": 6, "run": "20s"},
    ],
}  # fmt: skip
BASES = {"site": SITE, "sun": SUN, "bus": BUS, "pods": PODS}
FILES = {
    "early.csv": "start_s,end_s\n10,15\n",
    "often.csv": "start_s,end_s\n10,15\n20,25\n",
    "rates.csv": "time_s,fast,slow\n0,10Mbps,50kbps\n",
    "way.csv": "time_s,node,x_m,y_m\n0,bus-0,0,0\n100,bus-0,0,2000\n",
    "stand.csv": "time_s,node,x_m,y_m\n0,bus-0,0,0\n",
    "map.csv": "latitude,longitude,cell\n45.0000,5.6995,mast-0\n45.0010,5.6995,mast-1\n",
    "lead.yaml": "name: lead\nkind: batteries\nfacts:\n"
    + "".join(
        f"  {name}: {{value: {value}, unit: '{unit}', kind: assumed, source: assumed}}\n"
        for name, value, unit in (
            ("efficiency", 50, "%"),
            ("charging", 1, "/h"),
            ("discharging", 1, "/h"),
            ("restart", 20, "%"),
        )
    ),
    "thin.yaml": "name: thin\nkind: panels\nfacts:\n  losses: {value: 50, unit: '%', kind: assumed, source: assumed}\n",
    **{
        f"{name}-pods.csv": "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
        f"deletion_time,scheduled_time\n{rows}"
        for name, rows in (
            ("one", "a,100,64,0,0,,LS,Running,0,100,10\n"),
            ("two", "a,100,64,0,0,,LS,Running,0,100,10\nb,100,64,0,0,,LS,Running,20,100,30\n"),
        )
    },
    "small.csv": "latitude,longitude,cell\n45.0000,5.6995,mast-0\n",
}


@dataclass(frozen=True)
class Move:
    """`now` instead of `was` lets a column (`table.column?where=what`) or a metric rise (+) or fall (-).

    Of a column of times the first counts, of ages and latencies the mean, of words their number, of others the sum. The
    settings are keys of `base`, or (with a dot) paths.
    """

    parameter: str  # `Class.field`, or `kind.fact`
    was: Settings
    now: Settings
    column: str
    sign: str
    base: str = "site"


def fault(kind: str, **given: Any) -> dict[str, Any]:
    """A scenario's only fault."""
    return {"faults": [{"kind": kind, "at": "30s", **given}]}


def page(fact: str, was: Any, now: Any, column: str, sign: str = "+", *, base: str = "site", **also: Any) -> Move:
    """A fact of a page: `kind.name.fact`."""
    kind, _, path = fact.split(".", 2)
    before, after = ({f"facts.{fact}": value} for value in (was, now))
    return Move(f"{kind}.{path}", also | before, also | after, column, sign, base)


def telling(**given: Any) -> dict[str, Any]:
    """The device's readings, otherwise, through a gateway without other work."""
    return {"workloads": [SITE["workloads"][0], {**SITE["workloads"][2], **given}]}


def wan(**given: Any) -> dict[str, Any]:
    return {
        "topology.links.wan": {"name": "wan", "between": ["cloud", "gw"], "latency": "20ms", "rate": "10Mbps", **given}
    }


# How it is measured.


def measured(run: Run, column: str) -> float:
    name, _, where = column.partition("?")
    table, _, values = name.partition(".")
    if not values:
        return run.summary[name]
    frame = run.tables[table].filter(**dict(part.split("=") for part in where.split("&") if part))
    found = frame[values].drop_nulls()
    if found.dtype.is_float():
        found = found.drop_nans()
    if values == "time_s":
        return found[0] if len(found) else float("nan")  # what never happens did not move
    if not found.dtype.is_numeric():
        return len(found)
    return float(found.mean()) if values.endswith("_s") else float(found.sum())


@cache
def ran(written: str, folder: Path) -> Run:
    """The run of a base with settings, both as JSON: keys (without a dot) and paths (with one)."""
    base, settings = loads(written)
    data = {**base, **{key: settings.pop(key) for key in tuple(settings) if "." not in key}}
    return simulation(data, settings, folder=folder).finish()


def both(move: Move, folder: Path) -> tuple[float, float]:
    """What its column is with the one and with the other."""
    was, now = (measured(ran(dumps([BASES[move.base], each]), folder), move.column) for each in (move.was, move.now))
    return was, now


class Asked(dict[str, Any]):
    """Metrics, or tables, that are made when somebody asks for them."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make

    def __missing__(self, name: str) -> Any:
        return self.setdefault(name, self._make(name))


@contextmanager
def quick() -> Iterator[None]:
    """Each file that ships is read once for all runs, and no table or metric is made that nobody asks for."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in ((catalogue, "read_page"), (catalogue, "read_bibtex"), (reference, "shipped_names")):
            patch.setattr(module, name, _once(getattr(module, name)))
        patch.setattr(Recorder, "frames", lambda recorder: Asked(lambda name: getattr(recorder, name).frame()))
        patch.setattr(whole, "summarise", lambda *of: Asked(lambda name: summarise(*of, (name,))[name]))
        yield


def _once(read: Any) -> Any:
    done: dict[Any, Any] = {}

    def once(*given: Any) -> Any:
        key = given[:2]  # bytes or text, and the file's name; of names the folder and what they are for
        if key not in done:
            done[key] = read(*given)
        return done[key]

    return once
