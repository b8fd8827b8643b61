"""What becomes of single requests, worked out by hand to the nanosecond."""

from __future__ import annotations

import numpy as np
import pytest

from networks import link
from planes import PlaneWorld
from simulator.errors import UserError
from simulator.physics.distributions import Constant, Exponential
from simulator.traffic.flows import Behaviour, Call, Closed, Every, Poisson, RequestFlow, Trace
from simulator.units import MS, SECOND, US
from simulator.world.message import Retransmission

# 1000 bytes at 8 Mbit/s take 1 ms to send; the link's latency is 10 ms.
LINE = [link(0, 1)]
WAY = 11 * MS


def at(*times: int) -> Trace:
    return Trace(np.array(times, np.int64))


def world(links=LINE, nodes: int = 2, **options) -> PlaneWorld:
    return PlaneWorld(nodes, links, **options)


def test_one_request_there_work_and_back() -> None:
    w = world()
    w.service("s", [1], 5 * MS)
    w.flow(0, "s", at(0))
    w.finish(SECOND)
    assert w.outcomes() == [("completed", WAY + 5 * MS + WAY, 1)]


def test_sending_rounds_up_and_takes_a_nanosecond_at_least() -> None:
    w = world([link(0, 1, latency_ns=0, rate_bps=3e9, down_bps=1e15)])
    w.service("s", [1], 0)
    w.flow(0, "s", at(0), request_bytes=1)
    w.finish(SECOND)
    assert w.outcomes() == [("completed", 3 + 1 + 1, 1)]  # ⌈8/3⌉ ns, work of no length, a response that takes none


def test_requests_queue_on_the_link_and_at_the_pod_in_order_of_source() -> None:
    w = world()
    w.service("s", [1], 5 * MS)
    w.flow((0, 0, 0), "s", at(0))
    w.finish(SECOND)
    # They leave the link at 1, 2, 3 ms, reach the pod at 11, 12, 13 and leave it at 16, 21, 26.
    assert [latency for _, latency, _ in w.outcomes()] == [27 * MS, 32 * MS, 37 * MS]


def test_a_second_worker_serves_the_second_request() -> None:
    w = world()
    w.service("s", [1], 5 * MS, workers=2)
    w.flow((0, 0, 0), "s", at(0))
    w.finish(SECOND)
    assert [latency for _, latency, _ in w.outcomes()] == [27 * MS, 28 * MS, 32 * MS]


def test_work_is_divided_by_the_speed_at_arrival() -> None:
    w = world()
    w.service("s", [0], 6 * MS)
    w.flow(0, "s", at(0, MS, SECOND))
    w.clock.at(2 * MS, w.plane.pod_up, 10, "s", 0, 2.0)  # twice as fast from here on, for those who come from here on
    w.finish(2 * SECOND)
    assert [latency for _, latency, _ in w.outcomes()] == [6 * MS, 11 * MS, 3 * MS]


def test_each_direction_of_a_link_is_a_queue_of_its_own() -> None:
    w = world([link(0, 1, latency_ns=10, rate_bps=8e9)])
    w.service("s", [1], 100)
    w.service("t", [0], 100)
    w.flow(0, "s", at(0), name="a")
    w.flow(1, "t", at(0), name="b")
    w.finish(SECOND)
    # Both ask at 0: the ways there are free. The response of a meets nothing of b.
    assert w.outcomes() == [("completed", 2 * 1010 + 100, 1)] * 2


class TestTimeouts:
    def test_an_answer_at_the_deadline_is_in_time_and_one_later_is_not(self) -> None:
        for patience, outcome in ((2 * WAY + 5 * MS, "completed"), (2 * WAY + 5 * MS - 1, "timeout")):
            w = world()
            w.service("s", [1], 5 * MS)
            w.flow(0, "s", at(0), timeout_ns=patience)
            w.finish(SECOND)
            assert w.outcomes() == [(outcome, patience, 1)]

    def test_a_try_that_nobody_waits_for_is_served_all_the_same(self) -> None:
        w = world()
        w.service("s", [1], 50 * MS)
        w.flow(0, "s", at(0), timeout_ns=20 * MS, retries=1)
        w.finish(SECOND)
        assert w.outcomes() == [("timeout", 40 * MS, 2)]
        assert w.plane.served(10) == 2  # the second began when the first was done, at 61 ms

    def test_a_retry_picks_anew(self) -> None:
        w = world([link(0, 1), link(0, 2)], nodes=3)
        w.service("s", [1, 2], 0)
        w.plane.pod_down(10, "killed")
        w.flow(0, "s", Every(20 * MS), retries=3)
        w.finish(10 * SECOND)
        tries = [n for outcome, _, n in w.outcomes() if outcome != "in-flight"]
        share = [tries.count(n) / len(tries) for n in (1, 2, 3, 4)]
        # Half of the tries meet the pod that refuses; a fourth refusal is the end of the request.
        assert share == pytest.approx([1 / 2, 1 / 4, 1 / 8, 1 / 8], abs=3 * np.sqrt(0.25 / 500))


