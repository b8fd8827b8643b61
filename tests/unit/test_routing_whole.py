"""Policies for routing in whole scenarios: by the simulation, by somebody outside, and what becomes of bad answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios import digest, edge_site
from simulator.errors import RunFailed, UserError
from simulator.policy.reference import instantiate
from simulator.simulation.entry import check
from simulator.simulation.simulation import Simulation
from simulator.spec.arrivals import Arrivals
from simulator.spec.quantity import Duration
from simulator.spec.scenario import Scenario

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
        "topology": edge_site(3),
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


def test_a_policy_that_never_had_a_choice_is_said_to_have_decided_nothing(tmp_path: Path) -> None:
    of = scenario(tmp_path, "power-of-two-choices")
    one = of.workloads[0].model_copy(update={"replicas": 1})
    for workloads, said in ((of.workloads, False), ((one, of.workloads[1]), True)):
        for name in ("power-of-two-choices", "round-robin"):
            text = scenario(tmp_path, name).model_copy(update={"workloads": workloads, "duration": Duration("2s")})
            checked = check({"scenario": text.dump()}, tmp_path)
            assert not any("has decided nothing" in warning for warning in checked)  # nothing has run
            run = Simulation(text.placed(tmp_path, {})).finish()
            assert any("policies.routing has decided nothing" in warning for warning in run.warnings) == said
