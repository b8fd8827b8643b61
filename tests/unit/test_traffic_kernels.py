"""Each kernel against the queue simulated naively, event by event."""

from __future__ import annotations

from fractions import Fraction
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.physics.capacity import NEVER, Capacity
from simulator.traffic.kernels import capacity as kernel
from simulator.traffic.kernels.capacity import Line
from simulator.traffic.kernels.fifo import fifo, fifo_each
from simulator.traffic.kernels.finite import finite
from simulator.traffic.kernels.priority import priority
from simulator.traffic.kernels.sharing import processor_sharing
from simulator.traffic.kernels.workers import workers

Ints = NDArray[np.int64]
QUICK = settings(max_examples=40, deadline=None)


def ints(values: list[int]) -> Ints:
    return np.array(values, np.int64)


# (gap to the arrival before, service)
jobs = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40)), max_size=30)


def arrays(given_jobs: list[tuple[int, int]]) -> tuple[Ints, Ints]:
    gaps, services = zip(*given_jobs, strict=True) if given_jobs else ((), ())
    return np.cumsum(ints(list(gaps))), ints(list(services))


def lindley(arrive: Ints, service: Ints, free: int) -> list[int]:
    left = []
    for a, s in zip(arrive.tolist(), service.tolist(), strict=True):
        free = max(a, free) + s
        left.append(free)
    return left


@QUICK
@given(jobs, st.integers(0, 200))
def test_fifo_is_lindleys_recursion(given_jobs: list[tuple[int, int]], free: int) -> None:
    arrive, service = arrays(given_jobs)
    assert fifo(arrive, service, free).tolist() == lindley(arrive, service, free)


@QUICK
@given(st.lists(st.tuples(jobs.filter(bool), st.integers(0, 200)), max_size=6), st.sampled_from([0, 1 << 55]))
def test_many_fifo_servers_at_once_are_each_by_itself(
    servers: list[tuple[list[tuple[int, int]], int]], far: int
) -> None:
    """Far apart in time, the servers' values cannot be lifted above each other in an int64: another path."""
    parts = [(*arrays(given_jobs), free) for given_jobs, free in servers]
    parts = [(arrive + i % 2 * far, service, free) for i, (arrive, service, free) in enumerate(parts)]
    sizes = [len(arrive) for arrive, _, _ in parts]
    empty = [ints([])]
    left = fifo_each(
        np.concatenate([a for a, _, _ in parts] or empty), np.concatenate([s for _, s, _ in parts] or empty),
        ints([sum(sizes[:i]) for i in range(len(sizes))]), ints([free for _, _, free in parts]),
    )  # fmt: skip
    assert left.tolist() == [d for a, s, free in parts for d in lindley(a, s, free)]


@QUICK
@given(jobs, st.integers(1, 4))
def test_workers_take_who_waits_longest(given_jobs: list[tuple[int, int]], number: int) -> None:
    arrive, service = arrays(given_jobs)
    free = [0] * number
    busy, expected = [0] * number, []
    for a, s in zip(arrive.tolist(), service.tolist(), strict=True):
        first = busy.index(min(busy))
        busy[first] = max(a, busy[first]) + s
        expected.append(busy[first])
    assert workers(arrive, service, free).tolist() == expected
    assert sorted(free) == sorted(busy)  # the state that the next window begins with


PER_NS = 1e9  # bit/s at which a bit takes a ns
pieces = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), min_size=1, max_size=6)