class TestFailures:
    def test_without_an_endpoint_a_request_fails_at_once(self) -> None:
        w = world()
        w.service("s", [1])
        w.program("s", ())
        w.flow(0, "s", at(5), retries=2)
        w.finish(SECOND)
        assert w.outcomes() == [("no-endpoint", 0, 1)]

    def test_a_pod_that_does_not_run_refuses_after_the_way_there(self) -> None:
        w = world()
        w.service("s", [1])
        w.plane.pod_down(10, "killed")
        w.flow(0, "s", at(0))
        w.finish(SECOND)
        assert w.outcomes() == [("refused", WAY + 10 * MS, 1)]  # the notice takes the latency back

    def test_a_pod_that_stops_tells_all_who_are_in_it(self) -> None:
        w = world()
        w.service("s", [1], 100 * MS)
        w.flow(0, "s", at(0, 5 * MS, 500 * MS))
        w.clock.at(50 * MS, w.plane.pod_down, 10, "killed")
        w.clock.at(400 * MS, w.plane.pod_up, 10, "s", 1, 1.0)
        w.finish(SECOND)
        assert w.outcomes() == [
            ("died", 60 * MS, 1),
            ("died", 55 * MS, 1),
            ("completed", 2 * WAY + 100 * MS, 1),  # at a station that is empty again
        ]

    def test_a_dead_node_tells_nobody(self) -> None:
        w = world()
        w.service("s", [1], 100 * MS)
        w.flow(0, "s", at(0), name="patient")
        w.flow(0, "s", at(0), name="hasty", timeout_ns=300 * MS)
        w.clock.at(50 * MS, w.network.set_node, 1, False)
        w.finish(SECOND)
        assert w.outcomes() == [("lost", 50 * MS, 1), ("timeout", 300 * MS, 1)]

    @pytest.mark.parametrize(
        ("mode", "outcome", "latency"), [("silent", "lost", 500 * US), ("refused", "refused", 500 * US + 1)]
    )
    def test_what_is_on_a_link_when_it_is_cut_is_gone(self, mode: str, outcome: str, latency: int) -> None:
        w = world()
        w.service("s", [1])
        w.flow(0, "s", at(0))
        w.clock.at(500 * US, w.network.cut, 0, mode)
        w.finish(SECOND)
        assert w.outcomes() == [(outcome, latency, 1)]  # the refusal comes from its own end of the link

    def test_a_response_meets_a_refused_cut_unheard(self) -> None:
        w = world()
        w.service("s", [1])
        w.flow(0, "s", at(0))
        w.clock.at(15 * MS, w.network.cut, 0, "refused")
        w.finish(SECOND)
        assert w.outcomes() == [("lost", 15 * MS, 1)]

    def test_where_a_refused_cut_leaves_no_way_the_asker_knows_after_the_round_trip_to_it(self) -> None:
        w = world([link(0, 1), link(1, 2)], nodes=3)
        w.service("s", [2])
        w.network.cut(1, "refused")
        w.flow(0, "s", at(0))
        w.finish(SECOND)
        assert w.outcomes() == [("refused", 20 * MS, 1)]

    def test_requests_take_another_way_around_a_cut(self) -> None:
        w = world([link(0, 1), link(1, 2), link(0, 2, latency_ns=30 * MS)], nodes=3)
        w.service("s", [2])
        w.flow(0, "s", at(0, 100 * MS))
        w.clock.at(50 * MS, w.network.cut, 1, "silent")
        w.finish(SECOND)
        assert [latency for _, latency, _ in w.outcomes()] == [2 * 22 * MS + 1, 2 * 31 * MS + 1]

    def test_a_cut_empties_the_queue(self) -> None:
        w = world()
        w.service("s", [1])
        w.flow((0,) * 40, "s", at(0))
        w.flow(0, "s", at(20 * MS), name="later")
        token: list[int] = []
        w.clock.at(10 * MS, lambda: token.append(w.network.cut(0, "silent")))
        w.clock.at(15 * MS, lambda: w.network.mend(0, token[0]))
        w.finish(SECOND)
        assert w.outcomes()[-1] == ("completed", 2 * WAY + 1, 1)

    def test_a_source_without_power_asks_for_nothing(self) -> None:
        w = world()
        w.service("s", [1])
        w.flow(0, "s", Every(100 * MS))
        w.clock.at(300 * MS, w.network.set_node, 0, False)
        w.clock.at(700 * MS, w.network.set_node, 0, True)
        w.finish(SECOND)
        assert int(w.recorder.traffic.frame()["issued"].sum()) == 6


