"""Kubernetes' behaviour of the workload controllers: predictions K-P18 (ReplicaSets), K-P26 and K-P27."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from math import ceil

import numpy as np
import pytest
from numpy.typing import NDArray

from controlkit import Cluster, Numbers, moved, template
from predictions import Prediction
from simulator.control.api.objects import Deployment, Pod, ReplicaSet
from simulator.units import SECOND


@lru_cache
def creations(numbers: Numbers) -> NDArray[np.float64]:
    """When each of the hundred pods of a new ReplicaSet was created, in seconds."""
    cluster = Cluster(20, numbers)
    cluster.at(10, cluster.server.create, ReplicaSet(name="web", template=template(), replicas=100))
    cluster.run(60)
    return np.array([pod.created_ns / SECOND for pod in cluster.server.list(Pod)])


P18 = Prediction(
    "K-P18 a hundred replicas", lambda n: np.ptp(creations(n), keepdims=True), 3.5, 4.0, "qps", numbers=Numbers()
)


def test_p18_a_hundred_replicas_take_three_and_a_half_seconds() -> None:
    assert len(creations(Numbers())) == 100
    assert P18.misses_as_it_is() == []
    assert P18.misses_when_moved() != []


def test_p18_no_window_holds_more_than_thirty_and_twenty_a_second() -> None:
    def excess(numbers: Numbers) -> float:
        """The most by which any window holds more creations than a bucket of 30 and 20 a second lets through."""
        times = creations(numbers)
        counts = np.arange(100)[None, :] - np.arange(100)[:, None] + 1
        return float((counts - 30 - 20 * (times[None, :] - times[:, None]))[np.triu_indices(100)].max())

    assert excess(Numbers()) <= 1e-6
    for field in ("burst", "qps"):
        assert excess(moved(Numbers(), field, 1.25)) > 1


def test_p18_creations_come_as_1_2_4_8() -> None:
    """Each batch waits for the one before: with tokens in plenty only the call's latency separates them."""
    times = creations(replace(Numbers(), qps=1e6, burst=1000))
    gaps = np.flatnonzero(np.diff(times) > 0.001)
    sizes = np.diff([-1, *gaps, len(times) - 1])
    assert list(sizes) == [1, 2, 4, 8, 16, 32, 37]


def rolled(replicas: int, surge: str, unavailable: str, start_s: float) -> tuple[int, int]:
    """The most pods and the fewest available ones at any instant of a rolling update."""
    cluster = Cluster(5, start_s=start_s)
    deployment = cluster.server.create(
        Deployment(
            name="web", template=template(), replicas=replicas, max_surge=surge, max_unavailable=unavailable
        )
    )  # fmt: skip
    cluster.run(60)
    cluster.manager.deployments.update(deployment, template(priority=1))
    most, fewest, end = 0, replicas, 600 * SECOND
    while (time := cluster.clock.next_time()) is not None and time <= end:
        cluster.clock.step()
        active = [pod for pod in cluster.server.list(Pod) if pod.active]
        most, fewest = max(most, len(active)), min(fewest, sum(pod.ready for pod in active))
    assert [(pod.template.priority, pod.ready) for pod in cluster.server.list(Pod)] == [(1, True)] * replicas
    return most, fewest


@pytest.mark.parametrize("start_s", [0.3, 7.0])
@pytest.mark.parametrize(("replicas", "most", "fewest"), [(1, 2, 1), (4, 5, 3), (10, 13, 8)])
def test_p26_a_rolling_update_stays_in_its_bounds_at_every_instant(
    replicas: int, most: int, fewest: int, start_s: float
) -> None:
    """It also uses them: with slow pods both bounds are met exactly."""
    got = rolled(replicas, "25%", "25%", start_s)
    assert got[0] <= most
    assert got[1] >= fewest
    if start_s > 1:
        assert got == (most, fewest)


@pytest.mark.parametrize("replicas", [4, 10])
def test_p26_fails_when_the_shares_move_by_a_quarter(replicas: int) -> None:
    """31 % of one pod is still one above and none below: there the default does not govern."""
    assert rolled(replicas, "31%", "25%", 7.0)[0] > replicas + ceil(replicas / 4)
    if replicas == 10:
        assert rolled(replicas, "25%", "31%", 7.0)[1] < replicas - replicas // 4


def test_p27_scale_down_takes_the_unready_then_the_crowded_then_the_young() -> None:
    cluster = Cluster(4, start_s=1.0)
    rs = cluster.server.create(ReplicaSet(name="web", template=template(), replicas=4))
    cluster.run(3000)  # one on each node, and old
    cluster.nodes[0].taints, others = [], [("x", "", "NoSchedule")]
    for node in cluster.nodes[1:]:
        node.taints = list(others)
    rs.replicas = 6
    cluster.server.changed(rs)
    cluster.run(3010)
    on_first = [pod.name for pod in cluster.server.list(Pod) if pod.node == "w0"]
    assert len(on_first) == 3
    unready = next(pod for pod in cluster.server.list(Pod) if pod.node == "w3")
    cluster.agents[3].channel.status(unready.uid, replace(cluster.agents[3].channel._said[unready.uid], ready=False))
    cluster.run(3011)
    order = []
    for replicas in (5, 4, 3):
        before = {pod.name for pod in cluster.server.list(Pod) if pod.active}
        rs.replicas = replicas
        cluster.server.changed(rs)
        cluster.run(cluster.clock.now / SECOND + 5)
        order.append((before - {pod.name for pod in cluster.server.list(Pod) if pod.active}).pop())
    assert order[0] == unready.name
    assert set(order[1:]) == set(on_first) - {min(on_first, key=lambda name: int(name.split("-")[1]))}
    assert all(a != b for a, b in pairwise(order))
