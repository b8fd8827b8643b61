"""Metrics of a hub over member clusters, on tables small enough to work out by hand."""

from __future__ import annotations

from math import isnan

import pytest

from simulator.record.buffer import Recorder
from simulator.record.glossary import MetricContext, summarise
from simulator.units import SECOND


class Tables:
    """A recorder with short words."""

    def __init__(self) -> None:
        self.recorder = Recorder()

    def cluster(self, at_s: float, name: str, truth: str, state: str) -> Tables:
        self.recorder.clusters.add(round(at_s * SECOND), name, truth, state)
        return self

    def event(self, at_s: float, kind: str, subject: str, detail: str) -> Tables:
        self.recorder.events.add(round(at_s * SECOND), kind, subject, "", detail)
        return self

    def arrives(self, at_s: float, about: str, kind: str = "object") -> Tables:
        node = f"{about[0]}-0" if kind == "object" else about
        self.recorder.deliveries.add(
            round(at_s * SECOND), node, "down", kind, about if kind == "object" else "works", "delivered", "change", 1
        )
        return self

    def value(self, name: str) -> float:
        return summarise(self.recorder.frames(), MetricContext(duration_s=1000.0), [name])[name]


def well(*names: str) -> Tables:
    tables = Tables()
    for name in names:
        for truth, state in (("believed", "Ready"), ("running", "up"), ("path", "open")):
            tables.cluster(0, name, truth, state)
    return tables


def test_without_a_hub_nothing_is_said() -> None:
    for name in ("cluster_detection_s", "cluster_ready_again_s", "propagation_s", "cluster_failover_s"):
        assert isnan(Tables().value(name))
    assert (Tables().value("false_cluster_detections"), Tables().value("evicted_workloads")) == (0, 0)


def test_a_loss_begins_with_the_first_of_what_still_lasts() -> None:
    tables = well("a", "b", "c")
    tables.cluster(10, "a", "path", "cut").cluster(20, "a", "running", "down").cluster(50, "a", "believed", "NotReady")
    tables.cluster(5, "b", "path", "cut").cluster(15, "b", "path", "open").cluster(30, "b", "running", "down")
    tables.cluster(50, "b", "believed", "NotReady")
    tables.cluster(60, "c", "believed", "Unknown")  # nothing is wrong with it
    assert tables.value("cluster_detection_s") == pytest.approx((40 + 20) / 2)
    assert tables.value("false_cluster_detections") == 1


def test_ready_again_counts_from_the_whole_return() -> None:
    tables = well("a", "b")
    tables.cluster(10, "a", "path", "cut").cluster(20, "a", "running", "down").cluster(50, "a", "believed", "NotReady")
    tables.cluster(60, "a", "path", "open").cluster(70, "a", "running", "up").cluster(105, "a", "believed", "Ready")
    tables.cluster(10, "b", "path", "cut").cluster(12, "b", "path", "open")  # never believed lost
    assert tables.value("cluster_ready_again_s") == pytest.approx(35)


def test_an_eviction_is_counted_from_the_loss_of_its_member() -> None:
    tables = well("a", "b")
    tables.cluster(10, "a", "path", "cut").cluster(50, "a", "believed", "NotReady").cluster(100, "b", "path", "cut")
    tables.event(640, "EvictWorkloadFromClusterSucceed", "api", "from a")
    tables.event(660, "EvictWorkloadFromClusterSucceed", "web", "from a")
    assert tables.value("evicted_workloads") == 2
    assert tables.value("cluster_failover_s") == pytest.approx((630 + 650) / 2)


def test_a_decision_has_propagated_when_the_last_member_that_it_concerns_has_it() -> None:
    tables = Tables()
    tables.event(10, "ScheduleBindingSucceed", "api", "a=2 b=1").event(10, "ScheduleBindingSucceed", "api", "a b")
    tables.arrives(11, "a/Deployment/api").arrives(14, "b/Deployment/api")
    tables.arrives(12, "a/Service/api").arrives(12, "b/Service/api")
    assert tables.value("propagation_s") == pytest.approx((4 + 2) / 2)  # the service of that name is another decision
    tables.event(20, "ScheduleBindingSucceed", "api", "a=2 b=3").arrives(30, "b/Deployment/api")  # a keeps what it has
    assert tables.value("propagation_s") == pytest.approx((4 + 2 + 10) / 3)
    tables.event(100, "Updated", "api", "shop/api:2").arrives(101, "a/Deployment/api")
    assert tables.value("propagation_s") == pytest.approx((4 + 2 + 10 + 900) / 4)  # b has not heard by the end
    tables.arrives(150, "b-0", kind="list")
    assert tables.value("propagation_s") == pytest.approx((4 + 2 + 10 + 50) / 4)
