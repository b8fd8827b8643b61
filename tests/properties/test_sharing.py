"""Whatever flows come, go and change at random: rates stay max–min fair, no link carries more than it can, no byte is
lost; and classes never change what the general solver says of every flow by itself."""

from __future__ import annotations

from fractions import Fraction
from itertools import count
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows import fair_rates
from simulator.engine.clock import Clock
from simulator.engine.sharing import Sharing, Transfer
from simulator.engine.sharing.filling import fill
from simulator.engine.sharing.flow_class import FlowClass, Link
from simulator.units import MS

KB = 8_000.0  # bit/s for a byte a millisecond
LINKS = 6

# Some networks, as what a flow may cross: any links in any order; an access link behind one core; a site's besides.
MESH = [(0,), (1,), (2, 3), (0, 1), (1, 2, 4), (3, 0), (5, 4, 3), (0, 5), (1, 3, 5)]
TREE = [(0, leaf) for leaf in range(1, LINKS)]
SITES = [(0, 1, 3), (0, 1, 4), (0, 2, 5), (0, 1), (0, 2), (2, 5)]
PATHS = st.sampled_from([MESH, TREE, SITES])

RATES = st.sampled_from([1, 2, 3, 5, 8, 20, 100]).map(lambda n: n * KB)
CAPS = st.one_of(st.just(inf), RATES)
NUMBERS = st.integers(0, 30)
OPENS = st.tuples(st.just("open"), NUMBERS, st.integers(0, 3000), CAPS)
STOPS = st.tuples(st.just("stop"), NUMBERS, st.just(0), st.just(0))
CUTS = st.tuples(st.just("cut"), NUMBERS, st.just(0), st.just(0))
CHANGES = st.tuples(st.just("capacity"), NUMBERS, st.just(0), st.one_of(st.just(0.0), RATES))
RECAPS = st.tuples(st.just("caps"), NUMBERS, st.just(0), CAPS)
STEPS = st.lists(st.tuples(st.sampled_from([0, 0, 1, 40, 300]), st.one_of(OPENS, OPENS, STOPS, CUTS, CHANGES, RECAPS)))


class Watched:
    """A sharing with all the flows that there ever were, and the caps they ought to have."""

    def __init__(self, capacities: list[float], paths: list[tuple[int, ...]]) -> None:
        self.clock = Clock()
        self.sharing = Sharing(self.clock, capacities)
        self.paths = paths
        self.flows: list[tuple[tuple[int, ...], Transfer]] = []
        self.caps: dict[Transfer, float] = {}

    def do(self, what: str, number: int, size: int, rate: float) -> None:
        sharing, link = self.sharing, number % LINKS
        if what == "open":
            path = self.paths[number % len(self.paths)]
            flow = sharing.open(path, size, rate)
            self.flows.append((path, flow))
            self.caps[flow] = rate
        elif what == "stop" and self.flows:
            self.flows[number % len(self.flows)][1].cancel()
        elif what == "cut":
            sharing.stop_on([link])
        elif what == "capacity":
            sharing.set_capacity(link, rate)
        elif what == "caps":
            sharing.set_caps(link, lambda path: rate + len(path) if rate < inf else inf)
            for path, flow in self.flows:
                if link in path and flow.active:
                    self.caps[flow] = rate + len(path) if rate < inf else inf

    def check(self) -> None:
        """All that must hold at this instant."""
        sharing = self.sharing
        flows = [(path, flow) for path, flow in self.flows if flow.active]
        rates = [flow.rate_bps for _, flow in flows]
        load = [sum(r for r, (path, _) in zip(rates, flows, strict=True) if i in path) for i in range(LINKS)]
        assert all(used <= able * (1 + 1e-9) for used, able in zip(load, sharing.capacity_bps, strict=True))
        for rate, (path, flow) in zip(rates, flows, strict=True):
            assert (rate > 0) == all(sharing.capacity_bps[i] for i in path)
            assert rate <= self.caps[flow]
            at_cap = rate == self.caps[flow]
            most = {i: max(r for r, (other, _) in zip(rates, flows, strict=True) if i in other) for i in path}
            full = [i for i in path if load[i] >= sharing.capacity_bps[i] * (1 - 1e-9)]
            assert at_cap or any(rate >= most[i] * (1 - 1e-9) for i in full)
        for i in range(LINKS):
            crossed = sum(flow.size - flow.remaining() for path, flow in self.flows if i in path)
            assert sharing.carried(i) == pytest.approx(crossed, abs=1e-6)
            assert sharing.flows_on(i) == sum(i in path for path, _ in flows)

    def check_against_every_flow_by_itself(self) -> None:
        """The general solver with a class for each flow and no link taken for a cap; and the definition."""
        sharing = self.sharing
        flows = [(path, flow) for path, flow in self.flows if flow.active]
        links = [Link(capacity) for capacity in sharing.capacity_bps]
        classes = []
        for path, flow in flows:
            classes.append(FlowClass((path, self.caps[flow]), tuple(links[i] for i in path), count(), 0))
            classes[-1].count = 1
        crossing = {link: [each for each in classes if link in each.links] for link in links}
        holder, level = fill(classes, crossing, {link: link.capacity_bps for link in links})
        general = [each.cap_bps if (by := holder[each]) is None else level[by] for each in classes]
        assert [flow.rate_bps for _, flow in flows] == pytest.approx(general, rel=1e-9)
        caps = [None if cap == inf else Fraction(cap) for cap in (self.caps[flow] for _, flow in flows)]
        exact = fair_rates([Fraction(able) for able in sharing.capacity_bps], [path for path, _ in flows], caps)
        assert general == pytest.approx([float(rate) for rate in exact], rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(st.lists(RATES, min_size=LINKS, max_size=LINKS), PATHS, STEPS)
def test_rates_are_fair_and_bytes_conserved_at_all_times(
    capacities: list[float], paths: list[tuple[int, ...]], steps: list[tuple[int, tuple[str, int, int, float]]]
) -> None:
    watched = Watched(capacities, paths)
    clock = watched.clock
    for wait, step in steps:
        clock.run(clock.now + wait * MS)
        watched.check()
        watched.do(*step)
    watched.check()
    while clock.step():
        pass
    watched.check()
    for link in range(LINKS):  # where nothing is sent all wait, and go on once something is
        watched.sharing.set_capacity(link, max(KB, watched.sharing.capacity_bps[link]))
    while clock.step():
        pass
    watched.check()
    for _, flow in watched.flows:
        assert flow.done.triggered
        assert flow.remaining() == 0 or not flow.done.value


@settings(max_examples=100, deadline=None)
@given(st.lists(RATES, min_size=3, max_size=3), PATHS, STEPS)
def test_classes_are_the_general_solver(
    capacities: list[float], paths: list[tuple[int, ...]], steps: list[tuple[int, tuple[str, int, int, float]]]
) -> None:
    core, access, other = capacities
    watched = Watched([core, access, access, access, access, other], paths)
    for wait, step in steps:
        watched.clock.run(watched.clock.now + wait * MS)
        watched.do(*step)
        watched.check_against_every_flow_by_itself()
