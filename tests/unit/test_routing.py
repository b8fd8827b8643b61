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
from scenarios import digest
from simulator.errors import RunFailed, UserError
from simulator.policy import BalancerView, EndpointsView, ProxyView, RequestView, Routing, Split
from simulator.policy.checks import check_policy
from simulator.policy.promises import CheckFailed
from simulator.policy.reference import instantiate
from simulator.policy.routing_checks import ROUTING_CHECKS, SPLIT_CHECKS
from simulator.policy.view import Floats
from simulator.simulation.simulation import Simulation
from simulator.spec.arrivals import Arrivals
from simulator.spec.scenario import Scenario
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


# In whole scenarios

_MINE = """
from simulator.policy import Routing, Split
import numpy as np

class Wrong(Routing):
    def route(self, request, endpoints):
        return 99 if request.now_s < 5 else 0

class Crooked(Split):
    def weights(self, proxy, endpoints):
        return np.full(len(endpoints), np.nan)

def last(request, endpoints):
    return len(endpoints) - 1
"""


def scenario(folder: Path, routing: Any, **more: Any) -> Scenario:
    (folder / "mine.py").write_text(_MINE, "utf-8")
    data: dict[str, Any] = {
        "duration": "8s",
        "start": "placed",
        "topology": {
            "nodes": [
                {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                {"name": "edge", "model": "x86-edge", "count": 3},
                {"name": "user", "model": "till", "role": "device"},
            ],
            "links": [
                {"name": "lan", "between": ["edge-*", "cloud"], "model": "ethernet"},
                {"name": "desk", "between": ["user", "cloud"], "model": "ethernet"},
            ],
        },
        "images": {"shop/api": {"compressed": "20MB", "unpacked": "50MB", "platforms": ["linux/amd64"]}},
        "workloads": [
            {"kind": "service", "name": "api", "image": "shop/api", "replicas": 3, "cpu": "3", "ram": "64Mi",
             "work": {"exponential": "5ms"}},
            {"kind": "requests", "source": "user", "target": "api", "arrivals": {"poisson": "50/s"}, "request": "1kB",
             "response": "1kB", "timeout": "1s"},
        ],
        "policies": {} if routing is None else {"routing": routing},
        **more,
    }  # fmt: skip
    return Scenario.parse(data).placed(folder, {})


@pytest.mark.parametrize("name", ["round-robin", "random", "nearest", "least-loaded", "power-of-two-choices"])
def test_a_shipped_policy_routes_a_whole_scenario(tmp_path: Path, name: str) -> None:
    run = Simulation(scenario(tmp_path, name)).finish()
    assert run.summary["availability"] > 0.98
    assert not len(run.table("decisions").filter(run.table("decisions")["decision"] == "Route"))
    exact = Simulation(scenario(tmp_path, name), exact_events=True).finish()
    assert digest(run) == digest(exact)


def test_the_shortest_queue_is_joined_sooner_than_a_drawn_one(tmp_path: Path) -> None:
    """Column mean_latency_s, down: three endpoints at a load of two thirds or so."""
    means = []
    for name in ("random", "round-robin", "power-of-two-choices", "least-loaded"):
        of = scenario(tmp_path, name)
        asks = of.workloads[1].model_copy(update={"arrivals": Arrivals(poisson="400/s")})
        of = of.model_copy(update={"workloads": (of.workloads[0], asks)}).placed(tmp_path, {})
        means.append(Simulation(of).finish().summary["mean_latency_s"])
    assert means == sorted(means, reverse=True)
    assert means[0] > 1.5 * means[-1]


def test_where_a_share_of_requests_went_is_recorded_if_asked_for(tmp_path: Path) -> None:
    record = {"routing": 0.3}
    run = Simulation(scenario(tmp_path, "./mine.py:last", record=record)).finish()
    rows = run.table("decisions").filter(run.table("decisions")["decision"] == "Route")
    assert len(rows) == pytest.approx(run.summary["requests_issued"] * 0.3, rel=0.25)
    assert rows["node"].n_unique() == 1
    assert rows["pod"][0].startswith("user/requests/")


def test_a_bad_answer_is_an_error_of_the_policy_and_a_request_is_drawn_for(tmp_path: Path) -> None:
    run = Simulation(scenario(tmp_path, "./mine.py:Wrong")).finish()
    assert run.summary["availability"] > 0.98
    errors = run.table("decisions").filter(run.table("decisions")["decision"] == "policy_error")
    assert 50 < len(errors) == run.summary["policy_errors"]
    assert errors["time_s"].is_sorted()
    assert errors["time_s"].max() < 5
    with pytest.raises(RunFailed, match="api: answered row 99 of 3"):
        Simulation(scenario(tmp_path, "./mine.py:Wrong", on_policy_error="stop")).finish()


def test_weights_that_are_none_are_an_error_and_all_are_equal(tmp_path: Path) -> None:
    run = Simulation(scenario(tmp_path, "./mine.py:Crooked")).finish()
    assert 0 < run.summary["policy_errors"] < 5  # not one a request
    plain = Simulation(scenario(tmp_path, None)).finish()
    assert digest(run)["requests"] == digest(plain)["requests"]


@pytest.mark.parametrize(
    ("routing", "more", "path", "said"),
    [
        ("round-robin", {"workloads": []}, "scenario.policies.routing", "no request asks for an endpoint"),
        ("rond-robin", {}, "policies.routing.use", "no policy named"),
        (None, {"record": {"routing": 0.5}}, "scenario.record.routing", "no policy is asked"),
        ("nearest", {"record": {"routing": 0.5}}, "scenario.record.routing", "no single request"),
    ],
)
def test_what_routes_nothing_is_an_error(
    tmp_path: Path, routing: Any, more: dict[str, Any], path: str, said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        Simulation(scenario(tmp_path, routing, **more))
    assert [problem.path for problem in caught.value.problems] == [path]


def test_nobody_decides_is_a_way_to_say_so(tmp_path: Path) -> None:
    none, nothing = (Simulation(scenario(tmp_path, routing)).finish() for routing in ("none", None))
    assert digest(none) == digest(nothing)


# Asked outside


def test_who_answers_as_the_policy_would_gets_the_same_bytes(tmp_path: Path) -> None:
    """Everything but the name of who decided: with what else happens, cuts and crashes among it."""
    faults = [
        {"kind": "cut", "link": "lan-1", "at": "2s", "duration": "2s", "mode": "silent"},
        {"kind": "crash", "node": "edge-2", "at": "5s", "reboot_after": "1s"},
    ]
    least = instantiate("routing/least-loaded", {}, Path())
    expected = Simulation(scenario(tmp_path, "least-loaded", faults=faults)).finish()
    s = Simulation(scenario(tmp_path, None, faults=faults))
    asked = ended = 0
    for ask in s.decisions(point="routing"):
        assert s.now_s == ask.request.now_s
        ended += s.outcomes().shape[1]
        s.answer(ask, least.route(ask.request, ask.endpoints))
        asked += 1
    ended += s.outcomes().shape[1]
    run = s.finish()
    assert 100 < asked <= run.summary["requests_issued"] + 5
    assert ended == run.summary["requests_issued"] - run.summary["requests_in_flight"]
    assert digest(run) == digest(expected)


def test_an_ask_is_answered_once_and_by_a_row(tmp_path: Path) -> None:
    s = Simulation(scenario(tmp_path, None))
    asks = s.decisions(point="routing")
    ask = next(asks)
    s.answer(ask, 1)
    with pytest.raises(ValueError, match="not what is being asked"):
        s.answer(ask, 1)
    following = next(asks)
    with pytest.raises(ValueError, match="was not answered"):
        next(asks)
    s.answer(following, 99)
    run = s.finish()
    assert run.summary["policy_errors"] == 1


def test_what_nobody_answers_is_left_to_the_policy(tmp_path: Path) -> None:
    s = Simulation(scenario(tmp_path, "./mine.py:last", record={"routing": 1.0}))
    for ask in s.decisions(until=4, point="routing"):
        s.answer(ask, 0)
    s.release()
    rows = s.finish().table("decisions")
    rows = rows.filter(rows["decision"] == "Route")
    early, late = (set(rows.filter(part)["node"]) for part in (rows["time_s"] <= 4, rows["time_s"] > 4))
    assert len(early) == len(late) == 1
    assert early != late


def test_proxies_know_what_they_know_whoever_answers_for_them(tmp_path: Path) -> None:
    """Tries that are outstanding when somebody outside begins, and when he leaves, still count."""
    cut = [{"kind": "cut", "link": "lan-1", "at": "1500ms", "duration": "4s", "mode": "silent"}]
    least = instantiate("routing/least-loaded", {}, Path())
    s = Simulation(scenario(tmp_path, "least-loaded", faults=cut))
    s.run(2)
    for ask in s.decisions(until=4, point="routing"):
        s.answer(ask, least.route(ask.request, ask.endpoints))
    s.release()
    assert digest(s.finish()) == digest(Simulation(scenario(tmp_path, "least-loaded", faults=cut)).finish())
