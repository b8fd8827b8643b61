"""Energy as the integral of power, who is charged with it, and what it costs: by hand, and in whole scenarios."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from json import dumps, loads
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from simulator.engine.clock import Clock
from simulator.errors import UserError
from simulator.physics.power import PowerModel, until
from simulator.runtime.energy import Machine, energy_rows
from simulator.runtime.load import STARTS, Load
from simulator.simulation.run import Run
from simulator.simulation.simulation import Simulation
from simulator.spec.paths import apply
from simulator.spec.problems import UNKNOWN
from simulator.spec.scenario import Scenario
from simulator.spec.series import read_series
from simulator.traffic.busy import Busy
from simulator.units import SECOND

PI_CORE_W = (5.0 - 1.6) / 4  # a Raspberry Pi 4's: what one busy core adds
AGENT = 0.132  # cores of K3s' agent
PLACE: dict[str, Any] = {
    "duration": "20min",
    "topology": {
        "nodes": [
            {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
            {"name": "pi", "model": "raspberry-pi-4b", "zone": "site", "latitude": 46.5, "longitude": 9.5},
            {"name": "till", "model": "till", "zone": "site", "role": "device"},
        ],
        "links": [
            {"name": "wan", "between": ["pi", "hub"], "latency": "10ms", "rate": "100Mbps"},
            {"name": "lan", "between": ["till", "pi"], "latency": "1ms", "rate": "100Mbps"},
        ],
    },
    "orchestrator": "k3s",
    "images": {
        "api:1": {"compressed": "20MB", "unpacked": "50MB", "layers": 2, "platforms": ["linux/amd64", "linux/arm64"]},
    },
    "workloads": [{"kind": "service", "name": "api", "image": "api:1", "per": "site", "cpu": "1", "work": "50ms"}],
    "record": {"interval": "1min", "energy": True},
}  # fmt: skip
ASKS = {
    "kind": "requests", "name": "ask", "source": "till", "target": "api", "arrivals": {"every": "1s"},
    "request": "10kB", "response": "20kB", "timeout": "5s",
}  # fmt: skip


def run(
    settings: dict[str, Any] | None = None, *more: dict[str, Any], exact: bool = False, folder: Path | None = None
) -> Run:
    """The place with more workloads and paths set."""
    return _ran(dumps([settings or {}, more]), exact, folder or Path())


@cache
def _ran(written: str, exact: bool, folder: Path) -> Run:
    settings, more = loads(written)
    data = deepcopy(PLACE)
    data["workloads"] += more
    applied = apply(Scenario, data, settings, UNKNOWN)
    assert not applied.problems, applied.problems
    return Simulation(Scenario.parse(applied.data).placed(folder, {}), exact_events=exact).finish()


def of(table: pl.DataFrame, node: str = "pi", pod: str | None = None) -> float:
    """Joules of a node, or of the pods whose name begins so."""
    rows = table.filter(pl.col("node") == node)
    return float((rows if pod is None else rows.filter(pl.col("pod").str.starts_with(pod)))["energy_j"].sum())


# The integral.


def test_the_integral_of_steps_is_exact() -> None:
    times, levels = np.array([1.0, 2.0, 2.0, 5.0]), np.array([3.0, 9.0, 1.0, 0.0])
    at = np.array([0.0, 1.0, 1.5, 2.0, 4.0, 5.0, 9.0])
    assert until(times, levels, at).tolist() == [0, 0, 1.5, 3, 5, 6, 6]


def test_power_is_linear_in_busy_cores_up_to_all_of_them() -> None:
    model = PowerModel(2, 6, 4)
    assert [model.watts(n) for n in (0, 1, 2.5, 4, 7)] == [2, 3, 4.5, 6, 6]
    with pytest.raises(ValueError, match="no less power"):
        PowerModel(3, 2, 1)


def machine(cores: int = 4, system: float = 0.0) -> tuple[Clock, Load, Machine]:
    clock = Clock()
    load = Load(clock)
    load.watch()
    return clock, load, Machine(0, PowerModel(2.0, 2.0 + cores, cores), load, system)


def totals(machine: Machine, edges: list[float], requests: dict[str, Any] | None = None) -> dict[str, list[float]]:
    return {who: joules.tolist() for who, _, joules in energy_rows(machine, requests or {}, np.array(edges))}


def test_a_hand_made_load_takes_what_a_hand_works_out() -> None:
    clock, load, made = machine(system=0.5)
    clock.run(10 * SECOND)
    load.take("a", 2.0, 1.0)  # from 10 s: two cores, of which it asks for one
    clock.run(15 * SECOND)
    load.take(STARTS, 1.0)
    clock.run(16 * SECOND)
    load.take(STARTS, 0.0)
    clock.run(30 * SECOND)
    load.take("a", 0.0, 0.0)
    clock.run(35 * SECOND)
    load.powered(False)
    rows = totals(made, [0, 20, 40])
    # Idle 2 W and half a core at 1 W until 35 s; the pod two cores for 20 s and a quarter of the idle power.
    assert rows["a"] == pytest.approx([10 * (2 + 0.5), 10 * (2 + 0.5)], abs=1e-5)
    assert rows[""] == pytest.approx([20 * 2.5 - 5 + 1, 15 * 2.5 - 5], abs=1e-5)


def test_pods_and_the_machine_add_up_exactly() -> None:
    clock, load, made = machine(cores=3, system=0.1)
    rng = np.random.default_rng(7)
    for k in range(300):
        clock.run(k * 1_234_567_891)
        load.take(f"pod-{k % 7}", 0.3 * float(rng.random()), float(rng.random()))
    edges = np.arange(0, 400, 7.0)
    rows = list(energy_rows(made, {"pod-0": rng.random(len(edges) - 1)}, edges))
    assert len(rows) == 8
    _, core_s, joules = (np.array(column) for column in zip(*rows, strict=True))
    power = 2.0 * np.diff(edges) + core_s.sum(axis=0)  # of 1 W a core
    whole = joules.sum(axis=0)
    assert np.abs(whole - power).max() <= 2**-21 + 1e-12  # rounded once, as a whole
    assert (whole == joules[::-1].sum(axis=0)).all()  # and parted without losing a bit, in whatever order
    assert (whole * 2**20 == np.rint(whole * 2**20)).all()


def test_pods_that_ask_for_more_cores_than_there_are_share_all_of_them() -> None:
    clock, load, made = machine(cores=2)
    load.take("a", 0.0, 3.0)
    load.take("b", 0.0, 1.0)
    clock.run(10 * SECOND)
    load.take("b", 0.0, 0.0)
    clock.run(20 * SECOND)
    assert totals(made, [0, 10, 20]) == {"": [0, 0], "a": [15, 20], "b": [5, 0]}


def test_no_more_cores_are_busy_than_there_are() -> None:
    clock, load, made = machine(cores=2)
    load.take("a", 1.0)
    clock.run(10 * SECOND)
    rows = totals(made, [0, 10], {"b": np.array([30.0])})
    assert rows["a"][0] == pytest.approx(5, abs=1e-5)
    assert rows["b"][0] == pytest.approx(15, abs=1e-5)


def test_nothing_is_kept_unless_somebody_watches() -> None:
    load = Load(Clock())
    load.take("a", 1.0)
    load.powered(False)
    assert (load.cores, load.on, len(load.times), len(load.power)) == (0.0, True, 0, 0)


def test_busy_spans_are_cut_at_intervals_and_at_the_stop() -> None:
    busy = Busy(10)
    busy.spans.extend((1, 5, 25, 2, 0, 3))
    busy.arrays.append(np.array([[1, 30, 50]]))
    busy.settle(22)
    assert busy.rows().tolist() == [[1, 0, 5], [1, 1, 10], [1, 2, 2], [2, 0, 3]]
    busy.stop(2)
    busy.settle(35)
    busy.stop(1)  # of the second span five are done
    busy.settle(99)
    assert busy.total == {1: 20 + 5, 2: 3}


# Whole scenarios.


def test_nothing_is_recorded_where_nobody_asks() -> None:
    got = run({"record.energy": False})
    assert got.table("energy").height == 0
    assert np.isnan(got.summary["energy_j"])
    assert not [fact for fact in got.facts if ".power." in fact["path"]]


def test_an_idle_machine_takes_its_idle_power_and_its_agent_s() -> None:
    got = run()
    table = got.table("energy")
    assert of(table.filter(pl.col("start_s") >= 300)) == pytest.approx(900 * (1.6 + AGENT * PI_CORE_W), rel=1e-6)
    assert of(table, "till") > 1200  # nothing is busy there
    assert got.summary["energy_j"] == pytest.approx(table["energy_j"].sum())


def test_a_machine_without_power_takes_nothing() -> None:
    fault = {"kind": "crash", "name": "off", "node": "pi", "at": "10min"}
    off = run({"faults": [fault]}).table("energy")
    assert of(off.filter(pl.col("start_s") >= 600)) == 0
    back = run({"faults": [{**fault, "reboot_after": "2min"}]}).table("energy")
    assert of(back.filter(pl.col("start_s") == 660)) == 0
    assert of(back.filter(pl.col("start_s") == 720)) >= 60 * 1.6  # it boots


def test_requests_take_their_work_s_energy_in_the_loop_and_in_arrays() -> None:
    fast = {**ASKS, "arrivals": {"every": "30ms"}, "request": "100B", "response": "100B"}
    settings = {"workloads.api.work": "4ms", "workloads.api.cpu": "0", "duration": "5min"}
    runs = [run(settings, fast, exact=exact) for exact in (False, True)]
    rows = [got.table("energy") for got in runs]
    assert rows[0].equals(rows[1])
    assert runs[0].world["evaluators"]["ask"]["stream"] > 5000
    done = runs[0].table("traffic")["completed"].sum()
    assert of(rows[0], pod="api") == pytest.approx(done * 0.004 / 0.554 * PI_CORE_W, rel=0.001)


def test_more_work_for_a_request_takes_more_energy() -> None:
    little, much = (run({"workloads.api.work": work}, ASKS).summary for work in ("50ms", "200ms"))
    assert much["energy_j"] > little["energy_j"]
    assert much["request_energy_j"] > little["request_energy_j"]
    assert much["pod_energy_j"] > little["pod_energy_j"]


def test_a_pod_that_asks_for_more_cores_is_charged_with_more_of_the_idle_power() -> None:
    one, two = (run({"workloads.api.cpu": cpu}).summary for cpu in ("1", "2"))
    assert two["pod_energy_j"] == pytest.approx(2 * one["pod_energy_j"], rel=1e-3)
    assert two["energy_j"] == pytest.approx(one["energy_j"], rel=1e-4)


def test_what_a_process_takes_by_itself_is_the_pod_s() -> None:
    none, half = (run({"workloads.api.background": cores}) for cores in ("0", "500m"))
    more = of(half.table("energy"), pod="api") - of(none.table("energy"), pod="api")
    ran = none.table("pods").filter((pl.col("truth") == "running") & (pl.col("state") == "started"))["time_s"][0]
    assert more == pytest.approx((1200 - ran) * 0.5 * PI_CORE_W, rel=1e-4)


def test_a_process_that_ends_works_with_the_cpu_that_it_asks_for() -> None:
    table = run({"workloads.api.run": "30s"}).table("energy")
    busy = table.filter(pl.col("pod") != "")["busy_core_s"].sum()
    assert 30 < busy < 1200
    assert busy % 30 == pytest.approx(0, abs=1e-6)


def test_unpacking_an_image_takes_energy_before_anything_runs() -> None:
    small, large = (
        run({"images": {"api:1": {**PLACE["images"]["api:1"], "unpacked": size}}}) for size in ("50MB", "500MB")
    )
    assert large.summary["energy_j"] > small.summary["energy_j"] + 1


def test_functions_take_the_energy_of_their_requests() -> None:
    item = {"kind": "function", "name": "f", "image": "api:1", "arrivals": {"every": "10s"}, "work": "100ms",
            "scaling": {"use": "keep-alive", "params": {"idle": "5min"}}}  # fmt: skip
    got = run({}, item)
    rows = got.table("energy").filter(pl.col("pod").str.starts_with("f-"))
    assert rows["busy_core_s"].sum() == pytest.approx(got.table("functions")["busy_s"].sum(), rel=1e-9)


def test_the_warm_up_is_not_counted() -> None:
    assert run({"warm_up": "10min"}).summary["energy_j"] < 0.6 * run().summary["energy_j"]


# Carbon and cost.


def test_carbon_is_the_grid_s_energy_times_its_intensity(tmp_path: Path) -> None:
    flat = run({"carbon": {"site": "300g/kWh", "*": "0g/kWh"}})
    assert flat.summary["carbon_g"] == pytest.approx(
        sum(of(flat.table("energy"), node) for node in ("pi", "till")) * 300 / 3.6e6, rel=1e-9
    )
    (tmp_path / "grid.csv").write_text("time_s,g_per_kwh\n0,100\n630,500\n", "utf-8")
    later = run({"carbon": {"*": "grid.csv#g_per_kwh"}}, folder=tmp_path)
    rows = later.table("energy").filter((pl.col("node") == "pi") & (pl.col("pod") == ""))
    rates = rows["carbon_g"] / rows["energy_j"] * 3.6e6
    assert rates[0] == pytest.approx(100)
    assert rates[10] == pytest.approx(300)  # the minute in which it changes: the mean
    assert rates[-1] == pytest.approx(500)


def test_each_price_adds_its_own_cost() -> None:
    prices = {
        "nodes": {"hub": "0.3USD/h"}, "energy": "0.36USD/kWh", "data": {"wan": "1USD/GB", "lan": "1USD/GB"},
        "egress": {"hub": "1USD/GB", "pi": "2USD/GB"},
    }  # fmt: skip
    got = run({"prices": prices}, ASKS)
    costs = got.table("costs")
    assert got.summary["cost_usd"] == pytest.approx(costs["cost_usd"].sum())
    cost = {(row["item"], row["name"]): row["cost_usd"] for row in costs.filter(pl.col("item") != "egress").to_dicts()}
    assert cost["node", "hub"] == pytest.approx(0.1)
    assert cost["energy", ""] == pytest.approx(got.summary["grid_energy_j"] * 1e-7)
    assert cost["data", "wan"] > 0.02  # the image
    assert cost["data", "lan"] == pytest.approx(1200 * 30e3 * 1e-9, rel=0.06)  # but for what came before the pod
    out = costs.filter(pl.col("item") == "egress")["cost_usd"].to_list()
    assert len(out) == 3
    hub = out[0]
    assert 0.02 < hub < cost["data", "wan"]
    there_and_back = {"wan": hub + out[1] / 2, "lan": out[2] / 2 * 1.5}
    assert there_and_back["wan"] == pytest.approx(cost["data", "wan"], rel=1e-6)
    assert there_and_back["lan"] == pytest.approx(cost["data", "lan"], rel=0.05)  # a third of it is asked, not answered


def test_of_several_prices_the_first_that_matches_counts() -> None:
    def nodes(**prices: str) -> dict[str, float]:
        rows = run({"prices": {"nodes": prices}, "workloads": []}).table("costs")
        return dict(rows.select("name", "cost_usd").iter_rows())

    assert nodes(**{"hub": "3USD/h", "*": "0.3USD/h"}) == pytest.approx({"hub": 1.0, "pi": 0.1, "till": 0.1})
    with pytest.raises(UserError, match="the price of hub never counts"):
        nodes(**{"*": "0.3USD/h", "hub": "3USD/h"})


def test_what_comes_before_the_end_of_the_warm_up_costs_nothing() -> None:
    cost = run({"prices": {"nodes": {"*": "0.3USD/h"}, "data": {"wan": "1USD/GB"}}, "warm_up": "10min"}).table("costs")
    assert cost.filter(pl.col("item") == "node")["cost_usd"].to_list() == pytest.approx([0.05] * 3)
    assert cost.filter(pl.col("item") == "data")["cost_usd"][0] < 0.001  # the image came before


LOG = {"kind": "telemetry", "name": "log", "source": "till", "target": "api", "every": "1s", "size": "1kB"}


@pytest.mark.parametrize("item", [ASKS, LOG])
def test_what_is_sent_before_the_end_of_the_warm_up_costs_nothing(item: dict[str, Any]) -> None:
    paid: dict[str, Any] = {"prices": {"data": {"lan": "1USD/GB"}}, "warm_up": "10min"}
    size = 30e3 if item is ASKS else 1e3 + 64
    assert run(paid, item).summary["cost_usd"] == pytest.approx(600 * size * 1e-9, rel=0.01)


def test_what_a_cut_takes_from_a_queue_is_not_sent() -> None:
    """Much more waits than is sent by then, and what is sent of it afterwards fits through the link."""
    paid: dict[str, Any] = {"prices": {"data": {"lan": "1USD/GB"}}, "topology.links.lan.rate": "10Mbps"}
    cut = {"faults": [{"kind": "cut", "link": "lan", "at": "10min", "duration": "9min"}]}
    asks = {**ASKS, "request": "3MB", "response": "1B"}
    whole, parts = (run({**paid, **more}, asks).table("costs")["cost_usd"].sum() for more in ({}, cut))
    a_second = 10e6 / 8 * 1e-9
    assert whole == pytest.approx(1180 * a_second, rel=0.02)  # no pod serves before
    assert parts == pytest.approx(640 * a_second, rel=0.02)


def test_readings_are_carried_too() -> None:
    none, some = (run({"prices": {"data": {"lan": "1USD/GB"}}}, *more).summary["cost_usd"] for more in ((), (LOG,)))
    assert some - none == pytest.approx(1200 * 1e3 * 1e-9, rel=0.15)


def test_bytes_are_paid_for_at_whatever_rate_they_are_sent(tmp_path: Path) -> None:
    text = "".join(
        f"{at},{rate}\n" for at, rate in ((0, "100Mbps"), (400, "1Mbps"), (603, 0), (637, "50Mbps"), (900, 0))
    )
    (tmp_path / "lan.csv").write_text("time_s,bps\n" + text, "utf-8")
    item = {"kind": "telemetry", "name": "log", "source": "till", "target": "api", "every": "1s", "size": "9kB"}
    trace: dict[str, Any] = {"topology.links.lan.up_trace": "lan.csv#bps", "duration": "15min"}
    costs = [
        run({"prices": {"data": {"lan": "1USD/GB"}}, "duration": "15min"} | more, ASKS, item, folder=tmp_path)
        .table("costs")["cost_usd"]
        .sum()
        for more in ({}, trace)
    ]
    # What the till asks or tells in the 34 s of silence comes later; who gave up meanwhile is asked all the same.
    assert costs[0] == pytest.approx(880 * 39e3 * 1e-9, rel=0.03)
    assert costs[1] == pytest.approx(costs[0], rel=1e-9)


# Batteries.

BATTERY = {"topology.nodes.pi.battery": {"capacity": "1Wh", "most_out": "10W", "efficiency": 1}, "duration": "1h"}


def test_a_battery_lasts_as_long_as_its_charge_by_the_power() -> None:
    got = run({**BATTERY, "workloads": []})
    (end,) = got.table("events").filter(pl.col("kind") == "BatteryEmpty")["time_s"]
    assert end == pytest.approx(3600 / (1.6 + AGENT * PI_CORE_W), rel=1e-9)
    assert got.summary["battery_empty_s"] == pytest.approx(3600 - end)
    assert got.summary["battery_stops"] == 1
    assert of(got.table("energy")) == pytest.approx(3600, abs=1e-4)
    assert set(got.table("energy").filter(pl.col("node") == "pi")["supply"]) == {"battery"}
    assert got.summary["grid_energy_j"] == pytest.approx(got.summary["energy_j"] - 3600, abs=1e-3)


@pytest.mark.parametrize(
    ("key", "value", "metric", "sign"),
    [
        ("battery.capacity", "1.5Wh", "battery_empty_s", -1),
        ("battery.charge", "50%", "battery_empty_s", 1),
        ("battery.efficiency", 0.5, "battery_loss_j", 1),
        ("battery.empty", "10%", "lowest_charge_j", 1),
        ("battery.restart", "90%", "battery_empty_s", 1),
        ("battery.most_in", "0.1W", "curtailed_j", 1),
        ("solar.peak", "8W", "solar_j", 1),
        ("solar.tilt", 0, "solar_j", -1),
        ("solar.azimuth", 0, "solar_j", -1),
        ("solar.losses", "50%", "solar_j", -1),
        ("solar.sky", "40%", "solar_j", -1),
    ],
)
def test_each_key_of_batteries_and_panels_moves_its_metric(key: str, value: Any, metric: str, sign: int) -> None:
    part, name = key.split(".")
    found = []
    for more in ({}, {name: value}):
        parts = {
            "battery": {**BATTERY["topology.nodes.pi.battery"], "restart": "30%"},
            "solar": {"peak": "2W", "tilt": 60},
        }
        parts[part] |= more
        settings = {f"topology.nodes.pi.{what}": parts[what] for what in parts}
        when = {"epoch": "2026-01-08T10:00:00Z", "duration": "3h", "workloads": []}
        found.append(run({**when, **settings}).summary[metric])
    assert (found[1] - found[0]) * sign > 1e-3, found


def test_a_winter_s_night_has_no_light_and_summer_more_than_winter() -> None:
    def light(epoch: str, **place: float) -> float:
        settings = {**BATTERY, "epoch": epoch, "workloads": [], "topology.nodes.pi.solar": {"peak": "1W", "tilt": 30}}
        return run({**settings, **{f"topology.nodes.pi.{key}": value for key, value in place.items()}}).summary[
            "solar_j"
        ]

    assert light("2026-01-08T23:00:00Z") == 0
    assert 0 < light("2026-01-08T11:00:00Z") < light("2026-06-21T11:00:00Z")
    assert light("2026-01-08T11:00:00Z", latitude=60) < light("2026-01-08T11:00:00Z")
    assert light("2026-01-08T23:00:00Z", longitude=-170.5) > 0


def test_requests_draw_on_the_battery_in_the_next_step() -> None:
    settings = {**BATTERY, "topology.nodes.pi.battery": {"capacity": "5Wh", "most_out": "10W", "step": "1min"}}
    busy = {**ASKS, "arrivals": {"every": "100ms"}}
    quiet, loud = (run(settings, *more) for more in ((), (busy,)))
    assert loud.summary["battery_empty_s"] > quiet.summary["battery_empty_s"] or (
        loud.summary["lowest_charge_j"] < quiet.summary["lowest_charge_j"] - 100
    )


# What is wrong.


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"topology.nodes.pi.solar": {"peak": "5W"}}, "a panel without a battery is not offered"),
        ({"topology.nodes.pi.battery": {"capacity": "1Wh"}}, "takes up to 5 W"),
        ({"topology.nodes.pi.battery": {"capacity": "50Wh", "empty": "30%"}}, "start again at 20%"),
        ({"topology.nodes.pi.battery": {"capacity": "50Wh", "empty": "30%", "restart": "30%"}}, "start where it stops"),
        ({"topology.nodes.pi.battery": {"capacity": "50Wh", "model": "lead"}}, "no model of batteries is called lead"),
        ({"carbon": {"site": "300g/kWh"}}, "the grid of zone cloud has no carbon intensity"),
        ({"carbon": {"site": "300W"}}, "'300W' is no carbon intensity"),
        ({"carbon": {"sight": "300g/kWh", "*": "1g/kWh"}}, "no zone is named sight"),
        ({"prices": {"nodes": {"hubb": "1USD/h"}}}, "no node is named hubb"),
        ({"prices": {"data": {"wann": "1USD/GB"}}}, "no link is named wann"),
        ({"prices": {"data": {"wan": "1USD/h"}}}, "is no price of data"),
    ],
)
def test_what_cannot_be_is_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises((UserError, AssertionError), match=said):
        run(settings)


def test_a_panel_needs_a_place() -> None:
    node = {"name": "a", "model": "raspberry-pi-4b", "battery": {"capacity": "50Wh"}, "solar": {"peak": "5W"}}
    with pytest.raises(UserError, match="depends on where it is"):
        Scenario(duration="1h", topology={"nodes": [node]})


def test_a_series_says_what_is_wrong_with_its_file(tmp_path: Path) -> None:
    (tmp_path / "sky.csv").write_text("time_s,share\n0,0.5\n60,1.5\n30,0.2\n", "utf-8")
    with pytest.raises(UserError) as error:
        read_series("sky.csv#share", tmp_path, "", "ratio")
    assert [(p.line, p.message) for p in error.value.problems] == [(3, "share: 1.5 is no number from 0 to 1")]
    (tmp_path / "sky.csv").write_text("time_s,share\n60,0.5\n30,0.2\n", "utf-8")
    with pytest.raises(UserError, match="the time is not after that of the row above"):
        read_series("sky.csv#share", tmp_path, "", "ratio")
    (tmp_path / "sky.csv").write_text("time_s,share\n60,0.5\n90,1\n", "utf-8")
    assert read_series("sky.csv#share", tmp_path, "", "ratio") == ((0, 0.5), (60 * SECOND, 0.5), (90 * SECOND, 1.0))
