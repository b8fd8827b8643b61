"""Distributions against closed forms: moments of samples, quantiles, and what their parameters say."""

from __future__ import annotations

from math import exp, gamma, log, sqrt
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import ndtr

from simulator.errors import UserError
from simulator.facts.dist import parse_dist
from simulator.physics.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    LogNormal,
    Normal,
    Uniform,
    Weibull,
    from_spec,
)
from simulator.units import MS, SECOND, UnitError

N = 200_000
# Midpoints of equal shares of [0, 1): sampling at them integrates the quantile function without noise.
GRID = (np.arange(N) + 0.5) / N

ALL: dict[str, Distribution] = {
    "constant": Constant(5.0),
    "exponential": Exponential(5.0),
    "lognormal": LogNormal(5.0, 0.4),
    "normal": Normal(225.0, 12.0),
    "normal cut hard": Normal(1.0, 2.0),
    "uniform": Uniform(2.0, 6.0),
    "weibull": Weibull(1.8, 3.0),
    "empirical": Empirical(np.array([1.0, 2.0, 2.0, 7.0])),
}
CDF = {
    "exponential": lambda x: 1 - exp(-x / 5),
    "lognormal": lambda x: float(ndtr(log(x / 5) / 0.4)),
    "normal": lambda x: float((ndtr((x - 225) / 12) - ndtr(-225 / 12)) / (1 - ndtr(-225 / 12))),
    "normal cut hard": lambda x: float((ndtr((x - 1) / 2) - ndtr(-0.5)) / (1 - ndtr(-0.5))),
    "uniform": lambda x: (x - 2) / 4,
    "weibull": lambda x: 1 - exp(-((x / 3) ** 1.8)),
}


@pytest.mark.parametrize("name", ALL)
def test_samples_have_the_stated_mean_and_variance(name: str) -> None:
    dist = ALL[name]
    sample = dist.sample(GRID)
    assert sample.mean() == pytest.approx(dist.mean, rel=1e-3)
    assert sample.var() == pytest.approx(dist.variance, rel=5e-3, abs=1e-12)


def test_moments_equal_textbook_formulas() -> None:
    assert Weibull(0.6, 6.0).mean == pytest.approx(6 * gamma(1 + 1 / 0.6))
    assert LogNormal(5.0, 0.4).variance == pytest.approx((exp(0.16) - 1) * (5 * exp(0.08)) ** 2)
    density = lambda x: exp(-(((x - 1) / 2) ** 2) / 2)  # noqa: E731  the truncated normal, not normalised
    mass, first, second = (integrate.quad(lambda x, p=p: x**p * density(x), 0, 30)[0] for p in range(3))
    assert Normal(1.0, 2.0).mean == pytest.approx(first / mass)
    assert Normal(1.0, 2.0).variance == pytest.approx(second / mass - (first / mass) ** 2)


@pytest.mark.parametrize("name", CDF)
@given(u=st.floats(min_value=0.001, max_value=0.999))
def test_the_sample_of_u_is_its_quantile(name: str, u: float) -> None:
    assert CDF[name](float(ALL[name].sample(u))) == pytest.approx(u, abs=1e-9)


@pytest.mark.parametrize("name", ALL)
@given(st.lists(st.floats(min_value=0, max_value=1, exclude_max=True), min_size=1, max_size=40))
def test_a_column_and_single_draws_are_the_same_bytes(name: str, us: list[float]) -> None:
    column = ALL[name].ticks(np.array(us) if us else [])
    assert column.dtype == np.int64
    assert column.tolist() == [ALL[name].tick(u) for u in us]
    assert ALL[name].sample(np.array(us)).tolist() == [float(ALL[name].sample(u)) for u in us]


@pytest.mark.parametrize("name", ALL)
def test_no_draw_is_negative_or_infinite(name: str) -> None:
    extremes = ALL[name].sample(np.array([0.0, 2.0**-53, 1 - 2.0**-53]))
    assert np.isfinite(extremes).all()
    assert (extremes >= 0).all()


@pytest.mark.parametrize("name", ALL)
def test_scaling_scales_every_draw(name: str) -> None:
    np.testing.assert_allclose(ALL[name].scaled(2.5).sample(GRID[::997]), 2.5 * ALL[name].sample(GRID[::997]))


