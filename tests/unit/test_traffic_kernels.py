"""Each kernel against the queue simulated naively, event by event."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.traffic.kernels.capacity import Capacity, fifo_with_capacity
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


@QUICK
@given(
    jobs,
    st.lists(st.tuples(st.integers(1, 60), st.integers(0, 5)), max_size=6),
    st.integers(1, 5),
)
def test_a_server_whose_speed_changes(
    given_jobs: list[tuple[int, int]], pieces: list[tuple[int, int]], last: int
) -> None:
    arrive, work = arrays(given_jobs)
    times = np.cumsum([0, *(length for length, _ in pieces)]).tolist()
    capacity = Capacity(times, [*(rate for _, rate in pieces), last])

    def speed(t: int) -> int:
        return ([*(rate for _, rate in pieces), last])[sum(time <= t for time in times) - 1]

    # Nanosecond by nanosecond, `rate` units each, to whoever is first in the queue.
    left, t, due = [], 0, 0
    for a, needs in zip(arrive.tolist(), work.tolist(), strict=True):
        t, due = (a, 0) if a > t else (t, due)  # `due`: units of this nanosecond that are spent already
        rest = needs
        while rest > speed(t) - due:
            rest, due, t = rest - (speed(t) - due), 0, t + 1
        due += rest
        left.append(t + 1)
        if due == speed(t):
            t, due = t + 1, 0
    assert fifo_with_capacity(arrive, work, capacity).tolist() == left


def test_an_outage_keeps_the_queue_and_delays_it() -> None:
    capacity = Capacity([0, 100, 150], [1, 0, 2])
    left = fifo_with_capacity(ints([90, 95, 200]), ints([10, 20, 30]), capacity)
    assert left.tolist() == [100, 160, 215]  # the first just before it; the second after it, twice as fast


def test_capacity_knows_what_it_can_do_by_when() -> None:
    capacity = Capacity([10, 20, 30], [3, 0, 5])
    assert capacity.by(ints([0, 10, 15, 25, 32])).tolist() == [0, 0, 15, 30, 40]
    assert capacity.when(ints([0, 1, 30, 31])).tolist() == [10, 11, 20, 31]
    with pytest.raises(ValueError, match="positive"):
        Capacity([0, 1], [1, 0])


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
