"""Each control message leaves its life in the table: sent, sent again, and one end."""

from __future__ import annotations

from collections import Counter

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controlkit import Cluster, Numbers, template
from simulator.control.api.objects import Endpoints, Pod, Service
from simulator.runtime.status import PodStatus

Row = tuple[str, str, str, str, str]


def rows(cluster: Cluster, since_s: float = 0.0) -> list[Row]:
    """(direction, kind, about, event, cause) of each row from then on."""
    found = cluster.recorder.deliveries.frame().filter(pl.col("time_s") >= since_s)
    return found.select("direction", "kind", "about", "event", "cause").rows()


def assign(cluster: Cluster, name: str, row: int = 0) -> Pod:
    pod = Pod(name=name, template=cluster.admission.admit(template()), node=f"w{row}")
    return cluster.server.create(pod)


def test_a_healthy_clusters_time_costs_no_row() -> None:
    cluster = Cluster(5)
    cluster.run(600)
    assert len(cluster.recorder.deliveries) == 0


def test_a_change_is_sent_and_delivered_and_its_report_comes_back() -> None:
    cluster = Cluster(1, start_s=2.0)
    cluster.run(1)
    assign(cluster, "p")
    cluster.run(10)
    assert rows(cluster) == [
        ("down", "pod", "p", "sent", "change"),
        ("down", "pod", "p", "delivered", "change"),
        ("up", "status", "p", "sent", "change"),
        ("up", "status", "p", "delivered", "change"),
    ]
    frame = cluster.recorder.deliveries.frame()
    assert frame["size_bytes"].to_list() == [2000, 2000, 500, 500]
    assert set(frame["node"]) == {"w0"}
    assert frame["time_s"][1] - frame["time_s"][0] == pytest.approx(0.01, abs=0.001)  # the link's 10 ms


def test_a_short_silence_is_a_retry() -> None:
    cluster = Cluster(1)
    token = cluster.cut(0)
    cluster.run(1)
    assign(cluster, "p")
    cluster.run(4)
    cluster.network.mend(0, token)
    cluster.run(6.3)  # TCP's next repetition is at 6.2 s
    assert rows(cluster)[:3] == [
        ("down", "pod", "p", "sent", "change"),
        ("down", "pod", "p", "resent", "retry"),
        ("down", "pod", "p", "delivered", "retry"),
    ]


def test_what_a_dead_connection_was_given_is_lost_when_it_is_hung_up() -> None:
    cluster = Cluster(1, Numbers(grace=3000))
    cluster.cut(0)
    cluster.run(1)
    assign(cluster, "p")
    cluster.run(60)
    frame = cluster.recorder.deliveries.frame()
    assert frame["event"].to_list() == ["sent", "lost"]
    assert 15 <= frame["time_s"][1] <= 45.1  # the ping's idle time and time-out
    assign(cluster, "q")  # without a connection nothing is sent
    cluster.run(70)
    assert len(cluster.recorder.deliveries) == 2


def test_a_return_costs_a_list_and_what_was_kept() -> None:
    cluster = Cluster(1, Numbers(grace=3000))
    pod = cluster.pod("p", 0)
    cluster.at(10, cluster.cut, 0, "refused")
    for k in (1, 2):
        cluster.at(20 + k, cluster.agents[0].channel.status, pod.uid, PodStatus("Running", True, "", k))
    cluster.at(60, cluster.network.mend, 0, 1)
    cluster.run(120)
    found = rows(cluster, 10)
    assert found[:3] == [
        ("up", "status", "p", "sent", "change"),  # in vain
        ("up", "status", "p", "superseded", "change"),
        ("up", "status", "p", "sent", "change"),
    ]
    again = Counter((kind, about, event) for _, kind, about, event, cause in found if cause == "resync")
    assert again == {
        ("request", "pods", "sent"): 1,
        ("request", "pods", "delivered"): 1,
        ("list", "pods", "sent"): 1,
        ("list", "pods", "delivered"): 1,
        ("status", "p", "resent"): 1,
        ("status", "p", "delivered"): 1,
    }
    sizes = cluster.recorder.deliveries.frame().filter(pl.col("kind") == "list")["size_bytes"]
    assert set(sizes) == {500 + 2000}  # the request's size, and one pod


