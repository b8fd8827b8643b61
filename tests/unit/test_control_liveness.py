"""Leases, passes, zones, limiters, leaders: each mechanism of liveness against a closed form or a plain loop."""

from __future__ import annotations

import numpy as np
import pytest

from controlkit import TCP, Cluster, Numbers
from simulator.control.api.objects import Node
from simulator.control.api.server import ApiServer
from simulator.control.delivery.reach import DOWN, OK, REFUSED, SILENT
from simulator.control.liveness import taints
from simulator.control.liveness.eviction import tolerated_ns
from simulator.control.liveness.leader import LeaderSettings, Leadership
from simulator.control.liveness.lease import LeaseSettings, Renewals
from simulator.control.liveness.limiter import ZoneQueue
from simulator.control.liveness.monitor import MonitorSettings
from simulator.control.liveness.passes import Passes
from simulator.control.liveness.zones import ZoneSettings, ZoneState, rate, zone_state
from simulator.engine.clock import Clock
from simulator.errors import UserError
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key
from simulator.units import HOUR, MS, SECOND
from simulator.world.pod import Toleration

LEASE = LeaseSettings(10 * SECOND, 0.04, 200 * MS, 7 * SECOND, TCP)
ZONES = ZoneSettings(0.1, 0.01, 0.55, 2, 50)


def naive_renewals(rng: Rng, name: str, changes: list[tuple[int, int]], until: int) -> list[int]:
    """Arrivals of the renewals of one agent that got through: one attempt after the other."""
    delay, arrivals, counter, failures = 20 * MS, [-1, -1], 0, 0
    history = [(-1, OK), *changes]
    boots = [t for (t, new), (_, old) in zip(history[1:], history, strict=False) if old == DOWN != new]
    at, made = round(rng.draw("lease-phase", key(name)) * LEASE.renew_ns), -1
    while True:
        if fresh := [boot for boot in boots if made < boot <= at]:  # power came back before that attempt
            at, failures = fresh[-1], 0
        if at > until:
            return arrivals
        made, state = at, [state for since, state in history if since <= at][-1]
        if state == DOWN:
            at = min([boot for boot in boots if boot > at], default=until + 1)
        elif state == REFUSED:
            at += min(LEASE.retry_first_ns * 2 ** min(failures, 40), LEASE.retry_cap_ns)
            failures += 1
        else:
            broken = state != OK or any(at < since < at + delay and later != OK for since, later in changes)
            if not broken and at + delay <= until:
                arrivals.append(at + delay)
            failures = failures + 1 if broken else 0
            at += round(LEASE.renew_ns * (1 + LEASE.jitter * rng.draw("lease-jitter", key(name), counter)))
            counter += 1


@pytest.mark.parametrize("seed", range(40))
def test_renewals_in_columns_equal_one_attempt_after_the_other(seed: int) -> None:
    rng, luck = Rng(seed), np.random.default_rng(seed)
    times = sorted(int(t) for t in luck.uniform(0, 900, 6) * SECOND)
    states = [int(s) for s in luck.choice([OK, SILENT, REFUSED, DOWN], 6)]
    end, before = 1200 * SECOND, OK
    renewals = Renewals(rng, ["a", "b"], LEASE)
    renewals.change(1, 0, state=OK, delay_ns=20 * MS, loss=0.0, booted=False)
    for time, state in zip(times, states, strict=True):
        delay, booted = 20 * MS if state == OK else 0, (state == DOWN) != (before == DOWN)
        renewals.change(1, time, state=state, delay_ns=delay, loss=0.0, booted=booted)
        before = state
    renewals.advance(1, end)
    expected = naive_renewals(rng, "b", list(zip(times, states, strict=True)), end)
    assert [int(renewals.before[1]), int(renewals.arrived[1])] == expected[-2:]


def test_how_often_it_is_asked_changes_no_renewal() -> None:
    once, often = (Renewals(Rng(7), ["a"], LEASE) for _ in range(2))
    for time in range(0, 4000, 7):
        often.advance(0, time * SECOND)
    once.advance(0, 3997 * SECOND)
    assert (once.arrived[0], once.before[0], once.upcoming[0]) == (often.arrived[0], often.before[0], often.upcoming[0])


def test_an_agent_that_starts_renews_at_once() -> None:
    renewals = Renewals(Rng(1), ["a"], LEASE)
    renewals.change(0, 100 * SECOND, state=DOWN, delay_ns=0, loss=0.0, booted=True)
    renewals.change(0, 900 * SECOND, state=OK, delay_ns=MS, loss=0.0, booted=True)
    assert renewals.arrival(0) == 900 * SECOND + MS
    assert renewals.arrived[0] <= 100 * SECOND


