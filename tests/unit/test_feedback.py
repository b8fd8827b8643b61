"""What a policy that learns is told of the pods it placed; and the bandit, against a ridge regression of its own."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schedulers import MI, Plane, node, template
from simulator.policy import Bind, Placement
from simulator.policy.reference import instantiate


class Listener(Placement):
    """Binds to the first node, and keeps what it hears."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, float]] = []

    def place(self, pod: Any, cluster: Any) -> Any:
        return Bind(0)

    def heard(self, pod: Any, node: str, ready_after_s: float) -> None:
        self.told.append((pod.name, node, ready_after_s))


def made_ready(bed: Plane, pod: Any) -> None:
    pod.phase, pod.ready = "Running", True
    bed.server.changed(pod)
    bed.run(0)


def test_a_policy_hears_once_how_long_a_pod_took_from_its_decision() -> None:
    policy = Listener()
    bed = Plane(1, policy=policy)
    pod = bed.pod("x")
    bed.run(7)
    assert policy.told == []
    made_ready(bed, pod)
    pod.ready = False  # it comes and goes: its start is over
    bed.server.changed(pod)
    made_ready(bed, pod)
    assert policy.told == [("x", "n0", 7.0)]


def test_a_pod_that_ended_before_it_was_ready_never_was_and_one_that_did_its_work_was() -> None:
    policy = Listener()
    bed = Plane(1, policy=policy)
    pods = {name: bed.pod(name) for name in ("bad", "job", "gone")}
    bed.run(3)
    pods["bad"].phase, pods["job"].phase = "Failed", "Succeeded"
    for name in ("bad", "job"):
        bed.server.changed(pods[name])
    bed.server.remove(pods["gone"])
    bed.run(60)
    assert {name: took for name, _, took in policy.told} == {"bad": math.inf, "job": 3.0, "gone": math.inf}


def test_what_the_scheduler_forgot_in_its_death_is_not_told() -> None:
    policy = Listener()
    bed = Plane(1, policy=policy)
    pod = bed.pod("x")
    bed.run(1)
    bed.scheduler.set_up(False)
    bed.scheduler.set_up(True)
    bed.run(1)
    made_ready(bed, pod)
    assert policy.told == []


def test_who_has_not_bound_a_pod_is_not_told_what_became_of_it() -> None:
    """A move says where one pod goes, and the default where another does, for which the policy has no answer."""

    class Silent(Listener):
        def place(self, pod: Any, cluster: Any) -> Any:
            return "nowhere" if pod.name == "odd" else Bind(0)

    policy = Silent()
    bed = Plane(2, policy=policy)
    bed.scheduler.moves.wish("moved", "n1")
    pods = [bed.pod(name) for name in ("moved", "odd", "own")]
    bed.run(1)
    assert [bool(pod.node) for pod in pods] == [True] * 3
    for pod in pods:
        made_ready(bed, pod)
    assert [name for name, *_ in policy.told] == ["own"]


def test_an_error_of_who_hears_is_a_policy_error() -> None:
    class Deaf(Listener):
        def heard(self, pod: Any, node: str, ready_after_s: float) -> None:
            raise RuntimeError("what?")

    bed = Plane(1, policy=Deaf())
    pod = bed.pod("x")
    bed.run(1)
    made_ready(bed, pod)
    assert [row["decision"] for row in bed.decisions()] == ["Bind", "policy_error"]
    assert "what?" in bed.events("PolicyError")[0]["detail"]


def bandit(**params: Any) -> Any:
    return instantiate("contextual-bandit", params, Path(), given=2)


def test_the_bandit_s_weights_are_those_of_a_ridge_regression() -> None:
    """A = I + XᵀX and b = Xᵀr, solved by a least squares of its own."""
    policy = bandit(half=4.0)
    bed = Plane([node(f"n{i}", cpu_m=1000 * (2 + i), speed=1 + i % 3) for i in range(6)], policy=policy)
    rows, rewards = [], []
    for i in range(20):
        pod = bed.pod(f"p{i}", template(100 + 10 * i))
        bed.run(1)
        rows.append(policy._tried[f"p{i}"])
        took = 1 + i % 4
        bed.run(took - 1)
        made_ready(bed, pod)
        rewards.append(4 / (4 + took))
    x = np.vstack([*rows, np.eye(5)])
    expected = np.linalg.lstsq(x, np.append(rewards, np.zeros(5)), rcond=None)[0]
    assert np.linalg.solve(policy._gram, policy._sum) == pytest.approx(expected, rel=1e-9)


def starts(alpha: float) -> list[str]:
    """Where twelve pods go: of four nodes, two have the image, on which pods are ready in 1 s; on others in 60."""
    held = {"img": 50 * MI}
    bed = Plane([node(n, images=held if n in "cd" else {}) for n in "abcd"], policy=bandit(alpha=alpha))
    went = []
    for i in range(12):
        pod = bed.pod(f"p{i}", template(1, 1))
        bed.run(1)
        if pod.node in "ab":
            bed.run(59)
        made_ready(bed, pod)
        went.append(pod.node)
    return went


def test_the_bandit_stays_with_what_starts_soon_and_tries_more_with_a_larger_alpha() -> None:
    assert set(starts(0.5)[3:]) <= set("cd")
    assert sum(n in "ab" for n in starts(8.0)) > sum(n in "ab" for n in starts(0.5))


def test_half_is_the_time_that_is_worth_half() -> None:
    policy = bandit(half=3.0)
    bed = Plane(1, policy=policy)
    pod = bed.pod("x")
    bed.run(3)
    x = policy._tried["x"]
    made_ready(bed, pod)
    assert policy._sum == pytest.approx(0.5 * x)
