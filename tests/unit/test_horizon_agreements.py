"""Agreements from proposal to cancellation: who believes, stores and runs what, and what costs an event."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from horizons import Deployment, Horizon, per_node, service, template
from scenarios import broken_rows
from simulator.control.agreements.matching import matches, targets
from simulator.control.api.objects import DaemonSet, Job, Node, Pod, ReplicaSet
from simulator.errors import UserError
from simulator.world.pod import Requirement

TTL = {"desired_state.agreement.message_ttl": "30min"}
SHORTEST = {"desired_state.agreement.restored": "shortest"}


def settled(count: int = 3, facts: dict[str, Any] | None = None, until: float = 1000, **kit: Any) -> Horizon:
    """A hub whose nodes have agreed and poll at rest."""
    hub = Horizon(count, facts, **kit)
    hub.apply(per_node(), service())
    hub.run(until)
    assert all(hub.running(i) for i in range(count))
    return hub


def messages(hub: Horizon, node: str = "n0", since: float = 0) -> list[tuple[str, str, str]]:
    """(direction, kind, event) of what went to and from a node, without the deletion of messages."""
    frame = hub.recorder.deliveries.frame().filter(
        (pl.col("node") == node) & (pl.col("time_s") >= since) & (pl.col("kind") != "delete")
    )
    return list(frame.select("direction", "kind", "event").rows())


def test_an_agreement_is_negotiated_in_three_messages_through_two_polls() -> None:
    hub = settled(1)
    assert messages(hub)[:8] == [
        ("down", "proposal", "sent"), ("down", "proposal", "delivered"),
        ("up", "accept", "sent"), ("up", "accept", "delivered"),
        ("down", "reply-ack", "sent"), ("down", "reply-ack", "delivered"),
        ("up", "agreement", "sent"), ("up", "agreement", "delivered"),
    ]  # fmt: skip
    times = hub.recorder.deliveries.frame().filter(pl.col("event") == "delivered")
    first, second = (times.filter(pl.col("kind") == kind)["time_s"][0] for kind in ("proposal", "reply-ack"))
    assert second - first == pytest.approx(20, abs=0.1)
    assert hub.pods("running", "started")["time_s"][0] > second
    assert hub.cluster.exchange.records == {(1, "app"): "app-n0-1"}
    assert [(pod.name, pod.ready) for pod in hub.believed()] == [("app-n0-1", True)]


def test_a_healthy_quiet_node_costs_no_event() -> None:
    hub = settled(50)
    fired = hub.clock.fired
    hub.run(20_000)
    assert hub.clock.fired == fired
    assert hub.clock.now / 1e9 - hub.cluster.exchange.heard(1) / 1e9 < 120.1


def test_all_stages_of_a_node_come_with_their_own_phase() -> None:
    starts = settled(40).pods("running", "started")["time_s"]
    assert starts.n_unique() == 40
    assert starts.max() - starts.min() > 15


@pytest.mark.parametrize(("mode", "first"), [("refused", 6), ("silent", 96), ("one-way", 96)])
def test_a_heartbeat_fails_in_its_own_time(mode: str, first: float) -> None:
    """A cut just before a poll: three requests, 3 s apart, of 0 or 30 s each."""
    hub = settled()
    poll = hub.cluster.exchange.next_poll(1)
    assert poll is not None
    hub.cut(0, poll / 1e9 - 0.5, 500, mode)
    hub.run(3000)
    assert hub.times("HeartbeatFailed")["n0"] == [pytest.approx(poll / 1e9 + first)]


def test_failing_polls_cost_no_events_either() -> None:
    hub = settled(30)
    for i in range(30):
        hub.cut(i, 1001, None)
    hub.run(1300)
    fired = hub.clock.fired
    hub.run(2600)
    assert hub.clock.fired == fired


def test_polls_over_a_lossy_way_are_slow_and_few_fail() -> None:
    hub = settled(30)
    for i in range(30):
        hub.cut(i, 1001, 2000, "lossy", 0.2)
    hub.run(6000)
    assert hub.times("AgreementCancelled") == {}
    assert len(hub.times("HeartbeatFailed")) < 10


def test_within_the_hub_s_patience_nothing_changes() -> None:
    hub = settled()
    for i, mode in enumerate(("silent", "refused", "one-way")):
        hub.cut(i, 1001, 1600, mode)
    hub.run(5000)
    assert hub.times("AgreementCancelled") == {}
    assert hub.pods("running", "stopped").is_empty()
    assert ("up", "verify", "delivered") in messages(hub, since=1001)  # it asked, and the answer was yes
    assert ("down", "valid", "delivered") in messages(hub, since=1001)


def test_what_the_hub_has_cancelled_runs_on_until_the_node_is_back() -> None:
    hub = settled(1)
    hub.cut(0, 1001, 4000)
    hub.run(4900)
    assert hub.believed() == []
    assert hub.cluster.node_objects[1].ready == "Unknown"
    assert hub.running(0) == ["app-n0-1"]
    assert hub.cluster.exchange.records == {(1, "app"): "app-n0-1"}
    hub.run(5600)
    assert hub.running(0) == ["app-n0-2"]
    assert hub.cluster.node_objects[1].ready == "True"
    since = messages(hub, since=1001)
    assert ("down", "cancel", "lost") in since
    assert since.index(("up", "verify", "delivered")) < since.index(("down", "invalid", "delivered"))


def test_a_cancel_that_still_waits_needs_no_question() -> None:
    hub = settled(1, TTL)
    hub.cut(0, 1001, 2800)
    hub.run(3900)
    since = messages(hub, since=1001)
    assert ("down", "cancel", "delivered") in since
    assert ("down", "cancel", "lost") not in since
    stopped = hub.pods("running", "stopped")["time_s"][0]
    assert stopped == pytest.approx(hub.times("HeartbeatRestored")["n0"][0], abs=1)


def test_after_the_purge_nobody_answers_and_the_node_gives_up_by_itself() -> None:
    hub = settled(1)
    hub.cut(0, 1001, 8000)
    hub.run(9600)
    asked = [m for m in messages(hub, since=9001) if m == ("up", "verify", "delivered")]
    assert len(asked) == 6
    assert ("down", "invalid", "sent") not in messages(hub, since=9001)
    restored = hub.times("HeartbeatRestored")["n0"][0]
    assert 360 <= hub.pods("running", "stopped")["time_s"][0] - restored <= 420


def test_an_outage_longer_than_the_change_log_reads_everything_anew() -> None:
    hub = settled(2)
    hub.cut(0, 1001, 4 * 3600 + 300)
    hub.cut(1, 1001, 2 * 3600)
    hub.run(20_000)
    assert ("down", "list", "sent") in messages(hub, "n0")
    assert ("down", "list", "sent") not in messages(hub, "n1")


def test_without_a_period_heartbeats_are_never_looked_at() -> None:
    hub = settled(1, {"liveness.poll-age.missing": "0s", "liveness.poll-age.check": "0s"})
    hub.cut(0, 1001, 30_000)
    hub.run(30_000)
    assert hub.times("AgreementCancelled") == {}


def test_a_proposal_to_a_node_that_goes_silent_times_out_and_comes_again_when_it_is_back() -> None:
    hub = Horizon(1)
    hub.apply(per_node())
    hub.cut(0, 0.0, 1500)  # before its first poll
    hub.run(1490)
    ends = hub.times("AgreementCancelled", "no reply")["n0"]
    assert len(ends) == 1  # then it has not been heard of for three minutes, and no search finds it
    assert 240 <= ends[0] <= 275
    hub.run(2000)
    assert len(hub.running(0)) == 1


def test_what_is_not_acknowledged_is_given_up_by_the_node() -> None:
    hub = Horizon(1)
    hub.apply(per_node())
    hub.clock.run(0)
    while ("up", "accept", "sent") not in messages(hub):
        hub.clock.step()
    hub.cluster.switches["agbot"].set_up(False)
    hub.run(700)
    assert ("up", "ended", "delivered") in messages(hub)
    assert hub.running(0) == []
    assert hub.pods("stored", "desired").is_empty()


def test_a_new_version_is_negotiated_on_connected_nodes_and_later_on_those_that_are_cut_off() -> None:
    hub = settled(2)
    hub.cut(1, 1100, 3600)
    hub.run(1200)
    new = replace(template(), grace_ns=1)
    hub.apply(DaemonSet("app", template=new))
    hub.run(4600)
    assert (hub.running(0), hub.running(1)) == (["app-n0-2"], ["app-n1-1"])
    assert [pod.name for pod in hub.believed()] == ["app-n0-2"]
    hub.run(5400)
    assert hub.running(1) == ["app-n1-2"]
    assert all(pod.template.grace_ns == 1 for pod in hub.believed())
    assert hub.times("AgreementCancelled", "service changed").keys() == {"n0", "n1"}


def test_a_version_that_never_starts_is_rolled_back() -> None:
    hub = settled(1, {"desired_state.agreement.retry_window": "2h"})
    hub.apply(DaemonSet("app", template=template(image="nowhere")))
    hub.run(6000)
    assert len(hub.times("AgreementCancelled", "failed by node")["n0"]) == 3
    assert len(hub.running(0)) == 1
    assert [pod.template.containers[0].image for pod in hub.believed()] == ["app"]


def test_containers_come_back_after_a_reboot_and_nobody_governs_them_while_cut_off() -> None:
    hub = settled(1)
    hub.cut(0, 1001, 900)
    hub.crash(0, 1100, 30)
    hub.run(1800)
    assert hub.running(0) == ["app-n0-1"]  # the same agreement, on its disk
    assert messages(hub, since=1002) == []
    hub.run(2200)
    assert hub.running(0) == ["app-n0-1"]
    assert ("down", "valid", "delivered") in messages(hub, since=1900)


def test_a_hub_that_was_away_for_long_may_cancel_what_is_healthy() -> None:
    hub = settled(40)
    hub.cluster.switches["hub"].set_up(False)
    hub.run(3500)
    assert all(hub.running(i) for i in range(40))
    hub.cluster.switches["hub"].set_up(True)
    hub.run(6000)
    assert 0 < len(hub.times("AgreementCancelled", "heartbeat missing")) < 40
    assert all(len(hub.running(i)) == 1 for i in range(40))


def test_a_search_proposes_to_a_batch_at_most() -> None:
    hub = Horizon(25, {"desired_state.agreement.search_batch": "10"})
    hub.apply(per_node())
    hub.run(200)
    times = hub.pods("believed", "Scheduled")["time_s"].to_list()
    assert sorted(Counter(times).values()) == [5, 10, 10]
    assert sorted(set(times))[1] - min(times) == pytest.approx(10)


def test_no_agreement_crosses_an_architecture() -> None:
    hub = Horizon(6, platforms=("linux/amd64", "linux/arm/v7"))
    hub.apply(
        per_node(platforms=frozenset({"linux/amd64"})),
        per_node("all"),
        per_node("none", platforms=frozenset({"wasi/wasm"})),
    )
    hub.run(600)
    assert [len(hub.running(i)) for i in range(6)] == [2, 1] * 3
    assert any("none: no node matches" in note for note in hub.cluster.notes)
    assert hub.cluster.wanted(per_node(platforms=frozenset({"linux/amd64"}))) == 3


def test_what_is_matched_and_how_many() -> None:
    nodes = [Node(f"n{i}", labels={"size": str(i)}, platform="linux/amd64") for i in range(4)]
    nodes.append(Node("hub", labels={"size": "9"}, platform="linux/amd64", unschedulable=True))
    large = template(node_affinity=((Requirement("size", "Gt", ("1",)),),))
    assert [n.name for n in targets(DaemonSet("d", template=large), nodes)] == ["n2", "n3"]
    assert [n.name for n in targets(Deployment("d", template=template(), replicas=2), nodes)] == ["n0", "n1"]
    assert [n.name for n in targets(ReplicaSet("r", template=large, replicas=9), nodes)] == ["n2", "n3"]
    assert [n.name for n in targets(Pod("p", template=template(node_selector={"size": "3"})), nodes)] == ["n3"]
    assert not matches(template(node_name="n1"), nodes[0])
    with pytest.raises(TypeError, match="a Job cannot"):
        targets(Job("j", template=template()), nodes)


def test_one_per_site_is_the_first_that_matches_there_and_stays() -> None:
    hub = Horizon(6, zones=("a", "b"))
    for site in "ab":
        hub.apply(Deployment(f"cam-{site}", template=template(f"cam-{site}", node_selector={"site": site}), replicas=1))
    hub.run(1000)
    assert [bool(hub.running(i)) for i in range(6)] == [True, True, False, False, False, False]
    hub.crash(0, 1001, None)
    hub.run(9000)
    assert [bool(hub.running(i)) for i in range(6)] == [False, True, False, False, False, False]


def test_more_nodes_than_one_user_may_register_are_refused() -> None:
    with pytest.raises(UserError, match="11 nodes; one user registers at most 10"):
        Horizon(11, {"admits.node-match.nodes": "10"})


def test_addresses_are_the_node_s_own_else_those_of_its_zone_else_all() -> None:
    hub = Horizon(4, zones=("a", "b"))
    hub.apply(
        Deployment("own", template=template("own")),
        Deployment("near", template=template("near", node_selector={"name": "n1"})),
        service("own"), service("near"),
    )  # fmt: skip
    hub.run(600)
    uid = {pod.template.workload: pod.uid for pod in hub.believed()}
    rules = hub.plane.rules
    assert [rules[i, "own"] for i in range(5)] == [(uid["own"],)] * 5
    hub.apply(Deployment("more", template=replace(template("own"), workload="more", node_selector={"name": "n2"})))
    hub.apply(Deployment("far", template=replace(template("own"), workload="far", node_selector={"name": "n3"})))
    hub.run(1200)
    uid = {pod.template.workload: pod.uid for pod in hub.believed()}
    seen = [rules[i, "own"] for i in range(1, 5)]
    assert seen == [(uid["own"],), (uid["far"],), (uid["more"],), (uid["far"],)]
    assert rules[0, "own"] == (uid["own"], uid["more"], uid["far"])  # the hub's zone has none


def test_an_address_stays_while_nothing_listens_there_and_follows_new_containers() -> None:
    hub = settled(1)
    before = hub.plane.rules[1, "app"]
    hub.apply(DaemonSet("app", template=replace(template(), grace_ns=1)))
    while hub.running(0):
        hub.clock.step()
    assert hub.plane.rules[1, "app"] == before
    hub.run(1300)
    assert hub.plane.rules[1, "app"] == tuple(pod.uid for pod in hub.believed()) != before


def test_a_node_that_has_no_room_for_a_model_drops_it() -> None:
    hub = settled(1)
    store = hub.cluster.agents[1].images
    hub.cluster.models.publish("huge", store.free_bytes // 2 + 1, [1])
    hub.cluster.models.publish("small", 1000, [1])
    free = store.free_bytes
    hub.run(1200)
    assert ("small", 1) in hub.cluster.models.arrived
    assert ("down", "model", "dropped") in messages(hub)
    assert store.free_bytes == free - 2000
    with pytest.raises(ValueError, match="no bytes"):
        hub.cluster.models.publish("nothing", 0, [1])


def test_hubs_of_one_world_and_seeds_differ() -> None:
    def stored(seed: int) -> list[float]:
        hub = Horizon(2, seed=seed)
        hub.apply(per_node())
        hub.run(300)
        return hub.pods("stored", "desired")["time_s"].to_list()

    assert stored(1) == stored(1)
    assert stored(1) != stored(2)


FAULTS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 6000), st.integers(1, 5000),
        st.sampled_from(["silent", "refused", "one-way", "crash", "exchange", "agbot"]),
    ),
    max_size=6,
)  # fmt: skip


@given(FAULTS, st.booleans())
@settings(max_examples=15, deadline=None)
def test_whatever_fails_the_three_truths_differ_only_as_they_may(
    faults: list[tuple[int, int, int, str]], update: bool
) -> None:
    """Never two agreements for one node and service at the hub, never two containers for one on a node; afterwards
    everything is as if nothing had been."""
    hub = Horizon(4, SHORTEST)
    hub.apply(per_node(), service())
    for node, at, lasts, what in faults:
        if what == "crash":
            hub.crash(node, at, lasts)
        elif what in ("exchange", "agbot"):
            switch = hub.cluster.switches[what]
            hub.clock.at(at * 10**9, switch.set_up, False)
            hub.clock.at((at + lasts) * 10**9, switch.set_up, True)
        else:
            hub.cut(node, at, lasts, what)
    if update:
        hub.clock.at(3000 * 10**9, hub.apply, DaemonSet("app", template=replace(template(), grace_ns=1)))
    hub.run(16_000)
    tables = hub.recorder.frames()
    assert broken_rows(tables) == []
    ends = Counter(tables["deliveries"].select("direction", "kind", "event").rows())
    for way, kind, event in list(ends):  # each message has one end
        if event == "sent":
            found = sum(ends[way, kind, end] for end in ("delivered", "lost", "superseded"))
            assert ends[way, kind, "sent"] == found, (way, kind)
    for truth, begin, end in (("believed", "Scheduled", "Deleted"), ("stored", "desired", "removed")):
        for node in range(4):
            count = 0
            mine = tables["pods"].filter((pl.col("truth") == truth) & (pl.col("node") == f"n{node}"))
            for state in mine["state"]:
                count += (state == begin) - (state == end)
                assert 0 <= count <= 1
    assert sorted(pod.node for pod in hub.believed() if pod.ready) == ["n0", "n1", "n2", "n3"]
    for pod in hub.believed():
        assert hub.running(int(pod.node[1:])) == [pod.name]
        assert hub.cluster.exchange.records[int(pod.node[1:]) + 1, "app"] == pod.name
        assert pod.template.grace_ns == (1 if update else template().grace_ns)
