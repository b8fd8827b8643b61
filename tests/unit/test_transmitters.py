"""What radios and ports take: what each number moves, whose it is, and that the parts add up."""

from __future__ import annotations

from functools import cache
from json import dumps, loads
from typing import Any

import numpy as np
import polars as pl
import pytest

from sensors import joules, sense
from simulator.errors import UserError
from simulator.physics.radio import RadioLaw
from simulator.simulation.run import Run
from simulator.simulation.transmitters import radio_law

ASKS = {
    "kind": "requests", "name": "ask", "source": "sensor", "target": "server", "arrivals": {"every": "20s"},
    "request": "20kB", "response": "200kB", "timeout": "5s",
}  # fmt: skip
LTE = {
    "topology.links.radio.model": "lte", "workloads.readings.protocol": "mqtt", "workloads.readings.every": "1min",
    "duration": "5min", "record.interval": "1min",
}  # fmt: skip


def lte(facts: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, *more: dict[str, Any]) -> Run:
    """A sensor on LTE; runs are shared between tests."""
    return _ran(dumps([LTE | (settings or {}), facts or {}, more]))


@cache
def _ran(written: str) -> Run:
    settings, facts, more = loads(written)
    return sense(settings, facts, *more)


class TestParameters:
    @pytest.mark.parametrize(
        ("fact", "value"),
        [("idle", "40mW"), ("promotion", "2W"), ("tail", "1.1W"), ("send", "9W"), ("receive", "9W"),
         ("send_bit", "900mW/Mbps"), ("receive_bit", "900mW/Mbps")],
    )  # fmt: skip
    def test_more_of_each_power_moves_radio_energy_j_up(self, fact: str, value: str) -> None:
        less, more = (lte(facts, None, ASKS) for facts in ({}, {f"links.lte.radio.{fact}": value}))
        assert more.summary["radio_energy_j"] > less.summary["radio_energy_j"]
        assert joules(more, "cores") == joules(less, "cores")

    def test_more_for_each_frame_moves_radio_energy_j_up(self) -> None:
        less, more = (sense({"duration": "20min"}, facts) for facts in ({}, {"links.lorawan.radio.frame": "1J"}))
        assert more.summary["radio_energy_j"] - less.summary["radio_energy_j"] == pytest.approx(4 * (1 - 0.2239))

    def test_a_longer_tail_moves_radio_energy_j_up(self) -> None:
        less, more = lte(), lte({"links.lte.promotion.idle": "30s"})
        assert more.summary["radio_energy_j"] - less.summary["radio_energy_j"] == pytest.approx(5 * 18 * 1.04, rel=0.1)

    def test_a_radio_that_never_sleeps_takes_its_tail_s_power_all_the_time(self) -> None:
        assert joules(lte({"links.lte.promotion.delay": "0s"}), "radio") == pytest.approx(5 * 60 * 1.06, rel=0.01)

    def test_more_for_each_bit_of_a_port_moves_the_part_port_up(self) -> None:
        wired = {"topology.links.radio": {"name": "radio", "between": ["sensor", "barn"], "model": "ethernet"},
                 "topology.nodes.sensor.model": "coral-dev-board"}  # fmt: skip
        little, much = (lte(facts, wired, ASKS) for facts in ({}, {"nodes.coral-dev-board.power.per_bit": "2.1nJ/bit"}))
        assert joules(little, "radio") == 0
        bits = 14 * 8 * 220e3
        assert joules(little, "port") == pytest.approx(0.21e-9 * bits, rel=0.1)
        assert joules(much, "port") == pytest.approx(10 * joules(little, "port"), rel=0.01)


