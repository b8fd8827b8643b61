"""A node's RAM: limits, the kernel's choice, the agent's passes, and what admission refuses."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from kubelets import COSTS, GI, MEMORY, MI, SETTINGS, Kubelets, container, kubelets, template
from simulator.runtime.memory import badness, oom_score_adj
from simulator.runtime.pod_run import PodRun
from simulator.runtime.settings import AgentSettings
from simulator.units import SECOND
from simulator.world.pod import PodTemplate, Toleration

NO_EVICTION = replace(SETTINGS, memory=replace(MEMORY, threshold_bytes=None))


def with_memory(**fields: Any) -> AgentSettings:
    return replace(SETTINGS, memory=replace(MEMORY, **fields))


def pod_of(template: PodTemplate) -> PodRun:
    return PodRun(1, "pod", template, 0, 1.0)


# Limits.


def test_container_over_its_limit_is_killed_and_crashes() -> None:
    kit = kubelets()
    uid = kit.admit(ram_idle_bytes=50 * MI, ram_per_request_bytes=MI, ram_limit_bytes=60 * MI)
    kit.run(20)
    kit.agent.set_in_flight(uid, 10)
    assert kit.agent.find(uid).restarts == 0
    kit.agent.set_in_flight(uid, 11)
    assert kit.served[-1][1:] == (uid, False, "oom")
    kit.agent.set_in_flight(uid, 0)
    kit.run(21)
    assert kit.upstream.of(uid)[-1].reason == "OOMKilled"
    kit.run(60)
    assert kit.upstream.of(uid)[-1].restarts == 1
    assert kit.upstream.of(uid)[-1].ready
    assert kit.events("OOMKilled") == [20.0]


def test_idle_process_above_its_limit_loops() -> None:
    kit = kubelets()
    uid = kit.admit(ram_idle_bytes=70 * MI, ram_limit_bytes=60 * MI)
    kit.run(60)
    reasons = [status.reason for status in kit.upstream.of(uid)]
    assert reasons[0] == "OOMKilled"
    assert "CrashLoopBackOff" in reasons
    assert not any(up for _, _, up, _ in kit.served)


def test_working_sets_and_overhead_add_up() -> None:
    kit = kubelets(costs=replace(COSTS, ram_bytes=30 * MI), ram_bytes=2 * GI, system_bytes=300 * MI)
    uid = kit.admit(ram_idle_bytes=50 * MI, ram_per_request_bytes=MI)
    kit.admit(ram_idle_bytes=20 * MI)
    kit.run(20)
    kit.agent.set_in_flight(uid, 7)
    assert kit.agent.find(uid).ram_bytes == (30 + 50 + 7) * MI
    assert kit.agent.available_ram_bytes == 2 * GI - (300 + 87 + 50) * MI
    kit.agent.remove(uid, None)
    assert kit.agent.available_ram_bytes == 2 * GI - (300 + 50) * MI


@pytest.mark.parametrize(("system", "reserved", "left"), [(300, 100, 700), (100, 300, 700), (0, 0, 1000)])
def test_pods_have_what_neither_system_nor_reservation_takes(system: int, reserved: int, left: int) -> None:
    settings = with_memory(reserved_bytes=reserved * MI)
    kit = kubelets(settings=settings, ram_bytes=1000 * MI, system_bytes=system * MI)
    assert kit.agent.available_ram_bytes == left * MI
    assert kit.agent.allocatable_ram_bytes == (1000 - reserved - 100) * MI


# The kernel.


@pytest.mark.parametrize(
    ("qos", "request_mi", "priority", "adjustment"),
    [
        ("Guaranteed", 512, 0, -997),
        ("BestEffort", 0, 0, 1000),
        ("Burstable", 512, 0, 500),
        ("Burstable", 0, 0, 999),
        ("Burstable", 1024, 0, 3),
        ("BestEffort", 0, 2_000_000_000, -997),
    ],
)
def test_oom_score_adjustment(qos: str, request_mi: int, priority: int, adjustment: int) -> None:
    pod = pod_of(template(ram_bytes=request_mi * MI, pod={"qos": qos, "priority": priority}))
    assert oom_score_adj(pod, pod.main, 1 * GI) == adjustment


def test_badness_is_use_plus_adjustment() -> None:
    pod = pod_of(template(ram_bytes=512 * MI, ram_idle_bytes=100 * MI))
    pod.main.state = "running"
    assert badness(pod, pod.main, 1 * GI) == 100 * MI + 512 * MI


def test_kernel_kills_until_the_rest_fits() -> None:
    kit = kubelets(settings=NO_EVICTION, ram_bytes=1 * GI, system_bytes=124 * MI)
    for _ in range(5):
        kit.admit(ram_idle_bytes=150 * MI, ram_per_request_bytes=MI, pod={"qos": "BestEffort"})
    kit.run(20)
    kit.agent.set_in_flight(1, 440)  # 590 + 4 · 150 MiB where 900 are
    assert kit.agent.available_ram_bytes == 300 * MI
    assert kit.events("OOMKilled", "pod-1") == [20.0]
    assert len(kit.events("OOMKilled")) == 1  # the largest alone was enough


def test_all_of_the_ram_may_be_used_and_not_a_byte_more() -> None:
    kit = kubelets(settings=NO_EVICTION, ram_bytes=1 * GI)
    uid = kit.admit(ram_idle_bytes=1 * GI, ram_per_request_bytes=1)
    kit.run(20)
    assert kit.agent.available_ram_bytes == 0
    assert kit.events("OOMKilled") == []
    kit.agent.set_in_flight(uid, 1)
    assert kit.events("OOMKilled") == [20.0]


def test_eviction_comes_too_late_for_a_jump_beyond_the_ram() -> None:
    kit = kubelets(ram_bytes=1 * GI)
    uid = kit.admit(ram_idle_bytes=100 * MI, ram_per_request_bytes=MI, pod={"qos": "BestEffort"})
    kit.run(20)
    kit.agent.set_in_flight(uid, 2000)
    assert kit.events("OOMKilled") == [20.0]
    assert kit.events("Evicted") == []


# The agent.


def ranked(kit: Kubelets) -> list[str]:
    kit.run(400)
    return kit.recorder.events.frame().filter(kind="Evicted")["subject"].to_list()


def test_passes_evict_one_pod_each_in_rank() -> None:
    kit = kubelets(ram_bytes=2048 * MI, settings=with_memory(threshold_bytes=1000 * MI), system_bytes=900 * MI)
    over, idle = {"ram_bytes": 10 * MI}, {"ram_bytes": 500 * MI}
    kit.admit("within-low", ram_idle_bytes=100 * MI, pod={"priority": -9}, **idle)
    kit.admit("over-high", ram_idle_bytes=90 * MI, pod={"priority": 5}, **over)
    kit.admit("over-low", ram_idle_bytes=30 * MI, **over)
    kit.admit("over-low-more", ram_idle_bytes=60 * MI, **over)
    kit.admit("critical", ram_idle_bytes=95 * MI, pod={"priority": 2_000_000_000}, **over)
    order = ranked(kit)
    # 148 MiB are allowed in all: four must go, and the critical one may not.
    assert order == ["over-low-more", "over-low", "over-high", "within-low"]
    times = kit.events("Evicted")
    assert [round(b - a) for a, b in pairwise(times)] == [1, 1, 1]


def test_evicted_pod_fails_and_stays_stored_until_it_is_deleted() -> None:
    kit = kubelets(ram_bytes=1 * GI)
    uid = kit.admit(ram_idle_bytes=950 * MI, pod={"qos": "BestEffort"})
    kit.run(30)
    status = kit.upstream.of(uid)[-1]
    assert (status.phase, status.reason, status.ready) == ("Failed", "Evicted", False)
    assert list(kit.agent.stored()) == [uid]
    assert kit.upstream.confirmed == []
    kit.agent.remove(uid, None)
    assert kit.upstream.confirmed == [uid]
    assert list(kit.agent.stored()) == []


def test_no_pass_is_planned_while_nothing_is_short() -> None:
    kit = kubelets(ram_bytes=1 * GI)
    kit.admit(ram_idle_bytes=100 * MI)
    kit.run(60)
    before = kit.clock.fired
    kit.run(36_000)
    assert kit.clock.fired == before


def test_pressure_that_cannot_be_relieved_is_not_polled() -> None:
    kit = kubelets(ram_bytes=1 * GI)
    kit.admit(ram_idle_bytes=1000 * MI, pod={"priority": 2_000_000_000})
    kit.run(60)
    assert kit.agent.pressure
    before = kit.clock.fired
    kit.run(36_000)
    assert kit.clock.fired == before
    kit.agent.set_in_flight(1, 0)
    kit.agent.remove(1, None)
    kit.run(36_289)
    assert kit.agent.pressure  # five minutes from the last pass that saw it
    kit.run(36_301)
    assert not kit.agent.pressure


def test_pressure_reaches_the_control_plane_and_goes() -> None:
    kit = kubelets(ram_bytes=1 * GI)
    kit.admit(ram_idle_bytes=950 * MI, pod={"qos": "BestEffort"})
    kit.run(400)
    told = [(when / SECOND, conditions["MemoryPressure"]) for when, conditions in kit.upstream.conditions]
    assert [state for _, state in told] == [True, False]
    assert 0 <= told[0][0] - kit.events("Evicted")[0] <= 10
    assert 290 <= told[1][0] - told[0][0] <= 330


# Admission.


def refused(kit: Kubelets, **pod: Any) -> str:
    uid = kit.admit(**pod)
    statuses = kit.upstream.of(uid)
    return statuses[-1].reason if statuses else ""


def test_requests_beyond_allocatable_are_refused() -> None:
    settings = replace(with_memory(reserved_bytes=100 * MI), reserved_cpu_m=500)
    kit = kubelets(settings=settings, ram_bytes=1000 * MI, extended={"gpu": 1})
    assert kit.agent.allocatable_cpu_m == 3500
    assert refused(kit, ram_bytes=800 * MI) == ""
    assert refused(kit, ram_bytes=1) == "OutOfmemory"
    assert refused(kit, cpu_m=3501) == "OutOfcpu"
    assert refused(kit, cpu_m=3500) == ""
    assert refused(kit, cpu_m=1) == "OutOfcpu"
    assert refused(kit, pod={"extended": {"gpu": 1}}) == ""
    assert refused(kit, pod={"extended": {"gpu": 1}}) == "OutOfgpu"
    assert refused(kit, host_ports=(80,)) == ""
    assert refused(kit, host_ports=(80, 81)) == "NodePorts"
    assert refused(kit, host_ports=(81,)) == ""


def test_only_so_many_pods() -> None:
    kit = kubelets(max_pods=2)
    assert [refused(kit) for _ in range(3)] == ["", "", "OutOfpods"]
    kit.agent.remove(1, None)
    assert refused(kit) == ""


def test_finished_pods_take_no_room() -> None:
    kit = kubelets(ram_bytes=1000 * MI)
    kit.admit(ram_bytes=900 * MI, run_ns=SECOND, pod={"restart_policy": "Never"})
    kit.run(10)
    assert kit.upstream.of(1)[-1].phase == "Succeeded"
    assert refused(kit, ram_bytes=900 * MI) == ""


def test_under_pressure_only_best_effort_is_refused() -> None:
    kit = kubelets(ram_bytes=1 * GI)
    kit.admit(ram_idle_bytes=950 * MI, pod={"qos": "BestEffort"})
    kit.run(20)
    tolerates = Toleration("node.kubernetes.io/memory-pressure", "Exists", effect="NoSchedule")
    assert refused(kit, pod={"qos": "BestEffort"}) == "Evicted"
    assert refused(kit, pod={"qos": "BestEffort", "tolerations": (tolerates,)}) == ""
    assert refused(kit, pod={"qos": "BestEffort", "priority": 2_000_000_000}) == ""
    assert refused(kit, ram_bytes=MI) == ""


def test_a_refused_pod_never_runs() -> None:
    kit = kubelets(max_pods=0)
    uid = kit.admit()
    kit.run(60)
    assert kit.upstream.of(uid)[-1].phase == "Failed"
    assert kit.pods("running") == []
    assert kit.pods("stored") == [(0.0, "pod-1", "desired")]


def test_side_containers_count_too() -> None:
    kit = kubelets(ram_bytes=1 * GI)
    desired = kit.desired()
    side = container(name="side", ram_idle_bytes=40 * MI)
    desired.template = replace(
        desired.template, containers=(*template(ram_idle_bytes=60 * MI).containers, side)
    )  # fmt: skip
    kit.agent.admit(desired)
    kit.run(20)
    assert kit.agent.find(desired.uid).ram_bytes == 100 * MI


def test_pages_that_a_runtime_shares_are_held_once_from_the_first_pod_to_the_last() -> None:
    kit = kubelets(costs=replace(COSTS, ram_bytes=60 * MI, shared=(("vmm", 10 * MI),)))
    whole = kit.agent.available_ram_bytes
    first, second = kit.admit(), kit.admit()
    kit.run(2)
    assert whole - kit.agent.available_ram_bytes == (2 * 60 + 10) * MI
    kit.agent.remove(first, 0)
    kit.run(4)
    assert whole - kit.agent.available_ram_bytes == (60 + 10) * MI
    kit.agent.remove(second, 0)
    kit.run(6)
    assert kit.agent.available_ram_bytes == whole
    kit.admit()
    kit.run(8)
    kit.agent.crash()
    kit.agent.boot()
    kit.run(9)
    assert kit.agent.available_ram_bytes == whole
