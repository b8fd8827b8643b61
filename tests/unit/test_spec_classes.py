"""Every class that can be written: built by keywords, and dumped to the very data that it came from."""

from __future__ import annotations

import pickle
from copy import deepcopy
from typing import Any

import pytest

from simulator.errors import UserError
from simulator.spec import Case, Expectation, Experiment, Scenario
from simulator.spec.base import Item, Spec, Use
from simulator.spec.behaviour import Behaviour, Call, Memory
from simulator.spec.clusters import ClusterSpec
from simulator.spec.commands import Commands
from simulator.spec.coverage import Coverage, DistanceCoverage, GridCoverage
from simulator.spec.failures import ClockLoss, ClockSkew, DiskFill, Failures, Machines, PowerCut, Slow, Wear
from simulator.spec.fault import Fault
from simulator.spec.faults import Crash, Cut, HostUpdate, Stop, Update
from simulator.spec.function import Function, Variant
from simulator.spec.image import Image, RegistrySpec
from simulator.spec.kubernetes.base import K8s
from simulator.spec.movement import Movement, Place, PositionTrace, RandomWaypoint, Waypoint, Waypoints
from simulator.spec.need import AcceleratorNeed
from simulator.spec.outages import Impairment, Outages, Partition, Window, ZoneOutage
from simulator.spec.pods import Pods
from simulator.spec.power import BatterySpec, Prices, SolarSpec
from simulator.spec.quantity import BitRate, Cpu, Duration, Frequency, Quantity, Ratio, Size
from simulator.spec.scenario import Policies, Record, RecordRequests, Weighted
from simulator.spec.schema import experiment_schema
from simulator.spec.spool import Spool
from simulator.spec.topology import AcceleratorSpec, LinkSpec, NodeSpec, Taint, Topology
from simulator.spec.workload import Arrivals, Manifest, Model, Requests, Service, Telemetry
from simulator.units import HOUR, MINUTE, MS, SECOND, UnitError

