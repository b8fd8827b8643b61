"""From the hub to the members and back: what is written where, what is lost on the way, what is stale."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hubkit import Hubs, template
from simulator.control.api.objects import DaemonSet, Deployment, Job, Pod, ReplicaSet, Service
from simulator.control.clusters.objects import Binding, Member, Work
from simulator.errors import RunFailed
from simulator.policy import Divide, MembersView, Reject, Wait, WorkloadView
from simulator.policy.decision import Reason
from simulator.units import SECOND

MODES = pytest.mark.parametrize("mode", ["push", "pull"])


@MODES
def test_a_deployment_is_divided_written_run_and_reported(mode: str) -> None:
    hubs = Hubs(3, mode=mode)
    web = hubs.deploy("web", 10)
    hubs.run(10)
    assert sorted(hubs.binding(web).replicas.values()) == [3, 3, 4]
    for row, server in enumerate(hubs.servers):
        (copy,) = server.list(Deployment)
        assert (copy.name, copy.template.workload) == (f"m{row}/web", "web")
        assert hubs.runs(row) == copy.replicas == hubs.binding(web).replicas[f"m{row}"]
    applied = hubs.hub.applied(web)
    assert applied is not None
    assert applied.ready == 10
    assert not list(hubs.hub.server.list(Pod))


@MODES
def test_every_kind_reaches_the_members(mode: str) -> None:
    hubs = Hubs(2, mode=mode)
    job = Job("batch", template=template("batch"), completions=7, parallelism=3)
    pod, agent, svc = Pod("one", template=template("one")), DaemonSet("log", template=template("log")), Service("web")
    hubs.hub.apply([job, pod, agent, svc, ReplicaSet("set", template=template("set"), replicas=4)])
    hubs.run(10)
    jobs = [made for server in hubs.servers for made in server.list(Job)]
    assert (sum(j.parallelism for j in jobs), sum(j.completions for j in jobs)) == (3, 7)
    assert sum(s.replicas for server in hubs.servers for s in server.list(ReplicaSet)) == 4
    assert sorted(p.name for server in hubs.servers for p in server.list(Pod)) in (["m0/one"], ["m1/one"])
    for row, server in enumerate(hubs.servers):
        assert [d.name for d in server.list(DaemonSet)] == [f"m{row}/log"]
        assert [s.name for s in server.list(Service)] == ["web"]


@MODES
def test_a_change_and_a_removal_follow(mode: str) -> None:
    hubs = Hubs(2, mode=mode)
    web = hubs.deploy("web", 4)
    hubs.run(10)
    web.template = template("web", cpu_m=200)
    hubs.scale(web, 6)
    hubs.run(20)
    assert [d.template.cpu_m for server in hubs.servers for d in server.list(Deployment)] == [200, 200]
    assert [hubs.runs(0), hubs.runs(1)] == [3, 3]
    applied = hubs.hub.applied(web)
    assert applied is not None
    hubs.hub.server.remove(applied)
    hubs.run(30)
    assert [*hubs.servers[0].list(Deployment), *hubs.servers[1].list(Pod)] == []
    assert [*hubs.hub.server.list(Work), *hubs.hub.server.list(Binding)] == []


@MODES
@pytest.mark.parametrize("how", ["silent", "refused"])
def test_what_is_wanted_during_a_cut_arrives_after_it(mode: str, how: str) -> None:
    hubs = Hubs(2, mode=mode)
    web = hubs.deploy("web", 4)
    hubs.run(50)
    token = hubs.cut(1, how)
    hubs.run(55)
    hubs.scale(web, 10)
    hubs.run(80)
    assert (hubs.runs(0), hubs.runs(1)) == (5, 2)  # it keeps what it has
    hubs.network.mend(1, token)
    hubs.run(500)
    assert (hubs.runs(0), hubs.runs(1)) == (5, 5)
    rows = hubs.recorder.deliveries.frame().filter(node="api1", kind="object") if mode == "pull" else None
    assert rows is None or "delivered" in rows["event"].to_list()


@MODES
def test_a_member_s_report_is_stale_until_the_path_is_back(mode: str) -> None:
    hubs = Hubs(2, mode=mode)
    web = hubs.deploy("web", 4)
    hubs.run(50)
    token = hubs.cut(1)
    hubs.run(60)
    for pod in hubs.servers[1].list(Pod):
        pod.ready = False
        hubs.servers[1].changed(pod)
    hubs.run(150)
    applied = hubs.hub.applied(web)
    assert applied is not None
    assert (applied.ready, hubs.runs(1)) == (4, 0)
    hubs.network.mend(1, token)
    hubs.run(260)
    assert applied.ready == 2


def test_workers_that_wait_for_a_silent_member_hold_up_the_others() -> None:
    """Five workers, six workloads for each member: a member that answers nothing takes a worker for a time-out each."""
    slow, quick = (_applied_s(how) for how in ("silent", "refused"))
    assert quick < 1
    assert slow > 9


def _applied_s(how: str) -> float:
    hubs = Hubs(2)
    hubs.run(50)
    hubs.cut(0, how)
    for each in range(6):
        hubs.deploy(f"w{each}", 2)
    hubs.run(100)
    return max(w.applied_ns or 0 for w in hubs.works() if w.member == "m1") / SECOND - 50


def test_every_message_sent_has_one_end() -> None:
    hubs = Hubs(4, mode=["push", "pull", "push", "pull"], loss=0.2)
    for each in range(5):
        hubs.deploy(f"w{each}", 8)
    for row in range(4):
        hubs.at(0.3, lambda row=row: hubs.at(90, hubs.network.mend, row, hubs.cut(row)))
    hubs.run(1500)
    frame = hubs.recorder.deliveries.frame()
    ends = ("delivered", "lost", "superseded", "dropped")
    for node in ("api0", "api1", "hub"):  # what goes to each
        found = frame.filter(node=node)["event"].to_list()
        assert found.count("sent") == sum(found.count(end) for end in ends) > 0, node
    assert {"lost", "resent"} <= set(frame["event"])
    assert sum(hubs.runs(row) for row in range(4)) == 40


# The policy.


def members_seen(hubs: Hubs, workload: str = "probe") -> MembersView:
    """What a policy sees now."""
    seen: list[MembersView] = []

    def look(_asked: WorkloadView, members: MembersView) -> Wait:
        seen.append(members)
        return Wait()

    hubs.hub.scheduler._divide = look
    hubs.deploy(workload, 1)
    hubs.run(hubs.clock.now / SECOND + 1)
    return seen[0]


def test_a_policy_sees_the_last_status_and_its_age_never_the_member() -> None:
    hubs = Hubs(2, cpu=(10, 20))
    hubs.deploy("web", 8, cpu_m=500)
    hubs.run(60)
    hubs.cut(1)
    hubs.run(65)
    hubs.servers[1].list(Deployment)
    for pod in list(hubs.servers[1].list(Pod)):
        hubs.servers[1].remove(pod)
    hubs.run(95)
    view = members_seen(hubs)
    assert view.allocatable_cpu_m.tolist() == [10_000, 20_000]
    assert view.free_cpu_m.tolist() == [8000, 18_000]  # the second has lost its pods, and the hub does not know
    assert view.age_s[0] <= 10.1
    assert 30 <= view.age_s[1] <= 50
    assert view.feasible.tolist() == [True, True]
    assert view.latency_s == pytest.approx([0.01, 0.01], abs=0.001)
    with pytest.raises(ValueError, match="read-only"):
        view.free_cpu_m[0] = 0
    history = view.history_cpu_m
    assert history.shape == (2, 120)
    assert np.isnan(history[:, 0]).all()
    assert history[:, -1].tolist() == [2000, 2000]


def test_what_does_not_fit_says_why_and_what_is_refused_is_not_asked_again() -> None:
    asked: list[int] = []

    def never(workload: WorkloadView, _members: MembersView) -> Reject:
        asked.append(workload.attempt)
        return Reject((Reason("Mine", "not at home", "never"),))

    hubs = Hubs(2, policy=never)
    web = hubs.deploy("web", 3)
    hubs.run(600)
    assert asked == [1]
    assert hubs.binding(web).reason == "Mine: not at home"
    hubs = Hubs(2, cpu=(1, 1), policy="clusters/dynamic-weight")
    web = hubs.deploy("web", 3, cpu_m=1000)
    hubs.run(60)
    assert hubs.binding(web).reason == "2 of 2 clusters are feasible; 3 replicas do not fit into them"


@pytest.mark.parametrize("wrong", [lambda w, m: 1 / 0, lambda w, m: Divide(np.array([w.replicas, 7])), lambda w, m: 3])
def test_a_policy_s_error_is_recorded_and_answered_equally_or_ends_the_run(wrong: Any) -> None:
    hubs = Hubs(2, policy=wrong)
    web = hubs.deploy("web", 4)
    hubs.run(10)
    assert hubs.binding(web).replicas == {"m0": 2, "m1": 2}
    assert hubs.events("PolicyError")
    assert hubs.recorder.decisions.frame()["decision"].to_list() == ["policy_error"]
    settings = hubs_settings_stop()
    hubs = Hubs(2, policy=wrong, settings=settings)
    hubs.deploy("web", 4)
    with pytest.raises(RunFailed, match="policy error"):
        hubs.run(10)


def hubs_settings_stop() -> Any:
    from hubkit import Page

    base = Page().settings()
    return replace(base, division=replace(base.division, on_policy_error="stop"))


def test_duplicated_copies_go_to_members_that_become_ready_later() -> None:
    hubs = Hubs(3, policy="clusters/duplicated")
    token = hubs.cut(2, "refused")
    hubs.run(60)
    web = hubs.deploy("web", 2)
    hubs.run(70)
    assert hubs.binding(web).replicas == {"m0": 2, "m1": 2}
    hubs.network.mend(2, token)
    hubs.run(130)
    assert hubs.binding(web).replicas == {"m0": 2, "m1": 2, "m2": 2}
    assert hubs.runs(2) == 2


def test_a_stopped_scheduler_leaves_workloads_unbound_and_goes_on_later() -> None:
    hubs = Hubs(2)
    hubs.hub.set_scheduler(False)
    web = hubs.deploy("web", 4)
    hubs.run(60)
    assert not hubs.binding(web).scheduled
    hubs.hub.set_scheduler(True)
    hubs.run(70)
    assert hubs.runs(0) + hubs.runs(1) == 4
    assert len(list(hubs.hub.server.list(Member))) == 2
