"""Each score against numbers worked by hand from Kubernetes' formulas."""

from __future__ import annotations

from typing import Any

import pytest

from schedulers import GI, MI, Plane, kubernetes, node, template
from simulator.control.api.objects import Pod, ReplicaSet, Service
from simulator.control.scheduling import explain
from simulator.errors import UserError
from simulator.world.pod import (
    ContainerTemplate,
    PodAffinityTerm,
    PodTemplate,
    Requirement,
    SpreadConstraint,
    Toleration,
)

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
APP = (Requirement("app", "In", ("app",)),)


def unweighted(score: str, nodes: list[Any], of: PodTemplate, placed: Any = (), *, owner: Any = None) -> list[float]:
    """What one score gives each node for a pod, before its weight; all nodes must be feasible."""
    plane = Plane(nodes, None, kubernetes(scores=((score, 1),)))
    for i, (where, kind) in enumerate(placed):
        plane.server.create(Pod(name=f"p{i}", template=kind, node=where, owner=owner))
    plane.server.create(Pod(name="new", template=of, owner=owner))
    plane.run(0)
    ask = plane.scheduler.pending
    assert ask.cluster.feasible(ask.pod).all()
    return ask.cluster.scores(ask.pod, ask.cluster.feasible(ask.pod)).tolist()


# NodeResourcesFit: (4000 - 1000 - 500) * 100 // 4000 = 62, and (8 - 1 - 1) * 100 // 8 = 75 of memory: 137 // 2.


