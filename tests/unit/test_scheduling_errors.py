"""Answers that are no decisions, and policies that never answer."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from schedulers import Plane, kubernetes, node, template
from simulator.control.api.objects import Pod
from simulator.control.scheduling.watchdog import Overtime, limited
from simulator.errors import RunFailed
from simulator.policy import Bind, Migrate, Placement, Scale
from simulator.world.pod import ContainerTemplate


def kinds(plane: Plane) -> list[str]:
    return [row["decision"] for row in plane.decisions()]


# Answers that are none.


class Raises(Placement):
    def place(self, pod, cluster):
        return {}["nothing"]


NONSENSE = {
    "raises": (Raises(), "raised KeyError: 'nothing' (place, line "),
    "exits": (lambda pod, cluster: sys.exit(3), "raised SystemExit: 3"),
    "none": (lambda pod, cluster: None, "answered None, a NoneType: a decision is Bind, Wait or Reject"),
    "text": (lambda pod, cluster: "n0", "answered 'n0', a str"),
    "migrate": (lambda pod, cluster: Migrate("p", 0), "answered Migrate, which this orchestrator does not offer"),
    "scale": (lambda pod, cluster: Scale("w", 3), "answered Scale, which this orchestrator does not offer"),
    "beyond": (lambda pod, cluster: Bind(2), "bound to row 2 of 2"),
    "negative": (lambda pod, cluster: Bind(-1), "bound to row -1 of 2"),
    "name": (lambda pod, cluster: Bind("n0"), "bound to row 'n0' of 2"),
    "true": (lambda pod, cluster: Bind(True), "bound to row True of 2"),
    "fraction": (lambda pod, cluster: Bind(1.0), "bound to row 1.0 of 2"),
    "full": (lambda pod, cluster: Bind(0), "bound to n0, which would not admit it: Insufficient cpu"),
    "writes": (lambda pod, cluster: cluster.free_cpu_m.fill(0), "raised ValueError: assignment destination"),
}  # fmt: skip


@pytest.mark.parametrize(("policy", "said"), NONSENSE.values(), ids=NONSENSE)
def test_a_policy_error_is_recorded_and_the_default_decides(policy, said):
    plane = Plane([node("n0", cpu_m=50), node("n1")], policy)
    plane.pod("p")
    plane.run(0)
    assert [(row["decision"], row["node"], row["attempt"]) for row in plane.decisions()] == [
        ("policy_error", "", 1),
        ("Bind", "n1", 1),
    ]
    (event,) = plane.events("PolicyError")
    assert said in event["detail"]
    assert (event["subject"], event["time_s"]) == ("p", 0.0)
    assert plane.places() == {"p": "n1"}


@pytest.mark.parametrize("policy", [NONSENSE["raises"][0], NONSENSE["text"][0]], ids=["raises", "text"])
def test_under_stop_a_policy_error_ends_the_run_and_is_recorded(policy):
    plane = Plane(1, policy, kubernetes(on_policy_error="stop"))
    with pytest.raises(RunFailed, match=r"policy error at 0 s, pod p: (raised|answered)"):  # noqa: PT012
        plane.pod("p")
        plane.run(0)
    assert kinds(plane) == ["policy_error"]


@pytest.mark.parametrize(
    ("of", "why"),
    [
        (template(node_selector={"disk": "ssd"}), "didn't match Pod's node affinity/selector"),
        (template(node_name="elsewhere"), "didn't match the requested node name"),
        (template(containers=(ContainerTemplate("c", "i", host_ports=(80,)),)), "didn't have free ports"),
    ],
    ids=["affinity", "name", "ports"],
)
def test_what_the_nodes_agent_would_refuse_is_a_policy_error(of, why):
    plane = Plane(1, lambda pod, cluster: Bind(0))
    taken = template(containers=(ContainerTemplate("c", "i", host_ports=(80,)),))
    plane.server.create(Pod(name="there", template=taken, node="n0"))
    plane.pod("p", of)
    plane.run(0)
    assert why in plane.events("PolicyError")[0]["detail"]


def test_a_taint_is_the_policys_own_choice():
    plane = Plane([node("n0", taints=[("x", "", "NoSchedule")])], lambda pod, cluster: Bind(np.int64(0)))
    plane.pod("p")
    plane.run(0)
    assert kinds(plane) == ["Bind"]
    assert plane.places() == {"p": "n0"}


# The limit in wall-clock time.


def _forever(pod: Any = None, cluster: Any = None) -> None:
    while True:
        try:
            sum(range(10))
        except Exception:  # what a hasty author writes
            continue


def test_a_policy_that_hangs_ends_the_run_as_failed():
    plane = Plane(1, _forever, kubernetes(answer_limit_s=0.2))
    began = time.monotonic()
    with pytest.raises(RunFailed, match=r"the policy took over 0\.2 s of wall clock to place p"):  # noqa: PT012
        plane.pod("p")
        plane.run(0)
    assert time.monotonic() - began < 5


def test_a_call_is_ended_in_a_thread_too():
    ended = []

    def run() -> None:
        try:
            limited(0.2, _forever)
        except Overtime:
            ended.append(True)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert ended == [True]


def test_a_call_that_swallows_everything_once_is_ended_at_the_next_ring():
    swallowed = []

    def stubborn() -> None:
        try:
            _forever()
        except BaseException as error:
            swallowed.append(error)
        _forever()

    with pytest.raises(Overtime):
        limited(0.1, stubborn)
    assert len(swallowed) == 1


@pytest.mark.parametrize("in_thread", [False, True])
def test_within_its_limit_a_call_is_left_alone_and_everything_is_put_back(in_thread):
    found: list[Any] = []

    def run() -> None:
        before = sys.gettrace()
        found.append(limited(60, lambda x: x + 1, 41))
        found.append(sys.gettrace() is before)
        with pytest.raises(KeyError):
            limited(60, {}.__getitem__, "x")

    handler = signal.getsignal(signal.SIGALRM)
    others = signal.setitimer(signal.ITIMER_REAL, 3600, 7)
    try:
        thread = threading.Thread(target=run) if in_thread else None
        if thread is None:
            run()
        else:
            thread.start()
            thread.join()
        assert found == [42, True]
        assert signal.getsignal(signal.SIGALRM) is handler
        left, period = signal.getitimer(signal.ITIMER_REAL)
        assert 3590 < left <= 3600
        assert period == 7
    finally:
        signal.setitimer(signal.ITIMER_REAL, *others)