CALL = {"target": "db", "request": "1kB", "response": "4kB", "timeout": "200ms", "retries": 1}
NODE = {"name": "edge", "model": "raspberry-pi-4b", "count": 3, "labels": {"a": "b"}, "ram": "2Gi", "cores": 4}
LINK = {"name": "wan", "between": ["edge-*", "cloud"], "model": "lte", "up": "10Mbps", "loss": "2%", "jitter": 0}
SCENARIO = {"duration": "1h", "topology": {"nodes": [{"name": "a", "model": "cloud-vm"}]}, "warm_up": "1min"}
EXAMPLES: list[tuple[type[Spec], dict[str, Any]]] = [
    (Use, {"use": "./mine.py:Mine", "params": {"alpha": 0.3}}),
    (Memory, {"idle": "60Mi", "per_request": "1Mi"}),
    (Call, CALL),
    (Behaviour, {"work": {"lognormal": {"median": "5ms", "p99": "20ms"}}, "workers": 4, "threads": "async",
                 "memory": {"idle": "60Mi"}, "calls": [CALL], "start": "2s", "run": "1h30min", "exit_code": 3}),
    (Image, {"compressed": "45MB", "unpacked": "120MB", "layers": 6, "platforms": ["linux/amd64"], "format": "oci"}),
    (Taint, {"key": "k", "value": "v", "effect": "NoSchedule"}),
    (AcceleratorSpec, {"resource": "nvidia.com/gpu", "product": "Tesla-T4", "count": 2, "memory": "16GB"}),
    (AcceleratorNeed, {"resource": "nvidia.com/gpu", "milli": 250, "memory": "6GB", "product": ["Tesla-T4"]}),
    (NodeSpec, {**NODE, "taints": [{"key": "k", "effect": "NoExecute"}], "speed": 0.5, "latitude": 45.2}),
    (LinkSpec, LINK),
    (LinkSpec, {"name": "lan", "between": ["a", "b"], "latency": "1ms", "rate": "1Gbps"}),
    (LinkSpec, {**LINK, "up_trace": "five-g.csv#up_bps", "down_trace": "five-g.csv#down_bps"}),
    (Topology, {"use": "city-edge", "params": {"sites": 12}}),
    (Topology, {"nodes": [NODE], "links": [LINK]}),
    (Manifest, {"kind": "manifest", "file": "./shop.yaml", "at": "10min"}),
    (Model, {"kind": "model", "name": "weights", "size": "20MiB", "nodes": "edge-*", "at": "10min"}),
    (Service, {"kind": "service", "name": "cam", "image": "shop/cam", "per": "site", "cpu": "500m", "ram": "128Mi",
               "work": {"exponential": "5ms"}, "runtime": "wasmtime", "node_selector": {"tier": "edge"}}),
    (Arrivals, {"users": 10, "think": {"exponential": "1s"}}),
    (Requests, {"kind": "requests", "source": "till-*", "target": "api", "arrivals": {"poisson": "10/s"},
                "request": "1kB", "response": "4kB", "timeout": "1s", "retries": 2}),
    (Telemetry, {"kind": "telemetry", "source": "camera-*", "target": "ingest", "every": "1s", "size": "200B",
                 "properties": 14, "protocol": "mqtt", "qos": 1}),
    (Commands, {"kind": "commands", "source": "control", "target": "valve-*", "every": "10s", "size": "100B", "qos": 1,
                "protocol": "coap", "spool": {"size": "100kB", "ttl": "1min"}}),
    (Spool, {"name": "box", "at": "gateway", "size": "64MB", "store": "disk", "ttl": "1h", "drop": "newest"}),
    (Function, {"kind": "function", "name": "f-*", "trace": "azure.csv", "format": "azure-functions-2021",
                "scaling": {"use": "keep-alive", "params": {"idle": "10min"}}, "runtime": "firecracker"}),
    (Function, {"kind": "function", "name": "f", "image": "shop/f", "arrivals": {"poisson": "10/s"}, "work": "5ms",
                "first_work": {"exponential": "9ms"}, "start": "1s", "concurrency": 2, "cpu": "500m", "ram": "64Mi",
                "ram_limit": "128Mi", "node_selector": {"tier": "edge"}, "scaling": "./mine.py:Mine"}),
    (Pods, {"kind": "pods", "name": "train", "arrivals": {"poisson": "10/s"}, "count": 20, "image": "shop/train",
            "cpu": "500m", "ram": "64Mi", "accelerator": {"resource": "nvidia.com/gpu", "milli": 250}, "priority": 5,
            "labels": {"team": "a"}, "node_selector": {"tier": "edge"}, "run": {"exponential": "1min"}}),
    (Cut, {"kind": "cut", "name": "wan", "link": "wan-[0-3]", "at": "10min", "duration": "10min", "mode": "silent"}),
    (Cut, {"kind": "cut", "link": "wan-0", "mode": "lossy", "loss": 0.2}),
    (Cut, {"kind": "cut", "link": "wan-0", "mode": "one-way", "direction": "down"}),
    (Outages, {"kind": "outages", "link": "lte-*", "up": {"weibull": {"shape": 0.6, "scale": "6h"}},
               "down": {"lognormal": {"median": "90s", "sigma": 1.1}}, "mode": "lossy", "loss": "30%"}),
    (Outages, {"kind": "outages", "zone": "site-*", "trace": "outages.csv", "at": "1min"}),
    (Outages, {"kind": "outages", "node": "edge-0", "windows": [{"at": "1min", "duration": "5s"}]}),
    (Window, {"at": "1min", "duration": "5s"}),
    (Partition, {"kind": "partition", "between": [["edge-*", "gw-*"], "cloud"], "duration": "5min", "mode": "refused"}),
    (ZoneOutage, {"kind": "zone-outage", "zone": "site-*", "what": "power", "at": "10min", "duration": "5min"}),
    (Crash, {"kind": "crash", "node": "edge-3-*", "at": "15min", "reboot_after": "2min"}),
    (PowerCut, {"kind": "power-cut", "zone": "site-*", "at": "10min", "duration": "5min"}),
    (Failures, {"kind": "failures", "zone": "site-*", "up": {"weibull": {"shape": 0.7, "scale": "30d"}},
                "down": {"lognormal": {"median": "4h", "sigma": 1.0}}, "repairers": 2}),
    (Slow, {"kind": "slow", "node": "edge-*", "factor": 0.5, "at": "1min", "duration": "5min"}),
    (ClockSkew, {"kind": "clock-skew", "node": "edge-*", "behind": "2d", "drift": 50, "at": "1min", "duration": "1h"}),
    (ClockLoss, {"kind": "clock-loss", "node": "edge-*", "saved": "1h"}),
    (DiskFill, {"kind": "disk-fill", "node": "edge-*", "share": "90%", "duration": "1h"}),
    (DiskFill, {"kind": "disk-fill", "node": "edge-*", "size": "20GB"}),
    (Wear, {"kind": "wear", "node": "edge-*", "endurance": "5TB", "worn": "99%", "writes": "500kB/s", "then": "dead"}),
    (Place, {"latitude": 45.2, "longitude": 5.7}),
    (Waypoint, {"latitude": 45.2, "longitude": 5.7, "pause": "20s"}),
    (Waypoints, {"kind": "waypoints", "name": "line", "node": "bus-*", "speed": "30km/h", "headway": "10min",
                 "points": [{"latitude": 45.2, "longitude": 5.7}, {"latitude": 45.3, "longitude": 5}], "then": "back"}),
    (RandomWaypoint, {"kind": "random-waypoint", "node": "walker-*", "south": 45.1, "north": 45.2, "west": 5.6,
                      "east": 5.8, "slowest": "1m/s", "fastest": "2m/s", "pause": {"exponential": "1min"}}),
    (PositionTrace, {"kind": "trace", "node": "car", "file": "t.csv", "origin": {"latitude": 45.2, "longitude": 5.7}}),
    (DistanceCoverage, {"kind": "distance", "name": "lte", "node": "bus-*", "cell": "mast-*", "model": "lte", "loss": 0,
                        "radius": "500m", "radii": {"mast-0": "2km"}, "margin": "20%", "handover": "50ms"}),
    (GridCoverage, {"kind": "grid", "name": "lte", "node": "bus-*", "cell": "mast-*", "model": "lte", "file": "map.csv",
                    "square": 0.0005, "up": "10Mbps"}),
    (Stop, {"kind": "stop", "component": "api-server", "at": "10min", "duration": "5min"}),
    (HostUpdate, {"kind": "host-update", "node": "edge-*", "at": "10min", "compressed": "200MB", "unpacked": "500MB",
                  "health": "bad"}),
    (Update, {"kind": "update", "workload": "api", "image": "shop/api:2", "at": "10min"}),
    (Policies, {"placement": {"use": "least-loaded", "params": {}}, "scaling": "none"}),
    (Weighted, {"use": "./mine.py:Greenest", "params": {"alpha": 0.3}, "weight": 2}),
    (RecordRequests, {"sample": 0.01}),
    (Record, {"requests": {"sample": "1%"}, "interval": "10s", "energy": True, "links": True}),
    (BatterySpec, {"capacity": "50Wh", "charge": "80%", "empty": "5%", "restart": "25%", "model": "lithium-ion",
                   "efficiency": 0.9, "most_in": "10W", "most_out": "20W", "step": "1min"}),
    (SolarSpec, {"peak": "20W", "tilt": 60, "azimuth": 170, "model": "silicon", "losses": "10%",
                 "sky": "sky.csv#share", "clear_sky": "pvlib"}),
    (Prices, {"nodes": {"cloud-*": "0.19USD/h"}, "egress": {"cloud": "0.09USD/GB"}, "data": {"lte-*": "5USD/GB"},
              "energy": "0.25USD/kWh"}),
    (Scenario, {**SCENARIO, "epoch": "2026-06-01T00:00:00Z", "start": "placed", "orchestrator": "kubernetes@1.31",
                "policy": "kube-default", "policy_time": {"exponential": "5ms"}, "on_policy_error": "stop",
                "faults": [{"kind": "crash", "node": "a", "at": "1s"}], "workloads": [], "images": {}}),
    (Scenario, {**SCENARIO, "topology": "city-edge"}),
    (Variant, {"runtime": "wasmtime", "image": "shop/f-wasm", "start": "20ms"}),
    (RegistrySpec, {"downloads_at_once": 8, "peers": "swarm"}),
    (ClusterSpec, {"orchestrator": "karmada", "nodes": ["cloud-*"], "members": ["a", "b"]}),
    (Case, {"name": "two words", "set": {"scenario.duration": "5min"}}),
    (Expectation, {"metric": "availability", "where": {"case": "two words"}, "value": 1, "tolerance": "10%",
                   "source": "E-P7", "independence": "semantic", "verdict": "refuted"}),
    (Expectation, {"metric": "loop", "goal": 500000, "peer": "simpy", "unit": "visits/CPU s"}),
    (Experiment, {"question": "Why?", "scenario": SCENARIO, "axes": {"scenario.orchestrator": ["k3s", "kubeedge"]},
                  "cases": [{"name": "a", "set": {}}], "design": "cross", "replications": 10, "seed": 1,
                  "metrics": ["availability"], "expect": [{"metric": "availability", "min": 0.9}]}),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "data"), EXAMPLES, ids=lambda value: getattr(value, "__name__", ""))