def test_least_allocated_is_the_mean_of_the_free_percentages_rounded_down():
    busy, new = template(1000, GI), template(500, GI)
    assert unweighted("NodeResourcesFit", [node("a"), node("b")], new, [("a", busy)]) == [68, (87 + 87) // 2]


def test_containers_without_requests_count_as_small_ones():
    nothing = template(0, 0)
    # 100 of 4000 millicores and 200 MiB of 8 GiB: (97 + 97) // 2; a second such pod: 95 and 95.
    assert unweighted("NodeResourcesFit", [node("a"), node("b")], nothing, [("a", nothing)]) == [95, 97]


def test_init_containers_and_overhead_count_as_the_scheduler_counts_them():
    main = ContainerTemplate("main", "img", 1000, GI)
    init = ContainerTemplate("init", "img", 0, 3 * GI, has_cpu_request=False)
    of = PodTemplate("w", {}, (main,), (init,), cpu_m=1000 + 200, ram_bytes=3 * GI + GI)  # overhead: 200 m and 1 GiB
    # cpu: max(1000, 100) + 200 = 1200 of 4000: 70; memory: max(1, 3) + 1 = 4 of 8 GiB: 50.
    assert unweighted("NodeResourcesFit", [node("a")], of) == [60]


def test_a_resource_of_which_a_node_has_none_is_left_out():
    assert unweighted("NodeResourcesFit", [node("a", ram_bytes=0)], template(1000, 0)) == [75]


def test_balanced_allocation_is_one_less_half_the_distance_of_the_fractions():
    # 1000 of 4000 and 1 of 8 GiB: (1 - |0.25 - 0.125| / 2) * 100 = 93.75.
    assert unweighted("NodeResourcesBalancedAllocation", [node("a")], template(1000, GI)) == [93]
    # Requests as they are set: a pod without any is in balance.
    assert unweighted("NodeResourcesBalancedAllocation", [node("a")], template(0, 0)) == [100]


# ImageLocality: 100 * (bytes on the node * holders / nodes - 23 MiB) // (1000 MiB * containers - 23 MiB).


@pytest.mark.parametrize(
    ("size", "points"), [(40 * MI, 0), (46 * MI, 0), (523 * MI, 24), (1000 * MI, 48), (3000 * MI, 100)]
)
def test_image_locality_is_scaled_by_how_many_nodes_hold_the_image(size, points):
    assert unweighted("ImageLocality", [node("a", images={"img": size}), node("b")], template()) == [points, 0]


def test_image_locality_of_two_containers_one_of_them_init():
    container = ContainerTemplate("main", "img")
    of = PodTemplate("w", {}, (container,), (container,))
    # twice 500 MiB: 100 * (1000 - 23) // (2000 - 23) = 49
    assert unweighted("ImageLocality", [node("a", images={"img": 1000 * MI}), node("b")], of) == [49, 0]


# TaintToleration and NodeAffinity: shares of the largest.


def test_taints_that_are_only_to_be_preferred_not():
    soft = [("x", "", "PreferNoSchedule"), ("y", "", "PreferNoSchedule"), ("z", "", "PreferNoSchedule")]
    nodes = [node("a"), node("b", taints=soft[:1]), node("c", taints=soft)]
    assert unweighted("TaintToleration", nodes, template()) == [100, 100 - 33, 0]
    tolerant = template(tolerations=(Toleration("z", "Exists", "", "NoSchedule"), Toleration("y", "Exists")))
    assert unweighted("TaintToleration", nodes, tolerant) == [100, 50, 0]


def test_preferred_node_affinity_is_the_share_of_the_largest_sum_of_weights():
    of = template(
        node_preferences=((30, (Requirement("disk", "In", ("ssd",)),)), (40, (Requirement("rack", "Exists"),)))
    )
    nodes = [node("a", labels={"disk": "ssd", "rack": "1"}), node("b", labels={"disk": "ssd"}), node("c")]
    assert unweighted("NodeAffinity", nodes, of) == [100, 30 * 100 // 70, 0]


# PodTopologySpread.


def test_own_soft_constraint_by_host():
    of = template(spread=(SpreadConstraint(1, HOST, APP, "ScheduleAnyway"),))
    placed = [("a", of)] * 5 + [("b", of)] * 2
    # raw: pods * ln(3 + 2) + 0 = 8.05, 3.22, 0: rounded 8, 3, 0; shares (8 + 0 - raw) * 100 // 8.
    assert unweighted("PodTopologySpread", [node("a"), node("b"), node("c")], of, placed) == [0, 62, 100]


def test_own_soft_constraint_without_the_label_is_worst():
    of = template(spread=(SpreadConstraint(1, "rack", APP, "ScheduleAnyway"),))
    nodes = [node("a", labels={"rack": "1"}), node("b", labels={"rack": "2"}), node("c")]
    # raw: 1 * ln(2 + 2) = 1.386 and 0: 1 and 0.
    assert unweighted("PodTopologySpread", nodes, of, [("a", of), ("c", of)]) == [0, 100, 0]


def test_default_constraints_for_a_pod_with_an_owner():
    of, other = template(), template()  # equal labels, another owner
    owner = ReplicaSet(name="rs", template=of)
    nodes = [node("a", zone="z1"), node("b", zone="z1"), node("c", zone="z2")]
    placed = [("a", of), ("a", of), ("c", of), ("b", other)]
    # hostname, skew 3: pods * ln(3 + 2) + 2; zone, skew 5: pods * ln(2 + 2) + 4.
    # a: 2 * 1.609 + 2 + 2 * 1.386 + 4 = 11.99; b: 0 + 2 + 2.773 + 4 = 8.77; c: 1.609 + 2 + 1.386 + 4 = 8.996.
    assert unweighted("PodTopologySpread", nodes, of, placed, owner=owner) == [
        (12 + 9 - 12) * 100 // 12,
        (12 + 9 - 9) * 100 // 12,
        (12 + 9 - 9) * 100 // 12,
    ]


def test_pods_being_deleted_are_spread_against_no_more():
    of = template(spread=(SpreadConstraint(1, HOST, APP, "ScheduleAnyway"),))
    plane = Plane([node("a"), node("b")], None, kubernetes(scores=(("PodTopologySpread", 1),)))
    leaving = plane.server.create(Pod(name="old", template=of, node="a"))
    plane.server.mark_deleted(leaving)
    plane.pod("new", of)
    plane.run(0)
    ask = plane.scheduler.pending
    assert ask.cluster.scores(ask.pod, ask.cluster.feasible(ask.pod)).tolist() == [100, 100]
    assert ask.cluster.pods.tolist() == [1, 0]  # though it holds its place until it is gone


def test_a_bare_pod_is_spread_only_by_a_service_that_selects_it():
    def scored(service: bool) -> list[float]:
        plane = Plane([node("a"), node("b")], None, kubernetes(scores=(("PodTopologySpread", 1),)))
        if service:
            plane.server.create(Service(name="svc", selector=APP))
        plane.server.create(Pod(name="old", template=template(), node="a"))
        plane.pod("new", template())
        plane.run(0)
        ask = plane.scheduler.pending
        return ask.cluster.scores(ask.pod, ask.cluster.feasible(ask.pod)).tolist()

    assert scored(service=False) == [0, 0]
    # raw: ln(4) + 2 + ln(3) + 4 = 8.48 and 0 + 2 + ln(3) + 4 = 7.10: 8 and 7; (8 + 7 - raw) * 100 // 8.
    assert scored(service=True) == [87, 100]


# InterPodAffinity.


def test_preferred_affinity_of_the_pod_and_of_others_is_scaled_from_least_to_largest():
    near = template(workload="near", pod_affinity=(PodAffinityTerm(APP, HOST, 0),))  # required: counts 1
    wary = template(workload="wary", pod_anti_affinity=(PodAffinityTerm(APP, HOST, 40),))
    friend = template(workload="friend")
    of = template(pod_affinity=(PodAffinityTerm((Requirement("app", "In", ("friend",)),), HOST, 10),))
    nodes = [node("a"), node("b"), node("c"), node("d")]
    placed = [("a", friend), ("a", friend), ("b", near), ("c", wary)]
    # a: 2 * 10, b: 1, c: -40, d: 0; (raw + 40) / 60.
    assert unweighted("InterPodAffinity", nodes, of, placed) == [100, 68, 0, 66]


def test_the_pods_own_preferred_anti_affinity_counts_against():
    of = template(pod_anti_affinity=(PodAffinityTerm((Requirement("app", "In", ("friend",)),), HOST, 10),))
    friend = template(workload="friend")
    placed = [("a", friend), ("a", friend), ("b", friend)]
    assert unweighted("InterPodAffinity", [node("a"), node("b"), node("c")], of, placed) == [0, 50, 100]


def test_affinity_over_a_zone_counts_the_whole_zone():
    friend = template(workload="friend")
    of = template(pod_affinity=(PodAffinityTerm((Requirement("app", "In", ("friend",)),), ZONE, 10),))
    nodes = [node("a", zone="z1"), node("b", zone="z1"), node("c", zone="z2"), node("d", zone="")]
    assert unweighted("InterPodAffinity", nodes, of, [("a", friend)]) == [100, 100, 0, 0]


# Together.


def test_scores_are_summed_by_the_weights_of_the_page():
    plane = Plane([node("a"), node("b", taints=[("x", "", "PreferNoSchedule")])], None)
    plane.pod("new", template(1000, GI))
    plane.run(0)
    first, second = explain(plane.scheduler.pending)
    # 75 and 87 of LeastAllocated make 81; balance 93; tainted or not, 3 * 100.
    assert (first.node, first.total) == ("a", 300 + 81 + 93)
    assert (second.node, second.total) == ("b", 81 + 93)
    assert str(first) == "a: 474 = TaintToleration 300 + NodeResourcesFit 81 + NodeResourcesBalancedAllocation 93"


def test_names_that_are_no_filter_or_score_are_all_reported():
    with pytest.raises(UserError) as caught:
        Plane(1, None, kubernetes(filters=("NodeResourceFit",), scores=(("Imagelocality", 1), ("x", 1))))
    assert [p.hint.split(":")[0] for p in caught.value.problems] == [
        "did you mean NodeResourcesFit?",
        "did you mean ImageLocality?",
        "known",
    ]
