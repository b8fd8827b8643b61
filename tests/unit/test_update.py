"""Somebody gives a workload another image: its pods are rolled to it, within the bounds that they have."""

from __future__ import annotations

from collections import Counter

import pytest

from controlkit import Cluster, template
from simulator.control.api.objects import DaemonSet, Deployment, Pod
from simulator.control.api.update import apply_update
from simulator.errors import UserError
from simulator.spec import Scenario
from simulator.spec.check import check_scenario
from simulator.spec.look import Look
from simulator.units import SECOND

NEW = "shop/web:2"


def update(cluster: Cluster, at: float, workload: str, image: str = NEW) -> None:
    server = cluster.server
    apply_update(
        cluster.clock,
        cluster.recorder,
        server,
        at=round(at * SECOND),
        workload=workload,
        image=image,
        applied=lambda: (*server.list(Deployment), *server.list(DaemonSet)),
        changed=server.changed,
    )


def images(cluster: Cluster) -> Counter[str]:
    return Counter(pod.template.containers[0].image for pod in cluster.server.list(Pod) if pod.active)


def test_a_deployment_is_rolled() -> None:
    """K-P26's bounds: at most 5 pods of 4 wanted, at least 3 available."""
    cluster = Cluster(6)
    web = cluster.server.create(Deployment(name="web", template=template(), replicas=4))
    cluster.run(30)
    seen: list[tuple[int, int]] = []

    def note(_event: str, _pod: Pod) -> None:
        pods = [pod for pod in cluster.server.list(Pod) if pod.deletion_ns is None]
        seen.append((len(pods), sum(pod.ready for pod in pods)))

    cluster.server.watch(Pod, note)
    update(cluster, 40, "web")
    cluster.run(120)
    assert images(cluster) == {NEW: 4}
    assert web.generation == 2
    assert max(many for many, _ready in seen) == 5
    assert min(ready for _many, ready in seen) >= 3
    assert cluster.events("Updated", NEW) == [(40, "web")]


def test_while_the_server_is_down_whoever_applies_something_waits_for_it_and_nobody_is_forgotten() -> None:
    cluster = Cluster(1, schedule=False)
    names = ("a", "b", "c")
    for name in names:
        cluster.server.create(Deployment(name=name, template=template(name)))
    cluster.at(10, cluster.server.set_up, False)
    for name in names:
        update(cluster, 20, name)
    cluster.at(30, cluster.server.set_up, True)
    cluster.run(40)
    assert cluster.events("Updated", NEW) == [(30, name) for name in names]


def test_a_daemon_set_is_rolled_one_node_after_the_other() -> None:
    cluster = Cluster(5)
    cluster.server.create(DaemonSet(name="log", template=template("log")))
    cluster.run(30)
    assert images(cluster) == {"shop/log": 5}
    least: list[int] = []
    cluster.server.watch(Pod, lambda _e, _p: least.append(sum(p.ready and p.active for p in cluster.server.list(Pod))))
    update(cluster, 40, "log", "shop/log:2")
    cluster.run(200)
    assert images(cluster) == {"shop/log:2": 5}
    assert min(least) == 4


def test_a_daemon_set_on_a_lost_node_stands_still_there() -> None:
    """An unavailable node is the one that may be: its pod is marked, and no other goes before the node is back."""
    cluster = Cluster(4)
    cluster.server.create(DaemonSet(name="log", template=template("log")))
    cluster.run(30)
    cluster.cut(0)
    cluster.run(120)
    update(cluster, 130, "log", "shop/log:2")
    cluster.run(300)
    assert images(cluster) == {"shop/log": 3}
    cluster.network.mend(0, 1)
    cluster.run(500)
    assert images(cluster) == {"shop/log:2": 4}


def test_a_service_that_is_one_for_each_site_is_updated_everywhere() -> None:
    cluster = Cluster(2)
    for site in ("a", "b"):
        made = template(f"cam-{site}")
        made.labels["app"] = "cam"
        cluster.server.create(Deployment(name=f"cam-{site}", template=made, replicas=1))
    cluster.run(10)
    update(cluster, 20, "cam")
    cluster.run(60)
    assert images(cluster) == {NEW: 2}


def test_while_the_api_is_away_somebody_tries_again() -> None:
    cluster = Cluster(3)
    cluster.server.create(Deployment(name="web", template=template(), replicas=2))
    cluster.run(10)
    cluster.server.set_up(False)
    update(cluster, 20, "web")
    cluster.run(100)
    assert images(cluster) == {"shop/web": 2}
    cluster.server.set_up(True)
    cluster.run(160)
    assert images(cluster) == {NEW: 2}
    assert [t for t, _name in cluster.events("Updated")] == [100]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ({"workload": "web", "image": "a:2"}, ""),
        ({"workload": "wbe", "image": "a:2"}, "no workload is named wbe"),
        ({"workload": "web"}, "image"),
    ],
)
def test_what_is_wrong_with_an_update_is_said(fault: dict[str, str], said: str) -> None:
    data = {
        "duration": "5min",
        "topology": {"nodes": [{"name": "a", "model": "x86-edge"}]},
        "images": {"a": {"compressed": "1MB", "unpacked": "1MB", "platforms": ["linux/amd64"]}},
        "workloads": [{"kind": "service", "name": "web", "image": "b"}],
        "faults": [{"kind": "update", "at": "1min", **fault}],
    }
    try:
        problems = check_scenario(Look(Scenario.parse(data)))
    except UserError as error:
        problems = error.problems
    assert [said in problem.message + problem.path for problem in problems] == ([True] if said else [])
