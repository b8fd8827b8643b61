"""Named draws: uniform, independent of each other and of everything but their names, equal in both forms."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import chdtrc, kolmogorov

from simulator.streams import Rng, key

N = 100_000
IDS = st.integers(min_value=0, max_value=2**64 - 1)


def chi_square_p(counts: NDArray[np.int64], expected: float) -> float:
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return float(chdtrc(counts.size - 1, statistic))


NAMED = np.array([key(f"node-{i}") for i in range(1000)], np.uint64)
WAYS: dict[str, Callable[[], NDArray[np.float64]]] = {
    "many ids": lambda: Rng(1).draws("x", np.arange(N)),
    "one id, many draws": lambda: Rng(1).draws("x", 7, np.arange(N)),
    "named ids times draws": lambda: Rng(1).draws("x", NAMED[:, None], np.arange(N // 1000)).ravel(),
    "many names": lambda: np.array([Rng(1).draw(f"name-{i}") for i in range(N // 10)]),
    "many seeds": lambda: np.array([Rng(seed).draw("x") for seed in range(N // 10)]),
    "many replications": lambda: np.array([Rng(1, r).draw("x") for r in range(N // 10)]),
    "ids far apart": lambda: Rng(1).draws("x", np.arange(N, dtype=np.uint64) * np.uint64(2**44)),
}


@pytest.mark.parametrize("way", WAYS)
def test_draws_are_uniform(way: str) -> None:
    u = WAYS[way]()
    assert u.min() >= 0
    assert u.max() < 1
    assert chi_square_p(np.bincount((u * 256).astype(int), minlength=256), u.size / 256) > 1e-4
    grid = np.arange(1, u.size + 1) / u.size
    distance = float(np.abs(np.sort(u) - grid).max()) * u.size**0.5
    assert kolmogorov(distance) > 1e-4


def test_the_low_bits_are_uniform_too() -> None:
    bits = (Rng(3).draws("x", np.arange(N)) * 2**53).astype(np.uint64)
    for bit in range(0, 53, 4):
        ones = int(((bits >> np.uint64(bit)) & np.uint64(1)).sum())
        assert abs(ones - N / 2) < 5 * (N / 4) ** 0.5, bit


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (lambda r: r.draws("pull", np.arange(N)), lambda r: r.draws("crash", np.arange(N))),
        (lambda r: r.draws("pull", np.arange(N)), lambda r: r.draws("pull", np.arange(1, N + 1))),
        (lambda r: r.draws("pull", np.arange(N), 0), lambda r: r.draws("pull", np.arange(N), 1)),
        (lambda r: r.draws("pull", np.arange(N), 0), lambda r: r.draws("pull", 0, np.arange(N))),
        (lambda r: r.draws("pull", np.arange(N)), lambda _: Rng(1, 1).draws("pull", np.arange(N))),
        (lambda r: r.draws("pull", np.arange(N)), lambda _: Rng(2).draws("pull", np.arange(N))),
    ],
    ids=["names", "neighbouring ids", "neighbouring k", "ids against k", "replications", "seeds"],
)
def test_draws_are_independent(a, b) -> None:  # type: ignore[no-untyped-def]  # two lambdas
    u, v = a(Rng(1)), b(Rng(1))
    u, v = (u[1:], v[1:]) if u[0] == v[0] else (u, v)  # ids against k share their very first draw
    assert abs(np.corrcoef(u, v)[0, 1]) < 5 / N**0.5
    pairs = (u * 16).astype(int) * 16 + (v * 16).astype(int)
    assert chi_square_p(np.bincount(pairs, minlength=256), u.size / 256) > 1e-4


@given(seed=st.integers(0, 2**40), name=st.text(max_size=8), identity=IDS, k=st.integers(0, 2**40))
def test_one_draw_is_exactly_the_column_s(seed: int, name: str, identity: int, k: int) -> None:
    rng = Rng(seed, 3)
    assert rng.draw(name, identity, k) == float(rng.draws(name, np.uint64(identity), np.uint64(k)))


def test_columns_broadcast() -> None:
    rng = Rng(5)
    table = rng.draws("x", np.arange(3)[:, None], np.arange(4))
    assert table.shape == (3, 4)
    assert table[2, 1] == rng.draw("x", 2, 1)


def test_adding_an_entity_shifts_nobody() -> None:
    few, many = ([key(f"node-{i}") for i in ids] for ids in (range(5), [9, 0, 1, 2, 7, 3, 4]))
    before, after = (
        dict(zip(ids, Rng(1).draws("phase", np.array(ids, np.uint64)), strict=True)) for ids in (few, many)
    )
    assert before == {identity: after[identity] for identity in few}


def test_the_order_of_calls_decides_nothing() -> None:
    one, two = Rng(1), Rng(1)
    first = one.draw("a", 1)
    one.draws("b", np.arange(10))
    stream = one.stream("c").random(3)
    np.testing.assert_array_equal(two.stream("c").random(3), stream)
    two.draw("b", 4)
    assert two.draw("a", 1) == first


def test_streams_of_two_names_differ_and_a_path_is_not_its_joined_name() -> None:
    draws = [Rng(1).stream(*names).random() for names in (("a", "b"), ("a", "c"), ("ab",), ("a/b",), ("a", 1))]
    assert len(set(draws)) == len(draws)


# Golden values: a change here changes every published result, and belongs in the changelog.
def test_golden_values() -> None:
    rng = Rng(1, 2)
    assert key("node-0") == 12489624940074681500
    assert rng.draw("arrivals", key("till-0"), 0) == 0.7027133679725633
    assert rng.draws("arrivals", [0, 1], [0, 5]).tolist() == [0.9647326462750879, 0.8693131298890562]
    assert rng.stream("sizes", "api").random() == 0.8827295174536007


def test_another_process_draws_the_same() -> None:
    code = "from simulator.streams import Rng, key; print(repr(Rng(1, 2).draw('arrivals', key('till-0'))))"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert float(run.stdout) == Rng(1, 2).draw("arrivals", key("till-0"))
