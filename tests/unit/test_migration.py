"""A running pod's way to another node: the closed form of pre-copy, what shares the way, and what breaks it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import ceil, isnan, log
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubelets import COSTS, GI, IMAGE, MEMORY, MI, SETTINGS, Kubelets, container, kubelets, template
from simulator.runtime.agent import NodeAgent
from simulator.runtime.migration import Migrations
from simulator.runtime.settings import MigrationRules
from simulator.runtime.status import DesiredPod, Origin, PodStatus
from simulator.units import MS, SECOND
from simulator.world.image import Image

MB = 1_000_000
RULES = MigrationRules(
    stack="vm", ways=frozenset({"live", "state"}), downtime_ns=300 * MS, rounds=30, timeout_per_gib_ns=800 * SECOND
)
RATE = 12.5 * MB  # of the kit's links, in byte/s


def kit_of(*, idle: int = 100 * MB, dirty: float = 0.0, start_s: int = 5, rules: dict[str, Any] | None = None,
           **more: Any) -> tuple[Kubelets, int]:  # fmt: skip
    """Two nodes, on the first of which a pod answers from second 6 on."""
    costs = replace(COSTS, migration=replace(RULES, **(rules or {})))
    kit = kubelets(2, costs=costs, **more)
    Migrations(kit.clock, kit.network, kit.recorder, kit.agents)
    source = kit.admit("source", start_ns=start_s * SECOND, ram_idle_bytes=idle, ram_dirty=dirty)
    return kit, source


def move(kit: Kubelets, source: int, how: str = "live", name: str = "twin") -> int:
    """The twin is admitted to the second node now; its sandbox and container take 0.6 s."""
    kit.uids += 1
    of = kit.agents[0].find(source)
    assert of is not None
    kit.agents[1].admit(DesiredPod(kit.uids, name, of.template, origin=Origin("node-0", source, how)))
    return kit.uids


def moved(idle: int, dirty: float, how: str = "live", *, until: float = 5000.0, **more: Any) -> dict[str, Any]:
    """The row of one migration."""
    kit, source = kit_of(idle=idle, dirty=dirty, **more)
    kit.run(10)
    move(kit, source, how)
    kit.run(until)
    return row(kit)


def row(kit: Kubelets) -> dict[str, Any]:
    (found,) = kit.recorder.migrations.frame().to_dicts()
    return found


def serving(kit: Kubelets) -> list[tuple[float, int, bool]]:
    return [(time / SECOND, uid, up) for time, uid, up, _ in kit.served]


# The closed form.


@settings(max_examples=40, deadline=None)
@given(
    idle=st.integers(1 * MB, 500 * MB), ratio=st.floats(0, 1.5), allowed=st.integers(1 * MS, 2000 * MS),
    most=st.integers(1, 40),
)  # fmt: skip
def test_rounds_bytes_and_downtime_are_those_of_the_closed_form(
    idle: int, ratio: float, allowed: int, most: int
) -> None:
    found = moved(idle, ratio * RATE, rules={"downtime_ns": allowed, "rounds": most, "timeout_ns": 10**15})
    fits = allowed / SECOND * RATE / idle  # of the memory, that may be left
    if ratio >= 1:
        rounds, left, sent = 1, idle, 2 * idle
    else:
        rounds = 1 if ratio <= min(fits, 1) else ceil(log(fits) / log(ratio) - 1e-9)
        rounds = min(most, max(1, rounds))
        left, sent = idle * ratio**rounds, idle * (1 - ratio ** (rounds + 1)) / (1 - ratio)
    close = ratio < 1 and abs(ratio ** min(rounds, found["rounds"]) - fits) < 1e-5  # whole bytes decide
    assert found["rounds"] == rounds or (close and abs(found["rounds"] - rounds) == 1)
    if found["rounds"] == rounds:
        assert found["sent_bytes"] == pytest.approx(sent, abs=(rounds + 1) ** 2)  # whole bytes in each round
        assert found["downtime_s"] == pytest.approx(left / RATE, abs=1e-4)
        assert found["took_s"] == pytest.approx(sent / RATE, abs=1e-4)
    assert found["outcome"] == "done"


def test_a_machine_of_100_mb_by_hand() -> None:
    # 8 s, meanwhile 50 MB: 4 s, meanwhile 25 MB; … 3.125 MB take 0.25 s, less than the 0.3 s that are allowed.
    found = moved(100 * MB, 6.25 * MB)
    assert found == {
        "time_s": 10.6, "pod": "source", "twin": "twin", "source": "node-0", "target": "node-1", "how": "live",
        "outcome": "done", "rounds": 5, "sent_bytes": 196_875_000, "downtime_s": 0.25, "took_s": 15.75,
    }  # fmt: skip


def test_a_state_is_sent_while_nobody_answers() -> None:
    found = moved(100 * MB, 6.25 * MB, "state")
    assert (found["rounds"], found["sent_bytes"], found["downtime_s"]) == (0, 100 * MB, 8.0)


@pytest.mark.parametrize(
    ("how", "rules", "column", "more"),
    [
        ("live", {"guest_bytes": 25 * MB}, "sent_bytes", 51_171_875),  # 125 MB take a sixth round
        ("live", {"downtime_ns": 600 * MS}, "rounds", -1),
        ("live", {"rounds": 3}, "downtime_s", 0.75),
        ("live", {"bandwidth": 6.25 * MB}, "downtime_s", 15.75),  # as much is written as is sent: no progress
        ("state", {"bandwidth": 10 * MB}, "downtime_s", 2.0),
        ("state", {"snapshot": (1e9, 10.0, 50 * MB)}, "downtime_s", 1.5),
        ("state", {"load_ns": 70 * MS}, "downtime_s", 0.07),
        ("live", {"snapshot": (1e9, 0.0, 0), "load_ns": 70 * MS}, "downtime_s", 0.0),
    ],
)  # fmt: skip
def test_what_each_rule_of_a_runtime_does(how: str, rules: dict[str, Any], column: str, more: float) -> None:
    plain = moved(100 * MB, 6.25 * MB, how)
    assert moved(100 * MB, 6.25 * MB, how, rules=rules)[column] - plain[column] == pytest.approx(more)


def test_a_page_s_rate_counts_for_who_does_not_say_how_much_it_writes() -> None:
    said = moved(100 * MB, 6.25 * MB, rules={"dirty": 1 * MB})
    assert said["rounds"] == 5
    kit, _ = kit_of(rules={"dirty": 6.25 * MB})
    source = kit.admit("unsaid", ram_idle_bytes=100 * MB)
    kit.run(10)
    move(kit, source)
    kit.run(100)
    assert row(kit)["rounds"] == 5


def test_latency_and_the_time_to_freeze_and_to_wake_are_part_of_the_downtime() -> None:
    kit, source = kit_of(idle=100 * MB, latency_ns=20 * MS)
    for agent in kit.agents:
        agent._runtimes["runc"] = replace(agent._runtimes["runc"], freeze=(30 * MS, 50 * MS))
    fresh = kit.admit("fresh", ram_idle_bytes=100 * MB)
    kit.run(10)
    move(kit, fresh, "state")
    kit.run(100)
    assert row(kit)["downtime_s"] == pytest.approx(8 + 2 * 0.02 + 0.03 + 0.05)
    assert source != fresh


def test_a_pull_on_the_way_halves_the_rate() -> None:
    big = Image.equal("big", compressed=1000 * MB, unpacked=1, layers=1)
    kit, source = kit_of(images=(IMAGE, big), cached=False)
    kit.run(20)
    twin = kit.uids + 1
    move(kit, source, "state")
    kit.run(25)  # the twin's own image is there
    assert kit.agents[1].find(twin) is not None
    alone = row_of_state(kit)
    other, again = kit_of(images=(IMAGE, big), cached=False)
    other.run(20)
    other.agents[1].preload(IMAGE)
    other.agents[1].pull("big")
    move(other, again, "state")
    other.run(60)
    assert row(other)["downtime_s"] == pytest.approx(2 * alone, rel=1e-6)


def row_of_state(kit: Kubelets) -> float:
    kit.run(60)
    return float(row(kit)["downtime_s"])


# The three truths of both pods.


def test_the_source_ends_before_the_twin_begins_and_the_application_does_not_start_anew() -> None:
    kit, source = kit_of(idle=100 * MB, dirty=6.25 * MB)
    kit.run(10)
    twin = move(kit, source)
    kit.run(100)
    assert serving(kit) == [(5.6, source, True), (26.1, source, False), (26.35, twin, True)]
    assert kit.pods("running") == [
        (0.6, "source", "started"), (26.1, "source", "stopped"), (26.35, "twin", "started"),
    ]  # fmt: skip
    assert kit.upstreams[0].of(source)[-1] == PodStatus("Succeeded", reason="Migrated")
    assert kit.upstreams[1].of(twin) == [PodStatus("Running", ready=True)]
    assert kit.upstreams[1].statuses[0][0] == round(26.35 * SECOND)
    assert kit.events("Migrated", "source") == [26.35]


def test_who_stands_still_keeps_no_core_busy_and_answers_nobody_whatever_its_node_s_speed() -> None:
    kit, _ = kit_of()
    source = kit.admit("busy", start_ns=0, ram_idle_bytes=100 * MB, background_m=500, cpu_m=500)
    kit.run(10)
    paced: list[float] = []
    agent, load = kit.agent, kit.agent.load
    agent.speed_hooks.append(lambda run: paced.append(run.speed) if run.name == "busy" else None)
    load.watch()
    move(kit, source, "state")
    worker = agent.worker(source)
    assert worker is not None
    worker.take()
    assert load.cores == 0.5
    kit.run(12)  # it stopped at 10.6 s
    assert worker.run.paused
    assert (load.cores, load.busy[-1], load.share[-1]) == (0.0, 0.0, 0.0)
    agent.set_speed(0.5)
    assert paced == []
    _cut(kit)
    kit.run(13)
    assert (load.cores, load.share[-1]) == (0.5, 0.5)
    assert kit.served[-1][1:] == (source, True, "resumed")
    assert worker.run.speed == 0.5
    agent.set_speed(1.0)
    assert paced == [1.0]


def test_memory_is_held_on_both_nodes_until_the_source_ends() -> None:
    kit, source = kit_of(idle=100 * MB, dirty=6.25 * MB)
    whole = [agent.available_ram_bytes for agent in kit.agents]
    kit.run(10)
    twin = move(kit, source)
    kit.run(11)
    assert [a - b.available_ram_bytes for a, b in zip(whole, kit.agents, strict=True)] == [100 * MB] * 2
    kit.run(100)
    assert [a - b.available_ram_bytes for a, b in zip(whole, kit.agents, strict=True)] == [0, 100 * MB]
    kit.agents[1].remove(twin, 0)
    assert kit.agents[1].available_ram_bytes == whole[1]


def test_a_pod_that_has_gone_stays_gone_when_its_node_comes_back_and_the_twin_starts_anew() -> None:
    kit, source = kit_of(idle=100 * MB, dirty=6.25 * MB)
    kit.run(10)
    twin = move(kit, source)
    kit.run(30)
    heard_of = Origin("node-0", source, "live")  # the control plane has not heard yet how it went
    pods = [
        DesiredPod(source, "source", template()),
        DesiredPod(twin, "twin", template(start_ns=SECOND), origin=heard_of),
    ]
    for agent, pod in zip(kit.agents, pods, strict=True):
        agent.crash()
        agent.boot()
        kit.run(kit.clock.now / SECOND + 1)
        agent.sync([pod])
    kit.run(60)
    last = {uid: up for _, uid, up in serving(kit)}
    assert last == {source: False, twin: True}
    assert kit.recorder.migrations.frame().height == 1


# What breaks it.


def _cut(kit: Kubelets) -> None:
    kit.network.cut(1, "silent")


def _crash(number: int) -> Any:
    def crash(kit: Kubelets) -> None:
        kit.network.set_node(number + 1, False)
        kit.agents[number].crash()

    return crash


def _remove(number: int) -> Any:
    def remove(kit: Kubelets) -> None:
        uid = next(iter(kit.agents[number].stored()))
        kit.agents[number].remove(uid, 0)

    return remove


BREAKS = {"cut": _cut, "target dies": _crash(1), "twin deleted": _remove(1)}


@pytest.mark.parametrize("what", BREAKS)
@pytest.mark.parametrize("how", ["live", "state"])
def test_where_it_breaks_the_source_goes_on_and_the_twin_fails(what: str, how: str) -> None:
    kit, source = kit_of(idle=100 * MB, dirty=6.25 * MB)
    kit.run(10)
    twin = move(kit, source, how)
    kit.run(12)
    BREAKS[what](kit)
    kit.run(100)
    found = row(kit)
    assert found["outcome"] == "failed"
    assert found["sent_bytes"] == pytest.approx(1.4 * RATE)
    assert found["downtime_s"] == pytest.approx(1.4 if how == "state" else 0)
    assert kit.events("MigrationFailed", "source") == [12.0]
    assert serving(kit)[-1][1:] == (source, True)
    if what == "cut":
        assert kit.upstreams[1].of(twin) == [PodStatus("Failed", reason="MigrationFailed")]


@pytest.mark.parametrize("how", ["live", "state"])
@pytest.mark.parametrize("breaks", [_crash(0), _remove(0)], ids=["dies", "deleted"])
def test_a_twin_whose_source_ends_fails(how: str, breaks: Any) -> None:
    kit, source = kit_of(idle=100 * MB, dirty=6.25 * MB)
    kit.run(10)
    twin = move(kit, source, how)
    kit.run(12)
    breaks(kit)
    kit.run(100)
    assert kit.upstreams[1].of(twin) == [PodStatus("Failed", reason="MigrationFailed")]
    assert not serving(kit)[-1][2]
    assert kit.agents[1].available_ram_bytes == 4 * GI


def test_a_container_that_dies_while_it_moves_stays_and_is_started_again() -> None:
    kit, source = kit_of(idle=100 * MB, dirty=6.25 * MB)
    kit.run(10)
    move(kit, source)
    kit.run(12)
    worker = kit.agents[0].worker(source)
    assert worker is not None
    worker.kernel_kills(worker.run.main)
    kit.run(100)
    assert row(kit)["outcome"] == "failed"
    assert serving(kit)[-1][1:] == (source, True)
    assert worker.run.restarts == 1


@pytest.mark.parametrize(
    ("rules", "idle", "outcome"),
    [
        ({"timeout_per_gib_ns": 15 * SECOND}, 100 * MB, "failed"),
        ({"timeout_per_gib_ns": 17 * SECOND}, 100 * MB, "done"),
        ({"timeout_per_gib_ns": 9 * SECOND, "timeout_ns": 7 * SECOND}, 100 * MB, "done"),
    ],
)
def test_time_runs_out_for_each_gib_begun(rules: dict[str, Any], idle: int, outcome: str) -> None:
    assert moved(idle, 6.25 * MB, rules=rules)["outcome"] == outcome


def test_time_does_not_run_out_once_all_has_come() -> None:
    slow = {"load_ns": 60 * SECOND, "timeout_per_gib_ns": 20 * SECOND}
    assert moved(100 * MB, 0, "state", rules=slow)["downtime_s"] == 68


def test_a_twin_that_is_too_big_for_its_node_is_killed_and_nobody_beside_it() -> None:
    never = replace(SETTINGS, memory=replace(MEMORY, threshold_bytes=None))  # evict
    kit, source = kit_of(idle=100 * MB, system_bytes=4 * GI - 150 * MB, settings=never)
    beside = kit.admit("beside", agent=1, ram_idle_bytes=80 * MB)
    kit.run(10)
    twin = move(kit, source)
    kit.run(60)
    assert kit.upstreams[1].of(twin) == [PodStatus("Failed", reason="OOMKilled")]
    assert {uid for _, uid, up in serving(kit) if up} == {source, beside}
    assert all(up for _, _, up in serving(kit))
    assert kit.agents[1].available_ram_bytes == 70 * MB


def test_a_source_that_does_not_answer_yet_is_not_sent() -> None:
    kit, source = kit_of(start_s=60)
    kit.run(10)
    twin = move(kit, source)
    kit.run(100)
    assert row(kit)["outcome"] == "failed"
    assert kit.upstreams[1].of(twin)[-1].reason == "MigrationFailed"
    assert [uid for _, uid, _ in serving(kit)] == [source]


def test_a_pod_goes_to_one_node_at_a_time() -> None:
    kit, source = kit_of(idle=100 * MB)
    kit.run(10)
    first, second = move(kit, source), move(kit, source, name="other")
    kit.run(100)
    assert kit.upstreams[1].of(second) == [PodStatus("Failed", reason="MigrationFailed")]
    assert serving(kit)[-1][1:] == (first, True)


def test_a_target_that_dies_after_the_switch_leaves_none() -> None:
    kit, source = kit_of(idle=100 * MB, rules={"load_ns": 5 * SECOND})
    kit.run(10)
    move(kit, source, "state")
    kit.run(20)  # all came at 18.6 s; it would go on at 23.6 s
    _crash(1)(kit)
    kit.run(100)
    assert isnan(row(kit)["downtime_s"])
    assert serving(kit)[-1][1:] == (source, False)
    assert kit.upstreams[0].of(source)[-1].phase == "Succeeded"


def test_init_containers_do_not_run_again() -> None:
    kit, _ = kit_of()
    before = container(name="init", run_ns=50 * SECOND)
    kit.uids += 1
    whole = template(container(ram_idle_bytes=1 * MI), init=(before,))
    kit.agent.admit(DesiredPod(kit.uids, "two", whole))
    source = kit.uids
    kit.run(60)
    twin = move(kit, source)
    kit.run(70)
    assert (serving(kit)[-1][1], serving(kit)[-1][2]) == (twin, True)


# Whatever happens.


def _answer(agent: NodeAgent) -> list[str]:
    return [run.name for run in agent.running() if run.serving]


@settings(max_examples=60, deadline=None)
@given(
    how=st.sampled_from(["live", "state"]), dirty=st.floats(0, 2),
    breaks=st.lists(
        st.tuples(st.floats(0, 40), st.sampled_from(["cut", "crash-0", "crash-1", "remove-1"])), max_size=3
    ),
)  # fmt: skip
def test_never_do_two_answer_and_one_does_while_its_node_lives(
    how: str, dirty: float, breaks: list[tuple[float, str]]
) -> None:
    kit, source = kit_of(idle=100 * MB, dirty=dirty * RATE)
    kit.run(10)
    twin = move(kit, source, how)
    hits = {"cut": _cut, "crash-0": _crash(0), "crash-1": _crash(1), "remove-1": _remove(1)}
    due = sorted((10 + after, i, what) for i, (after, what) in enumerate(breaks))
    hit = set[str]()
    for at, _, what in [*due, (150.0, 9, "")]:
        while kit.clock.now < round(at * SECOND):
            kit.clock.run(min(round(at * SECOND), kit.clock.now + SECOND // 2))
            assert len([*_answer(kit.agents[0]), *_answer(kit.agents[1])]) <= 1
        if what and what not in hit and not (what == "remove-1" and "crash-1" in hit):
            hit.add(what)
            hits[what](kit)
    finished = kit.recorder.migrations.frame()["outcome"].to_list()
    home = 1 if finished == ["done"] else 0
    alive = f"crash-{home}" not in hit and not (home and "remove-1" in hit)
    assert _answer(kit.agents[home]) == ([["source", "twin"][home]] if alive else [])
    # Down for the stop alone, and no longer.
    ups = [(time, up) for time, uid, up in serving(kit) if uid in (source, twin)]
    gaps = [b - a for (a, up), (b, _) in pairwise(ups) if not up]
    assert all(gap <= 8.0 + 1e-6 for gap in gaps)
