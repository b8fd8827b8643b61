"""Geography and transmission against known distances and exact arithmetic."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.physics.geography import EARTH_RADIUS_KM, fibre_delay_ns, great_circle_km
from simulator.physics.transmission import serialisation_column_ns, serialisation_ns

LATITUDES, LONGITUDES = st.floats(-90, 90), st.floats(-180, 180)


def test_a_degree_of_the_equator_and_a_quarter_of_a_meridian() -> None:
    assert great_circle_km(0, 0, 0, 1) == pytest.approx(2 * pi * EARTH_RADIUS_KM / 360)
    assert great_circle_km(90, 123, 0, -7) == pytest.approx(pi * EARTH_RADIUS_KM / 2)
    assert great_circle_km(0, 0, 0, 180) == pytest.approx(pi * EARTH_RADIUS_KM)


def test_a_published_distance() -> None:
    # Geodesic London (51.5074 N, 0.1278 W) to New York (40.7128 N, 74.0060 W) on WGS84: 5585 km; a sphere is 0.5 % off.
    assert great_circle_km(51.5074, -0.1278, 40.7128, -74.0060) == pytest.approx(5585, rel=0.005)


@given(LATITUDES, LONGITUDES, LATITUDES, LONGITUDES)
def test_distance_is_a_metric_of_the_sphere(a: float, b: float, c: float, d: float) -> None:
    there = great_circle_km(a, b, c, d)
    assert 0 <= there <= pi * EARTH_RADIUS_KM + 1e-6
    assert there == pytest.approx(great_circle_km(c, d, a, b), abs=1e-6)
    over_the_pole = great_circle_km(a, b, 90, 0) + great_circle_km(90, 0, c, d)
    assert there <= over_the_pole + 1e-6


def test_a_thousand_kilometres_of_fibre_take_4_9_milliseconds() -> None:
    assert fibre_delay_ns(1000, 4900.0) == 4_900_000


def test_a_kilobyte_on_a_hundred_megabits() -> None:
    assert serialisation_ns(1000, 1e8) == 80_000
    assert serialisation_ns(0, 1e8) == 0
    assert serialisation_ns(1000, float("inf")) == 0


@given(size=st.integers(0, 10**9), rate=st.integers(1, 10**11))
def test_the_last_bit_is_never_early_nor_a_nanosecond_late(size: int, rate: int) -> None:
    exact = Fraction(size * 8 * 10**9, rate)
    took = serialisation_ns(size, float(rate))
    assert exact * (1 - Fraction(1, 2**50)) <= took <= ceil(exact * (1 + Fraction(1, 2**50)))


@given(st.lists(st.integers(0, 2**50), min_size=1, max_size=20), st.floats(1e7, 1e12))
def test_a_column_takes_the_same_times(sizes: list[int], rate: float) -> None:
    column = serialisation_column_ns(np.array(sizes), rate)
    assert column.tolist() == [serialisation_ns(size, rate) for size in sizes]


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_no_rate_is_no_link(rate: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        serialisation_ns(1, rate)
    with pytest.raises(ValueError, match="above zero"):
        serialisation_column_ns([1], rate)
