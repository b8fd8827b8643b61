"""A function's instances in the lean loop are those of an event per request, to the nanosecond; and laws that hold
whatever the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.traffic.functions.evaluate import evaluate
from simulator.traffic.functions.outcome import Outcome
from simulator.traffic.functions.pool import DIED, NEVER, REFUSED, SERVED, Book, Limits, Pool
from simulator.traffic.functions.reference_model import ReferenceModel

_END = 60
FREEZE = (2, 3)  # of limits that pause


@st.composite
def _limits(draw: st.DrawFn) -> Limits:
    prewarmed = draw(st.integers(0, 2))
    most = draw(st.none() | st.integers(max(1, prewarmed), 4))
    return Limits(
        draw(st.integers(0, 12)), draw(st.integers(1, 3)), most, draw(st.sampled_from(["refuse", "queue"])), prewarmed,
        draw(st.booleans()),
    )  # fmt: skip


@st.composite
def _cases(draw: st.DrawFn) -> tuple[Limits, list[int], list[int], list[int], list[int], list[tuple[int, int]]]:
    """Short times on purpose: many events fall on one instant."""
    n = draw(st.integers(0, 25))
    times = sorted(draw(st.lists(st.integers(0, 40), min_size=n, max_size=n)))
    works = [draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)) for _ in range(2)]
    boots = draw(st.lists(st.integers(0, 6), min_size=1, max_size=5))
    failures = sorted(draw(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6)), max_size=4)))
    return draw(_limits()), times, works[0], works[1], boots, failures


def _run(case: Any, ahead: Sequence[int] = ()) -> tuple[list[tuple[int, ...]], list[list[int]]]:
    """Rows of requests and of instances, with failures; a twin runs ahead to each instant of `ahead` and is undone."""
    limits, times, work, first, boots, failures = case
    book = Book(*(np.array(column, np.int64) for column in (times, work, first)))
    pool = Pool(book, limits)
    instances: list[list[int]] = []

    def take() -> None:
        for number in pool.started:
            up = pool.now + boots[number % len(boots)]
            instances.append([pool.now, up, NEVER])
            pool.expect(number, up, FREEZE)
        for number in pool.stopped:
            instances[number][2] = pool.now
        pool.started.clear()
        pool.stopped.clear()

    def to(until: int) -> None:
        take()
        while pool.run(until) is not None:
            take()

    for time, which in sorted([*failures, *((time, -1) for time in ahead)]):
        to(time)
        if which < 0:
            twin = pool.twin()
            while twin.run(_END) is not None:
                for number in twin.started:
                    twin.expect(number, twin.now + 1, FREEZE)
                twin.started.clear()
                twin.stopped.clear()
            pool.disown(twin)
        elif which < len(instances) and instances[which][2] == NEVER:
            instances[which][2] = time
            pool.fail(which)
            take()
    to(_END)
    for row, (start, up, gone) in enumerate(instances):
        if gone < up or up > _END:
            instances[row] = [start, NEVER, gone]
    rows = zip(book.begin, book.end, book.instance, book.cold, book.outcome, strict=True)
    return [tuple(map(int, row)) for row in rows], instances


@settings(max_examples=300, deadline=None)
@given(_cases())
def test_the_loop_is_the_event_model(case: Any) -> None:
    limits, times, work, first, boots, failures = case
    model = ReferenceModel(
        times, work, first, limits, boot=lambda j: boots[j % len(boots)], failures=failures, freeze=FREEZE
    )
    model.run(_END)
    requests, instances = _run(case)
    assert requests == [tuple(row) for row in model.results]
    assert [tuple(row) for row in instances] == model.instances


@settings(max_examples=100, deadline=None)
@given(_cases(), st.lists(st.integers(0, 50), min_size=1, max_size=4))
def test_a_twin_that_ran_ahead_leaves_no_trace(case: Any, ahead: list[int]) -> None:
    assert _run(case, ahead) == _run(case)


def _evaluated(case: Any) -> Outcome:
    limits, times, work, first, boots, _ = case
    columns = (np.array(column, np.int64) for column in (times, work))
    boot, firsts = (lambda j: boots[j % len(boots)]), np.array(first, np.int64)
    return evaluate(*columns, limits, boot=boot, until=_END, first=firsts, freeze=FREEZE)


@settings(max_examples=150, deadline=None)
@given(_cases())
def test_what_holds_whatever_the_numbers(case: Any) -> None:
    limits, *_ = case
    out = _evaluated(case)
    served, refused = out.outcome == SERVED, out.outcome == REFUSED
    assert not (out.outcome == DIED).any()
    assert (out.begin[served] >= out.arrive[served]).all()
    assert not out.cold[refused].any()
    if limits.full == "queue":
        assert not refused.any()
    # Nobody is anywhere but in an instance that is up, and no instance has more than it has room for.
    assert (out.begin[served] >= out.up[out.instance[served]]).all()
    assert (out.end[served] <= out.gone[out.instance[served]]).all()
    for t in range(_END):
        inside = out.instance[(out.begin <= t) & (t < out.end) & served]
        assert (np.bincount(inside, minlength=1) <= limits.concurrency).all()
        there = int(((out.started <= t) & (t < out.gone)).sum())
        assert limits.most is None or there <= limits.most
        busy = int(((out.busy[0] <= t) & (t < out.busy[1])).sum())
        assert busy == len(np.unique(inside))
    # Who has gone was used, and had been idle for exactly the keep-alive.
    for number in np.flatnonzero(out.gone <= _END):
        last = out.end[served & (out.instance == number)].max()
        assert out.gone[number] == last + limits.keep_ns


@settings(max_examples=60, deadline=None)
@given(_cases())
def test_means_are_sums_over_the_time(case: Any) -> None:
    out = _evaluated(case)
    span = range(_END)
    there = sum(int(((out.started <= t) & (t < out.gone)).sum()) for t in span)
    running = sum(int(((out.busy[0] <= t) & (t < out.busy[1])).sum()) for t in span)
    up = sum(int(((out.up <= t) & (t < out.gone)).sum()) for t in span)
    assert np.allclose(
        [out.mean_instances(), out.mean_running(), out.mean_idle()], [x / _END for x in (there, running, up - running)]
    )


@settings(max_examples=60, deadline=None)
@given(_cases(), st.integers(1, 70))
def test_intervals_add_up_to_the_whole(case: Any, interval: int) -> None:
    out = _evaluated(case)
    rows = np.array(list(out.rows(interval)), float).reshape(-1, 15)
    issued, begun, cold, completed, refused, died = rows[:, 1:7].sum(axis=0).tolist()
    assert issued == len(out.arrive)
    assert (begun, cold) == ((out.begin <= _END).sum(), (out.cold & (out.begin <= _END)).sum())
    assert completed == ((out.outcome == SERVED) & (out.end <= _END)).sum()
    assert (refused, died) == ((out.outcome == REFUSED).sum(), 0)
    whole = [out.mean_instances(), out.mean_running(), out.mean_idle()]
    assert np.allclose(rows[:, 12:].sum(axis=0) * 1e9, np.array(whole) * _END)
    assert (np.diff(rows[:, 0]) > 0).all()
