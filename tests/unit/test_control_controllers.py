"""Controllers one by one: what they create, delete and write, against Kubernetes' rules."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, permutations
from typing import Any

import pytest

from controlkit import Cluster, Numbers, template
from simulator.control.api.admission import Admission
from simulator.control.api.objects import DaemonSet, Deployment, Endpoints, Job, Node, Pod, ReplicaSet, Service
from simulator.control.controllers.base import slow_start
from simulator.control.controllers.daemonset import TOLERATIONS, eligible
from simulator.control.controllers.deployment import bounds, scale_down, template_hash
from simulator.control.controllers.pods import victims
from simulator.units import SECOND
from simulator.world.pod import Requirement, Toleration

HOUR_NS = 3600 * SECOND


def pod(name: str, **fields: Any) -> Pod:
    made = Pod(name=name, template=template(), node="n1", phase="Running", ready=True, ready_ns=HOUR_NS)
    made.created_ns = HOUR_NS
    for field, value in fields.items():
        setattr(made, field, value)
    return made


# One criterion each; the first is deleted first. `now` is 2 h.
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"node": "", "phase": "Pending", "ready": False}, {"phase": "Pending", "ready": False}),
        ({"phase": "Pending", "ready": False}, {"ready": False}),
        ({"ready": False}, {}),
        ({"ready_ns": 2 * HOUR_NS - 60 * SECOND}, {}),
        ({"restarts": 3}, {}),
        ({"created_ns": 2 * HOUR_NS - 60 * SECOND}, {}),
    ],
)
def test_victims_one_criterion_at_a_time(first: dict[str, Any], second: dict[str, Any]) -> None:
    for names in (("a", "b"), ("b", "a")):
        pods = [pod(names[0], **second), pod(names[1], **first)]
        assert victims(pods, 1, [], 2 * HOUR_NS) == [pods[1]]


def test_victims_come_from_the_fullest_node_and_from_any_order() -> None:
    crowd = [pod(f"p{k}", node="full") for k in range(3)]
    alone = pod("alone", node="empty")
    for order in permutations([*crowd, alone]):
        chosen = victims(order, 1, order, 2 * HOUR_NS)
        assert chosen[0] in crowd
        assert chosen == victims([*crowd, alone], 1, order, 2 * HOUR_NS)


def test_ages_within_one_power_of_two_are_equal() -> None:
    """70 and 90 minutes of readiness differ by less than a factor of two: the order is arbitrary, not by age."""
    now = 2 * HOUR_NS
    young_first = 0
    for k in range(60):
        older = pod(f"older-{k}", ready_ns=now - 5400 * SECOND)
        younger = pod(f"younger-{k}", ready_ns=now - 4400 * SECOND)
        young_first += victims([older, younger], 1, [], now) == [younger]
    assert 15 < young_first < 45


def test_slow_start_doubles() -> None:
    assert list(slow_start(100)) == [1, 2, 4, 8, 16, 32, 37]
    assert list(slow_start(0)) == []


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (1, "25%", "25%", (1, 0)),
        (4, "25%", "25%", (1, 1)),
        (10, "25%", "25%", (3, 2)),
        (3, 0, "25%", (0, 1)),
        (10, 2, 0, (2, 0)),
        (10, "100%", "0%", (10, 0)),
    ],
)
def test_rolling_bounds(replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]) -> None:
    deployment = Deployment(name="d", replicas=replicas, max_surge=surge, max_unavailable=unavailable)
    assert bounds(deployment) == expected


def test_unhealthy_old_pods_go_first_and_cost_no_availability() -> None:
    new, old = ReplicaSet(name="n", replicas=1, available=1), ReplicaSet(name="o", replicas=4, available=2)
    old.uid = 1
    assert scale_down(3, new, [old]) == [(old, 2)]
    assert scale_down(3, ReplicaSet(name="n", replicas=1, available=0), [replace_set(old, 4)]) != []
    assert scale_down(4, ReplicaSet(name="n", replicas=1, available=0), [replace_set(old, 4)]) == []


def replace_set(source: ReplicaSet, available: int) -> ReplicaSet:
    return replace(source, available=available)


def test_template_hashes_follow_content() -> None:
    assert template_hash(template()) == template_hash(template())
    assert template_hash(template()) != template_hash(template(priority=1))
    assert len(template_hash(template())) == 10


def test_default_tolerations_are_added_once_and_only_where_none_is_given() -> None:
    admission = Admission(300)
    plain = template()
    admitted = admission.admit(plain)
    assert admission.admit(plain) is admitted
    assert [(t.key[19:], t.seconds, t.effect) for t in admitted.tolerations] == [
        ("not-ready", 300, "NoExecute"),
        ("unreachable", 300, "NoExecute"),
    ]
    own = template(tolerations=(Toleration("node.kubernetes.io/unreachable", "Exists", effect="NoExecute", seconds=5),))
    assert [t.seconds for t in admission.admit(own).tolerations] == [5, 300]
    everything = template(tolerations=(Toleration("", "Exists"),))
    assert admission.admit(everything) is everything
    assert Admission(None).admit(plain) is plain


# ReplicaSets and Deployments.
def test_a_replica_set_replaces_what_is_lost_and_removes_what_is_too_much() -> None:
    cluster = Cluster(5)
    rs = cluster.server.create(ReplicaSet(name="web", template=template(), replicas=4))
    cluster.run(5)
    assert sorted(pod.name for pod in cluster.server.list(Pod)) == ["web-1", "web-2", "web-3", "web-4"]
    assert rs.available == 4
    first = cluster.server.get(Pod, "web-1")
    assert first is not None
    cluster.server.mark_deleted(first)
    cluster.run(5.5)
    assert sorted(p.name for p in cluster.server.list(Pod) if p.active) == ["web-2", "web-3", "web-4", "web-5"]
    rs.replicas = 1
    cluster.server.changed(rs)
    cluster.run(20)
    assert (len(list(cluster.server.list(Pod))), rs.available) == (1, 1)
    cluster.server.remove(rs)
    cluster.run(30)
    assert list(cluster.server.list(Pod)) == []


def test_a_rolling_update_reuses_the_set_of_an_earlier_template() -> None:
    cluster = Cluster(5)
    one, two = template(priority=1), template(priority=2)
    deployment = cluster.server.create(Deployment(name="web", template=one, replicas=3))
    cluster.run(20)
    cluster.manager.deployments.update(deployment, two)
    cluster.run(60)
    assert {p.template.priority for p in cluster.server.list(Pod)} == {2}
    cluster.manager.deployments.update(deployment, one)
    cluster.run(100)
    assert {p.template.priority for p in cluster.server.list(Pod)} == {1}
    assert sorted(rs.replicas for rs in cluster.server.list(ReplicaSet)) == [0, 3]
    cluster.manager.deployments.scale(deployment, 5)
    cluster.run(120)
    assert len(list(cluster.server.list(Pod))) == 5


def test_no_more_old_sets_are_kept_than_the_history() -> None:
    cluster = Cluster(3)
    deployment = cluster.server.create(Deployment(name="web", template=template(), replicas=1))
    for k in range(15):
        cluster.run(30 * (k + 1))
        cluster.manager.deployments.update(deployment, template(priority=k + 1))
    cluster.run(600)
    assert len(list(cluster.server.list(ReplicaSet))) == 11


def test_recreate_waits_until_the_last_old_pod_has_ended() -> None:
    cluster = Cluster(5, stop_s=7.0)
    deployment = cluster.server.create(
        Deployment(name="web", template=template(), replicas=3, strategy="Recreate"),
    )
    cluster.run(20)
    cluster.manager.deployments.update(deployment, template(priority=1))
    cluster.run(26.5)
    assert {p.template.priority for p in cluster.server.list(Pod)} == {0}
    assert not any(p.active for p in cluster.server.list(Pod))
    cluster.run(40)
    assert [(p.template.priority, p.ready) for p in cluster.server.list(Pod)] == [(1, True)] * 3


def test_a_deleted_deployment_takes_its_pods_along() -> None:
    cluster = Cluster(3)
    deployment = cluster.server.create(Deployment(name="web", template=template(), replicas=3))
    cluster.run(20)
    cluster.server.remove(deployment)
    cluster.run(40)
    assert list(cluster.server.list(ReplicaSet)) == []
    assert list(cluster.server.list(Pod)) == []


# DaemonSets.
def node(**fields: Any) -> Node:
    return Node(name="n", labels={"disk": "ssd"}, **fields)


@pytest.mark.parametrize(
    ("fields", "taints", "expected"),
    [
        ({}, [], (True, True)),
        ({"node_selector": {"disk": "hdd"}}, [], (False, False)),
        ({"node_affinity": ((Requirement("disk", "In", ("ssd",)),),)}, [], (True, True)),
        ({"node_affinity": ((Requirement("gpu", "Exists"),),)}, [], (False, False)),
        ({}, [("shop/till", "", "NoSchedule")], (False, True)),
        ({}, [("shop/till", "", "NoExecute")], (False, False)),
        ({}, [("shop/till", "", "PreferNoSchedule")], (True, True)),
        ({"tolerations": (Toleration("shop/till", "Exists"),)}, [("shop/till", "", "NoExecute")], (True, True)),
    ],
)
def test_where_a_daemon_pod_may_start_and_stay(fields: dict[str, Any], taints: Any, expected: Any) -> None:
    assert eligible(template(**fields), node(taints=taints)) == expected


def test_the_automatic_tolerations_bear_a_lost_node_for_ever() -> None:
    lost = [(f"node.kubernetes.io/{word}", "", "NoExecute") for word in ("not-ready", "unreachable")]
    pressed = [(f"node.kubernetes.io/{word}-pressure", "", "NoSchedule") for word in ("memory", "disk", "pid")]
    assert eligible(template(tolerations=TOLERATIONS), node(taints=lost + pressed)) == (True, True)
    assert all(t.seconds is None for t in TOLERATIONS)


def test_one_daemon_pod_on_every_node_and_gone_where_it_may_not_be() -> None:
    cluster = Cluster(4)
    cluster.nodes[2].labels["kind"] = "till"
    cluster.server.create(DaemonSet(name="log", template=template("log", node_selector={})))
    cluster.run(5)
    assert sorted(pod.node for pod in cluster.server.list(Pod)) == ["w0", "w1", "w2", "w3"]
    cluster.nodes[1].taints.append(("shop/closed", "", "NoExecute"))
    cluster.server.changed(cluster.nodes[1])
    cluster.run(10)
    assert sorted(pod.node for pod in cluster.server.list(Pod)) == ["w0", "w2", "w3"]


def test_a_daemon_pod_that_is_ending_still_takes_the_place() -> None:
    cluster = Cluster(2, stop_s=20.0)
    cluster.server.create(DaemonSet(name="log", template=template("log")))
    cluster.run(5)
    ending = cluster.server.get(Pod, "log-w0")
    assert ending is not None
    cluster.server.mark_deleted(ending)
    cluster.run(24)
    assert sorted(pod.name for pod in cluster.server.list(Pod)) == ["log-w0", "log-w1"]
    cluster.run(27)
    assert sorted(pod.name for pod in cluster.server.list(Pod)) == ["log-w0-2", "log-w1"]


def test_failed_daemon_pods_come_back_later_and_later() -> None:
    """The first at once; then after 1, 2, 4 … s since the one before."""
    cluster = Cluster(1, start_s=0.1)
    cluster.server.create(DaemonSet(name="log", template=template("log")))
    starts: list[float] = []

    def fail(event: str, changed: Pod) -> None:
        if event != "DELETED" and changed.phase == "Running" and changed.deletion_ns is None:
            starts.append(cluster.clock.now / SECOND)
            cluster.agents[0].finish(changed.uid, "Failed", "Evicted")

    cluster.server.watch(Pod, fail)
    cluster.run(40)
    gaps = [b - a for a, b in pairwise(starts)]
    # Each pod needs 1 s to stop and some 0.4 s to be made; the wait runs meanwhile.
    assert len(gaps) >= 4
    assert all(later > earlier for earlier, later in pairwise(gaps))
    assert gaps[4] == pytest.approx(8, abs=2.5)


# Jobs.
def finish_all(cluster: Cluster, phase: str) -> list[float]:
    """Let every pod end like this as soon as it runs; when each ran."""
    ran: list[float] = []

    def ended(event: str, changed: Pod) -> None:
        if event == "MODIFIED" and changed.phase == "Running":
            ran.append(cluster.clock.now / SECOND)
            row = int(changed.node[1:])
            cluster.agents[row].finish(changed.uid, phase)

    cluster.server.watch(Pod, ended)
    return ran


def test_a_job_runs_its_completions_some_at_a_time() -> None:
    cluster = Cluster(4)
    finish_all(cluster, "Succeeded")
    running: list[int] = []
    cluster.server.watch(Pod, lambda *_: running.append(sum(p.active for p in cluster.server.list(Pod))))
    job = cluster.server.create(
        Job(name="count", template=template("count", restart_policy="Never"), completions=7, parallelism=3)
    )
    cluster.run(60)
    assert (job.succeeded, job.failed, job.complete) == (7, 0, True)
    assert max(running) == 3
    assert len(list(cluster.server.list(Pod))) == 7


def test_a_job_that_fails_waits_longer_each_time_and_gives_up() -> None:
    """Failures 1 … 7; the waits before the next pod are 10, 20, 40, 80, 160 and 320 s."""
    cluster = Cluster(2)
    ran = finish_all(cluster, "Failed")
    job = cluster.server.create(Job(name="bad", template=template("bad", restart_policy="Never"), backoff_limit=6))
    cluster.run(2000)
    gaps = [b - a for a, b in pairwise(ran)]
    assert gaps == pytest.approx([10, 20, 40, 80, 160, 320], abs=1.5)
    assert (job.failed, job.complete, job.reason) == (7, False, "BackoffLimitExceeded")


# Endpoints.
def test_endpoints_are_the_ready_pods_that_are_not_being_deleted() -> None:
    cluster = Cluster(4, start_s=2.0, stop_s=5.0)
    cluster.server.create(Service(name="web", selector=(Requirement("app", "In", ("web",)),)))
    cluster.server.create(Service(name="eager", selector=(Requirement("app", "Exists"),), publish_not_ready=True))
    cluster.server.create(Service(name="bare"))
    cluster.server.create(ReplicaSet(name="web", template=template(), replicas=2))
    cluster.server.create(ReplicaSet(name="db", template=template("db"), replicas=1))

    def names(service: str) -> list[str]:
        found = cluster.server.get(Endpoints, service)
        assert found is not None
        return sorted(pod.name for pod in found.pods)

    cluster.run(1)
    assert (names("web"), names("eager"), names("bare")) == ([], ["db-1", "web-1", "web-2"], [])
    cluster.run(5)
    assert names("web") == ["web-1", "web-2"]
    gone = cluster.server.get(Pod, "web-1")
    assert gone is not None
    cluster.server.mark_deleted(gone)
    cluster.run(5.1)
    assert names("web") == ["web-2"]  # at once, though it runs on
    assert gone.uid in cluster.agents[int(gone.node[1:])].runs
    service = cluster.server.get(Service, "web")
    assert service is not None
    cluster.server.remove(service)
    cluster.run(6)
    assert cluster.server.get(Endpoints, "web") is None


def test_a_stopped_manager_does_nothing_and_catches_up() -> None:
    cluster = Cluster(3, Numbers(elect=False))
    rs = cluster.server.create(ReplicaSet(name="web", template=template(), replicas=2))
    cluster.run(5)
    cluster.manager.set_up(False)
    rs.replicas = 5
    cluster.server.changed(rs)
    cluster.run(60)
    assert len(list(cluster.server.list(Pod))) == 2
    cluster.manager.set_up(True)
    cluster.run(65)
    assert len(list(cluster.server.list(Pod))) == 5


def test_calls_of_a_process_that_has_ended_are_not_made() -> None:
    """Forty pods are under way at 20 a second when the process dies; its successor makes those that are missing."""
    cluster = Cluster(3, Numbers(elect=False))
    cluster.server.create(ReplicaSet(name="web", template=template(), replicas=100))
    cluster.run(2)
    made = len(list(cluster.server.list(Pod)))
    assert 30 < made < 100
    cluster.manager.set_up(False)
    cluster.run(4)
    assert len(list(cluster.server.list(Pod))) == made
    cluster.manager.set_up(True)
    cluster.run(30)
    assert len(list(cluster.server.list(Pod))) == 100
