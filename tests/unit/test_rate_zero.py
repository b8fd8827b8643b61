"""A trace has a rate of 0: nothing is sent, the queue is kept, and everything goes on where it stood."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from networks import World, link
from planes import PlaneWorld
from simulator.control.delivery.reach import OK, SILENT, Reach
from simulator.engine.clock import Clock
from simulator.engine.sharing import Sharing
from simulator.physics.capacity import NEVER, Capacity
from simulator.physics.distributions import Exponential
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import Poisson, TelemetryFlow, Trace
from simulator.traffic.plane import RequestPlane
from simulator.traffic.reference_model import ReferencePlane
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow, Rates
from simulator.world.promotion import Promotion

HELD: Rates = ((0, 8e6), (100 * MS, 0.0), (400 * MS, 8e6))  # 1 ms for 1000 bytes; 300 ms in which nothing moves
PLANES: list[tuple[Any, dict[str, bool]]] = [
    (RequestPlane, {}),
    (RequestPlane, {"exact_events": True}),
    (ReferencePlane, {}),
]


def held(a: int = 0, b: int = 1, trace: Rates = HELD, **more: Any) -> LinkRow:
    return replace(link(a, b, latency_ns=10 * MS, **more), traces=(trace, ()))


class TestMessages:
    def test_it_waits_with_what_of_it_was_sent_already(self) -> None:
        world = World(2, [held()])
        for at, name in ((99, "before"), (99.25, "under"), (200, "held"), (450, "after")):
            world.clock.run(int(at * MS))
            world.send(0, 1, 1000, name)
        world.clock.run(SECOND)
        assert world.arrived == [
            ("before", 110 * MS),  # sent with the last bit
            ("under", 410 * MS + MS // 4),  # three quarters of it were sent
            ("held", 411 * MS),
            ("after", 461 * MS),
        ]

    def test_it_never_arrives_where_the_last_rate_is_zero(self) -> None:
        world = World(2, [held(trace=((0, 8e6), (MS // 2, 0.0)))])
        world.send(0, 1, 1000)
        world.clock.run(3600 * SECOND)
        assert not world.arrived
        assert world.network.messages.lost == 0

    def test_an_agent_hears_nothing_meanwhile(self) -> None:
        world = World(2, [held()])
        server = type("Server", (), {"up": True, "up_hooks": []})()
        reach, seen = Reach(world.network, server, 1, [0], 1000), []
        for at in (50, 100, 399, 400):
            world.clock.run(at * MS)
            seen.append((int(reach.state[0]), int(reach.delay_ns[0])))
        assert seen == [(OK, 11 * MS), (SILENT, 0), (SILENT, 0), (OK, 11 * MS)]


class TestTransfers:
    def test_it_stands_still_and_goes_on(self) -> None:
        world, ended = World(2, [held()]), list[int]()
        transfer = world.network.transfer(0, 1, 150_000)  # 100 kB in the first 100 ms
        transfer.done.callbacks.append(lambda _: ended.append(world.clock.now))
        for at in (100, 399):
            world.clock.run(at * MS)
            assert (transfer.rate_bps, transfer.remaining()) == (0, 50_000)
        world.clock.run(SECOND)
        assert ended == [450 * MS]
        assert world.network.bytes_carried[0] == 150_000

    def test_what_is_through_as_the_rate_falls_to_zero_is_through(self) -> None:
        world, ended = World(2, [held()]), list[int]()
        for _ in range(3):
            transfer = world.network.transfer(0, 1, 33_333)
            transfer.done.callbacks.append(lambda _: ended.append(world.clock.now))
        last = world.network.transfer(0, 1, 1)
        last.done.callbacks.append(lambda _: ended.append(world.clock.now))
        world.clock.run(SECOND)
        assert ended == [4000, *[100 * MS] * 3]

    def test_others_have_what_it_does_not_use(self) -> None:
        clock, ended = Clock(), list[int]()
        sharing = Sharing(clock, [8e6, 8e6, 8e6])
        for path in ((0, 1), (0, 2)):
            sharing.open(path, 100_000).done.callbacks.append(lambda _: ended.append(clock.now))
        sharing.set_capacity(1, 0.0)
        clock.run(300 * MS)
        sharing.set_capacity(1, 8e6)
        clock.run(SECOND)
        assert ended == [100 * MS, 400 * MS]
        assert [sharing.carried(i) for i in range(3)] == [200_000, 100_000, 100_000]


def asked(plane: Any, options: dict[str, bool], *times: float, **call: Any) -> list[tuple[str, int, int]]:
    """What becomes of requests issued at these times (ms), over a link that is held and back over one that is not."""
    world = PlaneWorld(2, [held(down_bps=8e9)], plane=plane, **options)
    world.service("s", [1], MS)
    world.flow(0, "s", Trace(np.array([round(at * MS) for at in times], np.int64)), **call)
    world.finish(2 * SECOND)
    return world.outcomes()


@pytest.mark.parametrize(("plane", "options"), PLANES)
class TestRequests:
    BACK = 21 * MS + 1000  # both latencies, the work, and the response at 1 byte a ns

    def test_the_queue_is_kept_in_its_order(self, plane: Any, options: dict[str, bool]) -> None:
        """The second is half sent at 100 ms, the third and fourth come meanwhile, the fifth finds them gone."""
        found = asked(plane, options, 98.5, 98.5, 200, 200, 500)
        sent = [99.5, 400.5, 401.5, 402.5, 501]
        want = [round((at - begin) * MS) for at, begin in zip(sent, (98.5, 98.5, 200, 200, 500), strict=True)]
        assert found == [("completed", each + self.BACK, 1) for each in want]

    def test_what_waits_for_a_radio_is_sent_at_the_rate_that_holds_when_it_wakes(
        self, plane: Any, options: dict[str, bool]
    ) -> None:
        """Asleep until 450 ms; from 400 ms on a byte takes 2 us. The second comes to a radio that is awake."""
        slower = held(trace=((0, 8e6), (400 * MS, 4e6)), down_bps=8e9, idle_ns=SECOND, promotion_ns=350 * MS)
        world = PlaneWorld(2, [slower], plane=plane, **options)
        world.service("s", [1], MS)
        world.flow(0, "s", Trace(np.array([100 * MS, 600 * MS], np.int64)))
        world.finish(2 * SECOND)
        assert world.outcomes() == [("completed", each * MS + self.BACK, 1) for each in (352, 2)]

    def test_who_gives_up_leaves_the_message_in_the_queue(self, plane: Any, options: dict[str, bool]) -> None:
        """As behind a cut that keeps the queue: the tries at 200, 300 and 400 ms are sent at 400, one after the other.
        The last is answered, behind the others, whose answers nobody waits for."""
        patient = asked(plane, options, 200, timeout_ns=100 * MS, retries=2)
        assert patient == [("completed", 203 * MS + self.BACK, 3)]
        assert asked(plane, options, 200, timeout_ns=100 * MS, retries=1) == [("timeout", 200 * MS, 2)]
        # The two that have given up still stand before the second request.
        behind = asked(plane, options, 200, 250, timeout_ns=170 * MS)
        assert behind == [("timeout", 170 * MS, 1), ("timeout", 170 * MS, 1)]
        assert asked(plane, options, 200, 260, timeout_ns=170 * MS)[1] == ("completed", 142 * MS + self.BACK, 1)

    def test_a_cut_takes_the_queue_with_it(self, plane: Any, options: dict[str, bool]) -> None:
        world = PlaneWorld(2, [held(down_bps=8e9)], plane=plane, **options)
        world.service("s", [1], MS)
        world.flow(0, "s", Trace(np.array([150 * MS, 420 * MS], np.int64)), request_bytes=100_000)
        world.clock.at(200 * MS, lambda: world.network.mend(0, world.network.cut(0, "silent")))
        world.finish(2 * SECOND)
        assert world.outcomes() == [("lost", 50 * MS, 1), ("completed", 100 * MS + self.BACK, 1)]


def test_all_evaluators_give_the_same_bytes() -> None:
    steps: Rates = tuple((i * 70 * MS + i, (0.0, 30e6, 11e6 / 3, 12e6)[i % 4]) for i in range(1, 8))
    frames = []
    for plane, options in PLANES:
        links = [
            replace(held(0, 1, steps, rate_bps=40e6), period_ns=500 * MS),
            replace(link(1, 2, latency_ns=MS, rate_bps=1e9), traces=((), ((0, 1e9), (300 * MS, 0.0), (350 * MS, 2e7)))),
        ]
        world = PlaneWorld(3, links, plane=plane, **options)
        world.service("s", [2], Exponential(100_000.0), workers=4)
        world.flow(0, "s", Poisson(2500.0), request_bytes=400, timeout_ns=60 * MS)
        world.finish(900 * MS)
        if plane is RequestPlane and not options:
            assert world.plane.evaluators()["f"]["stream"] > 2000
        frames.append([world.recorder.requests.frame(), world.recorder.traffic.frame()])
        assert {"completed", "timeout"} <= {outcome for outcome, _, _ in world.outcomes()}
    for other in frames[1:]:
        assert all(a.equals(b, null_equal=True) for a, b in zip(frames[0], other, strict=True))


def test_a_radio_stays_awake_until_what_waits_for_a_rate_is_sent() -> None:
    capacity = Capacity(8e6, ((0, 8e6), (SECOND, 0.0), (4 * SECOND, 8e6)))
    for traced, wakes in ((None, True), ((capacity, 8000), False)):
        radio = Promotion(2 * SECOND, 500 * MS)
        radio.begin((0, 0), SECOND, 100 * SECOND, MS, traced)
        assert (radio.meet(5 * SECOND) > 5 * SECOND) == wakes


class TestReadings:
    def ages(self, trace: Rates, law: SpoolLaw | None = None, **more: Any) -> PlaneWorld:
        w = PlaneWorld(3, [link(0, 1), held(1, 2, trace)], interval_ns=SECOND)
        given = {"qos": 1, "ack_bytes": 40, "resent": True} if law else {}
        w.plane.add_telemetry(TelemetryFlow("t", (0,), (1,) if law else (0,), 2, 100 * MS, 1000, spool=law, **given))
        w.finish(10 * SECOND)
        return w

    @staticmethod
    def total(w: PlaneWorld, column: str, table: str = "messages") -> int:
        return int(getattr(w.recorder, table).frame()[column].sum())

    def test_they_come_when_it_is_over_and_none_is_lost(self) -> None:
        plain, waits = (self.ages(trace) for trace in (((0, 8e6),), ((0, 8e6), (2 * SECOND, 0.0), (4 * SECOND, 8e6))))
        for w in (plain, waits):
            assert (self.total(w, "created"), self.total(w, "lost")) == (100, 0)
        # Twenty are late: all made in the two seconds, but for the last, whose delay is less than its period.
        assert (self.total(plain, "late"), self.total(waits, "late")) == (0, 19)
        # In the two seconds the age of the newest grows by 2 s, and falls at once: 2 s · 2 s / 2 in 10 s.
        more = waits.plane.age_of_information("t") - plain.plane.age_of_information("t")
        assert more == pytest.approx(0.2, abs=0.03)

    def test_a_spool_holds_them_meanwhile(self) -> None:
        trace: Rates = ((0, 8e6), (2 * SECOND, 0.0), (4 * SECOND, 8e6))
        for room, ttl in ((1000, NEVER), (5, NEVER), (1000, SECOND)):
            w = self.ages(trace, SpoolLaw("box", room * 1000, ttl_ns=ttl))
            lost = self.total(w, "lost")
            # One of the twenty is on the line, the others wait: for room, or for no longer than a second.
            assert lost == {(1000, NEVER): 0, (5, NEVER): 14, (1000, SECOND): 9}[room, ttl]
            assert self.total(w, "delivered") == 100 - lost
