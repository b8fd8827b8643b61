"""Clocks, set wrong and right again at random: what they say, and when a certificate is taken for valid."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.engine.clock import Clock
from simulator.units import DAY, SECOND
from simulator.world.clocks import Clocks, Validity

VALID = Validity(-20 * SECOND, 60 * SECOND)
puts = st.lists(
    st.tuples(st.integers(1, 99), st.integers(-90, 90), st.sampled_from([0.0, 0.5, -0.5, 1e-4])), max_size=4
)


def said(settings: list[tuple[int, int, float]], time: int) -> Fraction:
    """What the clock says at a time (ns), by the last setting before it; exact."""
    now = Fraction(time)
    for at, ahead, drift in sorted(settings, key=lambda each: each[0]):
        if at * SECOND <= time:
            now = time + ahead * SECOND + Fraction(drift) * (time - at * SECOND)
    return now


@given(puts, st.lists(st.integers(0, 110 * SECOND), min_size=1, max_size=30))
def test_a_clock_says_what_was_set_and_who_asks_is_told_when_that_matters(
    settings: list[tuple[int, int, float]], times: list[int]
) -> None:
    settings = list({at: (at, ahead, drift) for at, ahead, drift in settings}.values())
    clock = Clock()
    clocks = Clocks(clock)
    clocks.validity["cluster"] = VALID
    believed = [True]
    clocks.after_change.append(lambda _node: believed.append(clocks.trusts(0, "cluster")))
    for at, ahead, drift in settings:
        clock.at(at * SECOND, clocks.put, 0, ahead * SECOND, drift)
    for time in sorted(times):
        clock.run(time)
        true = said(settings, time)
        assert abs(time + clocks.error(0) - true) <= Fraction(1, 2)
        latest = [(ahead, drift) for at, ahead, drift in sorted(settings) if at * SECOND <= time]
        right = not latest or latest[-1] == (0, 0)
        inside = right or VALID.begins <= true < VALID.ends
        edges = min(abs(true - VALID.begins), abs(true - VALID.ends))
        assert clocks.trusts(0, "cluster") == inside or edges <= 1
        assert believed[-1] == inside or edges <= 3  # a drift is rounded
        assert clocks.trusts(0, "registry")  # nobody looks at it
        assert clocks.trusts(1, "cluster")
    errors = clocks.errors(0, np.array(times, np.int64))
    assert all(
        abs(time + error - said(settings, time)) <= 1 for time, error in zip(times, errors.tolist(), strict=True)
    )
    assert clocks.ever_wrong == any(at * SECOND <= max(times) for at, _, _ in settings)


@given(
    st.integers(100 * DAY, 3000 * DAY),
    st.integers(-4000 * DAY, 3000 * DAY),
    st.sampled_from([1e-7, 5e-5, -5e-5, 0.3, -0.5, 3.3]),
)
def test_who_is_told_of_a_certificate_after_years_of_drift_is_not_told_too_early(
    ends: int, ahead: int, drift: float
) -> None:
    """Nobody tells them again."""
    clock = Clock()
    clocks, believed = Clocks(clock), list[bool]()
    clocks.validity["cluster"] = Validity(-30 * DAY, ends)
    clocks.after_change.append(lambda _node: believed.append(clocks.trusts(0, "cluster")))
    clocks.put(0, ahead, drift)
    clock.run(1 << 62)
    assert not believed[-1]
