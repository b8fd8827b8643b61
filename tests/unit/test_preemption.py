"""Preemption: who goes, that the room is kept for whom it was made, and what an unsound answer does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios import broken_rows
from schedulers import GI, Plane, kubernetes, node, template
from simulator.control.api.objects import ApiObject, Pod
from simulator.errors import RunFailed
from simulator.policy import Evict, Preemption
from simulator.policy.checks import check_policy
from simulator.policy.promises import CheckFailed
from simulator.policy.reference import instantiate
from simulator.simulation.simulation import Simulation
from simulator.spec.scenario import Scenario
from simulator.units import SECOND

LOWEST = instantiate("preemption/lowest-priority", {}, Path())
GRACE_S = 10.0


def bed_of(nodes: Any, policy: Any = LOWEST, **settings: Any) -> Plane:
    """A plane with a preemption policy, and agents that confirm a deletion after 10 s."""
    bed = Plane(
        nodes, settings=replace(kubernetes(), preemption=policy, **settings),
        policy=instantiate("kube-default", {}, Path()),
    )  # fmt: skip

    def told(_event: str, obj: ApiObject) -> None:
        if obj.deletion_ns == bed.clock.now and not obj.deleted:
            bed.clock.after(round(GRACE_S * SECOND), bed.server.remove, obj)

    bed.server.watch(Pod, told)
    return bed


def fill(bed: Plane, *pods: tuple[str, int, int]) -> None:
    """Pods of these names, cores in thousandths and priorities, a second apart."""
    for name, cpu_m, priority in pods:
        bed.pod(name, template(cpu_m, workload=name, priority=priority))
        bed.run(1)


def victims(bed: Plane) -> list[str]:
    return [event["subject"] for event in bed.events("Preempted")]


def test_without_a_policy_nobody_goes() -> None:
    bed = bed_of([node("n0", cpu_m=1000)], None)
    fill(bed, ("small", 800, 0), ("urgent", 800, 9))
    bed.run(30)
    assert bed.places() == {"small": "n0", "urgent": ""}


def test_a_victim_goes_with_its_grace_and_the_urgent_pod_takes_its_place() -> None:
    bed = bed_of([node("n0", cpu_m=1000)])
    fill(bed, ("small", 800, 0))
    urgent = bed.pod("urgent", template(800, workload="urgent", priority=9))
    bed.run(GRACE_S - 1)
    assert bed.places() == {"small": "n0", "urgent": ""}
    bed.run(5)
    assert bed.places() == {"urgent": "n0"}
    assert urgent.scheduled_ns is not None
    assert urgent.scheduled_ns >= urgent.created_ns + GRACE_S * SECOND
    rows = [(row["pod"], row["decision"], row["node"]) for row in bed.decisions()]
    assert rows == [
        ("small", "Bind", "n0"), ("urgent", "Wait", ""), ("urgent", "Evict", "n0"), ("urgent", "Bind", "n0"),
    ]  # fmt: skip


def test_the_fewest_and_least_important_go() -> None:
    # 4 cores on each node, all taken; 2 are needed. By hand, from kube-scheduler's rules. n0: all three away, give back
    # 5 (1 core; 3 are left), then 1 (1 core; 2 are left); the 2 cores of priority 1 go. n1: 3 cannot come back beside
    # the 2 that are needed; it goes, and 0 (1 core) comes back. Most important victim: 1 against 3, so n0.
    bed = bed_of([node("n0", cpu_m=4000), node("n1", cpu_m=4000)])
    on = {"n0": (("a5", 1000, 5), ("a1", 1000, 1), ("a1-big", 2000, 1)), "n1": (("b3", 3000, 3), ("b0", 1000, 0))}
    for name, pods in on.items():
        for pod, cpu_m, priority in pods:
            of = template(cpu_m, workload=pod, priority=priority, node_selector={"kubernetes.io/hostname": name})
            bed.pod(pod, of)
            bed.run(1)
    fill(bed, ("urgent", 2000, 9))
    bed.run(GRACE_S + 5)
    assert victims(bed) == ["a1-big"]
    assert bed.places()["urgent"] == "n0"


def test_equal_priority_and_pods_that_may_not_preempt_wait() -> None:
    bed = bed_of([node("n0", cpu_m=1000)])
    fill(bed, ("small", 800, 5), ("equal", 800, 5))
    bed.pod("meek", template(800, workload="meek", priority=9, preempts=False))
    bed.run(30)
    assert bed.places() == {"small": "n0", "equal": "", "meek": ""}


def test_what_no_victim_can_help_evicts_nobody() -> None:
    bed = bed_of([node("n0", cpu_m=1000, ram_bytes=GI)])
    fill(bed, ("small", 800, 0), ("giant", 2000, 9))
    bed.pod("elsewhere", template(800, workload="elsewhere", priority=9, node_selector={"disk": "ssd"}))
    bed.run(30)
    assert not victims(bed)


def test_while_a_nominated_pod_backs_off_its_room_is_kept() -> None:
    bed = bed_of([node("n0", cpu_m=1000)], backoff_first_ns=60 * SECOND, backoff_cap_ns=60 * SECOND)
    fill(bed, ("small", 900, 0), ("urgent", 500, 9))
    bed.run(GRACE_S + 5)  # small has gone, urgent backs off still
    fill(bed, ("greedy", 700, 0))
    assert bed.places() == {"urgent": "", "greedy": ""}
    bed.run(60)
    assert bed.places() == {"urgent": "n0", "greedy": ""}


def test_two_urgent_pods_do_not_count_on_the_same_room() -> None:
    bed = bed_of([node("n0", cpu_m=1000), node("n1", cpu_m=1000)])
    fill(bed, ("a", 800, 0), ("b", 800, 0))
    bed.pod("u1", template(800, workload="u1", priority=9))
    bed.pod("u2", template(800, workload="u2", priority=9))
    bed.run(GRACE_S + 5)
    assert sorted(victims(bed)) == ["a", "b"]
    assert set(bed.places()) == {"u1", "u2"}
    assert set(bed.places().values()) == {"n0", "n1"}


def test_a_scheduler_that_dies_preempts_nobody_any_more_and_forgets_whom_it_kept_room_for() -> None:
    bed = bed_of([node("n0", cpu_m=1000)], cycle_ns=SECOND)
    fill(bed, ("small", 800, 0))
    bed.pod("urgent", template(800, workload="urgent", priority=9))
    bed.run(0.5)  # decided, and not yet carried out
    assert bed.decisions()[-1]["decision"] == "Evict"
    bed.scheduler.set_up(False)
    bed.run(GRACE_S + 5)
    assert not victims(bed)
    bed.scheduler.set_up(True)
    assert not bed.scheduler.info.nominated
    bed.run(GRACE_S + 20)
    assert bed.places() == {"urgent": "n0"}


UNSOUND: dict[str, tuple[Any, str]] = {
    "not-there": (lambda pod, cluster, placed: Evict(0, ("nobody",)), "evicts nobody, which is not on n0"),
    "too-important": (lambda pod, cluster, placed: Evict(0, ("prior",)), "evicts prior of priority 9 for a pod of 9"),
    "too-few": (lambda pod, cluster, placed: Evict(0, ()), "where the pod does not fit even then"),
    "no-row": (lambda pod, cluster, placed: Evict(7, ("small",)), "evicts from row 7 of 1"),
    "no-evict": (lambda pod, cluster, placed: "small", "preemption answers Evict or None"),
    "raises": (lambda pod, cluster, placed: 1 / 0, "ZeroDivisionError"),
}


@pytest.mark.parametrize(("policy", "said"), UNSOUND.values(), ids=UNSOUND)
def test_an_unsound_answer_is_a_policy_error_and_nobody_goes(policy: Any, said: str) -> None:
    bed = bed_of([node("n0", cpu_m=2000)], policy)
    fill(bed, ("prior", 1000, 9), ("small", 900, 0), ("urgent", 800, 9))
    bed.run(GRACE_S + 5)
    assert said in bed.events("PolicyError")[0]["detail"]
    assert not victims(bed)
    assert bed.places() == {"prior": "n0", "small": "n0", "urgent": ""}


def test_a_policy_error_can_stop_the_run() -> None:
    bed = bed_of([node("n0", cpu_m=1000)], UNSOUND["raises"][0], on_policy_error="stop")
    fill(bed, ("small", 800, 0))
    with pytest.raises(RunFailed, match=r"policy error at .* urgent"):
        fill(bed, ("urgent", 800, 9))


_MANIFEST = """
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: alarm}
value: 1000
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: alarm}
spec:
  replicas: 1
  selector: {matchLabels: {app: alarm}}
  template:
    metadata: {labels: {app: alarm}}
    spec:
      priorityClassName: alarm
      containers: [{name: main, image: shop/api, resources: {requests: {cpu: 3, memory: 64Mi}}}]
