"""Kubernetes' zones in disruption: predictions K-P9 and K-P10.

The shares are those of the reference's Monte-Carlo (grace 50 s), which shares no code with the simulator. Several zones
of one kind fail in one simulation, each at an instant of its own, beside a zone that is well.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from controlkit import Cluster, Numbers
from simulator.control.liveness import taints

NO_EXECUTE = f"{taints.UNREACHABLE}:NoExecute"
NOW = Numbers(grace=50.0)


@lru_cache
def tainted(nodes: int, down: int, zones: int, numbers: Numbers = NOW, until: float = 100.0) -> tuple[int, ...]:
    """So many nodes of each zone lose power together: how many of them are tainted NoExecute within `until` s more than
    the grace; one number for each zone. Ten zones at a time share a cluster."""
    found: list[int] = []
    luck = np.random.default_rng(nodes * 100 + down)
    for first in range(0, zones, 10):
        many = min(10, zones - first)
        names = [*(f"z{k // nodes}" for k in range(nodes * many)), "well"]
        cluster = Cluster(len(names), numbers, zones=names, schedule=False, seed=first)
        for zone, at in enumerate(luck.uniform(50, 250, many)):
            for k in range(down):
                cluster.at(at, cluster.crash, nodes * zone + k)
        cluster.run(250 + numbers.grace + until)
        hit = [names[int(name[1:])] for _t, name in cluster.events("TaintAdded", NO_EXECUTE)]
        found += [hit.count(f"z{zone}") for zone in range(many)]
    return tuple(found)


@pytest.mark.parametrize(("nodes", "down"), [(2, 1), (3, 1), (3, 2), (4, 2), (6, 3)])
def test_p9_these_zones_are_normal_and_lose_every_node(nodes: int, down: int) -> None:
    assert set(tainted(nodes, down, 10)) == {down}


@pytest.mark.parametrize(
    ("nodes", "down", "share", "zones"),
    [(4, 3, 0.18, 120), (6, 4, 0.28, 90), (10, 6, 0.43, 80), (20, 12, 0.52, 50)],
    ids=["3 of 4", "4 of 6", "6 of 10", "12 of 20"],
)
def test_p9_a_small_zone_in_partial_disruption_keeps_its_pods_but_for_an_early_node(
    nodes: int, down: int, share: float, zones: int
) -> None:
    """Within three standard errors; rarely there are two."""
    found = np.array(tainted(nodes, down, zones))
    assert found.max() <= 2
    assert np.mean(found == 2) <= 0.05
    assert np.mean(found > 0) == pytest.approx(share, abs=3 * np.sqrt(share * (1 - share) / zones))


def test_p9_three_of_five_are_too_many_too() -> None:
    found = np.array(tainted(5, 3, 40))
    assert found.max() <= 2
    assert np.mean(found > 0) < 0.5


@pytest.mark.parametrize(("nodes", "down"), [(10, 6), (20, 12), (5, 3)])
def test_p9_is_the_threshold_s_doing(nodes: int, down: int) -> None:
    """With unhealthy-zone-threshold a quarter higher, six of ten are no disruption: all nodes go."""
    assert set(tainted(nodes, down, 10, replace(NOW, unhealthy=0.55 * 1.25), until=100.0 + 10 * down)) == {down}


def test_p9_a_cluster_of_one_node_evicts_nobody() -> None:
    cluster = Cluster(1, NOW, zones=["edge"], schedule=False)
    pod = cluster.pod("p", 0)
    cluster.at(60, cluster.crash, 0)
    cluster.run(1000)
    assert [name for _t, name in cluster.events("NodeNotReady")] == ["w0"]
    assert cluster.events("TaintAdded", NO_EXECUTE) == []
    assert pod.deletion_ns is None


@lru_cache
def large_zone(numbers: Numbers) -> tuple[float, ...]:
    """Forty of sixty nodes fail together: seconds from there to each NoExecute taint."""
    cluster = Cluster(61, numbers, zones=["big"] * 60 + ["well"], schedule=False)
    for row in range(40):
        cluster.at(60, cluster.crash, row)
    cluster.run(60 + 60 + 400)
    return tuple(t - 60 for t, _name in cluster.events("TaintAdded", NO_EXECUTE))


def test_p9_a_large_zone_loses_one_node_in_100_s() -> None:
    """Five in the first 400 s or so: the first may come before the threshold is crossed."""
    times = np.array(large_zone(NOW))
    assert 4 <= len(times) <= 6
    assert np.diff(times[1:]) == pytest.approx(100, abs=0.5)
    faster = np.array(large_zone(replace(NOW, secondary_rate=0.01 * 1.25)))
    assert np.diff(faster[1:]) == pytest.approx(80, abs=0.5)
    assert len(large_zone(replace(NOW, large_zone=75))) <= 2  # then it counts as a small one


@lru_cache
def whole_zone(numbers: Numbers) -> tuple[float, ...]:
    """One of three zones fails, all of its twelve nodes: seconds from there to each NoExecute taint."""
    zones = ["a"] * 12 + ["b"] * 12 + ["c"] * 12
    cluster = Cluster(36, numbers, zones=zones, schedule=False)
    for row in range(12):
        cluster.at(60, cluster.crash, row)
    cluster.run(60 + 60 + 200)
    return tuple(t - 60 for t, _name in cluster.events("TaintAdded", NO_EXECUTE))


def test_p10_of_a_zone_that_is_wholly_down_one_node_goes_in_10_s() -> None:
    """As at the normal rate, once the last node is NotReady; before that the zone may stand still for a pass or two."""
    times = np.array(whole_zone(NOW))
    assert len(times) == 12
    assert np.diff(times)[2:] == pytest.approx(10, abs=0.11)
    slower = np.array(whole_zone(replace(NOW, node_rate=0.1 / 1.25)))
    assert np.diff(slower)[2:] == pytest.approx(12.5, abs=0.11)