def test_each_class_is_the_same_from_keywords_from_yaml_and_back(cls: type[Spec], data: dict[str, Any]) -> None:
    built = cls(**deepcopy(data))
    assert built.dump() == data
    assert cls.parse(deepcopy(data)) == built
    assert pickle.loads(pickle.dumps(built)) == built
    assert pickle.loads(pickle.dumps(built)).dump() == data


def test_no_class_is_left_out() -> None:
    def below(cls: type[Spec]) -> set[type[Spec]]:
        return {c for sub in cls.__subclasses__() for c in (sub, *below(sub))}

    bases = {K8s, Item, Fault, Impairment, Machines, Movement, Coverage}
    ours = {c for c in below(Spec) - below(K8s) - bases if c.__module__.startswith("simulator.spec.")}
    assert {c for c in ours if c.__module__ != "simulator.spec.mechanism"} == {cls for cls, _ in EXAMPLES}


def test_the_kind_fills_itself_in() -> None:
    assert Cut(link="wan-3", duration="10min", mode="silent").dump() == {
        "kind": "cut",
        "link": "wan-3",
        "duration": "10min",
        "mode": "silent",
    }


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Crash(node="a").node = "b"  # type: ignore[misc]  # what mypy says, too


@pytest.mark.parametrize(
    ("cls", "given", "value"),
    [
        (Duration, "1h30min", HOUR + 30 * MINUTE),
        (Duration, "1.5ms", 1_500_000),
        (Duration, 0, 0),
        (Size, "64Mi", 64 * 2**20),
        (Size, "45MB", 45_000_000),
        (Cpu, "500m", 500),
        (Cpu, 2, 2000),
        (BitRate, "10Mbps", 1e7),
        (Frequency, "6/min", 0.1),
        (Ratio, "50%", 0.5),
        (Ratio, 0.01, 0.01),
    ],
)
def test_a_quantity_is_a_number_in_base_units_that_knows_its_text(cls: type[Quantity], given: Any, value: Any) -> None:
    quantity = cls(given)
    assert quantity == value
    assert quantity.given == given
    again = pickle.loads(pickle.dumps(cls(quantity)))
    assert (again, again.given, type(again)) == (value, given, cls)
    assert isinstance(value * 1, int) == isinstance(quantity, int)


