"""Each filter: whom it refuses, in which words, and whether waiting can help."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schedulers import GI, Plane, kubernetes, node, template
from simulator.control.api.objects import Node, Pod
from simulator.control.scheduling import explain
from simulator.policy import Filter, Reason, Score, Wait
from simulator.policy.reference import instantiate
from simulator.world.pod import ContainerTemplate, PodAffinityTerm, Requirement, SpreadConstraint, Toleration

HOST, ZONE, ARCH = "kubernetes.io/hostname", "topology.kubernetes.io/zone", "kubernetes.io/arch"
APP = (Requirement("app", "In", ("app",)),)
OTHER = (Requirement("app", "In", ("other",)),)


def verdicts(nodes: list[Node], of: Any, placed: Any = (), settings: Any = None) -> dict[str, str]:
    """Node by node: `feasible`, or when and why not."""
    plane = Plane(nodes, None, settings)
    for i, (where, kind) in enumerate(placed):
        plane.server.create(Pod(name=f"p{i}", template=kind, node=where))
    plane.pod("new", of)
    plane.run(0)
    return {
        v.node: v.verdict if not v.reasons else f"{v.verdict}: {'; '.join(r.text for r in v.reasons)}"
        for v in explain(plane.scheduler.pending)
    }


def test_node_resources_fit_says_each_resource_and_never_where_the_empty_node_is_too_small():
    nodes = [
        node("fits", extended={"gpu": 1}),
        node("busy", extended={"gpu": 1}),
        node("small", cpu_m=500, ram_bytes=GI, extended={"gpu": 1}),
        node("no-gpu"),
        node("crowded", max_pods=1, extended={"gpu": 1}),
    ]
    of = template(1000, 2 * GI, extended={"gpu": 1})
    placed = [("busy", template(3500, GI, extended={"gpu": 1})), ("crowded", template(0, 0))]
    assert verdicts(nodes, of, placed) == {
        "fits": "feasible",
        "busy": "not now: Insufficient cpu; Insufficient gpu",
        "small": "never: Insufficient cpu; Insufficient memory",
        "no-gpu": "never: Insufficient gpu",
        "crowded": "not now: Too many pods",
    }


def test_a_pod_that_requests_nothing_fits_where_nothing_is_free():
    assert verdicts([node("a")], template(0, 0), [("a", template(4000, 8 * GI))]) == {"a": "feasible"}


def test_what_is_exactly_free_is_enough():
    placed = [("a", template(3000, 7 * GI))]
    assert verdicts([node("a")], template(1000, GI), placed) == {"a": "feasible"}
    assert verdicts([node("a")], template(1001, GI), placed) == {"a": "not now: Insufficient cpu"}
    assert verdicts([node("a")], template(1000, GI + 1), placed) == {"a": "not now: Insufficient memory"}


def test_taints_of_a_condition_will_go_and_others_stay():
    nodes = [
        node("down", taints=[("node.kubernetes.io/unreachable", "", "NoExecute")]),
        node("own", taints=[("team", "red", "NoSchedule")]),
        node("soft", taints=[("team", "red", "PreferNoSchedule")]),
    ]
    assert verdicts(nodes, template()) == {
        "soft": "feasible",
        "down": "not now: node(s) had untolerated taint {node.kubernetes.io/unreachable: }",
        "own": "never: node(s) had untolerated taint {team: red}",
    }
    tolerant = template(tolerations=(Toleration("team", "Equal", "red"), Toleration("", "Exists", "", "NoExecute")))
    assert set(verdicts(nodes, tolerant).values()) == {"feasible"}


def test_cordoned_nodes_are_for_those_who_tolerate_it():
    daemon = template(tolerations=(Toleration("node.kubernetes.io/unschedulable", "Exists", "", "NoSchedule"),))
    assert verdicts([node("a", unschedulable=True)], template()) == {"a": "not now: node(s) were unschedulable"}
    assert verdicts([node("a", unschedulable=True)], daemon) == {"a": "feasible"}


@pytest.mark.parametrize(
    "of",
    [
        template(node_selector={ARCH: "arm64"}),
        template(node_affinity=((Requirement(ARCH, "In", ("arm64", "arm")),),)),
        template(node_affinity=((Requirement("disk", "Exists"),), (Requirement(ARCH, "NotIn", ("amd64",)),))),
    ],
    ids=["selector", "affinity", "one term of two"],
)
def test_node_affinity_and_selector(of):
    nodes = [node("pi", platform="linux/arm64"), node("pc")]
    assert verdicts(nodes, of) == {
        "pi": "feasible",
        "pc": "never: node(s) didn't match Pod's node affinity/selector",
    }


def test_the_architecture_alone_is_no_filter_as_in_kubernetes():
    assert verdicts([node("pi", platform="linux/arm64")], template(platforms=frozenset({"linux/amd64"}))) == {
        "pi": "feasible"
    }


def test_node_name():
    assert verdicts([node("a"), node("b")], template(node_name="b")) == {
        "b": "feasible",
        "a": "never: node(s) didn't match the requested node name",
    }


def test_node_ports():
    of = template(containers=(ContainerTemplate("c", "img", host_ports=(80, 443)),))
    one = template(containers=(ContainerTemplate("c", "img", host_ports=(443,)),))
    assert verdicts([node("a"), node("b")], of, [("a", one)]) == {
        "b": "feasible",
        "a": "not now: node(s) didn't have free ports for the requested pod ports",
    }


def test_topology_spread_counts_only_where_the_pod_may_go():
    of = template(spread=(SpreadConstraint(1, ZONE, APP),), node_selector={ARCH: "amd64"})
    nodes = [
        node("a", zone="z1"),
        node("b", zone="z2"),
        node("no-zone", zone=""),
        node("pi", zone="z3", platform="linux/arm64"),  # its zone is empty, and does not count
    ]
    skewed = "not now: node(s) didn't match pod topology spread constraints"
    assert verdicts(nodes, of, [("a", of)]) == {
        "a": skewed,
        "b": "feasible",
        "no-zone": "never: node(s) didn't match pod topology spread constraints (missing required label)",
        "pi": "never: node(s) didn't match Pod's node affinity/selector",
    }
    assert verdicts(nodes, of, [("a", of), ("b", of)])["a"] == "feasible"


def test_the_first_of_a_series_that_wants_to_be_together_may_go_anywhere():
    together = template(pod_affinity=(PodAffinityTerm(APP, ZONE),))
    nodes = [node("a", zone="z1"), node("b", zone="z2"), node("no-zone", zone="")]
    elsewhere = "not now: node(s) didn't match pod affinity rules"
    assert verdicts(nodes, together) == {"a": "feasible", "b": "feasible", "no-zone": elsewhere}
    assert verdicts(nodes, together, [("a", together)]) == {"a": "feasible", "b": elsewhere, "no-zone": elsewhere}
    apart = template(pod_affinity=(PodAffinityTerm(OTHER, ZONE),))
    assert set(verdicts(nodes, apart).values()) == {elsewhere}


def test_anti_affinity_works_both_ways():
    alone = template(pod_anti_affinity=(PodAffinityTerm(OTHER, HOST),))
    other = template(workload="other")
    assert verdicts([node("a"), node("b")], alone, [("a", other)]) == {
        "b": "feasible",
        "a": "not now: node(s) didn't match pod anti-affinity rules",
    }
    assert verdicts([node("a"), node("b")], other, [("a", alone)]) == {
        "b": "feasible",
        "a": "not now: node(s) didn't satisfy existing pods anti-affinity rules",
    }


def test_nodes_without_the_label_are_in_no_common_domain():
    alone = template(pod_anti_affinity=(PodAffinityTerm(APP, ZONE),))
    nodes = [node("a", zone=""), node("b", zone=""), node("c", zone="z")]
    assert set(verdicts(nodes, alone, [("a", template())]).values()) == {"feasible"}
    assert set(verdicts(nodes, template(), [("a", alone)]).values()) == {"feasible"}


def test_an_existing_pods_anti_affinity_holds_for_templates_seen_before_it_came():
    other, alone = template(workload="other"), template(pod_anti_affinity=(PodAffinityTerm(OTHER, HOST),))
    plane = Plane([node("a")], None)
    plane.pod("first", other)
    plane.run(0)
    ask = plane.scheduler.pending
    assert ask.cluster.feasible(ask.pod).all()  # compiled while nobody has such a term
    plane.scheduler.answer(Wait())
    plane.server.create(Pod(name="alone", template=alone, node="a"))
    plane.pod("second", other)
    plane.run(0)
    ask = plane.scheduler.pending
    assert ask.cluster.why_not(ask.pod)[0].text == "node(s) didn't satisfy existing pods anti-affinity rules"


def test_the_first_filter_that_refuses_gives_the_reason():
    refused = [node("a", unschedulable=True, taints=[("x", "", "NoSchedule")], cpu_m=0)]
    assert verdicts(refused, template()) == {"a": "not now: node(s) were unschedulable"}


# Plug-ins.


class OnlyFast(Filter):
    def passes(self, pod, cluster):
        return cluster.speed >= 2.0


class PreferFast(Score):
    def score(self, pod, cluster, where):
        return np.where(where, 100 * cluster.speed / cluster.speed.max(), 0)


class Odd(Filter):
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def passes(self, pod, cluster):
        return self.answer


def test_a_users_filter_composes_with_its_words():
    settings = kubernetes(filters=(*kubernetes().filters, OnlyFast()))
    assert verdicts([node("slow"), node("fast", speed=2.0)], template(), settings=settings) == {
        "fast": "feasible",
        "slow": "not now: did not pass",
    }


def test_a_users_score_composes_with_its_weight():
    plane = Plane([node("slow"), node("fast", speed=2.0)], None, kubernetes(scores=((PreferFast(), 2.5),)))
    plane.pod("new")
    plane.run(0)
    assert [(v.node, v.total) for v in explain(plane.scheduler.pending)] == [("fast", 250.0), ("slow", 125.0)]


def only_fast(pod, cluster):
    return cluster.speed >= 2.0


def prefer_fast(pod, cluster, where):
    return 50 * cluster.speed


def test_plain_functions_serve_as_well():
    settings = kubernetes(filters=(only_fast,), scores=((prefer_fast, 2),))
    plane = Plane([node("slow"), node("fast", speed=2.0)], None, settings)
    plane.pod("new")
    plane.run(0)
    assert [str(v) for v in explain(plane.scheduler.pending)] == [
        "fast: 200 = prefer_fast 200",
        "slow: not now, only_fast: did not pass",
    ]


@pytest.mark.parametrize("score", [-1.0, 100.5, np.nan])
def test_a_score_outside_0_to_100_is_a_policy_error(score):
    settings = kubernetes(scores=((lambda pod, cluster, where: np.full(1, score), 1),))
    plane = Plane(1, instantiate("kube-default", {}, Path()), settings)
    plane.pod("new")
    plane.run(0)
    assert "it must be 0 to 100" in plane.events("PolicyError")[0]["detail"]
    assert plane.places() == {"new": "n0"}


@pytest.mark.parametrize("answer", [None, True, np.ones(3, np.bool_), np.ones(1, np.int64)])
def test_a_filter_that_answers_no_column_is_a_policy_error_and_the_default_decides(answer):
    settings = kubernetes(filters=(*kubernetes().filters, Odd(answer)))
    plane = Plane(1, instantiate("kube-default", {}, Path()), settings)
    plane.pod("new")
    plane.run(0)
    assert [row["decision"] for row in plane.decisions()] == ["policy_error", "Bind"]
    assert "filter Odd answered" in plane.events("PolicyError")[0]["detail"]


def test_reasons_are_data():
    plane = Plane([node("a", cpu_m=0)], None)
    plane.pod("new")
    plane.run(0)
    ask = plane.scheduler.pending
    assert ask.cluster.why_not(ask.pod) == (Reason("NodeResourcesFit", "Insufficient cpu", "never", "a"),)
