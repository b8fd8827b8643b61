"""What the checks of filters and scores refuse, one promise each, and that what keeps them passes."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

from commands import littoral
from simulator.policy import ClusterView, Filter, PodView, Score
from simulator.policy.checks import check_policy


class Roomy(Filter):
    def __init__(self, least: float = 0.1) -> None:
        self.least = least

    def passes(self, pod: PodView, cluster: ClusterView) -> Any:
        return cluster.free_cpu_m >= self.least * cluster.allocatable_cpu_m


class Fast(Score):
    def score(self, pod: PodView, cluster: ClusterView, where: Any) -> Any:
        return 100 * cluster.speed / cluster.speed.max(initial=1.0)


def writes(pod: PodView, cluster: ClusterView) -> Any:
    cluster.pods[:] = 0
    return cluster.ready


def clocked(pod: PodView, cluster: ClusterView) -> Any:
    return cluster.speed < time.time()  # noqa: TID251  # what is to be found


@pytest.mark.parametrize(
    ("point", "policy", "check", "said"),
    [
        ("filter", lambda pod, cluster: None, "valid_answers", "it must be a boolean column, a row per node"),
        ("filter", lambda pod, cluster: cluster.speed, "valid_answers", "it must be a boolean column"),
        ("filter", lambda pod, cluster: cluster.ready[1:], "valid_answers", "it must be a boolean column"),
        ("filter", lambda pod, cluster: 1 / 0, "valid_answers", "it raises ZeroDivisionError"),
        ("filter", writes, "view_unchanged", "it changes what it sees"),
        ("filter", clocked, "no_wall_clock", "simulated time is cluster.now_s"),
        ("score", lambda pod, cluster, where: 1, "valid_answers", "it must be a column of numbers"),
        ("score", lambda pod, cluster, where: 101 * cluster.speed, "valid_answers", "it must be 0 to 100"),
        ("score", lambda pod, cluster, where: np.nan * cluster.speed, "valid_answers", "it must be 0 to 100"),
        ("score", lambda pod, cluster, where: np.random.random(len(cluster)), "deterministic", "and asked again"),  # noqa: NPY002
        ("score", lambda pod, cluster, where: np.random.random(len(cluster)), "no_global_random", "cluster.uniform"),  # noqa: NPY002
    ],
)  # fmt: skip
def test_a_promise_that_is_broken_is_named(point: Any, policy: Any, check: str, said: str) -> None:
    results = {each.check: each for each in check_policy(policy, "collect", point=point)}
    assert said in results[f"check_{check}"].message


def test_what_keeps_them_passes_as_a_class_and_as_a_function() -> None:
    for plugin in (Roomy, Roomy(0.5), Fast):
        assert all(each.passed for each in check_policy(plugin))


def test_the_command_line_judges_them() -> None:
    assert littoral("check-policy", f"{__name__}:Roomy", "--param", "least=0.2").status == 0
    assert littoral("check-policy", f"{__name__}:writes", "--point", "filter").status == 1
