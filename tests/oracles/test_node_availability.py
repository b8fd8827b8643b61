"""Availability of nodes and sites against closed forms: E10 and E11 of the reference, and failures in common.

Figures are the reference's (`validation.md`, exact checks E), computed there from the formulas, and computed here again
from birth-death equations. Measured shares of time have the error of a finite run: each band is three standard errors,
from batch means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import comb, exp

import numpy as np
import pytest
from numpy.typing import NDArray

from networks import World
from simulator.faults import Failing, Power, apply_failures
from simulator.physics.distributions import Constant, Distribution, Exponential, LogNormal, Weibull
from simulator.streams import Rng
from simulator.units import SECOND

Floats = NDArray[np.float64]
MTBF, MTTR = 100.0, 5.0  # the reference's, in any unit of time: here seconds
A = MTBF / (MTBF + MTTR)
BATCHES = 40


class Fleet:
    """Nodes that fail, and how many of which are up at every instant."""

    def __init__(self, nodes: int, boot: float = 0.0, seed: int = 1) -> None:
        self.world = World(nodes, [], boot_ns=round(boot * SECOND))
        self.rng = Rng(seed)
        w = self.world
        self.powers = [Power(w.clock, w.network, w.nodes, w.recorder, i, agent=None) for i in range(nodes)]

    def fail(
        self,
        name: str,
        units: Sequence[Sequence[int]],
        up: Distribution | None = None,
        down: Distribution | None = None,
        repairers: int | None = None,
    ) -> None:
        how = Failing(name, up or seconds(MTBF), down or seconds(MTTR), repairers)
        named = [(f"{name}/{i}", [self.powers[node] for node in unit]) for i, unit in enumerate(units)]
        apply_failures(self.world.clock, self.rng, how, named, at=0)

    def run(self, until: float) -> None:
        self.until = until
        self.world.clock.run(round(until * SECOND))
        frame = self.world.recorder.nodes.frame()
        row = np.array([int(name[1:]) for name in frame["node"].to_list()])
        self._times, change = frame["time_s"].to_numpy(), np.where(frame["state"] == "up", 1, -1)
        steps = np.zeros((len(row), len(self.powers)), np.int64)
        steps[np.arange(len(row)), row] = change
        self._up = np.vstack([np.ones(len(self.powers), np.int64), 1 + np.cumsum(steps, axis=0)])

    def share(self, value: Callable[[NDArray[np.int64]], Floats]) -> tuple[float, float]:
        """The mean over time of `value(up)`, up of shape (instants, nodes), after a twentieth of the run; and three
        standard errors."""
        edges = np.linspace(self.until / 20, self.until, BATCHES + 1)
        at = np.concatenate([[0.0], self._times, [self.until]])
        area = np.concatenate([[0.0], np.cumsum(np.diff(at) * value(self._up))])
        means = np.diff(np.interp(edges, at, area)) / np.diff(edges)
        return float(means.mean()), 3 * float(means.std(ddof=1)) / BATCHES**0.5


def seconds(mean: float) -> Exponential:
    return Exponential(mean * SECOND)


def holds(found: tuple[float, float], expected: float, within: float) -> None:
    """The closed form lies in the band, and the band is narrow enough to tell it from another."""
    mean, band = found
    assert band < within
    assert mean == pytest.approx(expected, abs=band)


def repair_problem(machines: int, repairers: int) -> Floats:
    """P(k down), k = 0 … machines: the birth-death equations of the machine repair problem."""
    p = [1.0]
    for k in range(machines):
        p.append(p[-1] * (machines - k) / MTBF / (min(k + 1, repairers) / MTTR))
    return np.array(p) / sum(p)


def k_of_n(k: int, n: int, availability: float = A) -> float:
    return sum(comb(n, i) * availability**i * (1 - availability) ** (n - i) for i in range(k, n + 1))


def test_the_closed_forms_are_those_of_the_reference() -> None:
    down = [float(repair_problem(10, crew) @ np.arange(11)) for crew in (1, 10)]
    assert down == pytest.approx([0.759263, 0.476190], abs=5e-7)
    assert repair_problem(10, 1)[0] == pytest.approx(0.537963, abs=5e-7)
    assert [A, k_of_n(2, 3), k_of_n(3, 5)] == pytest.approx([0.952381, 0.993413, 0.998996], abs=5e-7)


@pytest.mark.parametrize("crew", [1, 10])
def test_e10_ten_machines_and_one_repairer_or_ten(crew: int) -> None:
    fleet = Fleet(10)
    fleet.fail("f", [[i] for i in range(10)], repairers=crew)
    fleet.run(60_000)
    expected = repair_problem(10, crew)
    holds(fleet.share(lambda up: (up == 0).sum(axis=1).astype(float)), float(expected @ np.arange(11)), 0.11)
    holds(fleet.share(lambda up: (up == 1).all(axis=1).astype(float)), float(expected[0]), 0.04)


@pytest.mark.parametrize(
    ("up", "down"),
    [
        (seconds(MTBF), seconds(MTTR)),
        (Weibull(0.6, 1.0), Constant(MTTR * SECOND)),
        (LogNormal(1.0, 0.8), Weibull(2.0, 1.0)),
    ],
    ids=["exponential", "weibull", "lognormal"],
)
def test_e11_one_unit_whatever_the_distributions(up: Distribution, down: Distribution) -> None:
    """The renewal theorem: availability is MTBF / (MTBF + MTTR), of any distributions with these means."""
    up, down = up.scaled(MTBF * SECOND / up.mean), down.scaled(MTTR * SECOND / down.mean)
    fleet = Fleet(8)
    fleet.fail("f", [[i] for i in range(8)], up, down)
    fleet.run(40_000)
    holds(fleet.share(lambda up: up.mean(axis=1)), A, 0.007)


def test_e11_two_of_three_and_three_of_five() -> None:
    fleet = Fleet(15)
    fleet.fail("f", [[i] for i in range(15)])
    fleet.run(40_000)
    threes = fleet.share(lambda up: (up.reshape(-1, 5, 3).sum(axis=2) >= 2).mean(axis=1))
    fives = fleet.share(lambda up: (up.reshape(-1, 3, 5).sum(axis=2) >= 3).mean(axis=1))
    holds(threes, k_of_n(2, 3), 0.004)
    holds(fives, k_of_n(3, 5), 0.0015)


def test_a_boot_is_part_of_the_time_down_and_may_be_cut_off() -> None:
    """Up from the boot's end to the next failure, which comes exponentially after the power's return:
    E[(U − b)⁺] / (E[U] + E[D]) = M exp(−b/M) / (M + R)."""
    boot = 40.0
    fleet = Fleet(10, boot)
    fleet.fail("f", [[i] for i in range(10)])
    fleet.run(40_000)
    holds(fleet.share(lambda up: up.mean(axis=1)), MTBF * exp(-boot / MTBF) / (MTBF + MTTR), 0.013)


def test_replicas_at_one_site_fail_together_and_at_two_they_do_not() -> None:
    """Two replicas: at sites of their own 1 − (1 − A)²; at one site, which fails as one, A; with failures of their own
    on top, A (1 − (1 − A)²), for causes that overlap count as one."""
    fleet = Fleet(24)
    apart, together, both = ([[8 * i + 2 * j, 8 * i + 2 * j + 1] for j in range(4)] for i in range(3))
    fleet.fail("apart", [[node] for pair in apart for node in pair])
    fleet.fail("together", together)
    fleet.fail("sites", both)
    fleet.fail("nodes", [[node] for pair in both for node in pair])
    fleet.run(60_000)

    def some(pairs: list[list[int]]) -> tuple[float, float]:
        return fleet.share(lambda up: up[:, pairs].any(axis=2).mean(axis=1))

    expected: Mapping[str, float] = {"apart": k_of_n(1, 2), "together": A, "both": A * k_of_n(1, 2)}
    for name, pairs, within in (("apart", apart, 0.003), ("together", together, 0.008), ("both", both, 0.008)):
        holds(some(pairs), expected[name], within)
    assert expected["apart"] - expected["together"] > 0.04  # what independence would promise in vain
