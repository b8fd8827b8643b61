"""A gateway's spool: each of its parameters moves its column, and each quality of service does what it says."""

from __future__ import annotations

from typing import Any

import pytest

from networks import link
from planes import PlaneWorld
from simulator.errors import UserError
from simulator.spec import Scenario
from simulator.spec.check_spool import check_spools
from simulator.spec.look import Look
from simulator.spec.workload import Telemetry
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import Every, TelemetryFlow
from simulator.traffic.tries import NEVER
from simulator.units import MS, SECOND
from simulator.world.message import Retransmission

DEVICE, GATE, HOME = range(3)
LINKS = [link(DEVICE, GATE), link(GATE, HOME)]
END = 200 * SECOND
CUT, MENDED = 50 * SECOND + 3, 100 * SECOND + 3  # fifty readings of one a second


def flow(law: SpoolLaw, **more: Any) -> TelemetryFlow:
    given = {"name": "cam", "sources": (DEVICE,), "proxies": (GATE,), "target": HOME, "every_ns": SECOND,
             "size_bytes": 1000, "qos": 1, "resent": True, "ack_bytes": 40}  # fmt: skip
    return TelemetryFlow(**(given | more), spool=law)


def run(*flows: TelemetryFlow, links: Any = LINKS, power: bool = False, **options: Any) -> PlaneWorld:
    w = PlaneWorld(3, links, interval_ns=SECOND, **options)
    for each in flows:
        w.plane.add_telemetry(each)
    cuts: list[int] = []
    w.clock.at(CUT, lambda: cuts.append(w.network.cut(1, "silent")))
    w.clock.at(MENDED, lambda: w.network.mend(1, cuts[0]))
    if power:
        w.clock.at(80 * SECOND + 3, w.network.set_node, GATE, False)
        w.clock.at(90 * SECOND + 3, w.network.set_node, GATE, True)
    w.finish(END)
    return w


def count(w: PlaneWorld, column: str, name: str = "cam") -> int:
    table = w.recorder.messages if column in ("created", "delivered", "lost", "late") else w.recorder.spools
    frame = table.frame()
    return int(frame.filter(frame["flow"] == name)[column].sum())


def law(size: int = 10**6, **more: Any) -> SpoolLaw:
    return SpoolLaw("box", size, **more)


class TestParameters:
    def test_what_has_room_is_not_lost(self) -> None:
        w = run(flow(law()))
        assert (count(w, "created"), count(w, "lost")) == (200, 0)
        assert count(w, "late") == 49  # the last was made less than a second before the way came back

    def test_size(self) -> None:
        for room in (0, 10, 49, 50):
            w = run(flow(law(1000 * room + 1)))
            assert count(w, "full") == count(w, "lost") == max(0, 50 - room)

    def test_store(self) -> None:
        wiped = [count(run(flow(law(durable=durable)), power=True), "wiped") for durable in (False, True)]
        assert wiped == [30, 0]

    def test_ttl(self) -> None:
        for seconds in (5, 20, 60):
            w = run(flow(law(ttl_ns=seconds * SECOND)))
            assert count(w, "expired") == count(w, "lost") == max(0, 50 - seconds)

    def test_drop_decides_which_are_left(self) -> None:
        """Ten of fifty: the first, or the last. What comes late is what was kept, so it says how old that was."""
        oldest = {}
        for drop in ("oldest", "newest"):
            rows = run(flow(law(10_001, drop=drop))).recorder.messages.frame()  # type: ignore[arg-type]
            oldest[drop] = float(rows["max_age_s"].max())  # type: ignore[arg-type]
        assert 9 < oldest["oldest"] < 11
        assert 49 < oldest["newest"] < 51

    def test_importance(self) -> None:
        box = law(50_001, drop="least-important")
        high, low = (flow(box, name=name, importance=i) for name, i in (("alarm", 5), ("cam", 0)))
        w = run(high, low)
        assert (count(w, "full", "alarm"), count(w, "full", "cam")) == (0, 50)

    def test_it_is_drained_at_the_rate_of_the_link(self) -> None:
        """8 kbit/s: one message a second, as fast as they come, so the backlog of 50 stays. Ten times as fast, it is
        gone after 50 / 9 s, and those that come meanwhile are late, too."""
        for rate, waits, late in ((8e3, 50, 99), (80e3, 0, 50 + 50 / 9)):
            w = run(flow(law()), links=[LINKS[0], link(GATE, HOME, rate_bps=rate)])
            assert count(w, "came") + count(w, "returned") - count(w, "left") == pytest.approx(waits, abs=1)
            assert count(w, "late") == pytest.approx(late, abs=2)

    def test_a_device_keeps_its_own(self) -> None:
        links = [link(DEVICE, GATE), link(GATE, HOME)]
        w = PlaneWorld(3, links, interval_ns=SECOND)
        w.plane.add_telemetry(flow(law(), kept_at="device"))
        w.clock.at(CUT, w.network.cut, 0, "silent")
        w.finish(END)
        assert (count(w, "lost"), count(w, "came") - count(w, "left")) == (0, 150)

    def test_flows_that_share_a_spool_share_its_room(self) -> None:
        two = run(flow(law(50_001), name="a"), flow(law(50_001), name="cam"))
        assert count(two, "full", "a") + count(two, "full") == 50
        with pytest.raises(ValueError, match="describe spool box differently"):
            run(flow(law(1)), flow(law(2), name="b"))


