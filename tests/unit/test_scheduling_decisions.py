"""The decision point: what is asked, who answers, and what becomes of the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schedulers import GI, MI, Plane, kubernetes, node, template
from simulator.control.api.objects import Node, Pod
from simulator.control.scheduling import explain
from simulator.policy import Bind, Reason, Reject, Wait
from simulator.policy.reference import instantiate
from simulator.units import MS, SECOND


def kinds(plane: Plane) -> list[str]:
    return [row["decision"] for row in plane.decisions()]


# What is seen.


def test_a_view_shows_belief_and_none_of_it_can_be_written():
    a = node("a", zone="z1", platform="linux/arm64", speed=0.5, extended={"gpu": 2}, labels={"rack": "r"})
    plane = Plane([a, node("b", ready="Unknown")], None)
    plane.server.create(Pod(name="old", template=template(500, GI, extended={"gpu": 1}), node="a"))
    plane.run(3)
    plane.pod("new", template(250, GI, "web", priority=7, extended={"gpu": 1}))
    plane.run(2)
    ask = plane.scheduler.pending
    pod, cluster = ask.pod, ask.cluster
    assert (pod.name, pod.workload, pod.cpu_m, pod.ram_bytes, pod.priority) == ("new", "web", 250, GI, 7)
    assert (pod.attempt, pod.waiting_s, cluster.now_s, len(cluster)) == (1, 0.0, 3.0, 2)
    assert (cluster.names, cluster.zones) == (("a", "b"), ("z1", "z"))
    assert cluster.platforms == ("linux/arm64", "linux/amd64")
    assert cluster.free_cpu_m.tolist() == [3500, 4000]
    assert cluster.free_ram_bytes.tolist() == [7 * GI, 8 * GI]
    assert cluster.free_extended["gpu"].tolist() == [1, 0]
    assert cluster.pods.tolist() == [1, 0]
    assert cluster.ready.tolist() == [True, False]
    assert cluster.speed.tolist() == [0.5, 1.0]
    assert cluster.labels[0]["rack"] == "r"
    assert cluster.labels[0]["kubernetes.io/arch"] == "arm64"
    for name in ("free_cpu_m", "free_ram_bytes", "pods", "ready", "speed", "allocatable_cpu_m", "max_pods"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(cluster, name)[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        cluster.free_extended["gpu"][0] = 9
    with pytest.raises(ValueError, match="read-only"):
        cluster.feasible(pod)[0] = True
    with pytest.raises(TypeError):
        cluster.labels[0]["rack"] = "x"
    with pytest.raises(ValueError, match="only about the pods that are to be placed"):
        cluster.feasible(replace(pod, cpu_m=0))


def test_age_is_how_long_ago_a_node_was_heard_of():
    plane = Plane([node("a"), node("b")], None)
    plane.run(10)
    plane.server.get(Node, "b").heard_ns = 7 * SECOND
    plane.pod("p")
    plane.run(0)
    assert plane.scheduler.pending.cluster.age_s.tolist() == [10.0, 3.0]


def test_draws_belong_to_name_node_and_decision_and_to_nothing_else():
    def column(nodes: int, pod: str, name: str, seed: int = 1) -> list[float]:
        plane = Plane(nodes, None, seed=seed)
        plane.pod(pod)
        plane.run(0)
        return plane.scheduler.pending.cluster.uniform(name).tolist()

    two = column(2, "p", "tie")
    assert column(3, "p", "tie")[:2] == two  # another node shifts nobody's draw
    assert all(0 <= u < 1 for u in two)
    for other in (column(2, "q", "tie"), column(2, "p", "x"), column(2, "p", "tie", seed=2)):
        assert not set(other) & set(two)


def test_argmax_and_argmin_take_the_first_of_equals_and_refuse_no_node():
    plane = Plane(4, None)
    plane.pod("p")
    plane.run(0)
    cluster = plane.scheduler.pending.cluster
    values, where = np.array([9, 5, 5, 1]), np.array([False, True, True, True])
    assert (cluster.argmax(values, where), cluster.argmin(values, where)) == (1, 3)
    assert cluster.argmin(np.array([0, 5, 5, 7]), where) == 1
    for choose in (cluster.argmax, cluster.argmin):
        with pytest.raises(ValueError, match="over no node"):
            choose(values, np.zeros(4, bool))


# An answer from outside.


def test_without_a_policy_it_stops_at_each_ask_until_it_is_answered():
    plane = Plane(2, None)
    for name in ("p", "q"):
        plane.pod(name)
    plane.run(60)
    assert plane.scheduler.pending.pod.name == "p"
    plane.scheduler.answer(Bind(1))
    assert plane.scheduler.pending.pod.name == "q"
    assert plane.scheduler.pending.cluster.pods.tolist() == [0, 1]  # the assumed pod counts at once
    plane.scheduler.answer(Bind(0))
    plane.run(0)
    assert plane.places() == {"p": "n1", "q": "n0"}
    with pytest.raises(ValueError, match="nothing has been asked"):
        plane.scheduler.answer(Bind(0))


def test_a_policy_that_takes_over_answers_the_pending_ask_too():
    plane = Plane(2, None)
    for name in ("p", "q"):
        plane.pod(name)
    plane.run(0)
    plane.scheduler.set_policy(lambda pod, cluster: Bind(0))
    plane.run(0)
    assert plane.places() == {"p": "n0", "q": "n0"}
    plane.scheduler.set_policy(None)
    plane.pod("r")
    plane.run(0)
    assert plane.scheduler.pending.pod.name == "r"


def test_what_happens_while_an_ask_is_pending_is_seen_after_the_answer():
    """The ask shows the cluster as it was; the reservation looks at the cluster as it is."""
    plane = Plane(3, None)
    plane.pod("p", template(3000))
    plane.run(0)
    ask = plane.scheduler.pending
    plane.server.remove(plane.server.get(Node, "n0"))
    plane.server.create(Pod(name="thief", template=template(2000), node="n1"))
    plane.pod("q")
    plane.run(1)
    assert plane.scheduler.pending is ask
    assert ask.cluster.names == ("n0", "n1", "n2")
    assert ask.cluster.free_cpu_m.tolist() == [4000, 4000, 4000]
    assert ask.cluster.feasible(ask.pod).tolist() == [True, True, True]
    plane.scheduler.answer(Bind(1))  # a row of what was shown: n1, which has no room any more
    assert plane.scheduler.pending.pod.name == "q"
    assert plane.scheduler.pending.cluster.names == ("n1", "n2")
    assert plane.scheduler.pending.cluster.free_cpu_m.tolist() == [2000, 4000]
    plane.scheduler.answer(Bind(1))
    plane.run(3)
    assert plane.scheduler.pending.pod.attempt == 2
    assert plane.places() == {"p": "", "thief": "n1", "q": "n2"}


def test_nonsense_from_outside_is_a_policy_error_like_any_other():
    plane = Plane(1, None)
    plane.pod("p")
    plane.run(0)
    plane.scheduler.answer("n0")
    plane.run(0)
    assert kinds(plane) == ["policy_error", "Bind"]
    assert plane.places() == {"p": "n0"}


# What becomes of an answer.


def test_bind_takes_its_time_counts_at_once_and_is_recorded():
    plane = Plane(1, lambda pod, cluster: Bind(0), kubernetes(cycle_ns=2 * MS), watch_ns=10 * MS)
    pod = plane.pod("p")
    plane.run(1)
    assert plane.decisions() == [
        {"time_s": 0.01, "pod": "p", "decision": "Bind", "node": "n0", "attempt": 1, "examined": 0, "feasible": 0}
    ]
    assert [(row["time_s"], row["node"]) for row in plane.events("Scheduled")] == [(0.012, "n0")]
    assert (pod.node, pod.scheduled_ns) == ("n0", 12 * MS)


def test_thinking_takes_simulated_time_from_its_distribution():
    class Thinks:
        def sample(self, u: Any) -> Any:
            return 1e9 + u * 1e9

    plane = Plane(1, lambda pod, cluster: Bind(0), kubernetes(cycle_ns=2 * MS, thinking=Thinks()))
    for i in range(4):
        plane.pod(f"p{i}")
    plane.run(20)
    gaps = np.diff([0.0, *(row["time_s"] for row in plane.events("Scheduled"))])
    assert (gaps >= 1.002).all()
    assert (gaps < 2.002).all()
    assert len(set(gaps.round(6))) == 4


def test_an_answer_that_came_too_late_is_tried_again():
    plane = Plane(1, lambda pod, cluster: Bind(0), kubernetes(cycle_ns=SECOND))
    plane.pod("p", template(4000))
    plane.run(0.5)
    plane.server.create(Pod(name="thief", template=template(1000), node="n0"))
    plane.run(0.6)
    assert plane.places()["p"] == ""
    assert plane.scheduler.info.free_cpu_m.tolist() == [3000]


def test_reject_fails_the_pod_for_good():
    plane = Plane(1, lambda pod, cluster: Reject((Reason("me", "not on my watch"),)))
    pod = plane.pod("p")
    plane.run(1000)
    assert (pod.phase, pod.reason) == ("Failed", "Rejected")
    assert kinds(plane) == ["Reject"]
    assert plane.events("Rejected")[0]["detail"] == "not on my watch"


def test_why_a_pod_waits_is_said_once_for_as_long_as_it_stays_the_same():
    plane = Plane(
        [node("a", cpu_m=100), node("b", cpu_m=200), node("c", unschedulable=True)],
        instantiate("kube-default", {}, Path()),
    )
    plane.pod("p", template(300))
    for _ in range(5):
        plane.run(400)
    assert len(kinds(plane)) >= 5
    assert [row["detail"] for row in plane.events("FailedScheduling")] == [
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu"
    ]
    plane.server.get(Node, "b").unschedulable = True
    plane.server.changed(plane.server.get(Node, "b"))
    plane.run(400)
    assert plane.events("FailedScheduling")[-1]["detail"] == (
        "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable"
    )


def test_every_reason_of_every_node_is_counted():
    """Columns and words agree: what is counted is what `why_not` says node by node."""
    nodes = [
        node("a", cpu_m=100, extended={"gpu": 1}),
        node("b", cpu_m=100, ram_bytes=GI, max_pods=0),
        node("c", taints=[("x", "", "NoSchedule")]),
        node("d", taints=[("x", "1", "NoSchedule")]),
        node("e", max_pods=1),
    ]
    plane = Plane(nodes, lambda pod, cluster: Wait())
    plane.server.create(Pod(name="there", template=template(), node="e"))
    plane.pod("p", template(200, 2 * GI, extended={"gpu": 1}))
    plane.run(0)
    assert plane.events("FailedScheduling")[0]["detail"] == (
        "0/5 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {x: 1}, "
        "1 node(s) had untolerated taint {x: }, 2 Insufficient cpu, 2 Insufficient gpu, 2 Too many pods"
    )


def test_a_policys_own_reasons_are_its_own_words():
    reasons = (Reason("me", "battery low", node="n0"), Reason("me", "battery low", node="n1"))
    plane = Plane(2, lambda pod, cluster: Wait(reasons))
    plane.pod("p")
    plane.run(0)
    assert plane.events("FailedScheduling")[0]["detail"] == "2 battery low"


def test_large_clusters_are_searched_in_turns():
    plane = Plane(250, lambda pod, cluster: Bind(int(np.flatnonzero(cluster.feasible(pod))[0])))
    for i in range(3):
        plane.pod(f"p{i}")
    plane.run(0)
    assert [(row["node"], row["examined"]) for row in plane.decisions()] == [("n0", 120), ("n120", 120), ("n0", 120)]


def test_nodes_are_looked_at_zone_by_zone_in_turn():
    nodes = [node(f"n{i}", zone="big" if i < 150 else "small") for i in range(200)]
    plane = Plane(nodes, None)
    plane.pod("p")
    plane.run(0)
    ask = plane.scheduler.pending
    zones = np.array(ask.cluster.zones)[ask.cluster.feasible(ask.pod)]
    assert dict(zip(*np.unique(zones, return_counts=True), strict=True)) == {"big": 50, "small": 50}


# Bindings that are refused.


def test_a_pod_deleted_before_its_binding_gives_its_place_back():
    plane = Plane(1, lambda pod, cluster: Bind(0), qps=1, burst=1)
    plane.pod("first")
    gone = plane.pod("second", template(3000))
    plane.run(0.5)
    assert plane.scheduler.info.free_cpu_m.tolist() == [900]
    plane.server.mark_deleted(gone)
    plane.run(1)
    assert plane.scheduler.info.free_cpu_m.tolist() == [3900]
    assert gone.node == ""


def test_a_binding_to_a_node_that_is_gone_is_taken_back_and_tried_again():
    plane = Plane(2, lambda pod, cluster: Bind(len(cluster) - 1), qps=0.5, burst=1)
    plane.pod("first")
    plane.pod("second")
    plane.run(0.5)
    plane.server.remove(plane.server.get(Node, "n1"))
    plane.run(10)
    assert plane.places()["second"] == "n0"
    assert [row["attempt"] for row in plane.decisions() if row["pod"] == "second"] == [1, 2]


def test_a_pod_bound_by_somebody_else_is_counted_and_not_asked_about():
    plane = Plane(1, None)
    plane.pod("first")
    pod = plane.pod("second")
    plane.run(0)
    pod.node = "n0"
    plane.server.changed(pod)
    plane.run(0)
    plane.scheduler.answer(Bind(0))
    assert plane.scheduler.pending is None
    assert plane.scheduler.info.pods.tolist() == [2]


# Life and death.


def test_while_it_is_down_nobody_is_placed_and_it_lists_everything_when_it_returns():
    plane = Plane(2, lambda pod, cluster: Bind(int(np.argmax(cluster.free_cpu_m))))
    plane.pod("before", template(1000))
    plane.run(1)
    plane.scheduler.set_up(False)
    plane.pod("during")
    plane.server.create(node("n2", cpu_m=8000))
    plane.run(10)
    assert plane.places()["during"] == ""
    plane.scheduler.set_up(True)
    plane.run(0)
    assert plane.places() == {"before": "n0", "during": "n2"}
    assert plane.scheduler.info.free_cpu_m.tolist() == [3000, 4000, 7900]


def test_it_decides_nothing_before_it_has_listed_everything():
    """A pod that waited longest is first in the list, before the pods that hold the room it wants."""
    plane = Plane([node("n0")], lambda pod, cluster: Bind(0) if cluster.feasible(pod).all() else Wait())
    plane.server.get(Node, "n0").allocatable_cpu_m = 500
    plane.server.changed(plane.server.get(Node, "n0"))
    plane.pod("waits", template(1000))
    plane.run(1)
    plane.server.get(Node, "n0").allocatable_cpu_m = 1000
    plane.pod("has-room", template(500))
    plane.run(1)
    plane.server.changed(plane.server.get(Node, "n0"))
    plane.run(10)
    plane.scheduler.set_up(False)
    plane.scheduler.set_up(True)
    plane.run(10)
    assert plane.places() == {"waits": "", "has-room": "n0"}


def test_a_binding_of_a_dead_scheduler_is_never_written():
    plane = Plane(1, lambda pod, cluster: Bind(0), qps=0.1, burst=1)
    plane.pod("first")
    plane.pod("second")
    plane.run(1)
    plane.scheduler.set_up(False)
    plane.run(60)
    assert plane.places() == {"first": "n0", "second": ""}


def test_a_scheduler_that_starts_while_the_api_server_is_down_lists_when_it_is_back():
    plane = Plane(1, lambda pod, cluster: Bind(0))
    plane.scheduler.set_up(False)
    plane.pod("p")
    plane.run(1)
    plane.server.set_up(False)
    plane.scheduler.set_up(True)
    plane.run(1)
    assert kinds(plane) == []
    plane.server.set_up(True)
    plane.run(1)
    assert plane.places() == {"p": "n0"}


# Explaining.


def test_explain_says_of_each_node_why_and_why_not_and_changes_nothing():
    nodes = [
        node("roomy"),
        node("busy"),
        node("small", cpu_m=10),
        node("away", taints=[("node.kubernetes.io/unreachable", "", "NoSchedule")]),
    ]
    plane = Plane(nodes, None)
    plane.server.create(Pod(name="old", template=template(2000, 2 * GI), node="busy"))
    plane.pod("p", template(500, 512 * MI))
    plane.run(0)
    ask = plane.scheduler.pending
    text = [str(verdict) for verdict in explain(ask)]
    # roomy: 100 * (4000 - 500) // 4000 = 87 and 93 of memory: 90; balance (1 - |1/8 - 1/16| / 2) * 100 = 96.
    # busy: 37 and 68: 52; balance of 2500/4000 and 2.5/8: 84.
    assert text == [
        "roomy: 486 = TaintToleration 300 + NodeResourcesFit 90 + NodeResourcesBalancedAllocation 96",
        "busy: 436 = TaintToleration 300 + NodeResourcesFit 52 + NodeResourcesBalancedAllocation 84",
        "away: not now, TaintToleration: node(s) had untolerated taint {node.kubernetes.io/unreachable: }",
        "small: never, NodeResourcesFit: Insufficient cpu",
    ]
    assert [str(verdict) for verdict in explain(ask)] == text
    plane.scheduler.answer(Bind(0))
    plane.run(0)
    assert plane.places()["p"] == "roomy"


def test_explain_names_the_nodes_that_were_not_examined():
    plane = Plane(200, None)
    plane.pod("p")
    plane.run(0)
    verdicts = [verdict.verdict for verdict in explain(plane.scheduler.pending)]
    assert (verdicts.count("feasible"), verdicts.count("not examined")) == (100, 100)
