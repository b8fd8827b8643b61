"""NodeInfo: every change of a node or a pod reaches the columns, the caches and the counts."""

from __future__ import annotations

import pytest

from schedulers import GI, MI, Plane, kubernetes, node, template
from simulator.control.api.objects import Node, Pod
from simulator.control.scheduling.info import NodeInfo
from simulator.policy import Wait
from simulator.world.pod import Requirement, SpreadConstraint

APP = (Requirement("app", "In", ("app",)),)


@pytest.fixture
def info():
    info = NodeInfo(100, 200 * MI)
    for name, zone in (("a", "z1"), ("b", "z1"), ("c", "z2")):
        info.set_node(node(name, zone=zone))
    info.refresh()
    return info


def test_requests_are_taken_and_given_back(info):
    profile = info.profile(template(500, GI))
    info.place(7, profile, "b")
    assert info.free_cpu_m.tolist() == [4000, 3500, 4000]
    assert info.free_ram_bytes.tolist() == [8 * GI, 7 * GI, 8 * GI]
    assert info.pods.tolist() == [0, 1, 0]
    assert info.release(7)
    assert not info.release(7)
    assert info.free_cpu_m.tolist() == [4000] * 3
    assert info.scored_cpu_m.tolist() == [0] * 3
    assert info.pods.tolist() == [0] * 3


def test_a_count_is_right_whenever_it_is_first_asked_for(info):
    profile, other = info.profile(template()), info.profile(template(workload="other"))
    info.place(1, profile, "a")
    info.place(2, other, "a")
    info.place(3, profile, "c")
    late = info.count("app", lambda p: p.labels["app"] == "app")
    early = info.count("early", lambda p: p.labels["app"] == "app", leaves_early=True)
    assert late.values.tolist() == early.values.tolist() == [1, 0, 1]
    info.place(4, info.profile(template()), "b")  # another template with the same labels
    assert late.values.tolist() == early.values.tolist() == [1, 1, 1]


def test_a_pod_being_deleted_leaves_some_counts_early_and_all_at_the_end(info):
    late = info.count("late", lambda p: True)
    early = info.count("early", lambda p: True, leaves_early=True)
    for uid in (1, 2):
        info.place(uid, info.profile(template()), "a")
    info.leave(1)
    info.leave(1)
    assert (late.values.tolist(), early.values.tolist()) == ([2, 0, 0], [1, 0, 0])
    info.release(1)
    assert (late.values.tolist(), early.values.tolist()) == ([1, 0, 0], [1, 0, 0])
    info.release(2)  # without having been seen to leave
    assert (late.values.tolist(), early.values.tolist()) == ([0, 0, 0], [0, 0, 0])


def test_pods_of_a_node_that_leaves_count_again_when_it_returns(info):
    early = info.count("early", lambda p: True, leaves_early=True)
    info.place(1, info.profile(template(500)), "a")
    info.drop_node("a")
    info.refresh()
    assert info.names == ("b", "c")
    assert info.free_cpu_m.tolist() == [4000, 4000]
    info.place(2, info.profile(template(100)), "a")  # bound where nobody is known
    info.leave(2)
    info.set_node(node("a"))
    info.refresh()
    assert info.names == ("b", "c", "a")
    assert info.free_cpu_m.tolist() == [4000, 4000, 3400]
    assert early.values.tolist() == [0, 0, 1]


def test_nodes_are_taken_in_turn_from_each_zone():
    info = NodeInfo(100, 200 * MI)
    for name, zone in (("a", "x"), ("b", "x"), ("c", "x"), ("d", "y"), ("e", "z"), ("f", "z")):
        info.set_node(node(name, zone=zone))
    info.refresh()
    assert "".join(info.names[row] for row in info.order) == "adebfc"


def test_a_node_that_shrinks_under_its_pods_has_less_than_nothing_free(info):
    info.place(1, info.profile(template(3000)), "a")
    info.set_node(node("a", cpu_m=2000, zone="z1"))
    assert info.free_cpu_m.tolist() == [-1000, 4000, 4000]
    assert info.allocatable_cpu_m.tolist() == [2000, 4000, 4000]


# What a change of a node does to what was computed before.


def _seen(change) -> tuple[object, object]:
    """What the view and the scores of one pod were, and are once a node has changed."""

    def look(plane):
        ask = plane.scheduler.pending
        fits = ask.cluster.feasible(ask.pod)
        cluster = ask.cluster
        return (
            cluster.zones, cluster.platforms, dict(cluster.labels[0]), cluster.ready.tolist(), cluster.speed.tolist(),
            {kind: column.tolist() for kind, column in cluster.free_extended.items()}, cluster.max_pods.tolist(),
            fits.tolist(), cluster.scores(ask.pod, fits).tolist(),
        )  # fmt: skip

    of = template(
        spread=(SpreadConstraint(1, "topology.kubernetes.io/zone", APP, "ScheduleAnyway"),),
        node_preferences=((10, (Requirement("disk", "Exists"),)),),
    )
    plane = Plane([node("a", zone="z1", extended={"gpu": 1}), node("b", zone="z2")], None, kubernetes())
    plane.server.create(Pod(name="there", template=of, node="b"))
    plane.pod("first", of)
    plane.run(0)
    before = look(plane)
    plane.scheduler.answer(Wait())
    change(plane.server.get(Node, "a"))
    plane.server.changed(plane.server.get(Node, "a"))
    plane.pod("second", of)
    plane.run(0)
    return before, look(plane)


@pytest.mark.parametrize(
    ("field", "value", "differ"),
    [
        ("zone", "z2", {0, 2, 8}),
        ("platform", "linux/arm64", {1, 2}),
        ("labels", {"disk": "ssd"}, {2, 8}),
        ("ready", "Unknown", {3}),
        ("speed", 2.0, {4}),
        ("extended", {"gpu": 3}, {5}),
        ("extended", {"npu": 1}, {5}),
        ("max_pods", 0, {6, 7, 8}),
        ("taints", [("x", "", "NoSchedule")], {7, 8}),
        ("taints", [("x", "", "PreferNoSchedule")], {8}),
        ("unschedulable", True, {7, 8}),
        ("images", {"img": 900 * MI}, {8}),
        ("allocatable_ram_bytes", 2 * GI, {8}),
    ],
)
def test_each_change_of_a_node_reaches_what_it_concerns_and_nothing_else(field, value, differ):
    before, after = _seen(lambda changed: setattr(changed, field, value))
    assert {i for i, (was, now) in enumerate(zip(before, after, strict=True)) if was != now} == differ