class TestLoss:
    TCP = Retransmission(least_ns=200 * MS, most_ns=SECOND, tries=3)

    def test_without_tcp_what_a_link_loses_is_lost(self) -> None:
        w = world([link(0, 1, loss=0.2)], tcp=self.TCP)
        w.plane.ways.retransmission = None
        w.service("s", [1])
        w.flow(0, "s", Every(MS * 5))
        w.finish(10 * SECOND)
        lost = sum(outcome == "lost" for outcome, _, _ in w.outcomes()) / 2000
        assert lost == pytest.approx(1 - 0.8**2, abs=3 * np.sqrt(0.36 * 0.64 / 2000))

    def test_with_tcp_it_is_late(self) -> None:
        w = world([link(0, 1, loss=0.2)], tcp=self.TCP)
        w.service("s", [1])
        w.flow(0, "s", Every(4999 * US), request_bytes=1, response_bytes=1)
        w.finish(10 * SECOND)
        once = 2 * (10 * MS + 1000) + 1
        # The n-th wait is (round trip + 200 ms) doubled n times, at most 1 s: 220, 440, 880 ms.
        late = [round((latency - once) / MS) for outcome, latency, _ in w.outcomes() if outcome == "completed"]
        waits = [0, 220, 660, 1540]  # of one way; a request that is lost once more is lost for good
        assert set(late) <= {there + back for there in waits for back in waits}
        assert {0, 220, 440, 660, 880} <= set(late)
        assert late.count(0) / len(late) == pytest.approx(0.64, abs=3 * np.sqrt(0.64 * 0.36 / len(late)))

    def test_jitter_is_uniform_around_the_latency(self) -> None:
        w = world([link(0, 1, jitter_ns=6 * MS)])
        w.service("s", [1])
        w.flow(0, "s", Every(5 * MS), request_bytes=1, response_bytes=1)
        w.finish(20 * SECOND)
        taken = np.array([latency for outcome, latency, _ in w.outcomes() if outcome == "completed"]) - 20 * MS - 2001
        assert taken.min() >= -12 * MS
        assert taken.max() <= 12 * MS
        # Two uniform draws of ± 6 ms: variance 2 · 12² / 12.
        assert taken.mean() / MS == pytest.approx(0, abs=3 * np.sqrt(24 / len(taken)))
        assert taken.var() / MS**2 == pytest.approx(24, rel=0.1)


