"""A machine's door is the one that asking for a way to every member finds, whatever has changed before."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from networks import World, link
from simulator.simulation.doors import Doors
from simulator.streams import Rng, key
from simulator.units import MS
from simulator.world.link import LinkRow

NODES = 11
# A core of a cycle with a tree, in which members are; devices 7 (a radio with three cells), 8 (behind that), 9 (two
# links) and 10 (one).
LINKS = [
    link(0, 1, 3 * MS), link(1, 2, 3 * MS), link(2, 0, 3 * MS), link(2, 3), link(0, 4), link(4, 5), link(2, 6),
    *(LinkRow(f"r{cell}", 7, cell, MS, 8e6, 8e6, radio="r") for cell in (5, 6, 1)), link(8, 7, MS),
    link(9, 4, 2 * MS), link(9, 6, 2 * MS), link(10, 2, MS),
]  # fmt: skip
ROLES = ["control-plane", "worker", "router", "worker", "router", "worker", "worker", *["device"] * 4]
ZONES = ["c", "c", "c", "a", "b", "b", "a", "a", "c", "b", "d"]
LAYOUT: Any = SimpleNamespace(
    nodes=[SimpleNamespace(name=f"n{i}", role=ROLES[i], zone=ZONES[i]) for i in range(NODES)], members=(0, 1, 3, 5, 6)
)
changes = st.lists(
    st.one_of(
        st.tuples(st.just("cut"), st.integers(0, len(LINKS) - 1), st.sampled_from(["silent", "one-way"])),
        st.tuples(st.just("mend"), st.integers(0, len(LINKS) - 1), st.just("")),
        st.tuples(st.just("power"), st.integers(0, NODES - 1), st.just("")),
    ),
    max_size=12,
)


def near(world: World, rng: Rng, source: int) -> int:
    """By asking for every way."""
    workers = [m for m in LAYOUT.members if ROLES[m] == "worker"]
    found = []
    for member in [m for m in workers if ZONES[m] == ZONES[source]] or workers:
        way = world.network.route(source, member) or world.network.intact(source, member)
        assert way is not None
        found.append((way.latency_ns, rng.draw("door", key(f"n{source}"), key(f"n{member}")), member))
    return min(found)[2]


@settings(max_examples=150, deadline=None)
@given(changes, st.integers(1, 9))
def test_a_door_is_the_nearest_member(happen: list[tuple[str, int, str]], seed: int) -> None:
    world, rng = World(NODES, LINKS), Rng(seed)
    doors, cuts = Doors(LAYOUT, world.network, rng), dict[int, int]()
    for what, which, mode in [("", 0, ""), *happen]:
        if what == "cut" and which not in cuts:
            cuts[which] = world.network.cut(which, mode)
        elif what == "mend" and which in cuts:
            world.network.mend(which, cuts.pop(which))
        elif what == "power":
            world.network.set_node(which, not world.network.is_up(which))
        for source in range(7, NODES):
            assert doors.of(source) == near(world, rng, source)


def test_who_goes_to_a_cell_where_somebody_has_been_asks_for_no_way() -> None:
    world = World(NODES, LINKS)
    doors, asked = Doors(LAYOUT, world.network, Rng(1)), list[tuple[int, int]]()
    tokens = {link: world.network.cut(link, "silent") for link in (8, 9)}
    doors.of(7)
    world.network.mend(8, tokens[8])
    tokens[7] = world.network.cut(7, "silent")
    doors.of(7)
    world.network.mend(7, tokens[7])
    tokens[8] = world.network.cut(8, "silent")
    router = world.network._router
    route = type(router).route
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(router), "route", lambda self, a, b: asked.append((a, b)) or route(self, a, b))
        doors.of(7)
        assert not asked
        doors.of(9)
        assert len(asked) == 1  # of two links, so it asks by itself, and zone b has one worker
