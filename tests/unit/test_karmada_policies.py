"""The decision point `clusters`: its names, the judge of its policies, and what the shipped ones do."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.errors import UserError
from simulator.policy import ClusterPolicy, Divide, MembersView, Wait, WorkloadView
from simulator.policy.checks import check_policy, parametrize_policy_checks
from simulator.policy.cluster_checks import CLUSTER_CHECKS, sample_members
from simulator.policy.reference import at_point, instantiate, resolve, shipped_names

SHIPPED = ["aggregated", "duplicated", "dynamic-weight", "forecast", "least-loaded", "spread", "weighted"]


@parametrize_policy_checks([f"clusters/{name}" for name in SHIPPED])
def test_shipped_policy(policy: Any, check: Any) -> None:
    check(policy)


def test_names() -> None:
    assert shipped_names("policies", "clusters") == SHIPPED
    assert not set(SHIPPED) <= set(shipped_names("policies"))
    assert at_point("spread", "clusters") == "clusters/spread"
    assert at_point("./mine.py:Mine", "clusters") == "./mine.py:Mine"
    assert resolve("clusters/least-loaded", Path()) is not resolve("least-loaded", Path())
    with pytest.raises(UserError, match="did you mean spread"):
        resolve("clusters/spraed", Path())


def test_each_says_idea_complexity_and_caveats() -> None:
    for name in SHIPPED:
        words = sys.modules[resolve(f"clusters/{name}", Path()).__module__].__doc__ or ""
        for word in ("Idea:", "Complexity:", "Caveat"):
            assert word in words, f"{name} does not tell its {word}"


class Good(ClusterPolicy):
    """Everything to the first feasible member."""

    def __init__(self, name: str = "x") -> None:
        self.name = name

    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        given = np.zeros(len(members), np.int64)
        if not members.feasible.any():
            return Wait()
        given[int(np.argmax(members.feasible))] = workload.replicas
        return Divide(given)


class Stores(Good):
    def __init__(self, name: str = "x") -> None:
        self.name, self.extra = name, 1


class Unpicklable(Good):
    def __reduce__(self) -> Any:
        raise TypeError("no")

    def __deepcopy__(self, memo: Any) -> Any:
        return self


class Fickle(Good):
    asked = 0

    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        Fickle.asked += 1
        return super().divide(workload, members) if Fickle.asked % 3 else Wait()


class Writes(Good):
    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        members.age_s[:] = 0
        return super().divide(workload, members)


class Nobody(Good):
    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        return super().divide(workload, members) if len(members) else Divide(np.zeros(0, np.int64))


class Stubborn(Good):
    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        answer = super().divide(workload, members)
        return Divide(np.zeros(3, np.int64)) if len(members) and isinstance(answer, Wait) else answer


class Short(Good):
    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        answer = super().divide(workload, members)
        return Divide(answer.replicas - 1) if isinstance(answer, Divide) else answer


class Clock(Good):
    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        time.monotonic()
        return super().divide(workload, members)


class Calendar(Good):
    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        datetime.now(UTC)
        return super().divide(workload, members)


class Dice(Good):
    def divide(self, workload: WorkloadView, members: MembersView) -> Divide | Wait:
        random.random()
        return super().divide(workload, members)


BAD = [
    (Stores(), "check_constructor_only_stores"),
    (Unpicklable(), "check_picklable"),
    (Fickle(), "check_deterministic"),
    (Writes(), "check_view_unchanged"),
    (Nobody(), "check_no_members"),
    (Stubborn(), "check_lost_members"),
    (Short(), "check_valid_divisions"),
    (Clock(), "check_no_wall_clock"),
    (Calendar(), "check_no_wall_clock"),
    (Dice(), "check_no_global_random"),
]


@pytest.mark.parametrize(("policy", "check"), BAD, ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_exactly_one_check_catches_it(policy: Any, check: str) -> None:
    failed = [result.check for result in check_policy(policy, on_fail="collect") if not result.passed]
    assert failed == [check]


def test_every_check_has_a_policy_that_it_catches() -> None:
    assert {check for _, check in BAD} == {check.__name__ for check in CLUSTER_CHECKS}


def first(workload: WorkloadView, members: MembersView) -> Divide | Wait:
    return Good().divide(workload, members)


@pytest.mark.parametrize("policy", [Good(), Good, first, "clusters/weighted"])
def test_a_good_policy_passes_in_every_form(policy: Any) -> None:
    assert all(result.passed for result in check_policy(policy, on_fail="collect", point="clusters"))


# What the shipped ones do.


def divided(name: str, members: MembersView, replicas: int = 10, **params: Any) -> list[int]:
    policy = instantiate(f"clusters/{name}", params, Path(), given=2)
    answer = policy.divide(WorkloadView("web", "Deployment", replicas, 1000, 0), members)
    return answer.replicas.tolist() if isinstance(answer, Divide) else []


def test_weights_and_names() -> None:
    members = sample_members("equal")
    assert divided("weighted", members) == [4, 3, 3]
    assert divided("weighted", members, weights={"member-0": 2, "member-2": 1}, replicas=9) == [6, 0, 3]


def test_duplicated_is_all_of_them_everywhere_it_may_be() -> None:
    assert divided("duplicated", sample_members("unlike")) == [10, 10, 10, 10, 0]


def test_least_loaded_fills_the_emptiest_and_leaves_what_is_there() -> None:
    members = sample_members("unlike")  # 4, 64, 16, 128 cores of which three quarters are free; 1 and 3 copies there
    given = divided("least-loaded", members, replicas=60)
    assert given[0] >= 1
    assert given[3] > given[1] > given[2]
    assert sum(given) == 60


def test_spread_chooses_within_its_bounds() -> None:
    members = sample_members("unlike")
    assert np.count_nonzero(divided("spread", members, least=2, most=2)) == 2
    assert np.count_nonzero(divided("spread", members, least=4)) == 4
    assert divided("spread", members, least=5) == []


def test_forecast_goes_where_load_is_going_away() -> None:
    members = sample_members("equal")
    steps = np.arange(60.0)
    rising, falling, flat = 10_000 + 500 * steps, 40_000 - 500 * steps, np.full(60, 20_000.0)
    history = np.stack([rising, falling, flat])
    free = np.full(3, 48_000)
    view = replace(members, _history=lambda: history, free_cpu_m=free)
    given = divided("forecast", view, replicas=30)
    assert given[1] > given[2] > given[0]
    assert divided("dynamic-weight", view, replicas=30) == [10, 10, 10]  # which looks at now only


def test_the_forecast_of_a_straight_line_is_the_line_and_of_a_season_the_season() -> None:
    forecast = instantiate("clusters/forecast", {"horizon_s": 600.0}, Path(), given=2)
    line = 100.0 + 5 * np.arange(120.0)[None]
    assert forecast.forecast(line, 60.0) == pytest.approx([100 + 5 * 129], rel=0.001)
    day = instantiate("clusters/forecast", {"horizon_s": 360.0, "season_s": 1440.0}, Path(), given=2)
    wave = 1000 + 300 * np.sin(2 * np.pi * np.arange(120.0) / 24)[None]
    ahead = 1000 + 300 * np.sin(2 * np.pi * 125 / 24)
    assert day.forecast(wave, 60.0) == pytest.approx([ahead], rel=0.01)


def test_a_forecast_begins_where_the_past_does() -> None:
    """What nobody knew was not an empty member: of a flat past of five minutes the forecast is flat, too."""
    forecast = instantiate("clusters/forecast", {}, Path(), given=2)
    flat, rising = np.full(5, 1000.0), 1000.0 + 100 * np.arange(5)
    history = np.concatenate([np.full((2, 115), np.nan), np.stack([flat, rising])], 1)
    found = forecast.forecast(history, 60.0)
    assert found[0] == pytest.approx(1000)
    assert found[1] > 1400 + 15 * 20