class TestCalls:
    CALL = Call("b", 1000, 1000)

    def chain(self, threads: str, **more) -> PlaneWorld:
        w = world([link(0, 1), link(1, 2)], nodes=3)
        w.service("a", [1], MS, threads=threads, calls=(Call("b", 1000, 1000, **more),))
        w.service("b", [2], 2 * MS, workers=9)
        return w

    def test_a_call_adds_its_own_round_trip(self) -> None:
        w = self.chain("blocking")
        w.flow(0, "a", at(0))
        w.finish(SECOND)
        assert w.outcomes() == [("completed", 4 * WAY + 3 * MS, 1)]

    @pytest.mark.parametrize(
        ("threads", "second"), [("blocking", 4 * WAY + 3 * MS + 25 * MS), ("async", 4 * WAY + 4 * MS)]
    )
    def test_blocking_threads_hold_their_worker_during_the_call(self, threads: str, second: int) -> None:
        w = self.chain(threads)
        w.flow((0, 0), "a", at(0))
        w.finish(SECOND)
        # Blocking: the worker is free 1 + 24 ms after it began at 11 ms; the second has waited from 12 ms on.
        assert [latency for _, latency, _ in w.outcomes()] == [4 * WAY + 3 * MS, second]

    def test_calls_are_made_one_after_the_other(self) -> None:
        w = world([link(0, 1), link(1, 2)], nodes=3)
        w.service("a", [1], MS, calls=(self.CALL, self.CALL))
        w.service("b", [2], 2 * MS)
        w.flow(0, "a", at(0))
        w.finish(SECOND)
        assert w.outcomes() == [("completed", 6 * WAY + 5 * MS, 1)]

    def test_a_call_that_fails_fails_the_request_after_the_way_back(self) -> None:
        w = self.chain("blocking", timeout_ns=5 * MS, retries=1)
        w.flow(0, "a", at(0), retries=1)
        w.finish(SECOND)
        visit = 2 * WAY + MS + 2 * 5 * MS
        assert w.outcomes() == [("timeout", 2 * visit, 2)]

    def test_an_answer_that_a_call_had_no_endpoint_is_tried_again(self) -> None:
        w = self.chain("blocking")
        w.program("b", ())
        w.flow(0, "a", at(0), retries=2)
        w.finish(SECOND)
        assert w.outcomes() == [("no-endpoint", 3 * (2 * WAY + MS), 3)]

    def test_a_lost_call_without_a_time_out_holds_its_worker_for_ever(self) -> None:
        w = self.chain("blocking")
        w.flow(0, "a", at(0, 400 * MS), timeout_ns=100 * MS)
        w.clock.at(20 * MS, w.network.set_node, 2, False)
        w.clock.at(300 * MS, w.network.set_node, 2, True)
        w.finish(SECOND)
        assert w.outcomes() == [("timeout", 100 * MS, 1), ("timeout", 100 * MS, 1)]
        assert w.plane.in_flight(10) == 2

    def test_calls_in_a_circle_are_named(self) -> None:
        w = world()
        w.service("a", [0], calls=(Call("b", 1, 1),))
        w.service("b", [1], calls=(Call("a", 1, 1),))
        w.flow(0, "a", at(0))
        with pytest.raises(UserError, match="circle: a → b → a"):
            w.finish(SECOND)


class TestUsers:
    def test_a_user_thinks_after_each_outcome(self) -> None:
        w = world()
        w.service("s", [1], 5 * MS)
        w.flow(0, "s", Closed(1, Constant(100.0 * MS)))
        w.finish(SECOND)
        # One cycle takes 100 + 27 ms, the first question comes at 100 ms.
        assert w.outcomes() == [("completed", 27 * MS, 1)] * 7 + [("in-flight", -1, 0)]

    def test_a_user_whose_request_is_lost_waits_for_ever(self) -> None:
        w = world()
        w.service("s", [1], 5 * MS)
        w.flow(0, "s", Closed(1, Constant(100.0 * MS)))
        w.network.cut(0, "silent")
        w.finish(SECOND)
        assert w.outcomes() == [("lost", 0, 1)]

    def test_a_user_without_power_thinks_on(self) -> None:
        w = world()
        w.service("s", [1], 5 * MS)
        w.flow(0, "s", Closed(1, Constant(100.0 * MS)))
        w.clock.at(50 * MS, w.network.set_node, 0, False)
        w.clock.at(250 * MS, w.network.set_node, 0, True)
        w.finish(450 * MS)
        assert w.outcomes() == [("completed", 27 * MS, 1), ("in-flight", -1, 0)]  # asked at 300 and 427 ms