@pytest.mark.parametrize(("loss", "share"), [(0.2, 1.0), (0.9, 1 - 0.9**6)])
def test_lost_packets_make_renewals_late_and_some_fail(loss: float, share: float) -> None:
    """Six tries fit into the ten seconds of the time-out (0, 0.24, 0.72, 1.68, 3.6, 7.44 s): 1 − loss⁶ get through."""
    renewals = Renewals(Rng(2), ["a"], LEASE)
    renewals.change(0, 0, state=OK, delay_ns=20 * MS, loss=loss, booted=False)
    through = [renewals._end(0, 0, k)[1] for k in range(4000)]
    assert np.mean(through) == pytest.approx(share, abs=0.02)
    assert renewals.unsteady(0)


def test_passes_sleep_after_their_work_and_do_not_depend_on_the_question() -> None:
    passes = Passes(Rng(3), "p", "x", start=2 * SECOND, period_ns=5 * SECOND, extra_ns=(10 * MS, 300 * MS))
    far = passes.at_or_after(HOUR)
    step, walked = 0, [2 * SECOND]
    other = Passes(Rng(3), "p", "x", start=2 * SECOND, period_ns=5 * SECOND, extra_ns=(10 * MS, 300 * MS))
    while walked[-1] < far:
        walked.append(other.after(walked[-1]))
        step += 1
    assert walked[-1] == far
    gaps = np.diff(walked)
    assert gaps.min() >= 5.01 * SECOND
    assert gaps.max() <= 5.3 * SECOND
    assert gaps.mean() == pytest.approx(5.155 * SECOND, rel=0.005)
    assert passes.at_or_after(walked[10]) == walked[10]
    assert passes.after(walked[10]) == walked[11]


# K-P9's truth table: (nodes, down) -> state of the zone.
@pytest.mark.parametrize(
    ("nodes", "down", "state"),
    [
        (1, 1, ZoneState.FULL),
        (2, 1, ZoneState.NORMAL),
        (3, 1, ZoneState.NORMAL),
        (3, 2, ZoneState.NORMAL),
        (4, 2, ZoneState.NORMAL),
        (4, 3, ZoneState.PARTIAL),
        (5, 3, ZoneState.PARTIAL),
        (6, 3, ZoneState.NORMAL),
        (60, 40, ZoneState.PARTIAL),
        (60, 60, ZoneState.FULL),
    ],
)
def test_zone_states(nodes: int, down: int, state: ZoneState) -> None:
    assert zone_state(nodes - down, down, ZONES) is state


def test_partial_disruption_stops_small_zones_and_slows_large_ones() -> None:
    assert rate(ZoneState.PARTIAL, 50, ZONES) == 0.0
    assert rate(ZoneState.PARTIAL, 51, ZONES) == 0.01
    assert rate(ZoneState.FULL, 10, ZONES) == rate(ZoneState.NORMAL, 10, ZONES) == 0.1


def test_zone_queue_takes_one_node_per_token_and_swaps_its_limiter() -> None:
    clock, popped = Clock(), []
    queue = ZoneQueue(clock, 0.1, 100 * MS, lambda row: popped.append((clock.now / SECOND, row)))
    clock.run(1 * SECOND)
    for row in range(4):
        queue.add(row)
    queue.remove(2)
    clock.run(12 * SECOND)
    assert popped == [(1.0, 0), (11.0, 1)]
    queue.set_rate(0.0)
    clock.run(100 * SECOND)
    assert len(popped) == 2
    queue.set_rate(0.1)  # from never: the new bucket starts empty
    clock.run(200 * SECOND)
    assert popped[2] == (110.0, 3)


def test_a_healthy_cluster_costs_no_event() -> None:
    cluster = Cluster(1000, schedule=False)
    cluster.run(1)
    before = cluster.clock.fired
    cluster.run(3601)
    assert cluster.clock.fired == before
    assert cluster.clock.next_time() is None


def test_age_of_belief_is_computed_on_demand() -> None:
    cluster = Cluster(50)
    cluster.at(200, cluster.cut, 7)
    cluster.run(1000)
    now = cluster.clock.now
    ages = (now - cluster.beats.heard(now)) / SECOND
    assert ages[7] > 800
    assert np.delete(ages, 7).max() <= 10.4
    assert len(set(ages)) == 50  # every node has a phase of its own
    node = cluster.nodes[3]
    assert cluster.beats.heard_ns(node, now) == cluster.beats.heard(now)[3]