"""


@pytest.mark.parametrize("policies", [{}, {"preemption": "lowest-priority"}], ids=["none", "lowest"])
def test_in_a_whole_simulation_an_alarm_takes_the_place_of_a_batch(tmp_path: Path, policies: dict[str, str]) -> None:
    (tmp_path / "alarm.yaml").write_text(_MANIFEST, "utf-8")
    data = {
        "duration": "3min", "policies": policies,
        "topology": {
            "nodes": [{"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                      {"name": "edge", "model": "raspberry-pi-4b", "count": 2}],
            "links": [{"name": "lan", "between": ["edge-*", "cloud"], "model": "ethernet"}],
        },
        "images": {"shop/api": {"compressed": "20MB", "unpacked": "50MB", "platforms": ["linux/amd64", "linux/arm64"]}},
        "workloads": [
            {"kind": "service", "name": "batch", "image": "shop/api", "replicas": 6, "cpu": 1, "ram": "64Mi"},
            {"kind": "manifest", "name": "alarm", "file": "./alarm.yaml", "at": "60s"},
        ],
    }  # fmt: skip
    run = Simulation(Scenario.parse(data).placed(tmp_path, {})).finish()
    rows = run.table("decisions")
    alarms = [row["decision"] for row in rows.to_dicts() if row["pod"].startswith("alarm")]
    gone = run.table("events").filter(run.table("events")["kind"] == "Preempted")["subject"].to_list()
    assert not broken_rows(run.tables)
    if not policies:
        assert "Bind" not in alarms
        assert not gone
        return
    # Three of the four cores of a node: of its three batches two go; of their successors one finds the other node's
    # fourth core, and one nothing.
    assert alarms == ["Wait", "Evict", "Bind"]
    assert len(gone) == 2
    assert all(name.startswith("batch") for name in gone)
    assert run.summary["unschedulable_pods"] == 1


class Greedy(Preemption):
    """Whoever is there, whether or not it helps."""

    def victims(self, pod: Any, cluster: Any, placed: Any) -> Evict | None:
        return Evict(int(placed.node[0]), (placed.names[0],)) if len(placed) else None


def test_the_checks_refuse_victims_that_do_not_help() -> None:
    with pytest.raises(CheckFailed, match="does not fit"):
        check_policy(Greedy())
