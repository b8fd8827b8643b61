"""Equal-share transfers against closed forms, and against a recomputation of every rate in exact fractions."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil

import numpy as np
import pytest

from simulator.engine.clock import Clock
from simulator.engine.sharing import Sharing
from simulator.units import SECOND

MB = 1_000_000


def finish_times(capacities: Sequence[float], flows: Sequence[tuple[int, Sequence[int], int]]) -> list[int]:
    """When each flow of (start in ns, path, bytes) ends."""
    clock, ends = Clock(), [0] * len(flows)
    sharing = Sharing(clock, capacities)

    def watch(i: int, path: Sequence[int], size: int):
        yield sharing.open(path, size).done
        ends[i] = clock.now

    for i, (start, path, size) in enumerate(flows):
        clock.at(start, lambda *args: clock.process(watch(*args)), i, path, size)
    while clock.step():
        pass
    return ends


def exact_times(capacities: Sequence[int], flows: Sequence[tuple[int, Sequence[int], int]]) -> list[Fraction]:
    """The same by brute force: at each start or end every rate is computed anew, in rational numbers."""
    now = Fraction(0)
    left = {i: Fraction(size * 8 * SECOND) for i, (_, _, size) in enumerate(flows)}
    ends: dict[int, Fraction] = {}
    while len(ends) < len(flows):
        active = [i for i, (start, _, _) in enumerate(flows) if start <= now and i not in ends]
        users = [sum(link in flows[i][1] for i in active) for link in range(len(capacities))]
        rates = {i: min(Fraction(capacities[link], users[link]) for link in flows[i][1]) for i in active}
        events = [now + left[i] / rates[i] for i in active] + [Fraction(f[0]) for f in flows if f[0] > now]
        until = min(events)
        for i in active:
            left[i] -= rates[i] * (until - now)
            if left[i] == 0:
                ends[i] = until
        now = until
    return [ends[i] for i in range(len(flows))]


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_n_equal_flows_finish_together_at_n_times_the_size_over_the_rate(n: int) -> None:
    rate = 10 * MB * 8
    exact = Fraction(n * 45 * MB * 8 * SECOND, rate)
    for end in finish_times([rate], [(0, (0,), 45 * MB)] * n):
        assert 0 <= end - exact < 2  # rounded up to a nanosecond, and never early


def test_an_end_between_two_nanoseconds_is_rounded_up() -> None:
    assert finish_times([3e9], [(0, (0,), 1)]) == [3]  # 8/3 ns


def test_a_flow_alone_takes_its_bottleneck_s_time() -> None:
    assert finish_times([80 * MB, 8 * MB, 800 * MB], [(0, (0, 1, 2), MB)]) == [SECOND]


def test_a_late_joiner_doubles_what_the_first_has_left() -> None:
    # W = 1 MB/s. First: 3 MB from 0, second: 1 MB from 1 s. Both at W/2 until the second ends at 1 + 2·1 = 3 s;
    # the first has had 1 + 1 MB then, and its last MB takes until 4 s.
    assert finish_times([8 * MB], [(0, (0,), 3 * MB), (SECOND, (0,), MB)]) == [4 * SECOND, 3 * SECOND]


def test_the_slowest_link_holds_a_flow_and_its_share_elsewhere_is_not_handed_on() -> None:
    # Equal share, not max–min: the flow over the slow link leaves half of link 0 unused, the other keeps its half.
    slow_and_fast = [(0, (0, 1), MB), (0, (0,), 4 * MB)]
    assert finish_times([8 * MB, 1 * MB], slow_and_fast)[1] == 8 * SECOND


def test_random_flows_end_when_exact_arithmetic_says() -> None:
    draws = np.random.default_rng(7)
    for _ in range(25):
        capacities = [int(c) * 8_000 for c in draws.integers(1, 50, 5)]
        flows = []
        for _ in range(12):
            path = tuple(draws.permutation(5)[: draws.integers(1, 4)].tolist())
            flows.append((int(draws.integers(0, 4)) * SECOND // 3, path, int(draws.integers(1, 20_000))))
        got = finish_times(capacities, flows)
        for end, exact in zip(got, exact_times(capacities, flows), strict=True):
            # Each earlier end is late by less than a nanosecond, which hands on at most as much.
            assert abs(end - ceil(exact)) <= 12, (capacities, flows)
