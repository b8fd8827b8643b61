"""Whatever happens to links, nodes and CloudCore: in the end every edge node has what is wanted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edgekit import EdgeCluster
from simulator.control.api.objects import Pod

NODES = 3
QUIET = 500.0
moments = st.floats(20, QUIET - 60)
rows = st.integers(0, NODES - 1)
faults = st.one_of(
    st.tuples(st.just("cut"), moments, rows, st.sampled_from(["silent", "refused"]), st.floats(0.5, 55)),
    st.tuples(st.just("one-way"), moments, rows, st.integers(0, 1), st.floats(0.5, 55)),
    st.tuples(st.just("lossy"), moments, rows, st.floats(0.05, 0.9), st.floats(0.5, 55)),
    st.tuples(st.just("crash"), moments, rows, st.none(), st.floats(1, 55)),
    st.tuples(st.just("core"), moments, rows, st.none(), st.floats(1, 55)),
    st.tuples(st.just("api"), moments, rows, st.none(), st.floats(1, 55)),
)
changes = st.tuples(st.sampled_from(["bind", "status", "delete"]), st.floats(15, QUIET), rows)


def apply(cluster: EdgeCluster, fault: tuple[str, float, int, Any, float]) -> None:
    kind, at, row, how, lasts = fault
    match kind:
        case "cut":
            cluster.at(at, lambda: cluster.cut(row, how, lasts))
        case "one-way":
            cluster.at(at, lambda: cluster.cut(row, "one-way", lasts, direction=how))
        case "lossy":
            cluster.at(at, lambda: cluster.cut(row, "lossy", lasts, loss=how))
        case "core":
            cluster.at(at, cluster.core.set_up, False)
            cluster.at(at + lasts, cluster.core.set_up, True)
        case "api":
            cluster.at(at, cluster.server.set_up, False)
            cluster.at(at + lasts, cluster.server.set_up, True)
        case "crash":
            cluster.at(at, cluster.crash, row)
            cluster.at(at + lasts, cluster.boot, row)


def change(cluster: EdgeCluster, kind: str, number: int, row: int) -> None:
    """Somebody with a client of the API server, which answers nobody while it is down."""
    if not cluster.server.up:
        return
    pods = [p for p in cluster.server.list(Pod) if p.node == f"w{row}" and p.deletion_ns is None]
    if kind == "bind":
        cluster.bind(f"new-{number}", row)
    elif pods and kind == "delete":
        cluster.server.mark_deleted(pods[0])
    elif pods:
        pods[-1].restarts += 1
        cluster.server.changed(pods[-1])


@settings(max_examples=40, deadline=None)
@given(st.lists(faults, max_size=6), st.lists(changes, max_size=8))
def test_in_the_end_the_edge_has_what_is_wanted(trouble: list[Any], wishes: list[Any]) -> None:
    cluster = EdgeCluster(NODES)
    for row in range(NODES):
        cluster.pod(f"p{row}", row)
    for fault in trouble:
        apply(cluster, fault)
    for number, (kind, at, row) in enumerate(wishes):
        cluster.at(at, change, cluster, kind, number, row)
    cluster.run(QUIET)
    before = {session.name: session.open for session in cluster.sessions}
    cluster.run(QUIET + 1200)  # TCP's give-up, a round of dials, and the ledger's
    assert all(session.open and session.served and session.online for session in cluster.sessions), before
    assert [node.ready for node in cluster.nodes] == ["True"] * NODES
    for row, agent in enumerate(cluster.agents):
        wanted = {p.uid for p in cluster.server.list(Pod) if p.node == f"w{row}"}
        assert agent.runs == set(agent.pods) == wanted
        assert not cluster.push._ledger.behind(row)
        assert max(agent.starts.values(), default=1) <= 1 + sum(f[0] == "crash" and f[2] == row for f in trouble)
    assert all(p.deletion_ns is None and p.ready for p in cluster.server.list(Pod))
    ends = Counter(cluster.recorder.deliveries.frame()["event"].to_list())
    assert ends["sent"] == ends["delivered"] + ends["lost"] + ends["superseded"] + ends["dropped"]
