"""When open flows issue their requests: drawn by name and number, whatever the portions."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.streams import Rng
from simulator.traffic.flows import Arrivals, Every, Poisson, RequestFlow, Trace
from simulator.traffic.schedules import Schedule
from simulator.units import MS, SECOND

END = 4 * SECOND


def schedule(arrivals: Arrivals, identities: tuple[int, ...] = (1, 2, 3), start: int = 0) -> Schedule:
    flow = RequestFlow("f", (0,) * len(identities), (0,) * len(identities), "s", arrivals, 1, 1)
    return Schedule(Rng(1), flow, np.array(identities, np.uint64), start)


def rows(*portions: tuple[np.ndarray, ...]) -> list[tuple[int, int, int]]:
    """(source, k, time) of all portions."""
    return sorted(
        (s, k, t) for times, sources, ks in portions
        for t, s, k in zip(times.tolist(), sources.tolist(), ks.tolist(), strict=True)
    )  # fmt: skip


LAWS = [
    Poisson(40.0), Every(30 * MS), Trace(np.array([0, 5, 5, 700 * MS, 3 * SECOND], np.int64)),
]  # fmt: skip


@pytest.mark.parametrize("law", LAWS, ids=["poisson", "every", "trace"])
def test_portions_and_what_is_given_back_change_nothing(law: Arrivals) -> None:
    whole = rows(schedule(law).take(END))
    pieces = schedule(law)
    portions, until = [], 0
    for step in (1, 7 * MS, 100 * MS, 0, 2 * SECOND):
        until += step
        ahead = pieces.ahead(until, 20)  # the loop looks ahead, and the stream takes over
        pieces.give_back(*ahead)
        portions.append(pieces.take(until))
        assert all(t <= until for _, _, t in rows(portions[-1]))
    portions.append(pieces.take(END))
    assert rows(*portions) == whole
    assert len(set(whole)) == len(whole)


def test_looking_ahead_finds_something_or_nothing_is_left() -> None:
    pieces = schedule(Trace(np.array([0, 3 * SECOND], np.int64)), (1,))
    assert rows(pieces.ahead(0, 1)) == [(0, 0, 0)]
    assert rows(pieces.ahead(0, 1)) == [(0, 1, 3 * SECOND)]
    assert rows(pieces.ahead(3 * SECOND, 1)) == []


def test_a_source_is_drawn_by_itself() -> None:
    mine = [(k, t) for s, k, t in rows(schedule(Poisson(40.0), (7, 5)).take(END)) if s == 1]
    assert mine == [(k, t) for _, k, t in rows(schedule(Poisson(40.0), (5,)).take(END))]


def test_poisson_gaps_are_exponential_and_independent() -> None:
    times = np.array([t for _, _, t in rows(schedule(Poisson(1000.0), (1,)).take(60 * SECOND))])
    gaps = np.diff(times) / MS
    n = len(gaps)
    assert n == pytest.approx(60_000, abs=3 * np.sqrt(60_000))
    # Mean 1; share above 1 and above 3; no correlation with the next.
    for level in (1.0, 3.0):
        share = np.exp(-level)
        assert (gaps > level).mean() == pytest.approx(share, abs=3 * np.sqrt(share / n))
    assert np.corrcoef(gaps[1:], gaps[:-1])[0, 1] == pytest.approx(0, abs=3 / np.sqrt(n))


def test_phases_are_spread_over_the_period() -> None:
    every = schedule(Every(SECOND), tuple(range(2000)), start=5 * SECOND)
    first = np.array([t for _, _, t in rows(every.take(6 * SECOND - 1))])
    assert len(first) == 2000
    assert (first - 5 * SECOND).mean() / SECOND == pytest.approx(0.5, abs=3 / np.sqrt(12 * 2000))


def test_nonsense_is_refused() -> None:
    for law in (Poisson(0.0), Every(0), Trace(np.array([2, 1], np.int64))):
        with pytest.raises(ValueError, match=r"positive|decrease"):
            schedule(law)
