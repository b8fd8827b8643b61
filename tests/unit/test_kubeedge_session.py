"""A session in each kind of trouble: who notices, when; and what hangs on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edgekit import EdgeCluster, EdgeNumbers
from simulator.control.api.objects import Service
from simulator.control.delivery.dial_cycle import DialCycle
from simulator.control.delivery.reach import OK, REFUSED, SILENT
from simulator.runtime.status import PodStatus
from simulator.units import SECOND
from simulator.world.pod import Requirement

EDGE = EdgeNumbers()


def one(mode: str, lasts: float | None, at: float = 100, until: float = 600, **how: Any) -> dict[str, float]:
    """One node, cut once: seconds from the cut to each word and event."""
    cluster = EdgeCluster(1)
    found: dict[str, float] = {}
    cluster.sessions[0].hooks.append(lambda word: found.setdefault(word, cluster.clock.now / SECOND - at))
    cluster.at(at, lambda: cluster.cut(0, mode, lasts, **how))
    cluster.run(until)
    for kind in ("SessionClosed", "SessionLost", "SessionOpened"):
        times = [t - at for t, _name in cluster.events(kind)]
        found.update({kind: times[0]} if times else {})
    return found


def test_refused_both_ends_know_at_once() -> None:
    found = one("refused", 49)
    assert found["broken"] == found["noticed"] == found["SessionClosed"] == found["SessionLost"] == 0
    assert found["opened"] == pytest.approx(50, abs=0.1)  # the dial at 50 s of the first round


def test_silent_the_cloud_closes_and_the_edge_learns_nothing_until_tcp_gives_up() -> None:
    found = one("silent", None, until=1300)
    assert found["broken"] == 0
    assert 15 <= found["SessionClosed"] <= 30.1
    waits = sum(min(0.22 * 2**k, 120) for k in range(16))
    assert waits < found["noticed"] < waits + 11


def test_a_short_silence_is_repaired_by_tcp_and_nobody_ever_knew() -> None:
    found = one("silent", 12)
    assert "noticed" not in found
    assert "SessionClosed" not in found
    assert 12 <= found["opened"] < 30


def test_one_way_up_the_edge_hears_that_the_cloud_has_closed() -> None:
    """Direction 1 is from the edge to the cloud."""
    found = one("one-way", 300, direction=1)
    assert found["broken"] == 0
    assert 15 <= found["SessionClosed"] <= 30.1
    assert found["noticed"] == pytest.approx(found["SessionClosed"] + 0.01, abs=0.001)


def test_one_way_down_the_cloud_closes_and_the_edge_is_not_told() -> None:
    found = one("one-way", 300, direction=0)
    assert 15 <= found["SessionClosed"] <= 45.1
    assert found["noticed"] > 300


def test_lossy_it_closes_when_a_keep_alive_comes_too_late() -> None:
    assert "broken" not in one("lossy", 400, loss=0.05)
    found = one("lossy", 3000, loss=0.6, until=3000)
    assert found["broken"] == found["SessionClosed"] > 0
    assert found["noticed"] == pytest.approx(found["SessionClosed"] + 0.01, abs=0.001)


def test_silent_on_a_link_that_loses_packets_the_cloud_closes_all_the_same() -> None:
    cluster = EdgeCluster(1)
    cluster.at(50, lambda: cluster.cut(0, "lossy", loss=0.01))
    cluster.at(100, cluster.cut, 0)
    cluster.run(200)
    assert 115 <= cluster.events("SessionClosed")[0][0] <= 131


def test_after_a_power_cut_edgecore_dials_at_once() -> None:
    cluster = EdgeCluster(1)
    cluster.at(100, cluster.crash, 0)
    cluster.at(110, cluster.boot, 0)
    cluster.run(200)
    assert [t for t, _n in cluster.events("SessionOpened")] == [pytest.approx(110.01, abs=0.01)]


def test_a_healthy_session_costs_nothing() -> None:
    cluster = EdgeCluster(5)
    for row in range(5):
        cluster.pod(f"p{row}", row)
    cluster.run(10)
    fired = cluster.clock.fired
    cluster.run(100_000)
    assert cluster.clock.fired == fired
    assert all(node.ready == "True" for node in cluster.nodes)


def test_another_node_shifts_nobody_s_draws() -> None:
    def closed(nodes: int) -> float:
        cluster = EdgeCluster(nodes)
        cluster.at(100, cluster.cut, 0)
        cluster.run(200)
        return cluster.events("SessionClosed")[0][0]

    assert closed(1) == closed(3)


def test_dials_to_nobody_last_as_long_as_their_handshake() -> None:
    """Refused, a round is 55 s; unanswered, 5 × 35 + 30 s."""
    for silent, cycle in ((False, 55), (True, 205)):
        dials = DialCycle(EDGE.session().dial)
        dials.lost(0)
        dials.fail_until(1000 * SECOND, silent)
        first = 30 * SECOND
        assert (dials.succeeds(1000 * SECOND) - first) % (cycle * SECOND) // SECOND in (
            range(0, 25, 5) if not silent else range(0, 205)
        )
        assert dials.succeeds(1000 * SECOND) >= 1000 * SECOND


def test_a_dial_under_way_fails_when_silence_turns_into_refusal() -> None:
    dials = DialCycle(EDGE.session().dial)
    dials.fresh(0)
    dials.fail_until(10 * SECOND, silent=True)
    dials.cut_off(10 * SECOND)
    dials.fail_until(12 * SECOND, silent=False)
    assert dials.succeeds(12 * SECOND) == 15 * SECOND


def test_a_closed_session_sends_nothing() -> None:
    cluster = EdgeCluster(1)
    cluster.at(99.999, cluster.bind, "p", 0)
    cluster.at(100.055, lambda: cluster.cut(0, "refused", 100))  # the letter is under way
    cluster.run(199)
    assert len(cluster.deliveries("pod", "sent", "resent")) == 1
    assert len(cluster.deliveries("pod", "lost")) == 1
    cluster.run(300)
    assert len(cluster.agents[0].runs) == 1


def test_a_hub_that_restarts_in_a_silence_that_nobody_met_is_dialled_again() -> None:
    """The first packet after it is answered by a reset."""
    cluster = EdgeCluster(20)
    for row in range(20):
        cluster.at(100, lambda row=row: cluster.cut(row, "silent", 0.5))
    cluster.at(100.1, cluster.core.set_up, False)
    cluster.at(100.2, cluster.core.set_up, True)
    cluster.run(200)
    assert all(session.open for session in cluster.sessions)
    assert len(cluster.events("SessionLost")) == 20


def test_heartbeats_go_through_the_session_and_not_the_network() -> None:
    """The link is whole again at 101 s, and no heartbeat gets through before the session does at 130 s."""
    cluster = EdgeCluster(1)
    cluster.at(100, lambda: cluster.cut(0, "refused", 1))
    cluster.run(129)
    assert 90 * SECOND < cluster.beats.heard_ns(cluster.nodes[0], cluster.clock.now) <= 100.01 * SECOND
    cluster.run(140)
    assert cluster.beats.heard_ns(cluster.nodes[0], cluster.clock.now) > 130 * SECOND


def test_an_edge_that_has_noticed_is_refused_on_the_node_itself() -> None:
    """Its heartbeats are answered at once that there is no connection, so they come as often as refusals do."""
    cluster = EdgeCluster(1)
    cluster.at(100, lambda: cluster.cut(0, "silent", 100))
    cluster.run(150)
    assert cluster.ways.state[0] == SILENT
    lost = next(t for t in range(200, 300) if (cluster.run(t), cluster.events("SessionLost"))[1])
    assert cluster.ways.state[0] == REFUSED
    cluster.run(lost + 31)
    assert cluster.ways.state[0] == OK


def test_while_offline_only_the_latest_status_is_kept() -> None:
    cluster = EdgeCluster(1)
    pod = cluster.pod("p", 0)
    seen: list[tuple[str, int]] = []
    cluster.server.watch(type(pod), lambda _e, p: seen.append((p.reason, p.restarts)))  # type: ignore[attr-defined]
    cluster.at(100, lambda: cluster.cut(0, "refused", 10))
    for k in range(5):
        status = PodStatus("Running", False, "CrashLoopBackOff", k + 1)
        cluster.at(102 + k, cluster.agents[0].channel.status, pod.uid, status)
    cluster.run(130)
    assert seen == [("", 0)]  # its creation
    cluster.run(200)
    assert seen[1:] == [("CrashLoopBackOff", 5)]
    assert len(cluster.deliveries("status", "sent")) == 1


def test_what_the_edge_sends_passes_its_token_bucket() -> None:
    cluster = EdgeCluster(1)
    cluster.run(100)
    arrived: list[float] = []

    def send() -> None:
        for _ in range(160):
            cluster.sessions[0].send_up(10, lambda: arrived.append(cluster.clock.now / SECOND), lost=print)

    cluster.at(100, send)
    cluster.run(200)
    assert len([t for t in arrived if t < 100.1]) in (60, 61, 62)
    assert max(arrived) == pytest.approx(100 + (160 - 60) / 30, abs=0.1)


def test_a_node_that_reboots_while_cut_off_knows_its_endpoints() -> None:
    """The mesh keeps them in the node's database; what changed meanwhile comes with the session."""
    cluster = EdgeCluster(2)
    pods = [cluster.pod(f"p{row}", row) for row in range(2)]
    for pod in pods:
        pod.template.labels["app"] = "web"
    cluster.server.create(Service(name="web", selector=(Requirement("app", "In", ("web",)),)))
    cluster.run(20)
    rules, both = cluster.plane.rules, tuple(pod.uid for pod in pods)
    assert rules[1, "web"] == rules[2, "web"] == both
    cluster.at(100, lambda: cluster.cut(0, "silent", 200))
    cluster.at(150, cluster.crash, 0)
    cluster.at(160, cluster.boot, 0)
    cluster.run(159)
    assert rules[1, "web"] == ()
    assert rules[2, "web"] == both[1:]  # the other is believed lost
    cluster.run(290)
    assert rules[1, "web"] == both
    cluster.pods.node(0).status(both[0], PodStatus("Running", False, "Error", 1))  # it will be no endpoint again
    cluster.run(400)
    assert rules[1, "web"] == rules[2, "web"] == both[1:]


