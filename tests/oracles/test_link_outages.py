"""Links that fail and are repaired against closed forms: renewal theory, a two-state Markov chain, k of n; and the fits
of the catalogue against the data that they were made from."""

from __future__ import annotations

from itertools import pairwise
from math import comb, exp, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy import stats

from networks import World, link
from simulator.facts import Catalogue
from simulator.faults import LinkCut, apply_outages, drawn
from simulator.physics.distributions import Distribution, from_spec
from simulator.record.glossary import MetricContext, summarise
from simulator.streams import Rng
from simulator.units import SECOND

Floats = NDArray[np.float64]
SIGMA = 4  # standard deviations that a mean may be off: of a hundred such tests, one in 160 fails by chance
TIMES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "exponential": ({"exponential": "100s"}, {"exponential": "5s"}),
    "Weibull and log-normal": (
        {"weibull": {"shape": 0.6, "scale": "60s"}},
        {"lognormal": {"median": "3s", "sigma": 1.1}},
    ),
    "constant and uniform": ({"constant": "50s"}, {"uniform": {"low": "1s", "high": "9s"}}),
}


def share_down(up: Distribution, down: Distribution, duration_s: float, seed: int = 1, units: int = 40) -> Floats:
    """The share of time that each of these links was down, from the table of links."""
    world = World(units + 1, [link(i, units) for i in range(units)], seed)
    rng = Rng(seed)
    for i, row in enumerate(world.network.links):
        cut = LinkCut(world.clock, world.network, world.recorder, [i], "silent")
        apply_outages(world.clock, cut, drawn(rng, "test", row.name, up, down), at=0)
    world.clock.run(round(duration_s * SECOND))
    rows = world.recorder.links.frame()
    found = []
    for row in world.network.links:
        times = [*rows.filter(pl.col("link") == row.name)["time_s"].to_list(), duration_s]
        found.append(sum(b - a for a, b in list(pairwise(times))[::2]))
    return np.array(found) / duration_s


@pytest.mark.parametrize("name", TIMES)
def test_a_link_is_up_for_its_share_of_the_means_whatever_the_distributions_are(name: str) -> None:
    """Renewal reward: A = u / (u + d); its variance over a time T is (d² var up + u² var down) / ((u + d)³ T)."""
    up, down = (from_spec(written) for written in TIMES[name])
    u, d = up.mean / SECOND, down.mean / SECOND
    duration = 3000.0
    got = share_down(up, down, duration)
    variance = (d**2 * up.variance + u**2 * down.variance) / SECOND**2 / (u + d) ** 3 / duration / len(got)
    # It begins up, whereas in the long run it is in the middle of something: less than one cycle of T.
    assert got.mean() == pytest.approx(d / (u + d), abs=SIGMA * sqrt(variance) + d / duration)
    other = share_down(up, down.scaled(1.25), duration)
    assert other.mean() > got.mean()  # the fact that governs it


@pytest.mark.parametrize(("n", "value"), [(1, 0.952381), (3, 0.993413), (5, 0.998996)])
def test_the_majority_of_n_links_is_up_as_often_as_the_binomial_says(n: int, value: float) -> None:
    """E11: k of n independent links, each up for A = 100 / 105."""
    a, k, duration = 100 / 105, n // 2 + 1, 100_000.0
    exact = sum(comb(n, i) * a**i * (1 - a) ** (n - i) for i in range(k, n + 1))
    assert exact == pytest.approx(value, abs=1e-6)
    world = World(n + 1, [link(i, n) for i in range(n)])
    up, down = (from_spec(written) for written in TIMES["exponential"])
    for i, row in enumerate(world.network.links):
        cut = LinkCut(world.clock, world.network, world.recorder, [i], "silent")
        apply_outages(world.clock, cut, drawn(Rng(1), "test", row.name, up, down), at=0)
    world.clock.run(round(duration * SECOND))
    context = MetricContext(duration_s=duration, warm_up_s=1000.0, links=n)
    got = summarise(world.recorder.frames(), context, ["majority_links_up_ratio"])["majority_links_up_ratio"]
    # Long failures of the majority take 1 / (k-th death rate) on average: bound the variance by independent cycles.
    spread = sqrt(2 * exact * (1 - exact) * 4.762 / duration)
    assert got == pytest.approx(exact, abs=SIGMA * spread)