@QUICK
@given(jobs, pieces, st.tuples(st.integers(0, 3), st.integers(0, 40)), st.tuples(st.integers(0, 60), st.integers(1, 5)))
def test_a_server_whose_speed_changes(
    given_jobs: list[tuple[int, int]], pieces: list[tuple[int, int]], before: tuple[int, int], after: tuple[int, int]
) -> None:
    """Nanosecond by nanosecond, `speed` bits each, to whoever is first in the queue; with laps and without."""
    (own, first), (rest, last) = before, after
    arrive, bits = arrays(given_jobs)
    bits = np.maximum(bits, 1)
    steps = [speed for length, speed in (*pieces, (1 + rest, last)) for _ in range(length)]
    times = np.cumsum([first, *(length for length, _ in pieces)]).tolist()
    trace = [(time, speed * PER_NS) for time, (_, speed) in zip(times, [*pieces, (0, last)], strict=True)]
    for period in (0, len(steps)):

        def speed(t: int, period: int = period) -> int:
            if t < first:
                return own
            return steps[(t - first) % period] if period else steps[min(t - first, len(steps) - 1)]

        left, t, used = [], 0, 0
        for a, needs in zip(arrive.tolist(), bits.tolist(), strict=True):
            t, used = (a, 0) if a > t else (t, used)  # `used`: bits of this nanosecond that are spent already
            used += needs  # as if all fell into this one
            while used > speed(t):
                used, t = used - speed(t), t + 1
            left.append(t + 1)
            if used == speed(t):
                t, used = t + 1, 0
        capacity = Capacity(own * PER_NS, trace, period)
        one, whole, parts = Line(capacity), Line(capacity), Line(capacity)
        assert [one.serve(a, n) for a, n in zip(arrive.tolist(), bits.tolist(), strict=True)] == left
        with mock.patch.object(kernel, "_FEW", 2):
            if len(arrive) > 1:
                assert whole.serve_all(arrive, bits).tolist() == left
            cut = len(arrive) // 2
            if cut > 1:
                assert [*parts.serve_all(arrive[:cut], bits[:cut]), *parts.serve_all(arrive[cut:], bits[cut:])] == left
                assert parts.given == one.given


def line(*trace: tuple[int, float], period: int = 0) -> Line:
    return Line(Capacity(1e9, trace, period))


def test_an_outage_keeps_the_queue_and_delays_it() -> None:
    left = line((0, 1e9), (100, 0.0), (150, 2e9)).serve_all(ints([90, 95, 200]), ints([10, 20, 30]))
    assert left.tolist() == [100, 160, 215]  # the first just before it; the second after it, twice as fast


def test_capacity_knows_what_it_can_do_by_when() -> None:
    capacity = Capacity(1e9, [(10, 3e9), (20, 0.0), (30, 5e9)])
    assert capacity.bit == 1
    assert [capacity.by(t) for t in (0, 10, 15, 25, 32)] == [0, 10, 25, 40, 50]
    assert [capacity.when(work) for work in (1, 10, 11, 40, 41)] == [1, 10, 11, 20, 31]
    again = Capacity(1e9, [(10, 3e9), (20, 0.0)], 30)
    assert [again.by(t) for t in (10, 20, 39, 40, 55, 3010)] == [10, 40, 40, 40, 70, 3010]
    assert [again.when(work) for work in (40, 41, 70, 71)] == [20, 41, 50, 71]
    assert (capacity.fastest_bps, again.mean_bps) == (5e9, 1e9)


def test_what_never_comes_through_is_said_and_holds_up_what_comes_later() -> None:
    for serve_all in (False, True):
        ends = line((0, 1e9), (100, 0.0))
        arrive, bits = np.full(40, 50), ints([25, 25, 1] + [7] * 37)
        found = ends.serve_all(arrive, bits).tolist() if serve_all else [
            ends.serve(50, n) for n in bits.tolist()
        ]  # fmt: skip
        assert found == [75, 100] + [NEVER] * 38