def test_an_empirical_draw_is_one_of_the_values_each_as_often_as_it_was_seen() -> None:
    values, counts = np.unique(ALL["empirical"].sample(GRID), return_counts=True)
    assert values.tolist() == [1.0, 2.0, 7.0]
    assert counts.tolist() == [N // 4, N // 2, N // 4]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("5ms", Constant(5.0 * MS)),
        ({"exponential": "5ms"}, Exponential(5.0 * MS)),
        ({"exponential": {"mean": "5ms"}}, Exponential(5.0 * MS)),
        ({"lognormal": {"median": "5ms", "sigma": 1.1}}, LogNormal(5.0 * MS, 1.1)),
        ({"normal": {"mean": "225ms", "sd": "12ms"}}, Normal(225.0 * MS, 12.0 * MS)),
        ({"uniform": {"low": "1s", "high": "2s"}}, Uniform(1.0 * SECOND, 2.0 * SECOND)),
        ({"weibull": {"shape": 0.6, "scale": "6h"}}, Weibull(0.6, 6 * 3600.0 * SECOND)),
    ],
)
def test_written_forms(written: object, expected: Distribution) -> None:
    assert from_spec(written) == expected  # type: ignore[arg-type]  # plain data


@pytest.mark.parametrize(("name", "share"), [("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)])
def test_a_lognormal_by_median_and_quantile_has_both(name: str, share: float) -> None:
    dist = from_spec({"lognormal": {"median": "5ms", name: "20ms"}})
    assert float(dist.sample(0.5)) == pytest.approx(5 * MS)
    assert float(dist.sample(share)) == pytest.approx(20 * MS)
    assert isinstance(dist, LogNormal)
    assert dist.sigma == pytest.approx(log(4) / NormalDist().inv_cdf(share))


def test_a_lognormal_by_mean_and_sd_has_both() -> None:
    dist = from_spec({"lognormal": {"mean": "10ms", "sd": "4ms"}})
    assert dist.mean == pytest.approx(10 * MS)
    assert sqrt(dist.variance) == pytest.approx(4 * MS)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"lognormal": {"median": "20ms", "p99": "5ms"}}, "below the median"),
        ({"lognormal": {"median": "0ms", "sigma": 1}}, "not above zero"),
        ({"lognormal": {"median": "5ms"}}, "lognormal takes"),
        ({"lognormal": {"median": "5ms", "p99": "9ms", "p90": "7ms"}}, "lognormal takes"),
        ({"lognormal": {"median": "5ms", "p30": "9ms"}}, "lognormal takes"),
        ({"normal": {"mean": "5ms", "sd": "-1ms"}}, "negative"),
        ({"uniform": {"low": "2s", "high": "1s"}}, "below low"),
        ({"weibull": {"shape": 0, "scale": "1s"}}, "not above zero"),
        ({"weibull": {"shape": "1s", "scale": "1s"}}, "without a unit|number"),
        ({"exponential": "-5ms"}, "negative"),
        ({"exponential": "5MB"}, "no duration"),
        ({"exponentail": "5ms"}, "no distribution"),
        ({"exponential": "5ms", "uniform": "1s"}, "one name"),
        ({}, "one name"),
        ({"empirical": []}, "list of values"),
        ({"empirical": "file.csv"}, "names no column"),
        (5, "no unit"),
        (float("inf"), "no unit"),
    ],
)
def test_an_impossible_distribution_is_refused(written: object, said: str) -> None:
    with pytest.raises(UnitError, match=said):
        parse_dist(written, "duration")


def test_near_names_are_offered() -> None:
    with pytest.raises(UnitError) as caught:
        parse_dist({"exponentail": "5ms"}, "duration")
    assert caught.value.hint == "did you mean exponential?"
    with pytest.raises(UnitError) as caught:
        parse_dist({"weibull": {"shap": 1, "scale": "5ms"}}, "duration")
    assert caught.value.hint == "did you mean shape?"


def test_an_empirical_column_is_read_with_its_units(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,took\na,10ms\nb,2ms\n")
    dist = from_spec({"empirical": "t.csv#took"}, folder=tmp_path)
    assert dist.sample(np.array([0.0, 0.9])).tolist() == [2.0 * MS, 10.0 * MS]


@pytest.mark.parametrize(
    ("text", "line"),
    [("took\n10ms\n5MB\n", 3), ("took\n-5ms\n", 2), ("took\n", 1), ("other\n1ms\n", 1), ("took,x\n10ms,1\n\n,2\n", 4)],
)
def test_a_broken_column_names_its_line(tmp_path: Path, text: str, line: int) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError) as caught:
        from_spec({"empirical": "t.csv#took"}, folder=tmp_path)
    assert [problem.line for problem in caught.value.problems] == [line]
    assert caught.value.problems[0].file == str(tmp_path / "t.csv")


def test_a_missing_file_is_the_user_s_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        from_spec({"empirical": "none.csv#took"}, folder=tmp_path)


def test_a_column_that_is_there_twice_is_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("took,took\n1s,2s\n", "utf-8")
    with pytest.raises(UserError, match="two columns are named took"):
        from_spec({"empirical": "t.csv#took"}, folder=tmp_path)
