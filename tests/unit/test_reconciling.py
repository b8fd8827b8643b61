"""Metrics of what it takes to bring the three truths together again, on tables small enough to work out by hand."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.record.buffer import Recorder
from simulator.record.glossary import MetricContext, summarise
from simulator.record.truths import _next_of_each, losses
from simulator.units import SECOND


class Tables:
    """A recorder with short words."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def node(self, at_s: float, name: str, truth: str, state: str) -> Tables:
        self.recorder.nodes.add(round(at_s * SECOND), name, truth, state)
        return self

    def pod(self, at_s: float, name: str, *states: str, node: str = "n", owner: str = "web") -> Tables:
        truth = {"started": "running", "stopped": "running", "desired": "stored", "removed": "stored"}
        for state in states:
            row = (name, owner, node, truth.get(state, "believed"), state)
            self.recorder.pods.add(round(at_s * SECOND), *row)
        return self

    def message(self, event: str, cause: str, size: int, kind: str = "status") -> Tables:
        self.recorder.deliveries.add(0, "n", "up", kind, "", event, cause, size)
        return self

    def value(self, name: str, **context: float) -> float:
        made = MetricContext(**{"duration_s": 1000.0, **context})
        return summarise(self.recorder.frames(), made, [name])[name]


def settled(*pods: str, node: str = "n") -> Tables:
    """Pods on one node on which all three truths agree, from the beginning."""
    tables = Tables()
    for pod in pods:
        tables.pod(0, pod, "Ready", "desired", "started", node=node)
    return tables


def test_a_loss_lasts_until_power_and_path_are_back() -> None:
    tables = Tables()
    tables.node(0, "n", "running", "up").node(0, "n", "path", "open").node(0, "m", "running", "up")
    tables.node(10, "n", "path", "cut").node(20, "n", "running", "down").node(30, "n", "running", "up")
    tables.node(40, "n", "path", "open").node(50, "n", "running", "down").node(15, "m", "running", "down")
    tables.node(60, "n", "running", "up").node(60, "n", "path", "cut")  # it boots behind a cut: still lost
    found = losses(tables.recorder.frames()["nodes"]).select("node", "lost_s", "back_s", "next_s").sort("lost_s").rows()
    assert found == [("n", 10, 40, 50), ("m", 15, float("inf"), float("inf")), ("n", 50, float("inf"), float("inf"))]


def test_replacement_is_from_the_loss_to_the_first_start_elsewhere() -> None:
    tables = settled("a", "b").pod(0, "c", "Ready", "desired", "started", node="other")
    tables.node(100, "n", "path", "cut")
    tables.pod(400, "a", "Terminating").pod(410, "b", "Terminating")
    tables.pod(400.1, "a2", "Pending", node="").pod(410.1, "b2", "Pending", node="")
    tables.pod(450, "b2", "started", node="other")  # an owner's second replacement may be the first that runs
    tables.pod(470, "a2", "started", node="third").pod(480, "a2", "stopped", "started", node="third")
    assert tables.value("replacement_s") == pytest.approx(((470 - 100) + (450 - 100)) / 2)


def test_what_is_no_replacement() -> None:
    assert isnan(settled("a").value("replacement_s"))
    # Given up, but the replacement never runs; or it runs on the node itself.
    tables = settled("a", "b").node(100, "n", "running", "down").pod(400, "a", "Terminating").pod(400, "b", "Deleted")
    tables.pod(400.1, "a2", "Pending").pod(400.2, "b2", "Pending").pod(500, "b2", "started")
    assert isnan(tables.value("replacement_s"))
    # Not given up while the node was away: its later end has another reason.
    tables = settled("a").node(100, "n", "path", "cut").node(130, "n", "path", "open").pod(400, "a", "Terminating")
    assert isnan(tables.pod(401, "a2", "Pending").pod(410, "a2", "started", node="m").value("replacement_s"))
    # It had not run when the node was lost.
    tables = Tables().pod(0, "a", "Scheduled", "desired").node(100, "n", "path", "cut").pod(110, "a", "started")
    tables.pod(400, "a", "Terminating").pod(400.1, "a2", "Pending").pod(410, "a2", "started", node="m")
    assert isnan(tables.value("replacement_s"))


def test_another_pod_of_the_owner_that_is_replaced_takes_its_own_replacement() -> None:
    tables = settled("a").pod(0, "x", "Ready", "desired", "started", node="m").node(100, "n", "path", "cut")
    tables.pod(390, "x", "Terminating", node="m").pod(391, "x2", "Pending").pod(395, "x2", "started", node="k")
    tables.pod(400, "a", "Terminating").pod(401, "a2", "Pending").pod(430, "a2", "started", node="k")
    assert tables.value("replacement_s") == 330