def test_nothing_is_rounded_but_the_end() -> None:
    """A hundred messages, each of a third of a nanosecond more than 3: none of them is rounded by itself."""
    left = [line((0, 0.3e9)).serve_all(ints([0] * n), ints([1] * n))[-1] for n in (1, 2, 3, 99, 100)]
    exact = [-(-n * 10**9 // Fraction(0.3e9)) for n in (1, 2, 3, 99, 100)]
    assert left == exact == [4, 7, 10, 330, 334]


@pytest.mark.parametrize("rate", [1e11, 12_345_678.0, 1e6 / 3])
def test_work_beyond_64_bits_is_the_same(rate: float) -> None:
    rng = np.random.default_rng(3)
    arrive, bits = np.sort(rng.integers(0, 10**13, 300)), rng.integers(1, 10**10, 300)
    arrive[:100] = arrive[0]
    trace = [(i * 10**10, rate * (i % 3)) for i in range(50)]
    one, many = line(*trace, period=10**12), line(*trace, period=10**12)
    left = [one.serve(a, n) for a, n in zip(arrive.tolist(), bits.tolist(), strict=True)]
    assert many.serve_all(arrive, bits).tolist() == left
    assert many.given == one.given


@pytest.mark.parametrize(
    ("trace", "period", "said"),
    [
        ([], 0, "rise"),
        ([(1, 1.0), (1, 2.0)], 0, "rise"),
        ([(0, -1.0)], 0, "negative"),
        ([(0, float("inf"))], 0, "negative"),
        ([(0, 0.0), (5, 0.0)], 0, "above zero"),
        ([(5, 1.0), (15, 2.0)], 10, "period"),
    ],
)
def test_what_is_no_capacity_is_refused(trace: list[tuple[int, float]], period: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Capacity(1e6, trace, period)


@QUICK
@given(jobs)
def test_processor_sharing_serves_all_alike(given_jobs: list[tuple[int, int]]) -> None:
    arrive, work = arrays(given_jobs)
    # Fluid, from event to event.
    left, need, now = [0] * len(arrive), dict[int, float](), 0.0
    coming = list(enumerate(zip(arrive.tolist(), work.tolist(), strict=True)))
    while coming or need:
        done = now + min(need.values()) * len(need) if need else float("inf")
        until = min(done, coming[0][1][0]) if coming else done
        for i in need:
            need[i] -= (until - now) / len(need)
        now = until
        for i in [i for i, rest in need.items() if rest < 1e-7]:
            left[i] = now
            del need[i]
        while coming and coming[0][1][0] <= now:
            i, (_, w) = coming.pop(0)
            need[i] = w
    # Rounded up to a nanosecond: never early, late by one at most (the floats may just exceed a whole one).
    late = processor_sharing(arrive, work) - np.array(left)
    assert late.min(initial=0) > -1e-6
    assert late.max(initial=0) < 1 + 1e-6


@QUICK
@given(jobs, st.data())
def test_the_urgent_go_first_but_nobody_is_interrupted(given_jobs: list[tuple[int, int]], data: st.DataObject) -> None:
    arrive, service = arrays(given_jobs)
    classes = data.draw(st.lists(st.integers(0, 2), min_size=len(arrive), max_size=len(arrive)))
    todo, free, expected = set(range(len(arrive))), 0, [0] * len(arrive)
    while todo:
        here = [i for i in todo if arrive[i] <= free]
        if not here:
            free = int(min(arrive[i] for i in todo))
            continue
        served = min(here, key=lambda i: (classes[i], i))
        free += int(service[served])
        expected[served] = free
        todo.remove(served)
    assert priority(arrive, service, ints(classes)).tolist() == expected


@QUICK
@given(jobs, st.integers(1, 3), st.integers(0, 3))
def test_who_finds_it_full_is_turned_away(given_jobs: list[tuple[int, int]], number: int, more: int) -> None:
    arrive, service = arrays(given_jobs)
    busy, left = [0] * number, list[int]()
    for a, s in zip(arrive.tolist(), service.tolist(), strict=True):
        if sum(d > a for d in left) >= number + more:
            left.append(-1)
            continue
        first = busy.index(min(busy))
        busy[first] = max(a, busy[first]) + s
        left.append(busy[first])
    assert finite(arrive, service, number, number + more).tolist() == left


def test_room_includes_the_workers() -> None:
    with pytest.raises(ValueError, match="room"):
        finite(ints([]), ints([]), 2, 1)