@pytest.mark.parametrize(
    ("cls", "given"),
    [(Duration, "-1s"), (Duration, "200y"), (Duration, 5), (Duration, True), (Duration, None), (Duration, "1e25d"),
     (Size, "1e30B"), (Ratio, 1.01), (Ratio, "101%"), (Cpu, float("nan")), (BitRate, "1" * 5000 + "bps")],
)  # fmt: skip
def test_what_is_no_quantity_says_so(cls: type[Quantity], given: Any) -> None:
    with pytest.raises(UnitError):
        cls(given)


def test_wrong_keywords_are_a_user_error_with_every_problem() -> None:
    with pytest.raises(UserError) as caught:
        Cut(lnk="wan-3", duration="10m", mode="sillent")
    told = sorted(str(problem) for problem in caught.value.problems)
    assert told == [
        "duration: '10m' is no duration (m is milli or minutes: write min, or ms)",
        "mode: no 'sillent' here (did you mean silent?)",
        "unknown key lnk (did you mean link?)",
    ]


def test_an_expectation_has_a_band() -> None:
    assert Expectation(metric="m", value=10, tolerance=1).band == (9, 11)
    assert Expectation(metric="m", value=-10, tolerance="5%").band == (-10.5, -9.5)
    assert Expectation(metric="m", min=2, max=3).band == (2, 3)
    assert Expectation(metric="m", max=3).band == (float("-inf"), 3)
    for wrong in ({"value": 1, "tolerance": "5"}, {"value": 1, "tolerance": -1}, {"value": 1, "max": 2}, {}):
        with pytest.raises(UserError):
            Expectation(metric="m", **wrong)


def test_the_long_forms_of_short_ones() -> None:
    world = {"duration": "1h", "topology": "city-edge"}
    assert Scenario(**world).world == Topology(use="city-edge")
    assert Scenario(**world).placement == Use(use="kube-default")
    assert Scenario(**world, policy="random").placement == Use(use="random")
    both = Scenario(**world, policies={"placement": {"use": "a", "params": {"b": 1}}})
    assert both.placement == Use(use="a", params={"b": 1})
    assert Scenario(**world, epoch="2026-06-01T02:00:00+02:00").begins.isoformat() == "2026-06-01T02:00:00+02:00"
    assert (Scenario(**world).duration, Scenario(**world).record.interval) == (HOUR, 10 * SECOND)
    assert Behaviour(work="5ms").start == 0 * MS


def test_the_schema_tells_items_apart_by_kind() -> None:
    schema = experiment_schema()
    assert schema["required"] == ["question", "scenario"]
    assert schema["additionalProperties"] is False
    scenario = schema["$defs"]["Scenario"]["properties"]
    kinds = {name: set(scenario[name]["items"]["discriminator"]["mapping"]) for name in ("workloads", "faults")}
    assert kinds == {
        "workloads": {"manifest", "service", "model", "requests", "telemetry", "commands", "function", "pods"},
        "faults": {
            "cut",
            "crash",
            "power-cut",
            "failures",
            "slow",
            "clock-skew",
            "clock-loss",
            "disk-fill",
            "wear",
            "stop",
            "update",
            "host-update",
            "outages",
            "partition",
            "zone-outage",
        },
    }
    assert "10ms" in schema["$defs"]["Telemetry"]["properties"]["every"]["examples"]
