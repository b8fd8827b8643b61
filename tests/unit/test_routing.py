"""Which endpoint serves a request: what policies see, what they decide, and what becomes of bad answers."""

from __future__ import annotations

import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from networks import link
from planes import PlaneWorld
from routers import Uneven, router
from simulator.errors import UserError
from simulator.policy import BalancerView, EndpointsView, ProxyView, RequestView, Routing, Split
from simulator.policy.checks import check_policy
from simulator.policy.promises import CheckFailed
from simulator.policy.reference import instantiate
from simulator.policy.routing_checks import ROUTING_CHECKS, SPLIT_CHECKS
from simulator.policy.view import Floats
from simulator.traffic.flows import Call, Every, Poisson, Trace
from simulator.units import MS, SECOND

# 0 and 4 ask; 1, 2 and 3 serve, at 0 (on 0 itself), 1, 5 and 20 ms from node 0.
LINKS = [link(a, b, latency * MS, 8e9) for a, b, latency in ((0, 1, 1), (0, 2, 5), (0, 3, 20), (4, 0, 1))]


class Spy(Routing):
    """Keeps what it sees, and goes round the rows that it is given."""

    def __init__(self, *rows: int) -> None:
        self.rows, self.seen = rows, list[tuple[RequestView, BalancerView]]()

    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        self.seen.append((request, endpoints))
        return self.rows[(len(self.seen) - 1) % len(self.rows)]


def routed(policy: Any, *, nodes: tuple[int, ...] = (1, 2, 3), work: int = MS, **options: Any) -> PlaneWorld:
    """A plane with a service on these nodes."""
    w = PlaneWorld(5, LINKS, **options)
    w.plane.route_by(router(policy, w.plane.rng, w.recorder, w.nodes, w.network))
    w.service("s", nodes, work)
    return w


def served(w: PlaneWorld, first: int = 10) -> list[int]:
    """Answers by endpoint."""
    return [w.plane.served(uid) for uid in range(first, first + len(w.services["s"]))]


def at(*ms: float) -> Trace:
    return Trace(np.array([round(each * MS) for each in ms], np.int64))


# What a policy sees


