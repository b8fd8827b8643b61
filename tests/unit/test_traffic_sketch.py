"""The latency sketch: one per cent, whatever is merged in whatever order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.record.sketch import RELATIVE_ERROR, Sketch, buckets, middle

QUICK = settings(max_examples=50, deadline=None)
values = st.lists(st.integers(0, 10**15), min_size=1, max_size=60)


def sketch(*parts: list[int]) -> Sketch:
    made = Sketch()
    for part in parts:
        made.add(np.array(part, np.int64))
    return made


@QUICK
@given(st.integers(1, 1 << 60))
def test_a_bucket_stands_for_its_values_within_one_per_cent(value: int) -> None:
    stands = middle(int(buckets(np.array([value], np.int64))[0]))
    assert abs(stands - value) <= RELATIVE_ERROR * value * (1 + 1e-9)
    assert RELATIVE_ERROR < 0.01


def test_buckets_rise_and_leave_no_gap() -> None:
    found = buckets(np.arange(1 << 14))
    assert found[0] == 0
    assert (np.diff(found) >= 0).all()
    octave = found[(1 << 13) :]
    assert np.unique(octave).size == 64
    assert octave[0] == found[(1 << 13) - 1] + 1


@QUICK
@given(values, st.floats(0, 1))
def test_quantiles_are_those_of_the_sorted_values_within_one_per_cent(given_values: list[int], q: float) -> None:
    exact = sorted(given_values)[int(q * (len(given_values) - 1))]
    assert sketch(given_values).quantile(q) == pytest.approx(exact, rel=RELATIVE_ERROR * 1.001)


@QUICK
@given(values, values)
def test_merging_is_adding(first: list[int], second: list[int]) -> None:
    merged, other = sketch(first), sketch(second)
    merged.merge(other)
    together = sketch(second, first)
    assert (merged.number, merged.total, merged.largest) == (
        together.number,
        sum(first) + sum(second),
        max(first + second),
    )
    assert merged.mean == (sum(first) + sum(second)) / (len(first) + len(second))
    assert [merged.quantile(q / 10) for q in range(11)] == [together.quantile(q / 10) for q in range(11)]


def test_sums_beyond_an_int64_are_exact() -> None:
    assert sketch([1 << 61] * 9).total == 9 << 61


def test_an_empty_sketch_knows_nothing() -> None:
    assert np.isnan(sketch([]).quantile(0.5))
    assert np.isnan(sketch([]).mean)
