"""A battery under any light and load: nothing is lost or made, and it is empty exactly when it is."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine.clock import Clock
from simulator.physics.battery import BatteryLaw, flow, holds
from simulator.record.buffer import Recorder
from simulator.units import SECOND
from simulator.world.battery import Battery

LAWS = st.builds(
    lambda capacity, efficiency, most_in, empty, restart: BatteryLaw(
        capacity, efficiency, most_in, 100.0, empty * capacity, restart * capacity
    ),
    st.floats(100, 1e5), st.floats(0.5, 1), st.floats(0.1, 20), st.sampled_from([0, 0.1]), st.sampled_from([0.2, 0.9]),
)  # fmt: skip
CHANGES = st.lists(
    st.tuples(st.integers(1, 4000), st.sampled_from(["panel", "load"]), st.floats(0, 15)), min_size=1, max_size=30
)


class Machine:
    """It takes what it is told while it has power, and nothing else."""

    def __init__(self, law: BatteryLaw, share: float) -> None:
        self.clock, self.recorder, self.load, self.on = Clock(), Recorder(), 0.0, True
        self.switched: list[tuple[int, bool]] = []
        self.battery = Battery(self.clock, self.recorder, "m", law, charge_j=law.capacity_j * share, switch=self.switch)
        self.battery.start()

    def switch(self, on: bool) -> None:
        self.on = on
        self.switched.append((self.clock.now, on))
        self.battery.set_load(self.load if on else 0.0)

    def change(self, what: str, watts: float) -> None:
        if what == "panel":
            self.battery.set_panel(watts)
        else:
            self.load = watts
            self.battery.set_load(watts if self.on else 0.0)

    def rows(self) -> pl.DataFrame:
        frame = self.recorder.batteries.frame()
        end = frame["time_s"].shift(-1).fill_null(self.clock.now / SECOND)
        return frame.with_columns(lasts_s=end - frame["time_s"])


def lived(law: BatteryLaw, share: float, changes: list[tuple[int, str, float]]) -> Machine:
    machine, at = Machine(law, share), 0
    for gap, what, watts in changes:
        at += gap * SECOND
        machine.clock.at(at, machine.change, what, watts)
    machine.clock.run(at + 1000 * SECOND)
    machine.battery._settle()
    return machine


@settings(max_examples=50, deadline=None)
@given(law=LAWS, share=st.floats(0.3, 1), changes=CHANGES)
def test_what_came_in_is_what_went_out_was_lost_or_is_there(
    law: BatteryLaw, share: float, changes: list[tuple[int, str, float]]
) -> None:
    machine = lived(law, share, changes)
    rows = machine.rows()
    total = {
        name: float((rows[name] * rows["lasts_s"]).sum()) for name in ("panel_w", "load_w", "curtailed_w", "loss_w")
    }
    grown = machine.battery.charge_j - law.capacity_j * share
    inside = total["panel_w"] - total["curtailed_w"] - total["load_w"] - total["loss_w"]
    assert inside == pytest.approx(grown, abs=1e-5 + 1e-9 * law.capacity_j)


@settings(max_examples=50, deadline=None)
@given(law=LAWS, share=st.floats(0.3, 1), changes=CHANGES)
def test_the_charge_stays_within_bounds_and_the_machine_stops_and_starts_at_its_marks(
    law: BatteryLaw, share: float, changes: list[tuple[int, str, float]]
) -> None:
    machine = lived(law, share, changes)
    rows = machine.rows()
    assert rows["charge_j"].min() >= law.empty_j - 1e-6  # type: ignore[operator]
    assert rows["charge_j"].max() <= law.capacity_j + 1e-6  # type: ignore[operator]
    assert [on for _, on in machine.switched] == [k % 2 == 1 for k in range(len(machine.switched))]
    for at, on in machine.switched:
        charge = rows.filter(pl.col("time_s") == at / SECOND)["charge_j"][-1]
        assert charge == pytest.approx(law.restart_j if on else law.empty_j, abs=1e-6) or (
            on and charge > law.restart_j
        )
    assert not rows.filter((pl.col("state") == "off") & (pl.col("load_w") > 0)).height


@given(law=LAWS, load=st.floats(0.5, 15))
def test_the_instant_at_which_it_is_empty_is_charge_by_power(law: BatteryLaw, load: float) -> None:
    law = replace(law, empty_j=0.0)
    machine = lived(law, 1.0, [(10, "load", load), (10**6, "load", load)])
    lasts = law.capacity_j * sqrt(law.efficiency) / load
    (at, on), *_ = machine.switched
    assert not on
    assert at == pytest.approx((10 + lasts) * SECOND, abs=2, rel=1e-12)


def test_the_instant_moves_when_power_changes_on_the_way() -> None:
    machine = lived(BatteryLaw(100, 1, 10, 10, 0, 50), 1.0, [(10, "load", 2), (20, "load", 6), (100, "panel", 1)])
    # 10 s at nothing, 20 s at 2 W, then 60 J at 6 W; 50 J come back at 1 W from second 130 on, and last 10 s.
    seconds = [(at / SECOND, on) for at, on in machine.switched]
    assert seconds == [(40, False), (180, True), (190, False), (240, True), (250, False), (300, True), (310, False),
                       (360, True), (370, False), (420, True), (430, False), (480, True), (490, False), (540, True),
                       (550, False), (600, True), (610, False), (660, True), (670, False), (720, True), (730, False),
                       (780, True), (790, False), (840, True), (850, False), (900, True), (910, False), (960, True),
                       (970, False), (1020, True), (1030, False), (1080, True), (1090, False)]  # fmt: skip


def test_a_full_battery_takes_nothing_and_one_with_a_limit_no_more() -> None:
    law = BatteryLaw(100, 0.81, 2, 10, 0, 50)
    assert flow(law, 100, 5, 1).curtailed_w == 4
    assert flow(law, 50, 5, 1).curtailed_w == 2
    assert flow(law, 50, 5, 1).charge_w == pytest.approx(1.8)
    assert flow(law, 50, 0, 0.9).charge_w == pytest.approx(-1)
    assert not holds(law, 50, 0, 11)
    with pytest.raises(ValueError, match="cannot carry"):
        flow(law, 0, 0, 1)


@pytest.mark.parametrize("wrong", [{"efficiency": 0.0}, {"efficiency": 1.1}, {"restart_j": 0.0}, {"restart_j": 101.0}])
def test_a_law_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"efficiency|starts again"):
        BatteryLaw(
            **{"capacity_j": 100.0, "efficiency": 0.9, "most_in_w": 1.0, "most_out_w": 1.0, "restart_j": 50.0} | wrong
        )