def test_a_grace_shorter_than_a_renewal_and_a_pass_is_refused() -> None:
    good = MonitorSettings(5 * SECOND, (0, SECOND), 20 * SECOND, 100 * MS, ZONES)
    good.check(LEASE)
    bad = MonitorSettings(5 * SECOND, (0, SECOND), 16 * SECOND, 100 * MS, ZONES)
    with pytest.raises(UserError, match="healthy nodes would turn Unknown"):
        bad.check(LEASE)


UNREACHABLE = (taints.UNREACHABLE, "", "NoExecute")


@pytest.mark.parametrize(
    ("tolerations", "stays"),
    [
        ((), 0),
        ((Toleration(taints.UNREACHABLE, "Exists", effect="NoExecute", seconds=300),), 300 * SECOND),
        ((Toleration("", "Exists", seconds=7), Toleration(taints.UNREACHABLE, "Exists")), 7 * SECOND),
        ((Toleration("", "Exists"),), None),
        ((Toleration(taints.UNREACHABLE, "Exists", seconds=-3),), 0),
        ((Toleration(taints.NOT_READY, "Exists"),), 0),
    ],
)
def test_the_shortest_matching_toleration_counts(tolerations: tuple[Toleration, ...], stays: int | None) -> None:
    assert tolerated_ns([UNREACHABLE], tolerations) == stays


def test_every_taint_must_be_tolerated() -> None:
    only_one = (Toleration(taints.UNREACHABLE, "Exists"),)
    assert tolerated_ns([UNREACHABLE, ("other", "", "NoExecute")], only_one) == 0


def test_conditions_become_no_schedule_taints_and_go_again() -> None:
    cluster = Cluster(2)
    cluster.run(1)
    node = cluster.nodes[0]
    cluster.agents[0].channel.node_status({"MemoryPressure": True, "DiskPressure": False}, {})
    cluster.run(2)
    assert node.taints == [(taints.MEMORY_PRESSURE, "", "NoSchedule")]
    node.unschedulable = True
    cluster.agents[0].channel.node_status({"MemoryPressure": False, "DiskPressure": False}, {})
    cluster.run(3)
    assert node.taints == [(taints.UNSCHEDULABLE, "", "NoSchedule")]


def test_a_taint_that_somebody_else_made_stays() -> None:
    cluster = Cluster(3)
    own = ("shop/till", "", "NoSchedule")
    cluster.nodes[0].taints.append(own)
    token = cluster.cut(0)
    cluster.run(100)
    assert {t[2] for t in cluster.nodes[0].taints} == {"NoSchedule", "NoExecute"}
    cluster.network.mend(0, token)
    cluster.run(150)
    assert cluster.nodes[0].taints == [own]


def test_a_second_taint_does_not_put_off_a_timer_that_runs() -> None:
    cluster = Cluster(3, schedule=False)
    pod = cluster.pod("p", 0, tolerations=(Toleration("shop/smoke", "Exists", seconds=500),))
    cluster.crash(0)
    cluster.run(200)
    (tainted, _name), = cluster.events("TaintAdded", f"{taints.UNREACHABLE}:NoExecute")  # fmt: skip
    cluster.nodes[0].taints.append(("shop/smoke", "", "NoExecute"))
    cluster.server.changed(cluster.nodes[0])
    cluster.run(1000)
    assert pod.deletion_ns is not None
    assert pod.deletion_ns / SECOND == pytest.approx(tainted + 300, abs=0.1)


def test_pods_of_a_deleted_node_are_collected_after_the_quarantine() -> None:
    """Round every 20 s from the leader's start; the first to miss the node starts 40 s of quarantine."""
    cluster = Cluster(3)
    pod = cluster.pod("p", 1)
    cluster.at(47, cluster.server.remove, cluster.nodes[1])
    cluster.run(99.9)
    assert not pod.deleted  # missed at 60, due at 100
    cluster.run(101)
    assert pod.deleted


def leaders(count: int, settings: LeaderSettings) -> tuple[Clock, ApiServer, list[Leadership], list[list[float]]]:
    """Many elections side by side, each under a name of its own; and the times at which each gained a leader."""
    clock, recorder = Clock(), Recorder()
    server = ApiServer(clock, recorder, 0)
    gained: list[list[float]] = [[] for _ in range(count)]
    found = []
    for i in range(count):
        found.append(
            Leadership(
                clock,
                Rng(4),
                recorder,
                server,
                f"c{i}",
                settings=settings,
                begin=lambda log=gained[i]: log.append(clock.now / SECOND),
                end=lambda: None,
            )
        )
        found[-1].start()
    return clock, server, found, gained


TWO = LeaderSettings(15 * SECOND, 10 * SECOND, 2 * SECOND, 1.2, copies=2)