class TestQualityOfService:
    """A slow link of 400 ms each way, so that something is under way when it breaks."""

    def world(self, qos: int, **more: Any) -> PlaneWorld:
        links = [LINKS[0], link(GATE, HOME, latency_ns=400 * MS)]
        return run(flow(law(), qos=qos, every_ns=100 * MS, **more), links=links)

    def test_at_most_once_loses_what_is_under_way(self) -> None:
        w = self.world(0)
        assert count(w, "lost") == 4
        assert count(w, "duplicate") == count(w, "returned") == 0

    def test_at_least_once_loses_nothing_and_repeats_what_was_not_acknowledged(self) -> None:
        w = self.world(1)
        assert (count(w, "lost"), count(w, "returned"), count(w, "duplicate")) == (0, 4, 4)

    def test_exactly_once_repeats_nothing_and_takes_three_ways(self) -> None:
        ages = []
        for qos in (0, 2):
            w = self.world(qos)
            rows = w.recorder.messages.frame()
            ages.append(float(rows["mean_age_s"][10]))
        assert (count(w, "lost"), count(w, "duplicate")) == (0, 0)
        assert ages[1] - ages[0] == pytest.approx(2 * 0.400, abs=1e-3)

    def test_a_datagram_that_a_link_loses_is_lost_unless_it_is_confirmed(self) -> None:
        links, tcp = [LINKS[0], link(GATE, HOME, loss=0.2)], Retransmission(MS, SECOND, 15)
        again = Retransmission(MS, SECOND, 4)
        shares = []
        for more in ({"datagram": False}, {"datagram": True}, {"datagram": True, "repeats": again}):
            w = PlaneWorld(3, links, interval_ns=END, tcp=tcp)
            w.plane.add_telemetry(flow(law(), every_ns=20 * MS, **more))
            w.finish(END)
            shares.append(count(w, "lost") / count(w, "created"))
        assert shares[0] == 0
        assert shares[1] == pytest.approx(0.2, abs=0.012)
        assert shares[2] == pytest.approx(0.2**5, abs=0.001)


RADIO = [link(DEVICE, GATE, latency_ns=100 * MS, rate_bps=8e3, duty_cycle=0.1), LINKS[1]]


class TestDutyCycle:
    """1000 B at 8 kbit/s with a latency of 100 ms that is airtime, too: 1.1 s, and silence for nine times as long."""

    def world(self, **more: Any) -> PlaneWorld:
        w = PlaneWorld(3, RADIO, interval_ns=SECOND)
        w.plane.add_telemetry(flow(law(5000), kept_at="device", target=GATE, **more))
        w.finish(END)
        return w

    def test_one_follows_the_other_after_the_silence(self) -> None:
        w = self.world()
        assert count(w, "left") == 1 + (END - SECOND) // (11 * SECOND)
        assert count(w, "full") == count(w, "created") - count(w, "left") - 5

    def test_who_sends_less_is_not_held_up(self) -> None:
        w = self.world(every_ns=12 * SECOND)
        assert count(w, "late") == count(w, "lost") == 0

    def test_what_has_nowhere_to_wait_is_refused(self) -> None:
        w = PlaneWorld(3, RADIO)
        with pytest.raises(UserError, match="more over link 0-1 than its duty cycle allows"):
            w.plane.add_telemetry(TelemetryFlow("cam", (DEVICE,), (GATE,), GATE, SECOND, 1000))

    def test_requests_control_messages_and_transfers_are_refused(self) -> None:
        w = PlaneWorld(3, RADIO)
        w.service("s", [GATE])
        w.flow(DEVICE, "s", Every(SECOND))
        with pytest.raises(UserError, match="lead over link 0-1, which has a duty cycle"):
            w.finish(END)
        with pytest.raises(UserError, match="control messages lead over link 0-1"):
            w.network.send(DEVICE, GATE, 1, print)
        with pytest.raises(UserError, match="transfers lead over link 0-1"):
            w.network.transfer(DEVICE, GATE, 1)


BASE: dict[str, Any] = {"source": "d", "target": "t", "every": "1s", "size": "1B"}