class TestReading:
    def test_in_flight_counts_those_who_wait_and_those_who_are_served(self) -> None:
        w = world()
        w.service("s", [1], 50 * MS)
        w.flow((0,) * 5, "s", at(0))
        w.clock.run(70 * MS)  # reached the pod at 11, 12, 13, 14, 15 ms; the first left at 61
        assert w.plane.in_flight(10) == 4
        assert w.plane.served(10) == 1
        w.finish(SECOND)
        assert w.plane.in_flight(10) == 0

    def test_counts_stand_in_the_interval_of_their_own_event(self) -> None:
        w = world()
        w.service("s", [1], 5 * MS)
        w.flow(0, "s", at(990 * MS, 990 * MS + 1, 1500 * MS))
        w.finish(2 * SECOND)
        rows = w.recorder.traffic.frame().select("start_s", "issued", "completed", "max_latency_s").rows()
        assert rows == [(0.0, 2, 0, pytest.approx(float("nan"), nan_ok=True)), (1.0, 1, 3, (32 * MS - 1) / SECOND)]

    def test_the_summary_leaves_out_what_completed_before(self) -> None:
        w = world()
        w.service("s", [0], 5 * MS)
        w.flow(0, "s", at(0, 0, 0, SECOND))
        w.finish(3 * SECOND)
        assert w.plane.latency_summary("f")["mean"] == pytest.approx(0.00875)
        assert w.plane.latency_summary(None, SECOND)["mean"] == 0.005

    def test_a_sample_is_chosen_by_draws_and_does_not_change_what_is_counted(self) -> None:
        tables = []
        for share in (0.1, 1.0):
            w = world(sample=share)
            w.service("s", [1], Exponential(MS))
            w.flow((0, 0), "s", Poisson(200.0))
            w.finish(5 * SECOND)
            tables.append((w.recorder.requests.frame(), w.recorder.traffic.frame()))
        (few, counts), (all_rows, same) = tables
        assert counts.equals(same, null_equal=True)
        assert set(few.drop("latency_s").rows()) <= set(all_rows.drop("latency_s").rows())
        assert len(few) / len(all_rows) == pytest.approx(0.1, abs=3 * np.sqrt(0.09 / len(all_rows)))


class TestWhenItIsEvaluated:
    def tables(self, looks: int, **options):
        w = world([link(0, 1), link(1, 2)], nodes=3, **options)
        w.service("a", [1], Exponential(2 * MS), workers=3, threads="async")
        w.flow((0, 0), "a", Poisson(300.0), timeout_ns=40 * MS)
        w.flow(2, "a", Every(7 * MS), name="g")
        for i in range(looks):
            w.clock.at((i * 7919 + 13) * 9973 % (20 * SECOND), lambda: w.plane.settle(w.clock.now))
        w.finish(20 * SECOND)
        return w, [getattr(w.recorder, name).frame() for name in ("traffic", "requests")]

    def test_how_often_it_is_settled_and_by_whom_changes_no_byte(self) -> None:
        streamed, expected = self.tables(0)
        assert streamed.plane.evaluators()["f"]["loop"] == 0
        for looks, options in ((300, {}), (0, {"exact_events": True})):
            other, found = self.tables(looks, **options)
            assert other.plane.evaluators()["f"]["loop"] > 0
            assert all(a.equals(b, null_equal=True) for a, b in zip(found, expected, strict=True))

    def test_another_source_shifts_nobody(self) -> None:
        def rows(sources: tuple[int, ...]) -> list[tuple[object, ...]]:
            w = world([link(0, 1), link(1, 2)], nodes=3)
            w.service("s", [1], Exponential(MS), workers=1000)
            w.flow(sources, "s", Poisson(50.0), request_bytes=1, response_bytes=1)
            w.finish(5 * SECOND)
            return [row for row in w.recorder.requests.frame().rows() if row[2] == "n0"]

        alone, together = rows((0,)), rows((2, 0))
        assert [row[0] for row in alone] == [row[0] for row in together]

    def test_a_flow_that_is_tried_again_is_a_loop_and_so_is_who_shares_its_link(self) -> None:
        w = world([link(0, 1, rate_bps=1e9), link(2, 3, rate_bps=1e9)], nodes=4)
        w.service("s", [1])
        w.service("t", [3])
        w.flow(0, "s", Poisson(400.0), name="again", retries=1)
        w.flow(0, "s", Poisson(400.0), name="beside")
        w.flow(2, "t", Poisson(400.0), name="apart")
        w.finish(20 * SECOND)
        stream = {name: counts["stream"] > 0 for name, counts in w.plane.evaluators().items()}
        assert stream == {"again": False, "beside": False, "apart": True}


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="worker"):
        Behaviour(Constant(1.0), workers=0)
    with pytest.raises(ValueError, match="think"):
        Closed(1, Constant(0.0))
    with pytest.raises(ValueError, match="prox"):
        RequestFlow("f", (0, 1), (0,), "s", Every(1), 1, 1)
