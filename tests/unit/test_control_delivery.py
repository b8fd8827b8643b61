"""Watches over a network that fails: what is noticed when, what is repeated, what is kept, and what is programmed."""

from __future__ import annotations

import numpy as np
import pytest

from controlkit import Cluster, Numbers, template
from simulator.control.api.objects import Endpoints, Node, Pod, Service
from simulator.control.delivery.channel import LOST, WATCHING
from simulator.control.delivery.dialer import BackoffSettings, Dialer
from simulator.control.delivery.proxy import Backends
from simulator.runtime.status import PodStatus
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.pod import Requirement

BACKOFF = BackoffSettings(800 * MS, 2.0, 30 * SECOND, 1.0, 120 * SECOND, SECOND, 30 * SECOND)


def tries(dialer: Dialer, until: int) -> list[int]:
    """The instants of refused tries, one by one."""
    found = []
    while dialer._next <= until:
        found.append(dialer._next)
        dialer.fail_until(dialer._next, silent=False)
    return found


def test_reconnection_backs_off_from_a_second_to_half_a_minute_and_more() -> None:
    """Waits 0.8 × 2ⁿ up to 30 s, stretched by up to one: after the sixth they lie between 30 and 60 s."""
    first, late = [], []
    for i in range(200):
        dialer = Dialer(Rng(5), "reconnect", f"n{i}", BACKOFF)
        dialer.lost(1000 * SECOND)
        gaps = np.diff([1000 * SECOND, *tries(dialer, 2000 * SECOND)]) / SECOND
        first.append(gaps[0])
        late += list(gaps[6:])
        for n, gap in enumerate(gaps[:6]):
            assert min(0.8 * 2**n, 30) <= gap <= 2 * min(0.8 * 2**n, 30)
    assert np.mean(first) == pytest.approx(1.2, abs=0.05)
    assert min(late) >= 30
    assert max(late) <= 60
    assert np.mean(late) == pytest.approx(45, abs=1)


def test_lazy_tries_equal_tries_one_by_one() -> None:
    lazy, eager = (Dialer(Rng(5), "reconnect", "n", BACKOFF) for _ in range(2))
    for dialer in (lazy, eager):
        dialer.lost(10 * SECOND)
    seen = tries(eager, 500 * SECOND)
    lazy.fail_until(500 * SECOND, silent=False)
    assert lazy.succeeds(500 * SECOND) == eager._next > seen[-1]


