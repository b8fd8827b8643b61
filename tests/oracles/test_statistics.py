"""The statistics of a study against printed tables, published intervals, and brute force."""

from __future__ import annotations

from math import inf, isnan, nan

import numpy as np
import pytest

from simulator.study.statistics import batch_means, mser5, paired_interval, t_interval, t_quantile


@pytest.mark.parametrize(
    ("degrees", "value"),
    # Student's t, two-sided 95 %: Abramowitz and Stegun, Handbook of Mathematical Functions, table 26.10.
    [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (29, 2.045), (120, 1.980)],
)
def test_quantiles_of_students_t_are_those_of_the_printed_table(degrees: int, value: float) -> None:
    assert t_quantile(0.975, degrees) == pytest.approx(value, abs=5e-4)


def test_students_own_sleep_data() -> None:
    """Student, "The probable error of a mean", Biometrika 1908: extra sleep under two drugs, ten patients.

    R's t.test(extra ~ group, paired = TRUE) prints -2.4598858 -0.7001142, mean -1.58.
    """
    first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
    second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
    found = paired_interval(first, second)
    assert found == (pytest.approx(-1.58), pytest.approx(-2.4598858, abs=1e-6), pytest.approx(-0.7001142, abs=1e-6), 10)
    assert found.significant
    # Unpaired, the same data say nothing: patients differ more than drugs do.
    assert t_interval(first).high > t_interval(second).low


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    samples = np.random.default_rng(7).normal(3.0, 2.0, (4000, 5))
    covered = np.mean([low <= 3.0 <= high for _, low, high, _ in map(t_interval, samples)])
    assert covered == pytest.approx(0.95, abs=4 * (0.95 * 0.05 / 4000) ** 0.5)


def test_undefined_values_are_left_out_and_few_values_give_no_interval() -> None:
    assert t_interval([1.0, nan, 3.0]).n == 2
    assert t_interval([1.0, nan, 3.0]).mean == 2.0
    none, one, endless = t_interval([nan]), t_interval([4.0]), t_interval([1.0, inf])
    assert (none.n, one.n, one.mean, endless.mean) == (0, 1, 4.0, inf)
    assert all(map(isnan, (none.mean, none.low, one.low, one.high, endless.low)))
    assert not one.significant
    assert t_interval([0.1] * 10) == (0.1, 0.1, 0.1, 10)


def test_common_random_numbers_take_out_what_both_share() -> None:
    """Closed form: with X = S + A, Y = S + B the difference's variance is Var A + Var B, whatever S does."""
    rng = np.random.default_rng(3)
    shared, a, b = rng.normal(0, 50, 400), rng.normal(1, 1, 400), rng.normal(0, 1, 400)
    found = paired_interval(list(shared + a), list(shared + b))
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.966 * 2**0.5 / 400**0.5, rel=0.15)
    assert found.mean == pytest.approx(1.0, abs=3 * 2**0.5 / 400**0.5)
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        paired_interval([1.0, 2.0], [1.0])


def test_batch_means_of_a_correlated_series() -> None:
    """AR(1), x' = φ x + e: the mean's variance tends to σ² / (n (1 - φ)²); naive intervals are far too short."""
    phi, n = 0.9, 20_000
    noise = np.random.default_rng(11).normal(0.0, 1.0, (60, n))
    series = np.zeros_like(noise)
    for i in range(1, n):
        series[:, i] = phi * series[:, i - 1] + noise[:, i]
    halves = [(high - low) / 2 for _, low, high, _ in (batch_means(row) for row in series)]
    expected = t_quantile(0.975, 19) / ((1 - phi) * n**0.5)
    assert np.sqrt(np.mean(np.square(halves))) == pytest.approx(expected, rel=0.1)
    assert (t_interval(series[0]).high - t_interval(series[0]).low) / 2 < expected / 3


def test_batch_means_leave_the_remainder_out_at_the_front() -> None:
    assert batch_means([99.0, 1.0, 3.0, 5.0, 7.0], batches=2) == t_interval([2.0, 6.0])
    with pytest.raises(ValueError, match="do not fill"):
        batch_means([1.0, 2.0], batches=3)


def _mser5_by_the_book(x: np.ndarray) -> int:
    z = [float(np.mean(x[5 * i : 5 * i + 5])) for i in range(len(x) // 5)]
    k = len(z)
    score = [sum((v - sum(z[d:]) / (k - d)) ** 2 for v in z[d:]) / (k - d) ** 2 for d in range(k - 5)]
    return 5 * score.index(min(score))


def test_mser5_is_the_books_definition() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        length, decay = int(rng.integers(50, 400)), rng.uniform(1, 40)
        x = rng.normal(0, 1, length) + rng.uniform(0, 20) * np.exp(-np.arange(length) / decay)
        book = _mser5_by_the_book(x)
        assert mser5(x) == (book if book // 5 <= length // 5 // 2 else None)


def test_mser5_cuts_a_step_where_it_ends() -> None:
    x = np.concatenate([np.full(40, 10.0), np.tile([1.0, 2.0, 3.0, 4.0, 5.0], 40)])
    assert mser5(x) == 40
    assert mser5(np.ones(100)) == 0
    assert mser5(np.arange(100.0)) is None  # a trend never settles
    assert mser5(np.ones(49)) is None  # too short to tell
