"""Whoever's way changes is asked to look again; and how many are asked does not grow with those it does not concern."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import World, link
from planes import PlaneWorld
from simulator.control.delivery.reach import DOWN, OK, Reach
from simulator.traffic.buffers.spool import SpoolLaw
from simulator.traffic.flows import TelemetryFlow
from simulator.units import MS, SECOND
from simulator.world.clocks import Validity
from simulator.world.dependents import Dependents
from simulator.world.link import LinkRow
from simulator.world.route import Router

NODES = 9
# A core of a cycle, a tree at it, and a radio (of node 7) with three cells, behind which there is another node.
LINKS = [
    link(0, 1, 3 * MS), link(1, 2, 2 * MS), link(2, 0, 4 * MS), link(2, 3), link(3, 0), link(0, 4), link(4, 5),
    link(2, 6), *(LinkRow(f"r{cell}", 7, cell, MS, 8e6, 8e6, radio="r") for cell in (5, 6, 1)), link(8, 7),
]  # fmt: skip
RADIO = (8, 9, 10)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.sampled_from([*range(8), 11]), st.sampled_from(["silent", "one-way"])),
        st.tuples(st.just("mend"), st.integers(0, 11), st.just("")),
        st.tuples(st.just("power"), st.integers(0, NODES - 1), st.just("")),
        st.tuples(st.just("cell"), st.sampled_from([-1, 0, 1, 2]), st.just("")),
        st.tuples(st.just("rate"), st.integers(0, 11), st.just("")),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(changes)
def test_nobody_whose_way_changes_is_left_out(said: list[tuple[str, int, str]]) -> None:
    w = World(NODES, LINKS)
    network, apart, cuts = w.network, dict[int, int](), dict[int, list[int]]()
    for number in RADIO[1:]:
        apart[number] = network.cut(number, "apart")
    things = list(permutations(range(NODES), 2))

    def seen(a: int, b: int) -> Any:
        route = network.route(a, b)
        hops = () if route is None else route.hops
        return route, network.is_up(a), [network.states[hop >> 1] for hop in hops], network.stalled(route)

    dependents: Dependents[tuple[int, int]] = Dependents(network)
    touched, up = network.watch(), w.nodes.up.copy()
    touched.clear()
    before = {thing: seen(*thing) for thing in things}
    for thing in things:
        dependents.looked(thing, [thing], (thing[0], thing[0]), -1)  # as one that is at its own gateway
    for i, (kind, which, mode) in enumerate(said):
        if kind == "cut":
            cuts.setdefault(which, []).append(network.cut(which, mode))
        elif kind == "mend" and cuts.get(which):
            network.mend(which, cuts[which].pop())
        elif kind == "power":
            network.set_node(which, not network.is_up(which))
        elif kind == "rate":
            network._set_rates({2 * which: 0.0 if i % 2 else 1e6 + i})  # as a trace does
        elif kind == "cell":
            for number in RADIO:
                if number != RADIO[0] + which and number not in apart:
                    apart[number] = network.cut(number, "apart")
            if which >= 0 and RADIO[which] in apart:
                network.mend(RADIO[which], apart.pop(RADIO[which]))
        found = set(dependents.of_change(touched, (w.nodes.up != up).nonzero()[0].tolist()))
        touched.clear()
        up = w.nodes.up.copy()
        for thing in things:
            after = seen(*thing)
            assert after == before[thing] or thing in found
            before[thing] = after
            if thing in found:
                dependents.looked(thing, [thing], (thing[0], thing[0]), -1)  # as one that is at its own gateway


@pytest.mark.parametrize("spool", [None, SpoolLaw("box", 10**6)])
def test_a_change_is_looked_at_by_those_whom_it_concerns(spool: SpoolLaw | None) -> None:
    """Devices behind gateways of their own, all of which send to one node: a cut, its end and a reboot of a gateway."""

    def visits(n: int) -> int:
        """Node 0 is home; gateway 1 + i has device 1 + n + i, and a way to home."""
        devices = tuple(range(1 + n, 1 + 2 * n))
        uplinks = [link(1 + i, 0) for i in range(n)]
        w = PlaneWorld(1 + 2 * n, [*uplinks, *(link(1 + n + i, 1 + i) for i in range(n))], interval_ns=SECOND)
        gates = tuple(range(1, 1 + n))
        w.plane.add_telemetry(TelemetryFlow("f", devices, gates, 0, SECOND, 100, spool=spool, qos=1))
        w.clock.run(SECOND)
        before = w.plane.telemetry.visits
        token = w.network.cut(0, "silent")
        w.clock.run(2 * SECOND)
        w.network.mend(0, token)
        w.network.set_node(1, False)
        w.network.set_node(1, True)
        return w.plane.telemetry.visits - before

    assert visits(3) == visits(300)
    assert visits(3) <= 4 * 2  # the device and its gateway, at each of four changes


def test_a_handover_is_looked_at_by_who_moves() -> None:
    """Node 0 is home, 1 and 2 are cells and gateways, and the others have a radio each."""

    def visits(n: int) -> int:
        devices = tuple(range(3, 3 + n))
        radios = [LinkRow(f"{d}-{cell}", d, cell, MS, 8e6, 8e6, radio=f"r{d}") for d in devices for cell in (1, 2)]
        w = PlaneWorld(3 + n, [link(1, 0), link(2, 0), *radios])
        apart = {d: w.network.cut(3 + 2 * (d - 3), "apart") for d in devices}
        law = SpoolLaw("box", 10**6)
        w.plane.add_telemetry(TelemetryFlow("f", devices, (1,) * n, 0, SECOND, 100, spool=law, qos=1, resent=True))
        w.clock.run(SECOND)
        before = w.plane.telemetry.visits
        w.network.cut(2, "apart")
        w.clock.run(2 * SECOND)
        w.network.mend(3, apart[3])
        w.plane.enter(3, 2)
        return w.plane.telemetry.visits - before

    assert visits(2) == visits(200)


@pytest.mark.parametrize("change", ["clock", "power"])
def test_a_control_plane_looks_once_at_each_machine_that_changes(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose clock is put, or whose power goes: not at all of those that have no power yet."""
    looked, decided_by = list[int](), Router.decided_by
    monkeypatch.setattr(Router, "decided_by", lambda router, a, b: looked.append(a) or decided_by(router, a, b))
    n = 50
    w = World(1 + n, [link(0, i) for i in range(1, 1 + n)])
    w.network.clocks.validity["cluster"] = Validity(-SECOND, SECOND)
    server = type("Server", (), {"up": True, "up_hooks": []})()
    reach = Reach(w.network, server, 0, range(1, 1 + n), 100)
    looked.clear()
    for node in range(1, 1 + n):
        if change == "clock":
            w.network.clocks.put(node, -2 * SECOND)
        else:
            w.network.set_node(node, False)
    assert reach.state.tolist() == [OK if change == "clock" else DOWN] * n  # connections that stand go on
    assert len(looked) == 2 * n  # the ways there and back
