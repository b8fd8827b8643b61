"""The quantity grammar: exact round trips, Kubernetes' own parser as oracle, and every way to be wrong."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils import parse_quantity

from simulator.units import SECOND, UNITS, UnitError, duration, parse, seconds, write

WHOLE = ["duration", "size", "cpu", "count"]
FLOATS = sorted(set(UNITS) - set(WHOLE))
NUMBERS = st.decimals(min_value=0, max_value=10**6, places=3)


@pytest.mark.parametrize("dimension", WHOLE)
@given(value=st.integers(min_value=0, max_value=2**62))
def test_a_whole_quantity_is_read_back_exactly(dimension: str, value: int) -> None:
    assert parse(write(value, dimension), dimension) == value


@pytest.mark.parametrize("dimension", FLOATS)
@given(value=st.floats(min_value=1e-20, max_value=1e25))
def test_a_rate_or_power_is_read_back_exactly(dimension: str, value: float) -> None:
    assert parse(write(value, dimension), dimension) == value


@given(number=NUMBERS, suffix=st.sampled_from(["k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti", "Pi"]))
def test_sizes_agree_with_kubernetes(number: Decimal, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert parse(text, "size") == round(Fraction(parse_quantity(text)))


@given(number=NUMBERS, suffix=st.sampled_from(["", "m"]))
def test_cpu_agrees_with_kubernetes(number: Decimal, suffix: str) -> None:
    text = f"{number}{suffix}"
    assert parse(text, "cpu") == round(Fraction(parse_quantity(text)) * 1000)


@given(st.text(alphabet="0123456789.+-eEkKMGTPinumBbs ", max_size=8))
def test_what_kubernetes_refuses_as_a_size_is_refused_here(text: str) -> None:
    try:
        value = parse(text, "size")
    except UnitError:
        return
    bare = text.strip().removesuffix("B").replace(" ", "")  # our only additions: a B, and a space before the unit
    assert value == round(Fraction(parse_quantity(bare)))


@pytest.mark.parametrize(
    ("text", "dimension", "base"),
    [
        ("10ms", "duration", 10_000_000),
        ("1h30min", "duration", 5400 * SECOND),
        ("1.5 s", "duration", 1_500_000_000),
        ("2d", "duration", 172_800 * SECOND),
        ("64Mi", "size", 64 * 2**20),
        ("64MiB", "size", 64 * 2**20),
        ("45MB", "size", 45_000_000),
        ("500m", "cpu", 500),
        ("2", "cpu", 2000),
        (2, "cpu", 2000),
        (0.5, "cpu", 500),
        ("10Mbps", "bitrate", 1e7),
        ("1Gbit/s", "bitrate", 1e9),
        ("20MB/s", "byterate", 2e7),
        ("6/min", "frequency", 0.1),
        ("50%", "ratio", 0.5),
        ("1kWh", "energy", 3.6e6),
        ("12km", "length", 12_000.0),
        (0, "duration", 0),
    ],
)
def test_quantities_of_every_dimension(text: str | float, dimension: str, base: float) -> None:
    value = parse(text, dimension)
    assert value == base
    assert isinstance(value, int) == (dimension in WHOLE)


@pytest.mark.parametrize(
    ("text", "dimension", "hint"),
    [
        ("64Mb", "size", "write MB"),
        ("1KB", "size", "small k"),
        ("5m", "duration", "write min"),
        ("10MB/s", "bitrate", "write Mbps"),
        ("10ms", "size", "unit of duration"),
        ("10", "duration", "10ms"),
        (10, "duration", "10ms"),
        (True, "count", "3"),
        (None, "size", "64Mi"),
        ("1.5", "count", "3"),
        ("", "duration", "10ms"),
        ("ten", "duration", "10ms"),
        ("1e999s", "duration", "10ms"),
        ("9" * 5000 + "s", "duration", "10ms"),
        (10**400, "count", "3"),
        (float("nan"), "ratio", "0.5"),
        (float("inf"), "ratio", "0.5"),
        ("5 furlongs", "length", "12km"),
        ("10ms 5", "duration", "10ms"),
    ],
)
def test_a_wrong_quantity_says_what_would_be_right(text: object, dimension: str, hint: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse(text, dimension)  # type: ignore[arg-type]  # wrong types are among the cases
    assert hint in caught.value.hint


def test_the_same_suffix_means_what_its_dimension_says() -> None:
    assert parse("500m", "cpu") == 500
    assert parse("500m", "length") == 500.0
    assert parse("500M", "size") == 500_000_000


def test_python_callers_pass_seconds() -> None:
    assert duration(0.1) == 100_000_000
    assert duration("10min") == 600 * SECOND
    assert seconds(1_500_000_000) == 1.5


@given(st.integers(min_value=0, max_value=10**6))
def test_a_decimal_of_seconds_is_exact_in_nanoseconds(microseconds: int) -> None:
    assert duration(f"{Decimal(microseconds) / 10**6}s") == microseconds * 1000
