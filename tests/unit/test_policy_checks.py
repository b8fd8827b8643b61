"""Each check catches the policy that breaks its promise, and no other check minds."""

import random
import time
from dataclasses import replace

import numpy as np
import pytest

from simulator.errors import UserError
from simulator.policy import Bind, ClusterView, Decision, Filter, Order, Placement, PodView, Reason, Score, Wait
from simulator.policy.checks import check_policy
from simulator.policy.order_checks import ORDER_CHECKS
from simulator.policy.placement_checks import PLACEMENT_CHECKS, check_no_global_random
from simulator.policy.points import point_of, unwritten
from simulator.policy.promises import CheckFailed
from simulator.policy.routing_checks import SPLIT_CHECKS
from simulator.policy.samples import PODS, sample_cluster
from simulator.policy.view import Bools, Floats


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


class OldScore(Score):
    def score(self, pod: PodView, cluster: ClusterView, where: Bools) -> Floats:
        return 101 * np.ones(len(cluster))


class NoReason(Filter):
    def passes(self, pod: PodView, cluster: ClusterView) -> Bools:
        return cluster.free_cpu_m > 3000

    def why_not(self, pod: PodView, cluster: ClusterView, node: int) -> Reason:
        return "too little"  # type: ignore[return-value]  # the point


def small(pod: PodView, cluster: ClusterView) -> Bools:
    return cluster.free_cpu_m <= 4000


def numbers(pod: PodView, cluster: ClusterView) -> Bools:
    return cluster.free_cpu_m  # type: ignore[return-value]  # the point


def spare(pod: PodView, cluster: ClusterView, where: Bools) -> Floats:
    return np.where(where, 50.0, np.nan)


def writes(pod: PodView, cluster: ClusterView, where: Bools) -> Floats:
    where[:] = False
    return np.zeros(len(cluster))


@pytest.mark.parametrize(
    ("policy", "failed"),
    [
        (small, []), (spare, []), (OldScore(), ["check_valid_answers"]), (NoReason(), ["check_valid_answers"]),
        (numbers, ["check_valid_answers"]), (writes, ["check_view_unchanged"]),
    ],
)  # fmt: skip
def test_plug_ins_for_filters_and_scores_are_held_to_what_a_scheduler_takes(policy, failed):
    assert [result.check for result in check_policy(policy, on_fail="collect") if not result.passed] == failed


def test_what_is_computed_is_read_only_as_in_a_run():
    def in_place(pod, cluster):
        fits = cluster.feasible(pod)
        fits &= cluster.ready
        return Bind(int(np.argmax(fits))) if fits.any() else Wait()

    with pytest.raises(CheckFailed, match="read-only"):
        [check(in_place) for check in PLACEMENT_CHECKS if check.__name__ == "check_valid_decisions"]


@pytest.mark.parametrize(
    ("policy", "point"),
    [
        (lambda pod, cluster: Wait(), "placement"), (small, "filter"), (spare, "score"),
        (lambda pod: 0.0, "order"), (lambda request, endpoints: 0, "routing"),
        (lambda pod, cluster, placed: None, "preemption"), (lambda cluster, placed: [], "rescheduling"),
        (lambda workload: 1, "autoscaling"), (lambda workload, members: Wait(), "clusters"),
        (lambda cluster, images: [], "caching"), (lambda function: None, "scaling"),
        (lambda a, b: 0, None), (max, None), (Good, "placement"), (OldScore(), "score"), (3, None),
    ],
)  # fmt: skip
def test_a_policy_says_itself_for_which_point_it_is(policy, point):
    assert point_of(policy) == point


def test_shipped_names_are_found_at_their_only_point_and_a_wrong_point_is_refused():
    assert len(check_policy("nearest")) == len(SPLIT_CHECKS)
    assert len(check_policy("least-loaded")) == len(PLACEMENT_CHECKS)  # of placement, though others have one
    with pytest.raises(UserError, match="nearest is a policy for routing, not for order"):
        check_policy("routing/nearest", point="order")
    with pytest.raises(UserError, match="int is no policy"):
        check_policy(3)
    with pytest.raises(UserError, match="best-fit is a policy for placement"):
        check_policy("best-fit", point="routing")


def test_one_class_may_be_for_two_points():
    class Both(Good, Order):
        def rank(self, pod: PodView) -> float:
            return 0.0

    assert [r.check for r in check_policy(Both(), "collect") if not r.passed] == ["check_picklable"]  # it is local
    asked_as_order = check_policy(Both(), "collect", point="order")
    assert len(asked_as_order) == len(ORDER_CHECKS)
    assert (unwritten(Both(), (Order,)), unwritten(Order(), (Order,))) == ("", "rank")