def test_a_crash_destroys_what_was_not_sent_and_what_is_on_its_way() -> None:
    cluster = Cluster(1, Numbers(grace=3000))
    pod = cluster.pod("p", 0)
    cluster.at(10, cluster.cut, 0, "refused")
    cluster.at(20, cluster.agents[0].channel.status, pod.uid, PodStatus("Running", True, "", 1))
    cluster.at(30, cluster.crash, 0)
    cluster.run(40)
    frame = cluster.recorder.deliveries.frame().filter(pl.col("time_s") >= 10)
    assert frame.select("event", "time_s").rows() == [("sent", 20.0), ("lost", 30.0)]

    cluster = Cluster(1)
    cluster.run(1)
    assign(cluster, "p")
    cluster.at(1.055, cluster.crash, 0)  # sent at 1.05 s, due 10 ms later
    cluster.run(2)
    frame = cluster.recorder.deliveries.frame()
    assert frame["event"].to_list() == ["sent", "lost"]
    assert frame["time_s"][1] == pytest.approx(1.06, abs=0.001)


def test_a_list_does_not_repeat_what_is_under_way() -> None:
    """What the agent says on reading the list is on its way already: it is said once."""
    cluster = Cluster(2)
    cluster.pod("p", 0)
    cluster.at(10, cluster.cut, 0, "refused")
    cluster.at(100, cluster.network.mend, 0, 1)  # believed NotReady by then: the agent contradicts
    cluster.run(200)
    status = [row for row in rows(cluster, 100) if row[1] == "status"]
    assert [event for _, _, _, event, _ in status] == ["sent", "delivered"]


def test_one_change_of_endpoints_is_one_message_for_each_proxy() -> None:
    cluster = Cluster(3, proxies=range(3))
    cluster.server.create(Service(name="web", selector=()))
    cluster.server.create(Endpoints(name="web", version=1))
    cluster.run(1)
    assert Counter(rows(cluster)) == {
        ("down", "endpoints", "web", "sent", "change"): 3,
        ("down", "endpoints", "web", "delivered", "change"): 3,
    }


def test_a_message_that_arrives_twice_is_a_duplicate() -> None:
    """On a lossy link a client gives up waiting for a report that TCP is still repeating, and sends it again."""
    cluster = Cluster(40, Numbers(grace=3000), stop_s=0.5)
    for row in range(40):
        cluster.network.cut(row, "lossy", loss=0.85)
    cluster.run(1)
    for row in range(40):
        assign(cluster, f"p{row}", row)
        cluster.at(1000, cluster.network.mend, row, row + 1)
    cluster.run(3000)
    counted = Counter(event for _, _, _, event, _ in rows(cluster))
    assert counted["duplicate"] > 0
    assert conserved(cluster)


def conserved(cluster: Cluster) -> bool:
    """Every message sent has ended once, for no message is under way or waits."""
    counted = Counter(event for _, _, _, event, _ in rows(cluster))
    return counted["sent"] == sum(counted[end] for end in ("delivered", "lost", "superseded", "dropped"))


_DISTURBANCE = st.tuples(
    st.floats(1, 300), st.sampled_from(["silent", "refused", "one-way", "lossy", "crash"]), st.floats(0.1, 150)
)


@settings(max_examples=30, deadline=None)
@given(st.lists(_DISTURBANCE, max_size=4), st.lists(st.floats(0.5, 300), max_size=8), st.integers(0, 99))
def test_every_message_sent_ends_once(
    disturbances: list[tuple[float, str, float]], changes: list[float], seed: int
) -> None:
    cluster = Cluster(1, Numbers(grace=60, toleration=100), seed=seed, proxies=[0])
    pod = cluster.pod("p", 0)
    dark: list[int] = []

    def crash() -> None:
        dark.append(0)
        if len(dark) == 1:
            cluster.crash(0)

    def boot() -> None:
        dark.pop()
        if not dark:
            cluster.boot(0)

    def cut(mode: str, length: float) -> None:
        token = cluster.cut(0, mode, **({"loss": 0.5} if mode == "lossy" else {}))
        cluster.clock.after(round(length * 1e9), cluster.network.mend, 0, token)

    for at, mode, length in disturbances:
        if mode == "crash":
            cluster.at(at, crash)
            cluster.at(at + length, boot)
        else:
            cluster.at(at, cut, mode, length)
    for k, at in enumerate(changes):
        cluster.at(at, assign, cluster, f"q{k}")
        cluster.at(at + 0.2, cluster.agents[0].channel.status, pod.uid, PodStatus("Running", True, "", k))
    cluster.run(2000)
    assert conserved(cluster)
