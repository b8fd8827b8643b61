"""The request plane and its kernels against queueing theory: cases E1–E9, E12 and E13 of the reference's validation.

Every tolerance is three standard errors, from batch means or from replications; the closed form itself is held
against the value that the reference states. Service takes 1 in the mean, unless said otherwise: 1 ms.
"""

from __future__ import annotations

from collections.abc import Sequence

import ciw
import numpy as np
import pytest
from numpy.typing import NDArray

from networks import link
from planes import PlaneWorld
from simulator.control.api.client import TokenBucket
from simulator.physics import queues
from simulator.physics.distributions import Constant, Distribution, Exponential, LogNormal
from simulator.streams import Rng
from simulator.traffic.flows import Call, Closed, Poisson
from simulator.traffic.kernels.fifo import fifo
from simulator.traffic.kernels.finite import finite
from simulator.traffic.kernels.priority import priority
from simulator.traffic.kernels.sharing import processor_sharing
from simulator.traffic.kernels.workers import workers
from simulator.units import MS, SECOND

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ONE = float(MS)  # the mean service
EXPONENTIAL, FIXED = Exponential(ONE), Constant(ONE)
SCV4 = LogNormal(ONE / np.sqrt(5), float(np.sqrt(np.log(5))))  # mean 1, squared coefficient of variation 4


def agrees(samples: Sequence[float] | Floats, expected: float, error: float = 0.0) -> None:
    """The mean of independent samples is `expected`, within three standard errors and a stated error."""
    values = np.asarray(samples, np.float64)
    tolerance = 3 * values.std(ddof=1) / np.sqrt(len(values)) + error
    assert abs(values.mean() - expected) < tolerance, (values.mean(), expected, tolerance)
    assert tolerance < 0.2 * abs(expected), "the run is too short to say anything"


def batches(values: Floats | Ints, number: int = 30) -> Floats:
    """Means of batches, the first left out: it began with an empty queue."""
    size = len(values) // (number + 1)
    return values[size : size * (number + 1)].reshape(number, size).mean(axis=1)


def poisson(rate: float, n: int, law: Distribution, seed: int = 1) -> tuple[Ints, Ints]:
    """Arrivals at `rate` per mean service, and their services."""
    u = Rng(seed).draws("arrival", 0, np.arange(n)), Rng(seed).draws("work", 0, np.arange(n))
    return np.cumsum(Exponential(ONE / rate).ticks(u[0])), law.ticks(u[1])


@pytest.mark.parametrize(
    ("rho", "sojourn", "waiting", "p95"), [(0.5, 2, 0.5, 5.991), (0.8, 5, 3.2, 14.979), (0.9, 10, 8.1, 29.957)]
)
def test_e1_m_m_1(rho: float, sojourn: float, waiting: float, p95: float) -> None:
    """Through the whole plane: Poisson sources, a station, latencies from the sketch."""
    assert queues.mm1_sojourn(rho, 1) == pytest.approx(sojourn)
    assert queues.mm1_queue(rho, 1) == pytest.approx(waiting)
    assert queues.mm1_sojourn_quantile(rho, 1, 0.95) == pytest.approx(p95, abs=5e-4)
    means, quantiles = [], []
    for seed in range(10):
        w = PlaneWorld(1, [], seed=seed, interval_ns=10 * SECOND, sample=0.0)
        w.service("s", [0], EXPONENTIAL)
        w.flow((0,) * 5, "s", Poisson(1000 * rho / 5))
        w.finish(100 * SECOND)
        assert w.plane.evaluators()["f"]["loop"] == 0
        summary = w.plane.latency_summary("f", 10 * SECOND)
        means.append(summary["mean"] * 1000)
        quantiles.append(summary["p95"] * 1000)
    agrees(means, sojourn)
    agrees([rho * (mean - 1) for mean in means], waiting)  # Little: λ times the wait
    agrees(quantiles, p95, error=0.01 * p95)