def test_an_unanswered_dial_gets_through_with_its_next_syn() -> None:
    dialer = Dialer(Rng(5), "reconnect", "n", BACKOFF)
    dialer.fresh(100 * SECOND)
    assert [dialer.succeeds(t * SECOND) // SECOND for t in (101, 102, 104, 110)] == [101, 103, 107, 115]
    # The SYN of 131 s would come after the dial's end at 130 s: the next try comes after a wait of 0.8 to 1.6 s.
    assert 130.8 * SECOND <= dialer.succeeds(116 * SECOND) <= 131.6 * SECOND


def one_pod(cluster: Cluster, row: int = 0) -> Pod:
    """A pod that is bound to a worker now."""
    pod = Pod(name=f"p{row}-{cluster.clock.now}", template=cluster.admission.admit(template()), node=f"w{row}")
    return cluster.server.create(pod)


def test_a_bound_pod_runs_and_is_reported_and_a_deleted_one_ends() -> None:
    cluster = Cluster(1, start_s=2.0, stop_s=3.0)
    cluster.run(1)
    pod = one_pod(cluster)
    cluster.run(3)
    assert (pod.phase, pod.ready) == ("Pending", False)
    cluster.run(3.2)  # 1 + watch 0.05 + 2 × 10 ms + 2 s
    assert (pod.phase, pod.ready) == ("Running", True)
    assert pod.ready_ns == pytest.approx(3.07 * SECOND, abs=MS)
    cluster.server.mark_deleted(pod)
    cluster.run(6.2)
    assert not pod.deleted
    cluster.run(6.4)
    assert pod.deleted
    assert not cluster.agents[0].pods


def test_a_short_silence_is_repaired_by_tcp_and_nobody_notices() -> None:
    """Cut at 10 s, mended at 14 s: repetitions at 0.2, 0.6, 1.4, 3.0, 6.2 s after the cut; the last one delivers."""
    cluster = Cluster(1)
    cluster.at(10, cluster.cut, 0)
    cluster.run(11)
    pod = one_pod(cluster)
    cluster.run(14)
    cluster.network.mend(0, 1)
    cluster.run(16.1)
    assert pod.uid not in cluster.agents[0].pods
    cluster.run(16.3)
    assert pod.uid in cluster.agents[0].pods
    assert cluster.agents[0].channel._list == 0  # no full list


def test_even_a_moment_of_refusal_costs_a_wait_before_the_next_try() -> None:
    cluster = Cluster(40, schedule=False)
    for row in range(40):
        cluster.at(10, cluster.cut, row, "refused")
        cluster.at(10.1, cluster.network.mend, row, row + 1)
    cluster.run(10.79)
    assert all(agent.channel.phase == LOST for agent in cluster.agents)
    cluster.run(11.7)
    assert all(agent.channel.phase == WATCHING for agent in cluster.agents)


def silent_cut(mode: str) -> np.ndarray:
    """How long 60 channels take to notice a cut of this mode, in seconds."""
    cluster = Cluster(61, Numbers(grace=3000), schedule=False)
    for row in range(60):
        cluster.at(50, cluster.cut, row, mode)
    noticed: dict[int, float] = {}
    for step in range(500, 1000):
        cluster.run(step / 10)
        for row, agent in enumerate(cluster.agents):
            if agent.channel.phase == LOST:
                noticed.setdefault(row, step / 10 - 50)
    return np.array([noticed[row] for row in range(60)])


def test_silence_is_noticed_by_the_ping_and_refusal_at_once() -> None:
    silent = silent_cut("silent")
    assert 15 <= silent.min() <= 17  # ping time-out, if the idle time was nearly over
    assert 43 <= silent.max() <= 45.1
    assert silent.mean() == pytest.approx(30, abs=3)
    assert silent_cut("refused").max() <= 0.1


@pytest.mark.parametrize("mode", ["silent", "refused"])
def test_after_a_long_cut_a_full_list_brings_everything(mode: str) -> None:
    cluster = Cluster(2, stop_s=1.0, schedule=False)
    old, kept = cluster.pod("old", 0), cluster.pod("kept", 0)
    token = cluster.cut(0, mode)
    cluster.run(100)
    cluster.server.mark_deleted(old)
    new = one_pod(cluster)
    agent = cluster.agents[0]
    agent.channel.status(kept.uid, PodStatus("Running", True, "", 1))
    agent.channel.status(kept.uid, PodStatus("Running", True, "", 2))
    cluster.run(200)
    assert not kept.ready  # the node is Unknown
    assert (agent.runs, kept.restarts) == ({old.uid, kept.uid}, 0)
    before = cluster.network.bytes_carried[0]
    cluster.network.mend(0, token)
    cluster.run(300)
    assert agent.channel.phase == WATCHING
    assert agent.runs == {kept.uid, new.uid}
    assert agent.starts.get(kept.uid, 0) == 0
    assert old.deleted
    assert (kept.ready, kept.restarts) == (True, 2)
    assert cluster.network.bytes_carried[0] - before >= 3 * 2000


def test_what_could_not_be_posted_waits_for_the_way_and_only_the_latest_is_posted() -> None:
    cluster = Cluster(2, Numbers(grace=3000), schedule=False)
    pod = cluster.pod("p", 0)
    seen: list[int] = []
    cluster.server.watch(Pod, lambda _event, obj: seen.append(obj.restarts))
    cluster.at(10, cluster.cut, 0, "refused")
    for k in range(1, 6):
        cluster.at(20 + k, cluster.agents[0].channel.status, pod.uid, PodStatus("Running", True, "", k))
    cluster.run(60)
    assert pod.restarts == 0
    cluster.network.mend(0, 1)
    cluster.run(70.2)  # the status loop runs every 10 s, whatever the watch does
    assert pod.restarts == 5
    assert 1 not in seen


def test_a_stopped_server_is_a_refusal_and_nothing_is_lost() -> None:
    cluster = Cluster(2, Numbers(elect=False))
    pod = cluster.pod("p", 0)
    cluster.at(10, cluster.server.set_up, False)
    cluster.at(15, cluster.agents[0].channel.gone, pod.uid)
    cluster.run(20)
    assert cluster.agents[0].channel.phase == LOST
    pod.deletion_ns = 1
    cluster.server.set_up(True)
    cluster.run(31)
    assert pod.deleted


def test_a_pod_that_somebody_removed_by_force_is_killed_when_the_node_hears_of_it() -> None:
    cluster = Cluster(1, stop_s=1.0)
    pod = cluster.pod("p", 0)
    cluster.run(1)
    cluster.server.remove(pod)
    cluster.run(3)
    assert cluster.agents[0].runs == set()


def test_a_crashed_node_lists_anew_when_it_is_back() -> None:
    cluster = Cluster(2, start_s=1.0, schedule=False)
    pod = cluster.pod("p", 0)
    cluster.at(10, cluster.crash, 0)
    cluster.at(30, cluster.boot, 0)
    cluster.run(32)
    assert cluster.agents[0].starts[pod.uid] == 1
    assert pod.ready


def test_an_agent_that_forgot_a_pod_confirms_its_deletion() -> None:
    cluster = Cluster(2, schedule=False)
    pod = cluster.pod("p", 0)
    cluster.at(10, cluster.crash, 0)
    cluster.at(20, cluster.server.mark_deleted, pod)
    cluster.at(30, cluster.boot, 0)
    cluster.run(29)
    assert not pod.deleted
    cluster.run(31)
    assert pod.deleted
    assert pod.uid not in cluster.agents[0].starts


def test_a_reachable_agent_contradicts_who_says_it_is_not_ready() -> None:
    cluster = Cluster(2, schedule=False)
    cluster.run(1)
    pod = one_pod(cluster)
    cluster.run(3)
    pod.ready = False
    cluster.server.changed(pod)
    cluster.run(3.2)
    assert pod.ready


def test_lossy_links_deliver_late_but_everything() -> None:
    cluster = Cluster(6, Numbers(grace=3000), schedule=False, stop_s=0.5)
    for row in range(6):
        cluster.network.cut(row, "lossy", loss=0.7)
    cluster.run(1)
    pods = [one_pod(cluster, row) for row in range(6)]
    cluster.run(2000)
    assert all(pod.ready for pod in pods)
    for pod in pods:
        cluster.server.mark_deleted(pod)
    cluster.run(4000)
    assert all(pod.deleted for pod in pods)


# Service proxies.
def service(cluster: Cluster, **fields: str) -> Endpoints:
    """A service with a ready pod on each worker."""
    cluster.server.create(Service(name="web", selector=(Requirement("app", "In", ("web",)),), **fields))
    for row in range(len(cluster.agents)):
        cluster.pod(f"web-{row}", row).template.labels["app"] = "web"
    cluster.run(5)
    found = cluster.server.get(Endpoints, "web")
    assert found is not None
    return found


def test_every_proxy_programs_what_is_ready_within_a_second_and_keeps_it_when_cut() -> None:
    cluster = Cluster(3, schedule=False, proxies=range(3))
    endpoints = service(cluster)
    uids = tuple(pod.uid for pod in endpoints.pods)
    assert len(uids) == 3
    assert cluster.plane.rules == {(row + 1, "web"): uids for row in range(3)}
    cluster.cut(1, "refused")
    cluster.run(10)
    cluster.server.mark_deleted(endpoints.pods[0])
    cluster.run(11.2)
    assert cluster.plane.rules[1, "web"] == cluster.plane.rules[3, "web"] == uids[1:]
    assert cluster.plane.rules[2, "web"] == uids
    cluster.network.mend(1, 1)
    cluster.run(80)
    assert cluster.plane.rules[2, "web"] == cluster.plane.rules[1, "web"]


def test_rules_are_written_once_a_second_after_a_burst_of_two() -> None:
    cluster = Cluster(1, schedule=False, proxies=[0])
    cluster.run(1)
    channel = cluster.proxies._channels[0]
    for k in range(40):
        backends = Backends((k,), {}, {}, close=False, local=False)
        cluster.at(10 + k / 10, channel._take, {"web": backends})
    cluster.run(20)
    written = [(time / SECOND, pods) for time, _node, _service, pods in cluster.plane.log]
    assert [time for time, _pods in written] == pytest.approx([10, 10.1, 11, 12, 13, 14])
    assert written[-1][1] == (39,)


def test_power_loss_takes_the_rules_with_it() -> None:
    cluster = Cluster(2, schedule=False, proxies=[0, 1])
    uids = tuple(pod.uid for pod in service(cluster).pods)
    cluster.crash(0)
    assert cluster.plane.rules[1, "web"] == ()
    cluster.boot(0)
    cluster.run(8)
    assert cluster.plane.rules[1, "web"] == uids


def test_prefer_close_and_local() -> None:
    zones = {"a": (1, 2), "b": (3,)}
    by_node = {"n1": (1,), "n2": (2,), "n3": (3,)}
    anywhere = Backends((1, 2, 3), by_node, zones, close=False, local=False)
    close = Backends((1, 2, 3), by_node, zones, close=True, local=False)
    local = Backends((1, 2, 3), by_node, zones, close=True, local=True)
    assert anywhere.seen_from("n1", "a") == (1, 2, 3)
    assert close.seen_from("n1", "a") == (1, 2)
    assert close.seen_from("n9", "c") == (1, 2, 3)  # no endpoint in its zone: all
    assert local.seen_from("n1", "a") == (1,)
    assert local.seen_from("n9", "a") == ()


def test_changes_of_one_instant_travel_together() -> None:
    cluster = Cluster(1, schedule=False, proxies=[0])
    cluster.run(1)
    for k in range(5):
        cluster.server.create(Service(name=f"s{k}", selector=()))
        cluster.server.create(Endpoints(name=f"s{k}", version=1))
    sent = cluster.network.messages.sent
    cluster.run(1.051)
    assert cluster.network.messages.sent == sent + 1


def test_a_pod_reported_by_a_node_that_was_deleted_meanwhile_changes_nothing() -> None:
    cluster = Cluster(2, schedule=False)
    pod = cluster.pod("p", 0)
    cluster.server.remove(pod)
    writes = cluster.server.writes
    cluster.agents[0].channel.status(pod.uid, PodStatus("Running", True, "", 9))
    cluster.run(1)
    assert cluster.server.writes == writes
    assert cluster.server.get(Node, "w0") is not None