def test_a_short_outage_of_the_server_keeps_the_leader_and_a_long_one_does_not() -> None:
    """The first renewal that fails comes up to 2 s after the server went, and the deadline 10 s after that."""
    for outage, lost in ((7.9, 0.0), (11.0, 0.5), (12.1, 1.0)):
        clock, server, found, _gained = leaders(200, TWO)
        clock.at(100 * SECOND, server.set_up, False)
        clock.run(100 * SECOND + round(outage * SECOND) - 1)
        clock.run(100 * SECOND + round(outage * SECOND))
        gone = np.mean([not each.leading for each in found])
        assert gone == pytest.approx(lost, abs=0.12)
        server.set_up(True)
        clock.run(300 * SECOND)
        assert all(each.leading for each in found)


def test_a_candidate_sees_nothing_while_there_is_no_server() -> None:
    """Leaders die at 100 s, the server goes half a second later, for 40 s. Who had looked in between takes over soon
    after its return; who had not sees the old record then, and waits for its 15 s. A look comes every 3.2 s on the
    mean, the last renewal is 1 s old on the mean: a little less than half have looked."""
    clock, server, found, gained = leaders(400, TWO)
    clock.run(100 * SECOND)
    for each in found:
        each.set_up(False, leader=True)
    clock.run(100 * SECOND + 500 * MS)
    server.set_up(False)
    clock.run(140 * SECOND)
    server.set_up(True)
    clock.run(200 * SECOND)
    waits = np.array([times[1] - 140 for times in gained])
    assert not np.any((waits > 4.4) & (waits < 15))
    assert np.mean(waits <= 4.4) == pytest.approx(1.5 / 3.2, abs=0.08)


def test_a_restarted_single_copy_waits_for_its_own_old_lease() -> None:
    clock, _server, found, gained = leaders(300, LeaderSettings(15 * SECOND, 10 * SECOND, 2 * SECOND, 1.2))
    clock.run(50 * SECOND)
    for each in found:
        each.set_up(False)
    clock.run(60 * SECOND)
    for each in found:
        each.set_up(True)
    clock.run(120 * SECOND)
    waits = np.array([times[1] - 60 for times in gained])
    assert waits.min() >= 15
    assert waits.max() <= 15 + 4.4
    assert waits.max() > 17


def test_without_election_a_copy_works_as_soon_as_it_runs() -> None:
    clock, server, found, gained = leaders(1, LeaderSettings(15 * SECOND, 10 * SECOND, 2 * SECOND, 1.2, elect=False))
    clock.run(50 * SECOND)
    server.set_up(False)
    clock.run(90 * SECOND)
    assert found[0].leading
    server.set_up(True)
    found[0].set_up(False)
    clock.run(91 * SECOND)
    found[0].set_up(True)
    assert gained == [[0.0, 91.0]]


def test_two_leaders_never_lead_at_once() -> None:
    clock, server, found, gained = leaders(50, LeaderSettings(15 * SECOND, 10 * SECOND, 2 * SECOND, 1.2, copies=3))
    for k in range(6):
        clock.run((100 + 60 * k) * SECOND)
        for each in found:
            each.set_up(False, leader=True)
        assert not any(each.leading for each in found)
        if k % 2:
            server.set_up(False)
            clock.run((105 + 60 * k) * SECOND)
            server.set_up(True)
        clock.run((140 + 60 * k) * SECOND)
        assert all(each.leading for each in found)
        for each in found:
            each.set_up(True, leader=True)
    assert all(len(times) == 7 for times in gained)


def test_a_node_object_that_is_deleted_is_no_longer_watched() -> None:
    cluster = Cluster(4)
    cluster.at(10, cluster.cut, 2)
    cluster.at(20, cluster.server.remove, cluster.nodes[2])
    cluster.run(200)
    assert cluster.events("NodeNotReady") == []
    assert [node.name for node in cluster.server.list(Node)] == ["w0", "w1", "w3"]


def test_a_successor_finds_a_node_that_is_unknown_but_not_tainted_yet() -> None:
    cluster = Cluster(3, Numbers(copies=2), schedule=False)
    cluster.crash(1)
    while not cluster.nodes[1].taints:
        cluster.clock.step()
    cluster.manager.set_up(False, leader=True)
    before = cluster.clock.now / SECOND
    cluster.run(before + 24)
    assert [t[2] for t in cluster.nodes[1].taints] == ["NoSchedule", "NoExecute"]


def test_a_node_more_shifts_nobody_else() -> None:
    def detected(workers: int) -> list[tuple[float, str]]:
        cluster = Cluster(workers, schedule=False)
        cluster.at(100, cluster.cut, 2)
        cluster.run(200)
        return [(t, state) for t, state in cluster.believed("w2") if state == "Unknown"]

    assert detected(5) == detected(9) != []