class TestWhose:
    def test_parts_add_up_to_the_machine_and_a_radio_is_its_first_node_s(self) -> None:
        got = lte(None, None, ASKS)
        table = got.table("energy")
        assert set(table.filter(pl.col("part") == "radio")["node"]) == {"sensor"}
        assert got.summary["energy_j"] == table["energy_j"].sum()
        assert got.summary["radio_energy_j"] == joules(got, "radio")
        assert (table["energy_j"] * 2**20 == np.rint(table["energy_j"] * 2**20)).all()

    def test_bits_and_airtime_are_those_of_what_the_link_carries(self) -> None:
        usual = lte(None, {"record.links": True}, ASKS)
        for fact, more, way, each in (
            ("send_bit", "1438.39mW/Mbps", "sensor", 8e-6),  # J a byte
            ("receive_bit", "1051.97mW/Mbps", "barn", 8e-6),
            ("send", "2.2W", "sensor", 8 / 33.7e6),  # s a byte
            ("receive", "2.2W", "barn", 8 / 81.8e6),
        ):
            rows = usual.table("carried").filter((pl.col("link") == "radio") & (pl.col("sender") == way))
            other = lte({f"links.lte.radio.{fact}": more}, {"record.links": True}, ASKS)
            added = joules(other, "radio") - joules(usual, "radio")
            assert added == pytest.approx(each * rows["carried_bytes"].sum(), rel=1e-4)

    def test_however_often_one_looks_a_radio_takes_the_same(self) -> None:
        seldom = lte(None, {"record.interval": "5min"}, ASKS)
        assert joules(seldom, "radio") == pytest.approx(joules(lte(None, None, ASKS), "radio"), rel=1e-9)

    def test_nothing_else_changes_where_somebody_looks(self) -> None:
        with_spool = {"workloads.readings.spool": {"at": "device", "size": "1kB"}, "duration": "30min"}
        dark = [{"kind": "crash", "name": "off", "node": "barn", "at": "10min", "reboot_after": "5min"}]
        looks, looks_not = (
            sense({**with_spool, "faults": dark, "workloads.readings.every": "40s", "record.energy": on})
            for on in (True, False)
        )
        for name in ("messages", "spools", "ages", "events"):
            assert looks.table(name).equals(looks_not.table(name))

    def test_nor_where_a_radio_sleeps_between_requests_and_readings(self) -> None:
        looks, looks_not = (lte(None, {"record.energy": on}, ASKS) for on in (True, False))
        for name in ("messages", "traffic", "events"):
            assert looks.table(name).equals(looks_not.table(name))

    @pytest.mark.parametrize("at", ["device", "gateway"])
    def test_what_a_steady_spool_sends_is_counted_as_well(self, at: str) -> None:
        steady = {"workloads.readings.spool": {"at": at, "size": "1kB"}, "duration": "6h", "record.interval": "6h",
                  "workloads.readings.every": "2min", "record.links": True}  # fmt: skip
        got = sense(steady, {"links.lorawan.loss": 0})
        carried = got.table("carried").filter((pl.col("link") == "radio") & (pl.col("sender") == "sensor"))
        sent = got.table("messages")["delivered"].sum()
        assert sent > 170
        assert carried["carried_bytes"].to_list() == pytest.approx([20 * sent], abs=41)
        assert joules(got, "radio") == pytest.approx(0.2436 * sent, rel=0.02)

    def test_a_machine_without_power_has_no_radio_that_takes_any(self) -> None:
        off = {"kind": "crash", "name": "off", "node": "sensor", "at": "2min"}
        table = lte(None, {"faults": [off]}).table("energy").filter(pl.col("part") == "radio")
        assert table.filter(pl.col("start_s") >= 120).is_empty()
        assert table.filter(pl.col("start_s") < 120)["energy_j"].sum() > 10

    def test_a_battery_gives_what_the_radio_takes(self) -> None:
        battery = {"capacity": "30Wh", "efficiency": 1, "step": "1min"}
        got = lte(None, {"topology.nodes.sensor.battery": battery})
        rows = got.table("batteries")
        times = np.append(rows["time_s"].to_numpy(), 300.0)
        drawn = float(rows["load_w"].to_numpy() @ np.diff(times))
        taken = joules(got, "radio") + joules(got, "cores")
        assert taken == pytest.approx(drawn, abs=2 * 15)  # the last step's is not drawn yet
        assert taken > 60
        assert set(got.table("energy").filter(pl.col("node") == "sensor")["supply"]) == {"battery"}

    def test_a_radio_that_roams_is_one_however_many_cells_there_are(self) -> None:
        cells = [{"name": f"cell-{i}", "model": "gateway", "zone": "farm", "latitude": 50 + i / 1000, "longitude": 8}
                 for i in range(3)]  # fmt: skip
        settings = {
            "topology.nodes": [
                {"name": "hub", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
                {"name": "barn", "model": "raspberry-pi-4b", "zone": "farm"},
                {"name": "sensor", "model": "lorawan-sensor", "zone": "farm", "role": "device", "latitude": 50,
                 "longitude": 8},
                *[{**cell, "role": "router"} for cell in cells],
            ],
            "topology.links": [
                {"name": "uplink", "between": ["barn", "hub"], "latency": "10ms", "rate": "100Mbps"},
                {"name": "mast", "between": ["cell-*", "barn"], "latency": "1ms", "rate": "100Mbps"},
            ],
            "coverage": [{"kind": "distance", "name": "air", "node": "sensor", "cell": "cell-*", "radius": "1km",
                          "model": "wifi-4", "margin": "20%", "handover": "50ms"}],
            "workloads.readings.protocol": "coap",
            "duration": "10min",
        }  # fmt: skip
        assert joules(sense(settings), "radio") == pytest.approx(600 * 0.02, rel=0.01)


class Page:
    """A link's page that says so much of its radio, in W, J and J/bit."""

    name = "mine"

    def __init__(self, **facts: float) -> None:
        self._facts = {f"radio.{name}": value for name, value in facts.items()}

    def has(self, path: str) -> bool:
        return path in self._facts

    def quantity(self, path: str) -> float:
        return self._facts[path]


class TestPages:
    @pytest.mark.parametrize(
        ("page", "sleeps", "said"),
        [(Page(tail=1.0), False, "mine has radio.tail, but no fact radio.idle"),
         (Page(idle=0.1, tail=1.0), True, "but not what it takes when it wakes and is connected")],
    )  # fmt: skip
    def test_a_radio_of_which_a_part_is_missing_is_refused(self, page: Any, sleeps: bool, said: str) -> None:
        with pytest.raises(UserError, match=said):
            radio_law(page, sleeps)

    def test_what_a_page_leaves_out_is_what_the_radio_takes_at_rest(self) -> None:
        page: Any = Page(idle=0.1)
        assert radio_law(page, sleeps=False) == RadioLaw(0.1, idle_w=0.1, send_w=0.1, receive_w=0.1)
        page = Page()
        assert radio_law(page, sleeps=True) is None

    def test_a_radio_takes_no_less_when_it_sends(self) -> None:
        with pytest.raises(ValueError, match="no less when it sends"):
            RadioLaw(1.0, send_w=0.5, receive_w=1.0)
        with pytest.raises(UserError, match="lte: a radio takes no less when it sends"):
            lte({"links.lte.radio.tail": "5W"})
        with pytest.raises(UserError, match="lte: a radio takes no less at rest, awake, than asleep"):
            lte({"links.lte.radio.idle": "2W"})

    def test_the_battery_has_to_carry_the_radio_too(self) -> None:
        battery = {"capacity": "30Wh", "most_out": "1W"}
        with pytest.raises(UserError, match="the battery of sensor gives at most 1 W"):
            lte(None, {"topology.nodes.sensor.battery": battery})

    def test_no_fact_of_a_radio_is_read_where_nobody_asks(self) -> None:
        assert not [fact for fact in lte(None, {"record.energy": False}).facts if ".radio." in fact["path"]]


def test_readings_are_carried_in_the_interval_in_which_they_are_sent() -> None:
    often = {"duration": "30min", "record.interval": "10min", "workloads.readings.every": "10s"}
    got = sense({**often, "record.links": True})
    rows = got.table("carried").filter(pl.col("link") == "radio")
    assert rows["start_s"].to_list() == [0, 600, 1200]
    assert rows["carried_bytes"].to_list() == pytest.approx([60 * 20] * 3, abs=41)