@pytest.mark.parametrize("restores", [True, False])
def test_the_database_outlives_a_reboot_and_the_defect_waits_for_the_cloud(restores: bool) -> None:
    cluster = EdgeCluster(1, replace(EDGE, restores=restores))
    pod = cluster.pod("p", 0)
    cluster.at(100, lambda: cluster.cut(0, "refused", 200))
    cluster.at(110, cluster.crash, 0)
    cluster.at(120, cluster.boot, 0)
    cluster.run(299)
    assert (pod.uid in cluster.agents[0].runs) == restores
    cluster.run(400)
    assert pod.uid in cluster.agents[0].runs
    # What it missed; and what its own report of the running pod then makes of the object, which the ledger sends back.
    assert [cause for *_x, cause in cluster.deliveries("pod", "sent")] == ["resync", "change"][: 1 + restores]


def test_while_the_api_server_is_down_the_session_stands_and_heartbeats_are_refused() -> None:
    cluster = EdgeCluster(3)
    pod = cluster.pod("p", 0)
    cluster.at(100, cluster.server.set_up, False)
    cluster.at(110, cluster.agents[0].channel.status, pod.uid, PodStatus("Running", False, "Error", 1))
    cluster.at(160, cluster.server.set_up, True)
    cluster.run(159)
    assert all(session.open for session in cluster.sessions)
    assert cluster.beats.heard_ns(cluster.nodes[0], cluster.clock.now) <= 100.02 * SECOND
    cluster.run(200)
    assert pod.restarts == 1