class TestSpec:
    @pytest.mark.parametrize(
        ("more", "said"),
        [
            ({"spool": {"size": "1MB"}, "via": "twin"}, "twin's values wait"),
            ({"importance": 3}, "importance decides nothing"),
            ({"importance": 3, "spool": {"size": "1MB"}}, "importance decides nothing"),
            ({"qos": 2, "protocol": "coap"}, "coap has no exactly-once"),
            ({"spool": {"size": "0B"}}, "more than 0"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, more: dict[str, Any], said: str) -> None:
        with pytest.raises(UserError, match=said):
            Telemetry(**BASE, **more)

    def test_flows_agree_on_the_spool_that_they_share(self) -> None:
        def said(*items: dict[str, Any]) -> list[str]:
            nodes = [{"name": "d", "model": "x86-edge"}]
            work = [{"kind": "telemetry", **BASE, **item} for item in items]
            scenario = Scenario.parse({"duration": "1h", "topology": {"nodes": nodes}, "workloads": work})
            return [problem.message for problem in check_spools(Look(scenario))]

        box = {"name": "box", "size": "1MB"}
        assert said({"spool": box}, {"spool": box}, {"spool": {"size": "2MB"}}) == []
        assert said({"spool": box}, {"spool": box | {"ttl": "1h"}}) == ["spool box is described in two ways"]
        assert said({"spool": box}, {"spool": box, "target": "u"}) == ["flows that share spool box send to t and to u"]


def test_a_million_readings_through_a_gateway_are_a_few_numbers() -> None:
    w = PlaneWorld(3, LINKS, interval_ns=3600 * SECOND)
    w.plane.add_telemetry(flow(law(), every_ns=10 * MS))
    fired = w.clock.fired
    w.finish(10_000 * SECOND)
    assert w.clock.fired == fired
    assert (count(w, "created"), count(w, "lost")) == (1_000_000, 0)
    gateway = next(iter(w.plane.telemetry._places.gateways.values()))
    assert gateway._sent.shape[1] < 10
    assert w.plane.age_of_information("cam") == pytest.approx(0.022 + 0.005, rel=1e-5)
    assert NEVER not in gateway.spool.queue


class TestHandover:
    """A device that goes from gateway 1 to gateway 3 after 75 s; gateway 1 is cut off from 50 s on, for fifty."""

    LINKS = (*LINKS, link(3, HOME), link(DEVICE, 3))

    def world(self, going: dict[int, int], *, mended: bool = True, **more: Any) -> PlaneWorld:
        """It goes to a gateway at a second, where it has its only link then."""
        w = PlaneWorld(4, self.LINKS, interval_ns=SECOND)
        access = {GATE: 0, 3: 3}
        apart = [w.network.cut(access[3], "apart")]

        def go(to: int) -> None:
            token = w.network.cut(access[GATE + 3 - to], "apart")
            w.network.mend(access[to], apart.pop())
            apart.append(token)
            w.plane.enter(DEVICE, to)

        w.plane.add_telemetry(flow(law(), **more))
        cuts: list[int] = []
        w.clock.at(CUT, lambda: cuts.append(w.network.cut(1, "silent")))
        if mended:
            w.clock.at(MENDED, lambda: w.network.mend(1, cuts[0]))
        for second, to in going.items():
            w.clock.at(second * SECOND + 3, go, to)
        w.finish(END)
        return w

    def test_new_readings_take_the_new_way_and_the_old_ones_wait(self) -> None:
        w = self.world({75: 3})
        delivered = dict(w.recorder.messages.frame().select("start_s", "delivered").rows())
        assert all(delivered[second] == 1 for second in (*range(1, 49), *range(76, 99), *range(102, 199)))
        assert all(delivered.get(second, 0) == 0 for second in range(51, 75))
        assert delivered[100] == 1 + 25  # those that gateway 1 has kept
        assert (count(w, "lost"), count(w, "came")) == (0, 200)

    def test_what_is_known_is_as_old_as_the_newest_that_came_over_either(self) -> None:
        ages = self.world({75: 3}).recorder.ages.frame()
        assert ages.filter(ages["start_s"] == 74)["peak_s"][0] == pytest.approx(26, abs=1.1)
        assert ages.filter(ages["start_s"] >= 77)["peak_s"].max() == pytest.approx(1.022, abs=1e-3)

    def test_who_comes_back_finds_what_it_left(self) -> None:
        w = self.world({60 + i: 3 if i % 2 == 0 else GATE for i in range(10)}, mended=False)
        assert len(w.plane.telemetry._places.sources) == 2
        assert count(w, "came") - count(w, "left") == 10 + 5 + 130
        assert count(w, "delivered") == 50 + 5

    def test_a_device_carries_its_own_spool(self) -> None:
        """Gateway 3 knows where the service is, and gateway 1 has not heard of the pod that took its place."""
        w = PlaneWorld(4, self.LINKS, interval_ns=SECOND)
        w.service("ingest", [HOME, 3])
        w.plane.program(GATE, "ingest", (10,))
        w.plane.add_telemetry(flow(law(), kept_at="device", target="ingest"))
        w.clock.at(CUT, w.plane.pod_down, 10, "killed")
        w.clock.at(CUT, w.plane.program, 3, "ingest", (11,))
        w.clock.at(75 * SECOND + 3, w.plane.enter, DEVICE, 3)
        w.finish(END)
        assert (count(w, "delivered"), count(w, "came") - count(w, "left")) == (200, 0)