@pytest.mark.parametrize(
    ("c", "load", "waits", "wait"),
    [(2, 1.6, 0.711111, 1.777778), (4, 3.2, 0.596432, 0.745541), (16, 14.4, 0.591343, 0.369590)],
)
def test_e2_m_m_c(c: int, load: float, waits: float, wait: float) -> None:
    assert queues.erlang_c(c, load) == pytest.approx(waits, abs=5e-7)
    assert queues.mmc_wait(load, 1, c) == pytest.approx(wait, abs=5e-7)
    arrive, service = poisson(load, 400_000, EXPONENTIAL)
    waited = workers(arrive, service, [0] * c) - service - arrive
    agrees(batches(waited > 0), waits)
    agrees(batches(waited) / ONE, wait)


@pytest.mark.parametrize(("rho", "fixed", "wild"), [(0.5, 0.5, 2.5), (0.8, 2.0, 10.0), (0.9, 4.5, 22.5)])
def test_e3_e4_m_g_1(rho: float, fixed: float, wild: float) -> None:
    assert SCV4.variance / SCV4.mean**2 == pytest.approx(4)
    for law, scv, wait in ((FIXED, 0, fixed), (SCV4, 4, wild)):
        assert queues.mg1_wait(rho, 1, scv) == pytest.approx(wait)
        arrive, service = poisson(rho, 1_500_000, law)
        agrees(batches(fifo(arrive, service) - service - arrive) / ONE, wait)


@pytest.mark.parametrize("law", [EXPONENTIAL, FIXED, SCV4], ids=["exponential", "constant", "lognormal"])
@pytest.mark.parametrize(("c", "load", "lost"), [(5, 3, 0.110054), (10, 8, 0.121661), (20, 18, 0.109213)])
def test_e5_erlang_b_whatever_the_service(law: Distribution, c: int, load: float, lost: float) -> None:
    assert queues.erlang_b(c, load) == pytest.approx(lost, abs=5e-7)
    arrive, service = poisson(load, 60_000, law)
    agrees(batches(finite(arrive, service, c, c) < 0), lost)


def test_e6_m_m_1_with_room_for_ten() -> None:
    assert queues.mm1k_block(0.8, 1, 10) == pytest.approx(0.023493, abs=5e-7)
    assert queues.mm1k_number(0.8, 1, 10) == pytest.approx(2.966314, abs=5e-7)
    arrive, service = poisson(0.8, 300_000, EXPONENTIAL)
    left = finite(arrive, service, 1, 10)
    agrees(batches(left < 0), 0.023493)
    # The number inside that an arrival finds is the number at any time (Poisson arrivals see time averages).
    inside = np.arange(len(arrive)) - np.searchsorted(np.sort(left[left >= 0]), arrive, side="right")
    inside -= np.concatenate([[0], np.cumsum(left < 0)[:-1]])
    agrees(batches(inside), 2.966314)


@pytest.mark.parametrize("law", [EXPONENTIAL, FIXED, SCV4], ids=["exponential", "constant", "lognormal"])
def test_e7_processor_sharing_whatever_the_service(law: Distribution) -> None:
    for rho in (0.5, 0.8):
        arrive, service = poisson(rho, 100_000, law)
        agrees(batches(processor_sharing(arrive, service) - arrive) / ONE, queues.mg1_ps_sojourn(rho, 1))


def test_e8_two_classes_without_preemption() -> None:
    waits = queues.priority_waits([0.3, 0.5], 1)
    assert waits == pytest.approx([1.142857, 5.714286], abs=5e-7)
    arrive, service = poisson(0.8, 400_000, EXPONENTIAL)
    patient = (Rng(1).draws("class", 0, np.arange(len(arrive))) >= 0.3 / 0.8).astype(np.int64)
    waited = priority(arrive, service, patient) - service - arrive
    for urgency, wait in enumerate(waits):
        agrees(batches(waited[patient == urgency]) / ONE, wait)


@pytest.mark.parametrize(
    ("users", "throughput", "response"), [(10, 9.76418, 0.02415), (50, 44.76063, 0.11705), (100, 50.000, 1.000)]
)
def test_e9_users_who_think(users: int, throughput: float, response: float) -> None:
    x, r = queues.closed_mva(1, 0.02, users)
    assert (x, r) == (pytest.approx(throughput, abs=5e-5), pytest.approx(response, abs=5e-4))
    found = []
    for seed in range(10):
        w = PlaneWorld(1, [], seed=seed, interval_ns=10 * SECOND, sample=0.0)
        w.service("s", [0], Exponential(20.0 * MS))
        w.flow(0, "s", Closed(users, Exponential(1000.0 * MS)))
        w.finish(140 * SECOND)
        after = w.recorder.traffic.frame()
        done = after.filter((after["start_s"] >= 20) & (after["start_s"] < 140))["completed"].sum()
        found.append((done / 120, w.plane.latency_summary("f", 20 * SECOND)["mean"]))
    agrees([rate for rate, _ in found], x)
    agrees([mean for _, mean in found], r)


