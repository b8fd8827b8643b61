"""Each check catches the policy that breaks its promise, and no other check minds."""

import random
import time
from dataclasses import replace

import numpy as np
import pytest

from simulator.errors import UserError
from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait
from simulator.policy.checks import check_policy
from simulator.policy.placement_checks import PLACEMENT_CHECKS, check_no_global_random
from simulator.policy.promises import CheckFailed
from simulator.policy.samples import PODS, sample_cluster


class Good(Placement):
    """The first that fits."""

    def __init__(self, alpha: float = 0.5) -> None:
        self.alpha = alpha

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        fits = cluster.feasible(pod)
        return Bind(int(np.argmax(fits))) if fits.any() else Wait()


class Computes(Good):
    def __init__(self, alpha: float = 0.5) -> None:
        self.alpha = alpha * 2


class StoresMore(Good):
    def __init__(self, alpha: float = 0.5) -> None:
        self.alpha = alpha
        self.table = {"a": 1}


class KeepsNothing(Good):
    def __init__(self, alpha: float = 0.5) -> None:
        self._a = alpha


def _local() -> Placement:
    class Local(Good):
        pass

    return Local()


class Fickle(Good):
    asked = 0

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        Fickle.asked += 1
        fits = np.flatnonzero(cluster.feasible(pod))
        return Bind(int(fits[Fickle.asked % len(fits)])) if len(fits) else Wait()


class WritesColumn(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        decision = super().place(pod, cluster)
        cluster.free_cpu_m[:1] -= 1
        return decision


class WritesLabels(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        for labels in cluster.labels:
            labels["seen"] = "yes"  # type: ignore[index]  # what a policy must not do
        return super().place(pod, cluster)


class EmptyBlind(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        return super().place(pod, cluster) if len(cluster) else Bind(0)


class FullBlind(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        return Bind(0) if len(cluster) and not cluster.free_cpu_m.any() else super().place(pod, cluster)


class Unfit(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        fits = cluster.feasible(pod)
        return Bind(int(np.argmin(fits))) if fits.any() else Wait()


class Beyond(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        return Bind(len(cluster)) if cluster.feasible(pod).any() else Wait()


class Nonsense(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        return 3 if cluster.feasible(pod).any() else Wait()  # type: ignore[return-value]  # the point


class Raises(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        return Wait() if not cluster.feasible(pod).any() else Bind({}["no"])


class AsksOfAnother(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        return super().place(replace(pod, cpu_m=0), cluster) if cluster.feasible(pod).any() else Wait()


class Clock(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        time.monotonic()
        return super().place(pod, cluster)


class Dice(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        random.random()
        return super().place(pod, cluster)


class NumpyDice(Good):
    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        np.random.random()  # noqa: NPY002  # the point
        return super().place(pod, cluster)


class HearsTheClock(Good):
    def heard(self, pod: PodView, node: str, ready_after_s: float) -> None:
        time.monotonic()


class HearsByLot(Good):
    def heard(self, pod: PodView, node: str, ready_after_s: float) -> None:
        random.random()


class HearsNoEnd(Good):
    def heard(self, pod: PodView, node: str, ready_after_s: float) -> None:
        round(ready_after_s)


class HearsForAll(Good):
    told = 0

    def heard(self, pod: PodView, node: str, ready_after_s: float) -> None:
        HearsForAll.told += 1

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        fits = np.flatnonzero(cluster.feasible(pod))
        return Bind(int(fits[self.told % len(fits)])) if len(fits) else Wait()


def good(pod: PodView, cluster: ClusterView) -> Decision:
    return Good().place(pod, cluster)


BAD = [
    (Computes(), "check_constructor_only_stores"),
    (StoresMore(), "check_constructor_only_stores"),
    (KeepsNothing(), "check_constructor_only_stores"),
    (_local(), "check_picklable"),
    (lambda pod, cluster: Wait(), "check_picklable"),
    (Fickle(), "check_deterministic"),
    (WritesColumn(), "check_view_unchanged"),
    (WritesLabels(), "check_view_unchanged"),
    (EmptyBlind(), "check_empty_cluster"),
    (FullBlind(), "check_full_cluster"),
    (Unfit(), "check_valid_decisions"),
    (Beyond(), "check_valid_decisions"),
    (Nonsense(), "check_valid_decisions"),
    (Raises(), "check_valid_decisions"),
    (AsksOfAnother(), "check_valid_decisions"),
    (Clock(), "check_no_wall_clock"),
    (Dice(), "check_no_global_random"),
    (NumpyDice(), "check_no_global_random"),
    (HearsTheClock(), "check_no_wall_clock"),
    (HearsByLot(), "check_no_global_random"),
    (HearsNoEnd(), "check_valid_decisions"),
    (HearsForAll(), "check_deterministic"),
]


@pytest.mark.parametrize(("policy", "check"), BAD, ids=lambda x: x if isinstance(x, str) else type(x).__name__)
def test_exactly_one_check_catches_it(policy, check):
    failed = [result.check for result in check_policy(policy, on_fail="collect") if not result.passed]
    assert failed == [check]


def test_every_check_has_a_policy_that_it_catches():
    assert {check for _, check in BAD} == {check.__name__ for check in PLACEMENT_CHECKS}


@pytest.mark.parametrize("policy", [Good(), Good, good, "least-loaded"], ids=["instance", "class", "function", "name"])
def test_a_good_policy_passes_in_every_form(policy):
    assert all(result.passed for result in check_policy(policy, on_fail="collect"))


def test_the_first_failure_is_raised_with_what_to_do():
    with pytest.raises(CheckFailed, match=r"calls monotonic: simulated time is cluster\.now_s"):
        check_policy(Clock())


def test_the_global_generators_are_put_back():
    before = random.getstate()
    with pytest.raises(CheckFailed, match="draws from random"):
        check_no_global_random(Dice())
    assert random.getstate() == before


def test_a_reference_to_nothing_is_the_users_error():
    with pytest.raises(UserError, match="did you mean least-loaded"):
        check_policy("least-loadd")


def test_sample_clusters_are_what_they_say():
    web, best_effort, learn, share, giant = PODS
    assert len(sample_cluster("empty", web)) == 0
    assert not sample_cluster("full", best_effort).feasible(best_effort).any()
    view = sample_cluster("heterogeneous", learn)
    fits = view.feasible(learn)
    assert fits.any()
    assert not fits.all()
    assert not sample_cluster("heterogeneous", giant).feasible(giant).any()
    one = sample_cluster("uniform", share)
    assert (one.feasible(share) == (one.free_devices["nvidia.com/gpu"] >= 500).any(axis=1)).all()
    assert (view.why_not(learn)[0].who, len(view.why_not(learn))) == ("NodeResourcesFit", int((~fits).sum()))
