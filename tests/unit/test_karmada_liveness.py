"""What a hub believes of its members, and what that belief costs."""

from __future__ import annotations

import numpy as np
import pytest

from hubkit import Hubs, Page
from simulator.units import SECOND


@pytest.mark.parametrize("mode", ["push", "pull"])
def test_healthy_members_cost_no_events(mode: str) -> None:
    hubs = Hubs(20, mode=mode)
    hubs.run(60)
    before = hubs.clock.fired
    hubs.run(4 * 3600)
    assert hubs.clock.fired == before
    ages = (hubs.clock.now - np.array([hubs.hub.roster.heard_ns(row) for row in range(20)])) / SECOND
    assert (ages <= 10.5).all()
    assert len(set(ages.tolist())) == 20  # each has a phase of its own


def test_polls_follow_the_end_of_the_one_before() -> None:
    hubs = Hubs(1, latency_s=0.25)
    hubs.run(1000)
    first = hubs.hub.roster.heard_ns(0)
    hubs.run(1015)
    assert (hubs.hub.roster.heard_ns(0) - first) / SECOND % 10.5 == pytest.approx(0, abs=0.001)
    assert hubs.hub.roster.latency_ns()[0] / SECOND == pytest.approx(0.25, abs=0.001)


@pytest.mark.parametrize("mode", ["push", "pull"])
@pytest.mark.parametrize("how", ["silent", "refused"])
def test_a_short_cut_is_never_believed(mode: str, how: str) -> None:
    hubs = Hubs(10, mode=mode)
    for row in range(10):
        hubs.at(100, lambda row=row: hubs.at(100 + 20 + row / 10, hubs.network.mend, row, hubs.cut(row, how)))
    hubs.run(400)
    assert not hubs.believed("NotReady")
    assert not hubs.believed("Unknown")


def test_a_good_poll_begins_the_thirty_seconds_anew() -> None:
    """Cut for 25 s, open for 12 s, cut for 25 s: never 30 s of failures in a row."""
    hubs = Hubs(10)
    for row in range(10):
        for start in (100.0, 137.0):
            hubs.at(start, lambda s=start, r=row: hubs.at(s + 25, hubs.network.mend, r, hubs.cut(r, "refused")))
    hubs.run(400)
    assert not hubs.believed("NotReady")


def test_a_poll_under_way_is_answered_by_its_next_syn() -> None:
    """A silent cut of 3 s meets the poll that starts in it: the SYN of 3 s, or the next, gets through."""
    hubs = Hubs(1)
    hubs.run(100)
    due = hubs.hub.roster.heard_ns(0) / SECOND + 10
    hubs.at(due - 0.5, lambda: hubs.at(due + 2.5, hubs.network.mend, 0, hubs.cut(0)))
    hubs.run(due + 9)
    assert hubs.hub.roster.heard_ns(0) / SECOND == pytest.approx(due + 3, abs=0.1)


def test_a_member_whose_api_server_is_stopped_is_not_ready_in_both_modes() -> None:
    hubs = Hubs(2, mode=["push", "pull"])
    hubs.at(100, lambda: [server.set_up(False) for server in hubs.servers])
    hubs.at(200, lambda: [server.set_up(True) for server in hubs.servers])
    hubs.run(300)
    lost, back = hubs.believed("NotReady"), hubs.believed("Ready")
    assert 130 <= lost["m0"] <= 141
    assert 130 <= lost["m1"] <= 151  # the agent finds it as the hub would, and says so with its next status
    assert 230 <= back["m0"] <= 241
    assert 230 <= back["m1"] <= 251


def test_conditions_become_taints_at_once_and_go_with_them() -> None:
    hubs = Hubs(2, mode=["push", "pull"])
    tokens = [hubs.cut(row, "refused") for row in range(2)]
    hubs.run(100)
    taints = [member.taints for member in hubs.hub.roster.members]
    assert taints == [
        [("cluster.karmada.io/not-ready", "", "NoSchedule")],
        [("cluster.karmada.io/unreachable", "", "NoSchedule")],
    ]
    for row, token in enumerate(tokens):
        hubs.network.mend(row, token)
    hubs.run(200)
    assert taints == [[], []]


def test_while_the_hub_s_api_server_is_down_nobody_s_belief_turns() -> None:
    hubs = Hubs(4, mode=["push", "pull", "push", "pull"])
    hubs.at(100, hubs.hub.server.set_up, False)
    hubs.at(110, hubs.cut, 0)
    hubs.at(110, hubs.cut, 1)
    hubs.run(400)
    assert not hubs.believed("NotReady") | hubs.believed("Unknown")
    hubs.hub.server.set_up(True)
    hubs.run(500)
    assert set(hubs.believed("NotReady")) == {"m0"}
    assert hubs.believed("Unknown")["m1"] >= 440  # its grace began anew
    assert set(hubs.believed("Unknown")) == {"m1"}


def test_a_controller_manager_that_starts_believes_its_first_poll() -> None:
    hubs = Hubs(1)
    hubs.at(100, hubs.hub.set_manager, False)
    hubs.at(150, hubs.cut, 0, "refused")
    hubs.at(200, hubs.hub.set_manager, True)
    hubs.run(300)
    assert hubs.believed("NotReady")["m0"] == pytest.approx(200, abs=0.1)


def test_the_path_is_recorded_beside_the_belief() -> None:
    hubs = Hubs(1)
    hubs.at(50, hubs.cut, 0, "refused")
    hubs.run(100)
    rows = hubs.recorder.clusters.frame().rows()
    assert [(truth, state) for _, _, truth, state in rows] == [
        ("believed", "Ready"), ("running", "up"), ("path", "open"), ("path", "cut"), ("believed", "NotReady"),
    ]  # fmt: skip
    assert rows[3][0] == 50


def test_a_page_moves_what_it_says() -> None:
    page = Page().moved("liveness.cluster-status.failure", 2)
    assert page.settings().roster.probe.failure_ns == 60 * SECOND
    assert page.moved("eviction.cluster-failover.rate", 2).settings().failover.rate == 1.0