@pytest.mark.parametrize(("qps", "burst", "last"), [(20, 30, 48.5), (200, 300, 3.5), (5, 10, 198.0)])
def test_e12_a_token_bucket_exactly(qps: float, burst: int, last: float) -> None:
    assert queues.token_bucket_last(1000, qps, burst) == last
    bucket = TokenBucket(qps, burst)
    assert [bucket.take(0) for _ in range(1000)][-1] == last * SECOND


def test_e10_machines_and_repairers() -> None:
    assert queues.machine_repair(10, 100, 5, 1) == pytest.approx((0.759263, 0.537963), abs=5e-7)
    assert queues.machine_repair(10, 100, 5, 10)[0] == pytest.approx(0.476190, abs=5e-7)


def number_inside(arrived: Ints, left: Ints, end: int) -> float:
    """Time average of the number inside until `end`, integrated from its changes."""
    times = np.concatenate([arrived, left])
    order = np.argsort(times, kind="stable")
    steps = np.cumsum(np.concatenate([np.ones(len(arrived)), -np.ones(len(left))])[order])
    times = np.minimum(times[order], end)
    return float((steps * np.diff(times, append=end)).sum() / end)


def shop() -> PlaneWorld:
    """A front end that calls a database over links that users share: calls, blocking threads, both directions."""
    links = [link(0, 1, latency_ns=2 * MS, rate_bps=20e6), link(1, 2, latency_ns=MS, rate_bps=50e6)]
    w = PlaneWorld(3, links, sample=0.0, interval_ns=10 * SECOND)
    calls = (Call("db", 2000, 5000),)
    w.service("front", [1, 1], Exponential(2.0 * MS), workers=8, calls=calls)
    w.service("db", [2], Exponential(1.0 * MS), workers=2)
    w.flow((0, 0, 0), "front", Poisson(200.0), response_bytes=2000)
    w.flow(2, "db", Closed(20, Exponential(200.0 * MS)), name="local")
    return w


@pytest.mark.parametrize("streamed", [False, True])
def test_e13_littles_law_on_every_queue_and_link(streamed: bool) -> None:
    """L integrated from the changes of each queue, λ and W from the requests that passed it."""
    end = 60 * SECOND
    if streamed:
        w = PlaneWorld(3, [link(0, 1, rate_bps=8e6), link(1, 2, rate_bps=9e6)], sample=0.0, interval_ns=10 * SECOND)
        w.service("s", [2], Exponential(4.0 * MS), workers=3)
        w.flow((0, 0, 0), "s", Poisson(200.0))
    else:
        w = shop()
    w.plane.watch()
    w.finish(end)
    stages = w.plane.visits()
    assert len(stages) == (5 if streamed else 7)  # both directions of each link, and the pods
    for arrived, left in stages.values():
        over = left <= end
        rate, sojourn = len(arrived) / end, float((left - arrived)[over].mean())
        inside = number_inside(arrived, left[over], end)
        assert abs(inside - rate * sojourn) / inside < 0.01


def test_ciw_gives_the_same_departures() -> None:
    """An independent simulator, fed with our arrivals and services: three workers, first in first out."""
    arrive, service = poisson(2.5, 3000, SCV4)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*(np.diff(arrive, prepend=0) / ONE).tolist(), float("inf")])],
        service_distributions=[ciw.dists.Sequential((service / ONE).tolist())],
        number_of_servers=[3],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_customers(3000, method="Finish")
    records = sorted(simulation.get_all_records(), key=lambda record: record.arrival_date)
    left = workers(arrive, service, [0, 0, 0])
    assert [record.exit_date for record in records] == pytest.approx((left[: len(records)] / ONE).tolist(), rel=1e-9)
    assert len(records) >= 3000