def test_a_proxy_knows_the_map_and_what_it_has_sent_itself() -> None:
    spy = Spy(2, 0, 0)
    w = routed(spy, nodes=(1, 2, 3))
    w.flow(0, "s", at(0, 30, 60), name="mine")
    w.flow(1, "s", at(1), name="others")
    w.finish(SECOND)
    ours = [(request, view) for request, view in spy.seen if request.flow == "mine"]
    assert [view.rtt_s.tolist() for _, view in ours] == [pytest.approx([0.002, 0.01, 0.04])] * 3
    assert [view.outstanding.tolist() for _, view in ours] == [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
    # 20 ms there, 1 of work, 20 back, and sending twice: the first answer was there at some 41 ms.
    assert [view.age_s[2] for _, view in ours] == [np.inf, np.inf, pytest.approx(0.019, abs=5e-4)]
    assert [view.age_s[0] for _, view in ours] == [np.inf, np.inf, pytest.approx(0.027, abs=5e-4)]
    (request, _), *_ = ours
    assert (request.node, request.source, request.service, request.attempt) == ("n0", "n0", "s", 1)
    assert [request.now_s for request, _ in ours] == [0.0, 0.03, 0.06]
    theirs = next(view for request, view in spy.seen if request.flow == "others")
    assert theirs.outstanding.tolist() == [0, 0, 0]
    assert theirs.rtt_s[0] == 0  # on its own node


def test_what_is_outstanding_ends_with_an_answer_a_refusal_or_a_time_out() -> None:
    spy = Spy(0, 1, 2, 0, 0, 0)
    w = routed(spy, work=100 * MS)
    w.flow(0, "s", at(0, 1, 2, 30, 60, 400), timeout_ns=50 * MS)
    w.plane.pod_down(11, "killed")  # refuses: some 10 ms there and back
    w.finish(SECOND)
    seen = [view.outstanding.tolist() for _, view in spy.seen]
    assert seen[3] == [1, 0, 1]  # at 30 ms
    assert seen[4] == [1, 0, 0]  # at 60 ms, with the fourth
    assert seen[5] == [0, 0, 0]
    ages = [view.age_s.tolist() for _, view in spy.seen]
    assert ages[5] == [np.inf, pytest.approx(0.389, abs=1e-3), np.inf]  # a late answer tells nobody anything


def test_what_is_lost_without_a_time_out_is_waited_for_for_ever() -> None:
    spy = Spy(2, 0, 0)
    w = routed(spy)
    w.flow(0, "s", at(0, 500, 900))
    w.clock.at(10 * MS, lambda: w.network.cut(2, "silent"))
    w.finish(SECOND)
    assert [view.outstanding.tolist() for _, view in spy.seen] == [[0, 0, 0], [0, 0, 1], [0, 0, 1]]


def test_what_a_dead_pod_asked_for_is_given_up_after_its_time_out() -> None:
    spy = Spy(0, 0, 1)
    w = PlaneWorld(5, LINKS)
    w.plane.route_by(router(spy, w.plane.rng, w.recorder, w.nodes, w.network))
    w.service("db", (2, 3), 300 * MS)
    w.service("api", (1,), MS, calls=(Call("db", 1000, 1000, 200 * MS),))
    w.flow(0, "api", at(0, 10, 600), timeout_ns=250 * MS)
    w.clock.at(100 * MS, lambda: w.plane.pod_down(20, "killed"))
    w.clock.at(500 * MS, lambda: w.plane.pod_up(20, "api", 1, 1.0))
    w.finish(SECOND)
    assert [(request.node, view.outstanding.tolist()) for request, view in spy.seen] == [
        ("n1", [0, 0]), ("n1", [0, 0])
    ]  # fmt: skip


def test_counts_follow_an_endpoint_that_goes_and_comes_back() -> None:
    spy = Spy(1, 0)
    w = routed(spy, work=SECOND // 2)
    w.flow(0, "s", at(0, 100, 200))
    for ms, pods in ((50, (10, 12)), (150, (12, 11))):
        w.clock.at(ms * MS, w.program, "s", pods)
    w.finish(2 * SECOND)
    assert [view.nodes for _, view in spy.seen] == [("n1", "n2", "n3"), ("n1", "n3"), ("n3", "n2")]
    assert [view.outstanding.tolist() for _, view in spy.seen] == [[0, 0, 0], [0, 0], [0, 1]]


def test_one_endpoint_is_no_question() -> None:
    spy = Spy(0)
    w = routed(spy, nodes=(1,))
    w.flow(0, "s", at(0, 1))
    w.finish(SECOND)
    assert spy.seen == []
    assert served(w) == [2]


def test_draws_are_of_the_request_and_not_of_what_was_asked_before() -> None:
    drawn = []
    for rows in ((0,), (1, 2)):
        spy = Spy(*rows)
        w = routed(spy)
        w.flow(0, "s", Poisson(100.0), timeout_ns=SECOND // 2, retries=1)
        w.finish(SECOND)
        drawn.append({(r.now_s, r.attempt): (r.uniform("a"), r.uniform("b")) for r, _ in spy.seen if r.attempt == 1})
    assert drawn[0] == drawn[1]
    values = [u for pair in drawn[0].values() for u in pair]
    assert len(set(values)) == len(values) > 100


# What the shipped policies decide


def test_turns_are_taken_at_each_proxy_over_all_of_its_flows() -> None:
    w = routed("round-robin")
    w.flow(0, "s", Every(10 * MS), name="a")
    w.flow((0, 4), "s", Poisson(50.0), name="b")
    w.finish(10 * SECOND)
    assert max(served(w)) - min(served(w)) <= 2  # of two proxies
    assert sum(served(w)) > 1900


def test_a_round_begins_where_it_is_drawn() -> None:
    firsts = Counter()  # type: ignore[var-annotated]
    for seed in range(30):
        w = routed("round-robin", seed=seed)
        w.flow(0, "s", at(0))
        w.finish(SECOND)
        firsts[served(w).index(1)] += 1
    assert min(firsts[row] for row in range(3)) >= 4


def test_the_nearest_serves_all_and_equals_share() -> None:
    w = routed("nearest")
    w.flow(0, "s", Every(10 * MS))
    w.flow(3, "s", Every(10 * MS), name="g")  # it has one of its own
    w.finish(SECOND - 1)
    assert served(w) == [pytest.approx(99, abs=2), 0, pytest.approx(99, abs=2)]
    equal = routed("nearest", nodes=(1, 1, 2))
    equal.flow(0, "s", Poisson(1000.0))
    equal.finish(10 * SECOND)
    one, other, none = served(equal)
    assert none == 0
    assert one / (one + other) == pytest.approx(0.5, abs=0.015)  # three standard deviations


def test_weights_are_shares() -> None:
    w = routed("uneven")
    w.flow(0, "s", Poisson(1000.0))
    w.finish(9 * SECOND)
    assert w.plane.evaluators()["f"]["loop"] == 0
    none, one, two = served(w)
    assert none == 0
    assert one / (one + two) == pytest.approx(1 / 3, abs=0.015)  # three standard deviations


def test_the_least_loaded_is_the_one_that_is_not_busy() -> None:
    w = routed("least-loaded", nodes=(1, 1, 1), work=25 * MS)
    w.flow(0, "s", Every(10 * MS), name="f")
    w.finish(SECOND)
    # Answers take 27 ms, and a third of the requests is 30 apart: one endpoint always has nothing to do.
    assert w.plane.latency_summary("f")["p99"] == pytest.approx(0.027, rel=0.01)
    drawn = routed("random", nodes=(1, 1, 1), work=25 * MS)
    drawn.flow(0, "s", Every(10 * MS), name="f")
    drawn.finish(SECOND)
    assert drawn.plane.latency_summary("f")["p99"] > 0.06


def test_a_device_offloads_what_it_has_no_room_for() -> None:
    """Node 0 has an endpoint itself, one is at 1 ms and one at 20. Of six at once, by hand."""
    for most, expected in ((1, [1, 1, 4]), (2, [2, 2, 2]), (4, [4, 2, 0])):
        w = routed(instantiate("routing/offloading", {"most": most}, Path()), nodes=(0, 1, 3), work=100 * MS)
        w.flow((0,) * 6, "s", at(0))
        w.finish(2 * SECOND)
        assert served(w) == expected
    with pytest.raises(UserError, match="at least 1"):
        instantiate("routing/offloading", {"most": 0}, Path())


def test_the_farthest_with_the_fewest_takes_the_rest() -> None:
    w = routed(instantiate("routing/offloading", {"most": 1}, Path()), nodes=(1, 3, 3), work=100 * MS)
    w.flow((0,) * 7, "s", at(0))
    w.finish(2 * SECOND)
    assert served(w) == [1, 3, 3]


@pytest.mark.parametrize("policy", ["random", "round-robin", "nearest", "uneven"])
def test_arrays_and_the_loop_give_the_same_bytes(policy: str) -> None:
    found = []
    for exact in (False, True):
        w = routed(policy, exact_events=exact)
        w.flow((0, 0), "s", Poisson(2000.0), name="a")
        w.flow((0, 4), "s", Every(MS), name="b")
        w.clock.at(700 * MS, w.program, "s", (10, 12))
        w.clock.at(1500 * MS, w.program, "s", (12, 10, 11))
        w.finish(2 * SECOND)
        streamed = [counts["stream"] > counts["loop"] for counts in w.plane.evaluators().values()]
        assert streamed == [not exact] * 2
        found.append([getattr(w.recorder, name).frame() for name in ("requests", "traffic")])
    for one, other in zip(*found, strict=True):
        assert one.equals(other, null_equal=True)


def test_random_is_what_happens_without_a_policy() -> None:
    found = []
    for policy in ("random", None):
        w = routed("random")
        if policy is None:
            w.plane.router = None
            w.program("s", ())
            w.program("s", (10, 11, 12))
        w.flow(0, "s", Poisson(500.0))
        w.finish(SECOND)
        found.append(w.recorder.requests.frame())
    assert found[0].equals(found[1], null_equal=True)


# Checks: each refuses what breaks its promise


class Beyond(Routing):
    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        return len(endpoints)


class Wishes(Routing):
    def route(self, request: RequestView, endpoints: BalancerView) -> Any:
        return "node-0"


class Writes(Routing):
    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        endpoints.outstanding[0] += 1
        return 0


class Fickle(Routing):
    asked = 0

    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        Fickle.asked += 1
        return Fickle.asked % len(endpoints)


class Clocked(Routing):
    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        return int(time.time() * 0)  # noqa: TID251  # what a policy must not do


class Chancy(Routing):
    def route(self, request: RequestView, endpoints: BalancerView) -> int:
        return int(random.random() * 0)


class Negative(Split):
    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        return -np.ones(len(endpoints))


class Nothing(Split):
    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        return np.zeros(len(endpoints))


class Short(Split):
    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        return np.ones(len(endpoints) - 1)


class UnequalTurns(Uneven):
    turns = True


class Remembers(Split):
    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        self.asked = getattr(self, "asked", 0) + 1
        return np.ones(len(endpoints)) * self.asked


@pytest.mark.parametrize(
    ("policy", "check", "said"),
    [
        (Beyond(), "check_valid_answers", "row 2 of 2"),
        (Wishes(), "check_valid_answers", "'node-0', which is no number"),
        (Writes(), "check_view_unchanged", "changes what it sees"),
        (Fickle(), "check_deterministic", "asked again"),
        (Clocked(), "check_no_wall_clock", "simulated time is request.now_s"),
        (Chancy(), "check_no_global_random", "use request.uniform"),
        (Negative(), "check_valid_answers", "from 0 up"),
        (Nothing(), "check_valid_answers", "not all 0"),
        (Short(), "check_valid_answers", r"shape \(1,\) for 2"),
        (UnequalTurns(), "check_valid_answers", "who take turns have the same weight"),
        (Remembers(), "check_remembers_nothing", "in another order"),
    ],
)
def test_a_check_refuses_what_breaks_its_promise_and_no_other_does(policy: Any, check: str, said: str) -> None:
    checks = {each.__name__: each for each in (SPLIT_CHECKS if isinstance(policy, Split) else ROUTING_CHECKS)}
    with pytest.raises(CheckFailed, match=said):
        checks.pop(check)(policy)
    for each in checks.values():
        each(policy)


def first(request: RequestView, endpoints: BalancerView) -> int:
    return 0


def test_a_plain_function_serves_as_well() -> None:
    assert all(result.passed for result in check_policy(first, point="routing"))
