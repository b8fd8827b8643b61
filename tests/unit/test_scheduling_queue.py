"""The queue: who comes first, who backs off how long, who is woken by what."""

from __future__ import annotations

from copy import deepcopy
from functools import reduce
from operator import or_
from typing import Any

import pytest

from schedulers import Plane, kubernetes, node, template
from simulator.control.api.objects import Node, Pod
from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters import FILTERS
from simulator.control.scheduling.queue import SchedulingQueue
from simulator.engine.clock import Clock
from simulator.policy import Bind, Wait
from simulator.units import SECOND
from simulator.world.pod import ContainerTemplate, PodAffinityTerm, Requirement, SpreadConstraint

GIANT = template(10**6)


def first_fit(pod: Any, cluster: Any) -> Any:
    """Decides by nothing but the filters."""
    fits = cluster.feasible(pod)
    return Bind(int(fits.argmax())) if fits.any() else Wait()


def asked(plane: Plane, pod: str = "") -> list[tuple[str, float]]:
    """Who was asked about, and when."""
    return [(row["pod"], row["time_s"]) for row in plane.decisions() if pod in ("", row["pod"])]


# Order.


def test_the_higher_priority_comes_first_and_among_equals_the_older():
    plane = Plane(1, None)
    for name, priority in (("blocker", 0), ("old", 0), ("young", 0), ("urgent", 1000), ("mild", 10)):
        plane.pod(name, template(priority=priority))
        plane.run(0.1)
    order = []
    while plane.scheduler.pending is not None:
        order.append(plane.scheduler.pending.pod.name)
        plane.scheduler.answer(Bind(0))
    assert order == ["blocker", "urgent", "mild", "old", "young"]


def test_equal_and_higher_priority_never_preempts():
    plane = Plane([node("n", cpu_m=1000)], first_fit)
    plane.pod("low", template(1000))
    plane.run(1)
    plane.pod("high", template(1000, priority=1000))
    plane.run(400)
    assert plane.places() == {"low": "n", "high": ""}


