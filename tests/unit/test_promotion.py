"""Radios that sleep: what each number moves, transfers, ways over several links, spools, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from networks import LINUX, World, link
from planes import PlaneWorld
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.simulation.links import link_row
from simulator.spec.topology import LinkSpec
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import Every, Poisson, TelemetryFlow, Trace
from simulator.units import MS, SECOND

MB = 10**6
SLEEPS: dict[str, Any] = {"idle_ns": 12 * SECOND, "promotion_ns": 900 * MS}
RADIO = link(0, 1, **SLEEPS)
LINE = [RADIO, link(1, 2)]


def median_latency_ns(**sleeps: int) -> int:
    w = PlaneWorld(3, [link(0, 1, **(SLEEPS | sleeps)), link(1, 2)])
    w.service("s", [2])
    w.flow(0, "s", Poisson(0.05))
    w.finish(4000 * SECOND)
    return sorted(latency for _, latency, _ in w.outcomes() if latency >= 0)[100]


class TestParameters:
    def test_a_radio_that_stays_awake_for_longer_answers_sooner(self) -> None:
        assert median_latency_ns(idle_ns=40 * SECOND) + 800 * MS < median_latency_ns(idle_ns=2 * SECOND)

    def test_a_radio_that_wakes_more_slowly_answers_later(self) -> None:
        assert median_latency_ns(idle_ns=0, promotion_ns=3 * SECOND) > median_latency_ns(idle_ns=0) + 2 * SECOND

    def test_the_page_of_a_link_says_both(self) -> None:
        row = link_row("l", 0, 1, LinkSpec(name="l", between=("a", "b"), model="lte"), Catalogue())
        assert (row.idle_ns, row.promotion_ns) == (12 * SECOND, 933 * MS)
        row = link_row("l", 0, 1, LinkSpec(name="l", between=("a", "b"), model="ethernet"), Catalogue())
        assert (row.idle_ns, row.promotion_ns) == (0, 0)

    def test_a_time_below_zero_is_refused(self) -> None:
        with pytest.raises(ValueError, match="neither sleeps nor wakes"):
            link(0, 1, idle_ns=-1)


class TestMessages:
    def test_those_that_come_meanwhile_wait_with_it_whatever_their_direction(self) -> None:
        world = World(2, [RADIO])
        for at, a in ((0, 0), (300 * MS, 1), (899 * MS, 0), (950 * MS, 1)):
            world.clock.at(at, world.send, a, 1 - a, 0, str(at))
        world.clock.run(2 * SECOND)
        assert [at for _, at in world.arrived] == [910 * MS] * 3 + [960 * MS]

    def test_behind_another_link_it_is_asked_when_the_message_gets_there(self) -> None:
        world = World(3, LINE)
        world.send(2, 0, 0, "from afar")  # at the radio after 10 ms
        world.clock.at(4 * MS, world.send, 0, 2, 0, "near")  # wakes it first
        world.clock.run(2 * SECOND)
        assert sorted(world.arrived) == [("from afar", 914 * MS), ("near", 924 * MS)]

    def test_they_stay_in_order_where_a_later_one_goes_another_way(self) -> None:
        world = World(3, [link(0, 1), link(1, 2, **SLEEPS), link(0, 2, MS)])
        cut = world.network.cut(2, "silent")
        world.send(0, 2, 0, "first")  # over the radio
        world.clock.at(5 * MS, world.network.mend, 2, cut)
        world.clock.at(6 * MS, world.send, 0, 2, 0, "second")  # could be there at 7 ms
        world.clock.run(2 * SECOND)
        assert world.arrived == [("first", 920 * MS), ("second", 920 * MS)]

    def test_of_two_links_of_one_radio_either_keeps_it_awake(self) -> None:
        world = World(3, [link(0, 1, radio="r", **SLEEPS), link(0, 2, radio="r", **SLEEPS)])  # type: ignore[arg-type]
        world.send(0, 1, 0)
        world.clock.at(5 * SECOND, world.send, 0, 2, 0)
        world.clock.run(6 * SECOND)
        assert world.arrived[1][1] == 5010 * MS

    def test_one_that_waits_for_a_radio_is_lost_when_the_link_is_cut(self) -> None:
        world = World(2, [RADIO])
        world.send(0, 1)
        world.clock.at(500 * MS, world.network.cut, 0, "silent")
        world.clock.run(2 * SECOND)
        assert (world.network.messages.lost, world.arrived) == (1, [])


class TestTransfers:
    def test_it_waits_once_and_keeps_the_radio_awake(self) -> None:
        world = World(2, [RADIO])
        transfer = world.network.transfer(0, 1, 30 * MB)  # 30 s at 8 Mbit/s
        world.clock.run(500 * MS)
        assert (transfer.rate_bps, transfer.remaining()) == (0, 30 * MB)
        world.clock.at(29 * SECOND, world.send, 1, 0, 0)
        world.clock.run(30 * SECOND + 899 * MS)
        assert transfer.active
        world.clock.run(30 * SECOND + 901 * MS)
        assert transfer.done.value is True
        world.clock.at(42 * SECOND, world.send, 1, 0, 0)
        world.clock.run(44 * SECOND)
        assert [at for _, at in world.arrived] == [29_010 * MS, 42_010 * MS]
        assert world.network.bytes_carried[0] == 30 * MB

    def test_it_ends_false_when_the_link_is_cut_while_it_waits_or_later(self) -> None:
        for at in (500 * MS, 5 * SECOND):
            world = World(2, [RADIO])
            transfer = world.network.transfer(0, 1, 30 * MB)
            world.clock.at(at, world.network.cut, 0, "silent")
            world.clock.run(6 * SECOND)
            assert transfer.done.value is False
            assert world.network.bytes_carried[0] == pytest.approx(max(0, at - 900 * MS) / SECOND * MB)

    def test_bulk_and_small_traffic_leave_each_other_the_whole_rate(self) -> None:
        """The rule of `simulator.world.network`: 1 MB at 8 Mbit/s takes a second, and a message of 1000 B its 11 ms."""
        world = World(2, [link(0, 1)])
        transfer = world.network.transfer(0, 1, MB)
        for i in range(500):
            world.clock.at(i * MS, world.send, 0, 1, 1000, str(i * MS))
        world.clock.run(SECOND - 1)
        assert transfer.active
        world.clock.run(SECOND + 1)
        assert transfer.done.value is True
        assert [at - int(name) for name, at in world.arrived] == [11 * MS] * 500


class TestReadings:
    def flow(self, every: int = 20 * SECOND, **more: Any) -> TelemetryFlow:
        return TelemetryFlow("cam", (0,), (0,), 2, every, 1000, **more)

    def ages(self, w: PlaneWorld, flow: TelemetryFlow, end: int = 400 * SECOND) -> dict[str, Any]:
        w.plane.add_telemetry(flow)
        w.finish(end)
        frame = w.recorder.messages.frame()
        sums = {name: int(frame[name].sum()) for name in ("created", "delivered", "lost")}
        assert 0 <= sums["created"] - sums["delivered"] - sums["lost"] <= 1  # under way at the end
        late = frame.filter(frame["delivered"] > 0)["mean_age_s"]
        return {"first": round(late[0], 6), "last": round(late[-1], 6), **sums}

    def test_a_radio_that_others_use_stays_awake_for_them(self) -> None:
        for beat, last in ((10, 0.022), (100, 0.922)):
            w = PlaneWorld(3, LINE)
            for i in range(0, 400, beat):
                w.clock.at(i * SECOND, w.network.send, 1, 0, 0, int)
            assert self.ages(w, self.flow(20 * SECOND))["last"] == last

    def test_they_keep_it_awake_for_requests(self) -> None:
        for every, waits in ((10 * SECOND, 0), (47 * SECOND, 900 * MS)):
            w = PlaneWorld(3, LINE)
            w.service("s", [2])
            w.flow(0, "s", Every(60 * SECOND))
            w.plane.add_telemetry(self.flow(every))
            w.finish(1000 * SECOND)
            took = [latency for _, latency, _ in w.outcomes() if latency >= 0]
            assert max(took[1:]) == 44 * MS + 1 + waits

    def test_a_spool_s_readings_wait_for_it_too(self) -> None:
        spool = SpoolLaw("box", 10**6)
        w = PlaneWorld(3, LINE)
        found = self.ages(w, self.flow(spool=spool, qos=1, ack_bytes=40))
        assert (found["last"], found["lost"]) == (0.922, 0)
        w = PlaneWorld(3, LINE)
        assert self.ages(w, self.flow(5 * SECOND, spool=spool, qos=1, ack_bytes=40))["last"] == 0.022

    def test_what_a_spool_kept_wakes_it_once(self) -> None:
        oldest = []
        for row in (RADIO, link(0, 1)):
            w = PlaneWorld(3, [row, link(1, 2)])
            cut = w.network.cut(0, "silent")
            w.clock.at(100 * SECOND, w.network.mend, 0, cut)
            found = self.ages(w, self.flow(SECOND, spool=SpoolLaw("box", 10**6), qos=1, ack_bytes=40), 200 * SECOND)
            assert (found["lost"], found["last"]) == (0, 0.022)
            oldest.append(np.nanmax(w.recorder.messages.frame()["max_age_s"].to_numpy()))
        assert oldest[0] - oldest[1] == pytest.approx(0.9, abs=1e-6)

    def test_two_radios_are_refused(self) -> None:
        w = PlaneWorld(3, [RADIO, link(1, 2, **SLEEPS)])
        with pytest.raises(UserError, match="lead over two radios that sleep: link 0-1"):
            w.plane.add_telemetry(self.flow())

    def test_a_radio_further_on_the_way_of_a_spool_is_refused(self) -> None:
        w = PlaneWorld(3, [link(0, 1), link(1, 2, **SLEEPS)])
        with pytest.raises(UserError, match="which leads to a radio that sleeps, but not at once: link 1-2"):
            w.plane.add_telemetry(self.flow(spool=SpoolLaw("box", 10**6), qos=1, ack_bytes=40))

    def test_behind_a_link_that_jitters_they_are_the_same_however_often_it_is_looked_at(self) -> None:
        tables = []
        for looks in (0, 3000):
            w = PlaneWorld(3, [link(0, 1, 500 * MS, jitter_ns=400 * MS), link(1, 2, **SLEEPS)], tcp=LINUX)
            for every in (13, 31):
                w.plane.add_telemetry(TelemetryFlow(f"t{every}", (0,), (0,), 2, every * SECOND, 1000))
            for i in range(looks):
                w.clock.at(i * 133 * MS + 5, w.plane.age_of_information, "t13")
            w.clock.at(203 * SECOND, w.network.cut, 0, "lossy", 0.5)
            w.finish(400 * SECOND)
            tables.append(w.recorder.messages.frame())
        assert tables[0].equals(tables[1])


def test_requests_over_a_radio_that_sleeps_are_left_to_the_loop() -> None:
    for row, streamed in ((link(0, 1), True), (RADIO, False)):
        w = PlaneWorld(3, [row, link(1, 2)])
        w.service("s", [2])
        w.flow(0, "s", Poisson(100.0))
        w.finish(50 * SECOND)
        assert (w.plane.evaluators()["f"]["stream"] > 0) == streamed


def test_a_transfer_keeps_it_awake_for_requests() -> None:
    w = PlaneWorld(2, [RADIO])
    w.service("s", [1])
    w.network.transfer(0, 1, 30 * MB)
    w.flow(0, "s", Trace(np.array([20 * SECOND, 42 * SECOND, 60 * SECOND])))
    w.finish(70 * SECOND)
    assert [latency // MS for _, latency, _ in w.outcomes()] == [22, 22, 922]


@pytest.mark.parametrize(("at", "waits"), [(16_900, 0), (17_100, 900)])
def test_what_a_cut_stops_keeps_it_awake_no_longer(at: int, waits: int) -> None:
    """Ten seconds of sending that are cut off after 5 s."""
    w = PlaneWorld(2, [RADIO])
    w.service("s", [1])
    w.flow(0, "s", Trace(np.array([0])), name="long", request_bytes=10 * MB)
    w.flow(0, "s", Trace(np.array([at * MS])), name="short")
    w.clock.at(5 * SECOND, lambda: w.clock.at(6 * SECOND, w.network.mend, 0, w.network.cut(0, "silent")))
    w.finish(30 * SECOND)
    assert [latency // MS for outcome, latency, _ in w.outcomes() if outcome == "completed"] == [22 + waits]
