"""A pod's life under its agent: phases, reasons, endings, and what a node's own death leaves."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from kubelets import COSTS, GI, IMAGE, SETTINGS, Kubelets, container, kubelets, template
from simulator.physics.distributions import Constant, Uniform
from simulator.runtime.agent import NodeAgent
from simulator.runtime.settings import Step
from simulator.runtime.status import DesiredPod, PodStatus
from simulator.units import SECOND
from simulator.world.image import Image
from simulator.world.pod import Probe


def admit(kit: Kubelets, name: str, *containers: Any, **fields: Any) -> int:
    kit.uids += 1
    kit.agent.admit(DesiredPod(kit.uids, name, template(*containers, **fields)))
    return kit.uids


# Coming up.


def test_a_pod_becomes_running_and_ready_at_the_next_relist() -> None:
    kit = kubelets()
    uid = kit.admit()
    kit.run(10)
    ((when, _, status),) = kit.upstream.statuses
    assert status == PodStatus("Running", ready=True)
    (started,) = kit.events("Started")
    assert started <= when / SECOND <= started + 1
    assert kit.pods("stored") == [(0.0, "pod-1", "desired")]
    assert kit.pods("running") == [(started, "pod-1", "started")]
    pod = kit.agent.find(uid)
    assert pod.started_ns == round(started * SECOND)
    assert list(kit.agent.running()) == [pod]


def test_readiness_probe_keeps_a_pod_out_until_it_answers() -> None:
    kit = kubelets()
    uid = kit.admit(readiness=Probe(), start_ns=25 * SECOND)
    kit.run(60)
    assert [(status.phase, status.ready) for status in kit.upstream.of(uid)] == [("Running", False), ("Running", True)]
    ready = kit.upstream.statuses[-1][0] / SECOND
    assert ready == 30  # it answers at 25.6 s; probes come 0, 10, 20, 30 s after the pod's start
    assert kit.served == [(round(25.6 * SECOND), uid, True, "started")]


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    kit = kubelets()
    uid = admit(kit, "two", container(name="a"), container(name="b", readiness=Probe(), start_ns=12 * SECOND))
    kit.run(60)
    assert [s.ready for s in kit.upstream.of(uid)] == [False, True]


def test_a_pod_is_pending_until_all_its_containers_have_started() -> None:
    kit = kubelets()
    uid = admit(kit, "two", container(name="a"), container(name="b", image="nowhere"))
    kit.run(60)
    assert len(kit.events("Started")) == 1
    assert {(s.phase, s.ready) for s in kit.upstream.of(uid)} == {("Pending", False)}


def test_init_containers_run_one_by_one_before() -> None:
    kit = kubelets()
    init = tuple(container(name=name, run_ns=5 * SECOND) for name in ("first", "second"))
    uid = admit(kit, "with-init", init=init)
    kit.run(60)
    frame = kit.recorder.events.frame().filter(kind="Started")
    assert frame["detail"].to_list() == ["first", "second", "main"]
    times = frame["time_s"].to_list()
    assert all(5.2 <= b - a <= 6.2 for a, b in pairwise(times))  # its run, a relist, create and start
    assert len(kit.served) == 1
    assert kit.upstream.of(uid) == [PodStatus("Running", ready=True)]


def test_failing_init_container_holds_the_pod_back() -> None:
    kit = kubelets()
    uid = admit(kit, "stuck", init=(container(name="init", run_ns=SECOND, exit_code=2),))
    kit.run(120)
    assert {status.phase for status in kit.upstream.of(uid)} == {"Pending"}
    assert kit.upstream.of(uid)[-1].reason == "CrashLoopBackOff"
    assert kit.upstream.of(uid)[-1].restarts >= 3
    assert kit.pods("running") == []


def test_init_failure_without_restarts_fails_the_pod() -> None:
    kit = kubelets()
    init = (container(name="init", run_ns=SECOND, exit_code=2),)
    uid = admit(kit, "failed", init=init, pod={"restart_policy": "Never"})
    kit.run(60)
    assert kit.upstream.of(uid) == [PodStatus("Failed", reason="Error")]
    assert kit.pods("running") == []


def test_image_for_another_platform_crashes_on_exec() -> None:
    image = Image.equal("app", compressed=1, unpacked=1, layers=1, platforms=frozenset({"linux/arm64"}))
    kit = kubelets(images=[image])
    uid = kit.admit()
    kit.run(60)
    reasons = [status.reason for status in kit.upstream.of(uid)]
    assert reasons[0] == "exec format error"
    assert "CrashLoopBackOff" in reasons
    assert kit.pods("running") == []
    assert kit.served == []


def test_missing_runtime_handler_leaves_the_pod_creating() -> None:
    kit = kubelets()
    uid = kit.admit(pod={"runtime_class": "kata"})
    before = kit.clock.fired
    kit.run(3600)
    assert kit.upstream.of(uid) == [PodStatus("Pending", reason="ContainerCreating")]
    assert kit.recorder.events.frame()["detail"].to_list() == ["no runtime for kata"]
    assert kit.clock.fired == before
    kit.agent.remove(uid, None)
    assert kit.upstream.confirmed == [uid]


def test_an_agent_needs_a_runtime() -> None:
    kit = kubelets()
    with pytest.raises(ValueError, match="no runtime"):
        NodeAgent(
            kit.clock,
            None,
            kit.recorder,
            kit.nodes,
            1,
            network=kit.network,
            registry=None,
            images=kit.agent.images,
            settings=SETTINGS,
            runtimes={},
            upstream=kit.upstream,
        )


def test_a_runtime_slows_what_runs_inside_only() -> None:
    fast, slow = kubelets(speed=0.5), kubelets(speed=0.5, costs=replace(COSTS, slowdown=2.0))
    for kit in (fast, slow):
        kit.admit(start_ns=SECOND)
        kit.run(20)
    assert fast.events("Started") == slow.events("Started") == [1.2]
    assert [kit.agent.find(1).speed for kit in (fast, slow)] == [0.5, 0.25]
    assert [kit.served[0][0] / SECOND for kit in (fast, slow)] == [1.2 + 2, 1.2 + 4]


def test_names_decide_the_draws() -> None:
    costs = replace(COSTS, sandbox=(Step("sandbox", Uniform(0, 10 * SECOND)),))
    alone, among = kubelets(costs=costs), kubelets(costs=costs)
    alone.admit("mine")
    for name in ("other", "mine", "more"):
        among.admit(name)
    for kit in (alone, among):
        kit.run(20)
    assert alone.events("Started", "mine") == among.events("Started", "mine")
    assert len(set(among.events("Started"))) == 3


def test_each_start_of_a_container_and_of_a_pod_draws_anew() -> None:
    drawn = (Step("any", Uniform(0, 10 * SECOND)),)
    kit = kubelets(costs=replace(COSTS, start=drawn))
    kit.admit(run_ns=SECOND, exit_code=1)
    kit.run(400)
    pairs = zip(kit.events("Created"), kit.events("Started"), strict=True)
    assert len({round(started - created, 6) for created, started in pairs}) == len(kit.events("Started")) > 3
    kit = kubelets(costs=replace(COSTS, sandbox=drawn), settings=replace(SETTINGS, after_reboot=("keep",)))
    kit.admit()
    kit.run(20)
    dead_and_back(kit, 100, 200)
    kit.run(230)
    first, second = kit.events("Started")
    assert round(second - 200 - first, 6) != 0


def test_all_containers_of_a_pod_that_was_there_before_time_began_run_and_none_comes_up_again() -> None:
    kit = kubelets()
    desired = DesiredPod(1, "two", template(container(name="a"), container(name="b"), init=(container(name="c"),)))
    kit.agent.adopt(desired, [IMAGE])
    kit.run(60)
    assert kit.events("Started") == [0, 0]
    assert kit.events("Created") == []
    run = kit.agent.find(1)
    assert run is not None
    assert (run.restarts, run.ready) == (0, True)


# Ending by itself.


@pytest.mark.parametrize(
    ("policy", "code", "phase", "reason"),
    [
        ("Never", 0, "Succeeded", "Completed"),
        ("Never", 3, "Failed", "Error"),
        ("OnFailure", 0, "Succeeded", "Completed"),
    ],
)
def test_a_process_that_ends_ends_its_pod(policy: str, code: int, phase: str, reason: str) -> None:
    kit = kubelets()
    pod = {"restart_policy": policy}
    uid = kit.admit(run_ns=30 * SECOND, exit_code=code, ram_idle_bytes=GI, pod=pod)
    kit.run(100)
    assert [status.phase for status in kit.upstream.of(uid)] == ["Running", phase]
    assert kit.upstream.of(uid)[-1].reason == reason
    assert kit.served[-1] == (round(30.6 * SECOND), uid, False, "exited")
    assert list(kit.agent.running()) == []
    assert list(kit.agent.stored()) == [uid]
    assert kit.agent.available_ram_bytes == 4 * GI
    kit.agent.remove(uid, None)
    assert kit.upstream.confirmed == [uid]


def test_on_failure_restarts_until_it_succeeds_or_not_at_all() -> None:
    kit = kubelets()
    uid = kit.admit(run_ns=SECOND, exit_code=1, pod={"restart_policy": "OnFailure"})
    kit.run(60)
    assert kit.upstream.of(uid)[-1].restarts >= 2
    assert {status.phase for status in kit.upstream.of(uid)} == {"Running"}


def test_always_restarts_what_ended_well() -> None:
    kit = kubelets()
    uid = kit.admit(run_ns=700 * SECOND)
    kit.run(2200)
    assert kit.upstream.of(uid)[-1].restarts == 3
    assert kit.upstream.of(uid)[-1].phase == "Running"


# Being ended.


@pytest.mark.parametrize(
    ("stop_s", "grace_s", "takes_s"), [(0, None, 0), (5, None, 5), (100, None, 30), (100, 7, 7), (5, 0, 0)]
)
def test_deletion_is_confirmed_when_the_process_has_ended(stop_s: int, grace_s: int | None, takes_s: int) -> None:
    kit = kubelets(costs=replace(COSTS, stop=Constant(stop_s * SECOND)))
    uid = kit.admit()
    kit.run(50)
    kit.agent.remove(uid, None if grace_s is None else grace_s * SECOND)
    if takes_s:
        kit.run(50 + takes_s - 0.001)
        assert kit.upstream.confirmed == []
        assert list(kit.agent.stored()) == [uid]
        kit.run(50 + takes_s)
    assert kit.upstream.confirmed == [uid]
    assert kit.pods("stored")[-1] == (50.0 + takes_s, "pod-1", "removed")
    assert kit.pods("running")[-1] == (50.0 + takes_s, "pod-1", "stopped")
    assert kit.served[-1] == ((50 + takes_s) * SECOND, uid, False, "killed")
    assert kit.events("Killing") == [50.0]


def test_a_second_deletion_may_shorten_the_grace_but_not_lengthen_it() -> None:
    kit = kubelets(costs=replace(COSTS, stop=Constant(1000 * SECOND)))
    short, long = kit.admit(), kit.admit()
    kit.run(50)
    kit.agent.remove(short, None)
    kit.agent.remove(long, 10 * SECOND)
    kit.run(55)
    kit.agent.remove(short, 2 * SECOND)
    kit.agent.remove(long, 100 * SECOND)
    kit.run(100)
    assert [row[:2] for row in kit.served if not row[2]] == [(57 * SECOND, short), (60 * SECOND, long)]
    assert kit.upstream.confirmed == [short, long]


@pytest.mark.parametrize("at", [0.2, 0.45, 0.55, 0.65])
def test_a_pod_may_be_deleted_at_any_stage(at: float) -> None:
    kit = kubelets(cached=at != 0.45)
    uid = kit.admit()
    kit.run(at)
    kit.agent.remove(uid, None)
    kit.run(30)
    assert kit.upstream.confirmed == [uid]
    assert list(kit.agent.running()) == []
    assert len(kit.events("Started")) == (at > 0.6)
    assert len(kit.upstream.of(uid)) == 0


def test_a_deletion_of_an_unknown_pod_is_confirmed_at_once() -> None:
    kit = kubelets()
    kit.agent.remove(77, None)
    assert kit.upstream.confirmed == [77]


def test_a_pod_being_ended_does_not_restart() -> None:
    kit = kubelets(costs=replace(COSTS, stop=Constant(20 * SECOND)))
    uid = kit.admit(run_ns=60 * SECOND, exit_code=1)
    kit.run(50)
    kit.agent.remove(uid, None)
    kit.run(200)
    assert len(kit.events("Started")) == 1
    assert kit.upstream.confirmed == [uid]
    assert kit.served[-1][0] == round(60.6 * SECOND)  # it ended by itself, before the signal took effect


def test_what_dies_before_it_listens_never_serves() -> None:
    kit = kubelets()
    kit.admit(start_ns=30 * SECOND, run_ns=10 * SECOND, pod={"restart_policy": "Never"})
    kit.run(100)
    assert kit.served == []


def test_a_pod_being_ended_is_not_killed_by_its_probes() -> None:
    kit = kubelets(costs=replace(COSTS, stop=Constant(1000 * SECOND)))
    uid = kit.admit(liveness=Probe(), pod={"grace_ns": 120 * SECOND})
    kit.run(50)
    kit.agent.hang(uid, "liveness", True)
    kit.agent.remove(uid, None)
    kit.run(200)
    assert kit.events("Unhealthy") == []
    assert kit.served[-1] == (170 * SECOND, uid, False, "killed")


# Cut off, and dead.


def test_offline_a_node_keeps_its_pods_and_restarts_them() -> None:
    kit = kubelets()
    uid = kit.admit(run_ns=700 * SECOND, exit_code=1)
    kit.run(10)
    kit.network.cut(0, "silent")
    kit.run(3000)
    assert kit.agent.find(uid).restarts == 4
    assert uid in kit.agent.stored()


def dead_and_back(kit: Kubelets, at: float, back: float) -> None:
    kit.run(at)
    kit.network.set_node(1, False)
    kit.agent.crash()
    kit.run(back)
    kit.network.set_node(1, True)
    kit.agent.boot()


def test_crash_ends_everything_in_silence() -> None:
    kit = kubelets()
    uid = kit.admit(ram_idle_bytes=GI)
    kit.run(20)
    told = len(kit.upstream.statuses)
    kit.network.set_node(1, False)
    kit.agent.crash()
    assert kit.served[-1] == (20 * SECOND, uid, False, "node-dead")
    assert kit.pods("running")[-1] == (20.0, "pod-1", "stopped")
    assert kit.pods("stored")[-1] == (20.0, "pod-1", "removed")
    kit.agent.admit(kit.desired())
    kit.agent.remove(uid, None)
    kit.run(500)
    assert len(kit.upstream.statuses) == told
    assert kit.upstream.confirmed == []
    assert list(kit.agent.stored()) == []
    assert len(kit.events("Started")) == 1


def test_a_rebooted_node_waits_to_be_told() -> None:
    kit = kubelets(ram_bytes=1000 << 20)
    desired = kit.desired(ram_idle_bytes=800 << 20)
    kit.agent.admit(desired)
    dead_and_back(kit, 20, 100)
    kit.run(300)
    assert len(kit.events("Started")) == 1
    kit.agent.sync([desired])
    kit.run(400)
    assert len(kit.events("Started")) == 2
    # Known again by what the disk remembers: running before, one restart, never Pending again.
    assert kit.upstream.of(desired.uid)[-1] == PodStatus("Running", ready=True, restarts=1)
    assert {status.phase for status in kit.upstream.of(desired.uid)} == {"Running"}
    assert [state for _, _, state in kit.pods("stored")] == ["desired", "removed", "desired"]


@pytest.mark.parametrize("rules", [("keep",), ("keep", "restart")])
def test_a_cached_node_restarts_its_pods_by_itself(rules: tuple[str, ...]) -> None:
    kit = kubelets(settings=replace(SETTINGS, after_reboot=rules))
    uid = kit.admit()
    dead_and_back(kit, 20, 100)
    assert list(kit.agent.stored()) == [uid]
    kit.run(200)
    assert kit.events("Started") == [0.6, 100.6]
    assert [state for _, _, state in kit.pods("stored")] == ["desired"]


def test_a_reboot_forgets_the_backoff_but_not_the_restarts() -> None:
    kit = kubelets(settings=replace(SETTINGS, after_reboot=("keep",)))
    uid = kit.admit(run_ns=SECOND, exit_code=1)
    dead_and_back(kit, 700, 1000)  # the wait was 300 s by then
    restarts = kit.agent.find(uid).restarts
    assert restarts == 7
    kit.run(1040)
    assert kit.agent.find(uid).restarts >= restarts + 2


def test_only_static_pods_come_back_alone() -> None:
    kit = kubelets(settings=replace(SETTINGS, after_reboot=("static-pods",)))
    kit.admit("plain")
    static = kit.desired("static")
    static.static = True
    kit.agent.admit(static)
    dead_and_back(kit, 20, 100)
    kit.run(200)
    assert kit.events("Started", "static") == [0.6, 100.6]
    assert kit.events("Started", "plain") == [0.6]
    kit.agent.sync([])  # no list of the control plane's ends a static pod
    assert list(kit.agent.stored()) == [static.uid]


def test_a_finished_pod_stays_finished_after_a_reboot() -> None:
    kit = kubelets()
    desired = kit.desired(run_ns=SECOND, pod={"restart_policy": "Never"})
    kit.agent.admit(desired)
    dead_and_back(kit, 20, 100)
    kit.agent.sync([desired])
    kit.run(200)
    assert len(kit.events("Started")) == 1
    assert [status.phase for status in kit.upstream.of(desired.uid)] == ["Running", "Succeeded", "Succeeded"]
    kit.agent.remove(desired.uid, None)
    assert kit.upstream.confirmed == [desired.uid]


def test_sync_starts_what_is_new_and_ends_what_is_gone() -> None:
    kit = kubelets()
    old, kept = kit.desired(), kit.desired()
    for desired in (old, kept):
        kit.agent.admit(desired)
    kit.run(20)
    new = kit.desired()
    kit.agent.sync([kept, new])
    kit.run(40)
    assert sorted(kit.agent.stored()) == [kept.uid, new.uid]
    assert kit.upstream.confirmed == [old.uid]
    assert kit.agent.find(kept.uid).restarts == 0
    assert len(kit.events("Started")) == 3


def test_after_a_reboot_probe_phases_are_spread() -> None:
    kit = kubelets()
    desired = [kit.desired(readiness=Probe(), start_ns=SECOND) for _ in range(40)]
    kit.agent.sync(desired)
    dead_and_back(kit, 30, 100)
    kit.agent.sync(desired)
    kit.run(130)

    def ready(low: float, high: float) -> set[int]:
        return {when for when, _, s in kit.upstream.statuses if s.ready and low * SECOND < when < high * SECOND}

    assert len(ready(0, 30)) == 1  # all at 10 s, the second probe after one common start
    assert len(ready(100, 130)) == 40


# Cost.


def test_a_started_pod_costs_few_events() -> None:
    images = [Image.equal(f"i{i}", compressed=IMAGE.compressed, unpacked=1, layers=3) for i in range(10)]
    kit = kubelets(10, images=images, cached=False)
    for agent in range(10):
        for pod in range(30):
            kit.admit(agent=agent, image=f"i{pod % 10}", liveness=Probe(), readiness=Probe())
    begun, fired = next(kit.clock.env._eid), kit.clock.fired
    started = time.process_time()
    kit.run(600)
    spent = time.process_time() - started
    assert sum(len(list(agent.running())) for agent in kit.agents) == 300
    assert all(pod.ready for agent in kit.agents for pod in agent.running())
    assert (kit.clock.fired - fired) / 300 <= 20
    assert (next(kit.clock.env._eid) - begun) / 300 <= 25
    assert spent < 2


def test_cached_pods_start_with_six_timers() -> None:
    kit = kubelets(max_pods=1000)
    fired = kit.clock.fired
    for _ in range(500):
        kit.admit()
    kit.run(60)
    assert len(kit.served) == 500
    assert (kit.clock.fired - fired) / 500 <= 6