@given(st.lists(st.integers(0, 20)), st.lists(st.integers(0, 20)))
def test_each_takes_the_first_that_none_before_it_has_taken(asked: list[int], made: list[int]) -> None:
    asked, made = sorted(asked), sorted(made)
    taken = 0
    expected = []
    for moment in asked:
        while taken < len(made) and made[taken] < moment:
            taken += 1
        expected.append(taken)
        taken += 1
    got = _next_of_each(np.array(asked, float), np.array(made, float)) if asked else np.array([])
    assert [i for i in got if i < len(made)] == [i for i in expected if i < len(made)]


def cut_and_killed() -> Tables:
    """A cut from 100 to 500 s; at 400 s the pod is given up, and the node kills it after its return."""
    tables = settled("a", "b").node(100, "n", "path", "cut").node(500, "n", "path", "open")
    tables.pod(150, "a", "NotReady").pod(150, "b", "NotReady").pod(400, "a", "Terminating")
    tables.pod(507, "b", "Ready").pod(531, "a", "stopped", "removed")
    return tables


def test_reconciliation_is_from_the_return_until_the_last_pod_agrees() -> None:
    tables = cut_and_killed()
    assert tables.value("reconciliation_s") == 500  # to the end: a lower bound
    assert tables.pod(532, "a", "Deleted").value("reconciliation_s") == 32
    tables.node(200, "m", "running", "down").node(600, "m", "running", "up")  # a node without pods does not count
    assert tables.value("reconciliation_s") == 32
    for at, state in ((200, "stopped"), (610, "started")):
        tables.pod(at, "c", state, node="k")
    tables.pod(0, "c", "Ready", "desired", "started", node="k").node(200, "k", "running", "down")
    tables.node(600, "k", "running", "up")
    assert tables.value("reconciliation_s") == (32 + 10) / 2


def test_a_return_at_which_nothing_has_parted_takes_no_time() -> None:
    tables = settled("a").node(100, "n", "path", "cut").node(110, "n", "path", "open")
    assert tables.value("reconciliation_s") == 0
    assert tables.pod(300, "a", "Terminating").value("reconciliation_s") == 0  # what comes later is another matter
    assert isnan(settled("a").node(100, "n", "path", "cut").value("reconciliation_s"))
    assert isnan(settled("a").value("reconciliation_s"))


def test_a_pod_that_said_before_that_it_is_not_ready_does_not_hold_it_up() -> None:
    tables = settled("a").pod(0, "sick", "NotReady", "desired", "started")
    tables.node(100, "n", "path", "cut").node(500, "n", "path", "open").pod(150, "a", "NotReady").pod(503, "a", "Ready")
    assert tables.value("reconciliation_s") == 3
    # A pod that was assigned during the cut does: it must come to run.
    tables.pod(300, "new", "Scheduled").pod(504, "new", "desired").pod(509, "new", "started").pod(511, "new", "Ready")
    assert tables.value("reconciliation_s") == pytest.approx(4)  # stored, not ready, not running: they agree
    # One that comes after the return does not.
    tables.pod(502, "later", "Scheduled").pod(700, "later", "desired")
    assert tables.value("reconciliation_s") == pytest.approx(4)


def test_a_return_that_is_cut_short_is_none() -> None:
    tables = cut_and_killed().node(510, "n", "path", "cut").node(520, "n", "path", "open").pod(532, "a", "Deleted")
    assert tables.value("reconciliation_s") == 12


def test_a_false_detection_is_one_of_a_node_that_is_up_and_in_reach() -> None:
    tables = Tables()
    for name in ("fine", "behind", "dead", "back"):
        tables.node(0, name, "running", "up").node(0, name, "path", "open").node(0, name, "believed", "Ready")
    tables.node(10, "behind", "path", "cut").node(10, "dead", "running", "down")
    tables.node(10, "back", "path", "cut").node(49, "back", "path", "open")
    for name in ("fine", "behind", "dead", "back"):
        tables.node(50, name, "believed", "Unknown").node(60, name, "believed", "NotReady")
    assert tables.value("false_detections") == 2  # fine, and back, whose path was open again


def test_messages_are_counted_by_event_and_bytes_once() -> None:
    tables = Tables().message("sent", "resync", 5000, "list").message("delivered", "resync", 5000, "list")
    tables.message("sent", "change", 300).message("resent", "resync", 300).message("delivered", "resync", 300)
    tables.message("sent", "change", 70).message("resent", "retry", 70).message("lost", "retry", 70)
    assert tables.value("resync_bytes") == 5300
    assert tables.value("resent_messages") == 2
    assert tables.value("lost_control_messages") == 1
    tables.message("resent", "retry", 70).message("duplicate", "retry", 70)
    assert tables.value("duplicated_messages") == 1