def test_a_lossy_outage_is_gilbert_and_elliott_s_channel() -> None:
    """Packets sent every δ: P(bad again after δ | bad) = π + (1 - π) e^(-(λ + μ) δ), and the mean loss is π · loss."""
    good, bad, loss, step, number = 20.0, 4.0, 0.5, 1.0, 30_000
    world = World(2, [link(0, 1)])
    cut = LinkCut(world.clock, world.network, world.recorder, [0], "lossy", loss=loss)
    up, down = from_spec({"exponential": f"{good}s"}), from_spec({"exponential": f"{bad}s"})
    apply_outages(world.clock, cut, drawn(Rng(1), "test", "0-1", up, down), at=0)
    seen = np.zeros(number)
    for i in range(number):
        world.clock.run(round(i * step * SECOND))
        seen[i] = world.network.loss(0)
    pi, mix = bad / (good + bad), exp(-(1 / good + 1 / bad) * step)
    # Samples are worth (1 - mix) / (1 + mix) independent ones.
    worth = number * (1 - mix) / (1 + mix)
    assert seen.mean() == pytest.approx(pi * loss, abs=SIGMA * loss * sqrt(pi * (1 - pi) / worth))
    is_bad = seen > 0
    again = is_bad[1:][is_bad[:-1]].mean()
    expected = pi + (1 - pi) * mix
    assert again == pytest.approx(expected, abs=SIGMA * sqrt(expected * (1 - expected) / is_bad.sum()))


def test_the_fit_of_a_cloud_s_incidents_is_the_most_likely_one(shared_data: Path) -> None:
    """`cloud-region`'s alternatives are the maximum likelihood fits to the incidents of GitHub's status page."""
    rows = pl.read_csv(shared_data / "cloud-uptime-archive" / "github-status_global-status_operator_reported.csv")
    start, end = (rows[name].to_numpy() for name in ("start_time", "end_time"))
    down, up = end - start, start[1:] - end[:-1]
    described = {(row["path"], *row["value"]): row["value"] for row in fitted("cloud-region")}
    for path, unit, times in (("outage.down", 60.0, down), ("outage.up", 3600.0, up)):
        logs = np.log(times)
        fit = described[path, "lognormal"]["lognormal"]
        assert fit["median"] * unit == pytest.approx(np.exp(logs.mean()), rel=1e-3)
        assert fit["sigma"] == pytest.approx(logs.std(), rel=1e-3)
        likely = stats.lognorm.logpdf(times, fit["sigma"], 0, fit["median"] * unit).sum()
        assert likely > stats.expon.logpdf(times, 0, times.mean()).sum() + 2
    shape, _, scale = stats.weibull_min.fit(up, floc=0)
    weibull = described["outage.up", "weibull"]["weibull"]
    assert (weibull["shape"], weibull["scale"] * 3600) == (
        pytest.approx(shape, rel=2e-3),
        pytest.approx(scale, rel=2e-3),
    )


def fitted(name: str) -> list[dict[str, Any]]:
    """The distributions of a link's page as they are written, all alternatives."""
    tree = Catalogue().model("links", name).tree
    return [
        {"path": path, "value": dict(fact.value.written)}
        for path, facts in tree.facts.items()
        if path.startswith("outage.")
        for fact in facts
    ]


@pytest.mark.parametrize(
    ("name", "up_s", "down_s"),
    [("starlink", 1000, 3.07), ("starlink-moving", 287, 2.06), ("lte", 432_000, 600), ("wifi-4", 604_800, 60)],
)
def test_the_pages_have_the_means_of_the_reference(name: str, up_s: float, down_s: float) -> None:
    model = Catalogue().model("links", name)
    up, down = (from_spec(model.distribution(f"outage.{which}")) for which in ("up", "down"))
    assert (up.mean / SECOND, down.mean / SECOND) == (pytest.approx(up_s), pytest.approx(down_s))


@pytest.mark.parametrize("factor", range(7, 13))
def test_lorawan_takes_the_airtime_of_its_formula(factor: int) -> None:
    """Semtech's formula for 20 B and 51 B (and 13 B of LoRaWAN) at 125 kHz with coding rate 4/5."""
    model = Catalogue().model("links", "lorawan" if factor == 7 else f"lorawan-sf{factor}")
    symbol = 2**factor / 125e3
    slow = 1 if factor >= 11 else 0
    for size in (20, 51):
        bits = 8 * (size + 13) - 4 * factor + 28 + 16
        airtime = (12.25 + 8 + max(0, -(-bits // (4 * (factor - 2 * slow))) * 5)) * symbol
        got = float(model.quantity("latency")) / SECOND + size * 8 / float(model.quantity("up"))
        assert got == pytest.approx(airtime, rel=0.03)
    assert model.quantity("duty_cycle") == 0.01