def test_a_pod_that_failed_is_younger_than_one_that_came_before_it_failed():
    plane = Plane([node("n", cpu_m=1000)], first_fit, kubernetes(cycle_ns=SECOND // 2))
    plane.pod("failing", GIANT)
    plane.run(0.2)
    plane.pod("waiting", GIANT)  # while the first is in its cycle
    plane.run(1.1)
    assert [name for name, _ in asked(plane)] == ["failing", "waiting"]


# Backoff.


@pytest.mark.parametrize(("attempts", "seconds"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (6, 10), (500, 10)])
def test_the_backoff_doubles_from_1_s_to_10_s(attempts, seconds):
    queue = SchedulingQueue(Clock(), kubernetes(), 0, lambda: None)
    assert queue.backoff_ns(attempts) == seconds * SECOND


def test_an_event_after_the_backoff_makes_a_pod_due_at_once():
    plane = Plane(1, first_fit)
    plane.pod("giant", GIANT)
    visitor = plane.pod("visitor")
    plane.run(5.5)
    plane.server.remove(visitor)
    plane.run(0)
    assert asked(plane, "giant")[-1] == ("giant", 5.5)


def test_an_event_during_the_backoff_changes_nothing_before_its_end():
    plane = Plane(1, first_fit)
    visitor = plane.pod("visitor")
    plane.run(1)
    plane.pod("giant", GIANT)
    plane.run(0.1)
    plane.server.remove(visitor)
    plane.run(0.89)
    assert len(asked(plane, "giant")) == 1
    plane.run(1.1)
    assert len(asked(plane, "giant")) == 2


def test_an_event_during_the_cycle_makes_it_back_off_instead_of_wait():
    """It might have come too late for the view that the policy saw."""
    plane = Plane(1, first_fit, kubernetes(cycle_ns=SECOND))
    visitor = plane.pod("visitor")
    plane.run(2)
    plane.pod("giant", GIANT)
    plane.run(0.5)
    plane.server.remove(visitor)
    plane.run(5)
    times = [time for _, time in asked(plane, "giant")]
    assert len(times) == 2
    assert 1 + 1 <= times[1] - times[0] <= 1 + 2  # its cycle, its backoff, and up to one tick


def test_a_deleted_pod_is_forgotten_wherever_it_is():
    plane = Plane(0, first_fit)
    gone = [plane.pod(name, GIANT) for name in ("waiting", "backing-off")]
    plane.run(0)
    plane.server.create(node("n"))  # wakes both into their backoff; they do not fit
    plane.run(0)
    for pod in gone:
        plane.server.remove(pod)
    plane.run(1000)
    assert len(asked(plane)) == 2
    assert len(plane.scheduler.queue) == 0


def test_an_idle_queue_costs_nothing():
    plane = Plane(1, first_fit)
    plane.pod("p")
    plane.run(10)
    fired = plane.clock.fired
    plane.run(86_400)
    assert plane.clock.fired == fired


# What wakes whom.

APP = (Requirement("app", "In", ("app",)),)
SSD = template(node_selector={"disk": "ssd"})
PORT = template(containers=(ContainerTemplate("c", "img", host_ports=(80,)),))
NEAR = template(pod_affinity=(PodAffinityTerm((Requirement("app", "In", ("other",)),), "kubernetes.io/hostname"),))
SPREAD = template(spread=(SpreadConstraint(1, "rack", APP),))
FULL = template(4000)


def label(plane: Plane) -> None:
    plane.server.get(Node, "n0").labels["disk"] = "ssd"
    plane.server.changed(plane.server.get(Node, "n0"))


def taint(plane: Plane) -> None:
    plane.server.get(Node, "n0").taints.append(("x", "", "PreferNoSchedule"))
    plane.server.changed(plane.server.get(Node, "n0"))


def untaint(plane: Plane) -> None:
    plane.server.get(Node, "n0").taints.clear()
    plane.server.changed(plane.server.get(Node, "n0"))


def uncordon(plane: Plane) -> None:
    plane.server.get(Node, "n0").unschedulable = False
    plane.server.changed(plane.server.get(Node, "n0"))


def grow(plane: Plane) -> None:
    plane.server.get(Node, "n0").allocatable_cpu_m *= 2
    plane.server.changed(plane.server.get(Node, "n0"))


def ready(plane: Plane) -> None:
    plane.server.get(Node, "n0").ready = "False"
    plane.server.changed(plane.server.get(Node, "n0"))


def join(plane: Plane) -> None:
    plane.server.create(node("n1", labels={"disk": "ssd", "rack": "r"}))


def bind(plane: Plane) -> None:
    plane.server.create(Pod(name="other", template=template(0, 0, "other"), node="n0"))


def leave(plane: Plane) -> None:
    plane.server.remove(plane.server.get(Pod, "there"))


def finish(plane: Plane) -> None:
    plane.server.get(Pod, "there").phase = "Succeeded"
    plane.server.changed(plane.server.get(Pod, "there"))


WOKEN = {
    # The pod that waits, what is already on the node, and which of the changes are worth another try.
    "NodeResourcesFit": (FULL, template(100), {}, {"grow", "join", "leave", "finish"}),
    "NodeAffinity": (SSD, None, {}, {"label", "join"}),
    "NodePorts": (PORT, PORT, {}, {"join", "leave", "finish"}),
    "TaintToleration": (template(), None, {"taints": [("x", "", "NoSchedule")]}, {"untaint", "join"}),
    "NodeUnschedulable": (template(), None, {"unschedulable": True}, {"uncordon", "join"}),
    "InterPodAffinity": (NEAR, template(0, 0), {}, {"bind", "join", "label", "leave", "finish"}),
    "PodTopologySpread": (SPREAD, template(0, 0), {}, {"bind", "join", "label", "leave", "finish"}),
}
CHANGES = (label, taint, untaint, uncordon, grow, ready, join, bind, leave, finish)


CASES = [
    pytest.param(refusing, change, id=f"{refusing}-{change.__name__}")
    for refusing, (_, there, fields, _) in WOKEN.items()
    for change in CHANGES
    if (there or change not in (leave, finish)) and ("taints" in fields or change is not untaint)
]


@pytest.mark.parametrize(("refusing", "change"), CASES)
def test_only_the_changes_that_its_filter_declares_wake_a_pod(refusing, change):
    waiting, there, fields, wakes = WOKEN[refusing]
    plane = Plane([node("n0", **deepcopy(fields))], first_fit)
    if there is not None:
        plane.server.create(Pod(name="there", template=there, node="n0"))
    plane.pod("waiting", waiting)
    plane.run(20)
    assert len(asked(plane, "waiting")) == 1
    assert refusing in str(plane.scheduler.queue._items[plane.server.get(Pod, "waiting").uid].why)
    change(plane)
    plane.run(20)
    assert (len(asked(plane, "waiting")) > 1) == (change.__name__ in wakes)


def test_a_node_that_would_not_take_the_pod_does_not_wake_it():
    plane = Plane(1, first_fit)
    plane.pod("giant", GIANT)
    plane.run(20)
    join(plane)
    grow(plane)
    plane.run(20)
    assert len(asked(plane, "giant")) == 1


def test_an_answer_to_wait_though_nodes_are_free_is_asked_again_after_any_event():
    plane = Plane(2, lambda pod, cluster: Wait())
    plane.pod("p")
    plane.run(20)
    ready(plane)
    plane.run(20)
    assert len(asked(plane)) == 1  # no event for anybody
    label(plane)
    plane.run(20)
    assert len(asked(plane)) == 2


def test_every_event_is_declared_by_some_filter():
    assert reduce(or_, (kind.events for kind in FILTERS.values())) == reduce(or_, Event)
