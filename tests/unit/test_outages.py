"""What an outage costs pods, on tables small enough to work out by hand."""

from __future__ import annotations

from math import inf, isnan

import pytest

from simulator.record import outages
from simulator.record.buffer import Recorder
from simulator.record.glossary import MetricContext, summarise
from simulator.units import SECOND

TRUTHS = {"started": "running", "stopped": "running", "desired": "stored", "removed": "stored"}


class Tables:
    """A recorder with short words."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def node(self, at_s: float, truth: str, state: str, name: str = "n") -> Tables:
        self.recorder.nodes.add(round(at_s * SECOND), name, truth, state)
        return self

    def hub(self, at_s: float, state: str, cluster: str = "m") -> Tables:
        self.recorder.clusters.add(round(at_s * SECOND), cluster, "path", state)
        return self

    def pod(self, at_s: float, name: str, *states: str, node: str = "n", owner: str = "web") -> Tables:
        for state in states:
            row = (name, owner, node, TRUTHS.get(state, "believed"), state)
            self.recorder.pods.add(round(at_s * SECOND), *row)
        return self

    def update(self, at_s: float, owner: str = "web") -> Tables:
        self.recorder.events.add(round(at_s * SECOND), "Updated", owner, "", "image:2")
        return self

    def value(self, name: str) -> float:
        return summarise(self.recorder.frames(), MetricContext(duration_s=1000.0), [name])[name]


def cut(*, pod: str = "a") -> Tables:
    """A pod that runs from 10 s on a node that is cut off from 100 to 500 s."""
    tables = Tables().pod(5, pod, "Scheduled").pod(10, pod, "desired", "started", "Ready")
    return tables.node(0, "path", "open").node(100, "path", "cut").node(500, "path", "open")


def test_given_up_while_it_is_away_and_killed_when_it_is_back() -> None:
    tables = cut().pod(150, "a", "NotReady").pod(400, "a", "Terminating").pod(530, "a", "stopped", "removed")
    assert tables.value("give_up_s") == 300
    assert tables.value("killed_healthy_pods") == 1
    assert tables.value("offline_running_ratio") == 1


def test_whom_nobody_gives_up_nobody_kills() -> None:
    tables = cut().pod(150, "a", "NotReady").pod(510, "a", "Ready").pod(700, "a", "Terminating", "stopped")
    assert isnan(tables.value("give_up_s"))
    assert tables.value("killed_healthy_pods") == 0


def test_no_healthy_pod_is_killed_where_it_died_before_or_with_the_next_loss() -> None:
    assert cut().pod(300, "a", "stopped").pod(400, "a", "Terminating").value("killed_healthy_pods") == 0
    again = cut().pod(400, "a", "Terminating").node(600, "running", "down").pod(600, "a", "stopped")
    assert again.value("killed_healthy_pods") == 0
    assert cut().pod(400, "a", "Terminating").value("killed_healthy_pods") == 0  # it runs on
    assert cut().pod(400, "a", "Terminating").value("give_up_s") == 300


def test_what_an_update_ends_was_not_killed_for_the_loss() -> None:
    def ended(updated: float) -> float:
        tables = cut().update(updated).pod(400, "a", "Deleted").pod(530, "a", "stopped")
        return tables.value("killed_healthy_pods")

    assert ended(350) == 0
    assert ended(50) == 1  # long before the cut
    assert ended(450) == 1  # it had been given up by then


def test_a_share_of_the_time_away_may_be_served_by_another_pod() -> None:
    tables = cut().pod(200, "a", "stopped").pod(300, "b", "started").pod(350, "c", "started").pod(400, "c", "stopped")
    assert tables.value("offline_running_ratio") == pytest.approx((100 + 200) / 400)
    alone = cut().pod(200, "a", "stopped").pod(300, "b", "started", node="other").pod(300, "x", "started", owner="x")
    assert alone.value("offline_running_ratio") == pytest.approx(100 / 400)
    assert isnan(Tables().node(0, "path", "open").value("offline_running_ratio"))


def rebooted(ran_s: float | None, *, away: bool = True) -> Tables:
    """Power is gone from 200 to 260 s, in a cut from 100 to 500 s or without one."""
    tables = cut() if away else Tables().pod(10, "a", "started").node(0, "path", "open")
    tables.node(0, "running", "up").node(200, "running", "down").pod(200, "a", "stopped").node(260, "running", "up")
    return tables if ran_s is None else tables.pod(ran_s, "a" if ran_s < 500 else "b", "started")


def test_a_reboot_ends_when_a_pod_of_the_owner_runs_again() -> None:
    early, late, near = rebooted(280), rebooted(520), rebooted(270, away=False)
    assert early.value("reboot_s") == 20
    assert isnan(early.value("late_reboot_s"))
    assert late.value("late_reboot_s") == 20  # from the return, for which it waited
    assert isnan(late.value("reboot_s"))
    assert near.value("reboot_s") == 10
    found = outages.reboots(near.recorder.frames()).row(0, named=True)
    assert (found["away"], found["open_s"], found["waited"]) == (False, 260, False)


def test_a_reboot_that_never_ends_counts_as_neither() -> None:
    for tables in (rebooted(None), rebooted(None).node(300, "running", "down").pod(520, "a", "started")):
        assert isnan(tables.value("reboot_s"))
        assert isnan(tables.value("late_reboot_s"))
    assert outages.reboots(rebooted(None).recorder.frames())["ran_s"].to_list() == [inf]


def test_an_update_has_arrived_when_a_pod_that_was_made_after_it_runs() -> None:
    near = Tables().node(0, "path", "open").pod(10, "a", "started").update(100)
    near.pod(90, "old", "Pending", node="").pod(95, "old", "started").pod(101, "b", "Pending", node="")
    assert near.pod(107, "b", "started").value("update_s") == 7
    away = cut().update(300).pod(301, "b", "Pending", node="").pod(520, "b", "started")
    assert away.value("late_update_s") == 20
    assert isnan(away.value("update_s"))


def test_an_update_counts_by_node_and_until_the_next_one() -> None:
    tables = cut().node(0, "path", "open", "m").pod(10, "x", "started", node="m").update(300).update(600)
    tables.pod(301, "y", "started", node="m")  # m is in reach, n is not before 500
    tables.pod(601, "b", "Pending", node="").pod(605, "b", "started")  # of the second update
    tables.pod(601, "z", "Pending", node="").pod(609, "z", "started", node="m")
    assert tables.value("update_s") == pytest.approx((1 + 5 + 9) / 3)
    assert tables.value("update_last_s") == 9
    assert isnan(tables.value("late_update_s"))
    frame = outages.updates(tables.recorder.frames()).select("node", "updated_s", "away", "ran_s").rows()
    assert frame == [("m", 300, False, 301), ("n", 300, True, inf), ("m", 600, False, 609), ("n", 600, False, 605)]


def test_a_member_s_node_is_in_reach_while_both_ways_are_open() -> None:
    tables = Tables().node(0, "path", "open").pod(10, "m/a", "started", "Ready").hub(0, "open").hub(0, "open", "other")
    tables.hub(100, "cut").hub(150, "cut", "other").node(200, "path", "cut").hub(300, "open").node(400, "path", "open")
    frames = tables.recorder.frames()
    ways = outages.reach(frames).filter(truth="path").select("time_s", "state").rows()
    assert ways == [(0, "open"), (100, "cut"), (200, "cut"), (300, "cut"), (400, "open")]
    assert tables.pod(250, "m/a", "Terminating").value("give_up_s") == 150
    assert tables.value("offline_running_ratio") == 1


def test_power_is_reach_too() -> None:
    tables = Tables().pod(10, "a", "started").node(0, "running", "up").node(0, "path", "open")
    tables.node(200, "running", "down").pod(200, "a", "stopped").node(260, "running", "up").pod(270, "a", "started")
    assert tables.value("offline_running_ratio") == 0
    assert tables.pod(240, "a", "Deleted").value("give_up_s") == 40
