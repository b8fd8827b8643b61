"""A multi-cluster control plane over a bad WAN: what is false, slow and stale, against the same over a good one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from hubkit import Hubs
from simulator.control.clusters.objects import Binding
from simulator.units import SECOND

HOURS, MEMBERS, LOSS, LATENCY_S = 3, 20, 0.4, 0.3


@lru_cache
def wan(mode: str, bad: bool) -> Hubs:
    """Three hours; every ten minutes a workload joins."""
    hubs = Hubs(MEMBERS, mode=mode, latency_s=LATENCY_S if bad else 0.005, loss=LOSS if bad else 0.0)
    for each in range(HOURS * 6):
        hubs.at(600 * each + 1, hubs.deploy, f"w{each}", 2 * MEMBERS)
    hubs.run(HOURS * 3600)
    return hubs


def turns(hubs: Hubs) -> int:
    rows = hubs.recorder.clusters.frame().rows()
    return sum(truth == "believed" and state in ("NotReady", "Unknown") for _, _, truth, state in rows)


def simple_polls(hours: float, seed: int = 7) -> int:
    """How often members are falsely believed lost: an independent simulation, poll by poll, in seconds."""
    luck, count = np.random.default_rng(seed), 0
    lost = 1 - (1 - LOSS) ** 2
    for _ in range(MEMBERS):
        now, believed, run, since = luck.uniform(0, 10), True, True, -np.inf
        while now < hours * 3600:
            failures = luck.geometric(1 - lost) - 1
            took = 2 * LATENCY_S + sum((2 * LATENCY_S + 0.2) * 2**k for k in range(failures))
            good = took <= 10
            now += min(took, 10)
            if good != run:
                run, since = good, now
            if good != believed and now >= since + 30:
                believed = good
                count += not good
            now += 10
    return count


def test_a_bad_wan_makes_healthy_members_not_ready_as_often_as_luck_has_it() -> None:
    expected = simple_polls(HOURS * 20) / 20
    assert expected > 20
    assert turns(wan("push", True)) == pytest.approx(expected, rel=0.35)
    assert turns(wan("push", False)) == 0


def test_pull_bears_the_same_wan_better() -> None:
    """A lease asks for one of four renewals in 40 s; 30 s of polls are two or three, each with a time-out of 10 s."""
    assert turns(wan("pull", True)) < turns(wan("push", True)) / 2
    assert turns(wan("pull", False)) == 0


def applied_after_s(hubs: Hubs) -> float:
    """The 95th percentile of the time from a binding to the hub's knowing that a member has its share."""
    works = [w for w in hubs.works() if w.created_ns < (HOURS * 3600 - 1200) * SECOND]
    assert works
    end = HOURS * 3600 * SECOND
    return float(np.percentile([(w.applied_ns or end) - w.created_ns for w in works], 95) / SECOND)


@pytest.mark.parametrize("mode", ["push", "pull"])
def test_propagation_is_slow(mode: str) -> None:
    good, bad = applied_after_s(wan(mode, False)), applied_after_s(wan(mode, True))
    assert good < 1
    assert bad > 5 * good


@pytest.mark.parametrize("mode", ["push", "pull"])
def test_belief_is_stale(mode: str) -> None:
    def worst(hubs: Hubs) -> float:
        return max((hubs.clock.now - hubs.hub.roster.heard_ns(row)) / SECOND for row in range(MEMBERS))

    assert worst(wan(mode, False)) <= 10.5
    assert worst(wan(mode, True)) > 10.5


def test_what_is_placed_meanwhile_avoids_members_that_are_well() -> None:
    """False NotReady is not harmless: new workloads are divided over fewer members, and stay so."""
    hubs = wan("push", True)
    members = [len(binding.replicas) for binding in hubs.hub.server.list(Binding)]
    assert min(members) < MEMBERS
    assert {len(binding.replicas) for binding in wan("push", False).hub.server.list(Binding)} == {MEMBERS}
