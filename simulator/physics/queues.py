"""Closed forms of queueing theory: what the request plane is held against.

Arrival rate λ and service rate µ in any one unit of time; every result in that unit. Sources: L. Kleinrock,
Queueing Systems I and II (1975, 1976); A. K. Erlang (1917) for B and C; F. Pollaczek (1930), A. Khinchine (1932)
for M/G/1; A. Cobham (1954) for priorities; M. Reiser, S. Lavenberg (1980) for mean value analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, factorial, inf, log


def mm1_sojourn(arrival: float, service: float) -> float:
    """Mean time in an M/M/1 station; infinite where it is overloaded."""
    return 1 / (service - arrival) if arrival < service else inf


def mm1_sojourn_quantile(arrival: float, service: float, q: float) -> float:
    """Quantile q of the time in an M/M/1 station, which is exponential."""
    return -log(1 - q) * mm1_sojourn(arrival, service)


def mm1_queue(arrival: float, service: float) -> float:
    """Mean number waiting (not in service) at an M/M/1 station."""
    rho = arrival / service
    return rho**2 / (1 - rho)


def erlang_b(servers: int, offered: float) -> float:
    """Share of requests that find all servers busy and are lost; offered load in Erlang, any service law."""
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked


def erlang_c(servers: int, offered: float) -> float:
    """Share of requests of an M/M/c station that have to wait (offered < servers)."""
    blocked = erlang_b(servers, offered)
    return servers * blocked / (servers - offered * (1 - blocked))


def mmc_wait(arrival: float, service: float, servers: int) -> float:
    """Mean wait in an M/M/c queue."""
    return erlang_c(servers, arrival / service) / (servers * service - arrival)


def mg1_wait(arrival: float, mean: float, scv: float) -> float:
    """Mean wait in an M/G/1 queue (Pollaczek–Khinchine); `scv`: squared coefficient of variation of the service."""
    rho = arrival * mean
    return rho * mean * (1 + scv) / (2 * (1 - rho))


def mm1k_block(arrival: float, service: float, room: int) -> float:
    """Share turned away by an M/M/1/K station with `room` places, the one in service included (λ ≠ µ)."""
    rho = arrival / service
    return (1 - rho) * rho**room / (1 - rho ** (room + 1))


def mm1k_number(arrival: float, service: float, room: int) -> float:
    """Mean number in an M/M/1/K station (λ ≠ µ)."""
    rho = arrival / service
    return rho / (1 - rho) - (room + 1) * rho ** (room + 1) / (1 - rho ** (room + 1))


def mg1_ps_sojourn(arrival: float, mean: float) -> float:
    """Mean time in an M/G/1 station that shares its processor: the service law's mean only matters."""
    return mean / (1 - arrival * mean)


def priority_waits(arrivals: Sequence[float], service: float) -> list[float]:
    """Mean wait of each class at one exponential server without preemption, most urgent class first (Cobham)."""
    residual = sum(arrivals) / service**2
    waits, before = [], 0.0
    for arrival in arrivals:
        upto = before + arrival / service
        waits.append(residual / ((1 - before) * (1 - upto)))
        before = upto
    return waits


def closed_mva(think: float, service: float, users: int) -> tuple[float, float]:
    """(throughput, mean response) of users who think and share one exponential station: mean value analysis."""
    queue, throughput, response = 0.0, 0.0, service
    for n in range(1, users + 1):
        response = service * (1 + queue)
        throughput = n / (think + response)
        queue = throughput * response
    return throughput, response


def machine_repair(machines: int, mtbf: float, mttr: float, repairers: int) -> tuple[float, float]:
    """(mean number down, probability that all are up) of machines that fail and queue for repair."""
    ratio = mttr / mtbf
    weights = [
        comb(machines, n) * ratio**n
        if n <= repairers
        else comb(machines, n) * ratio**n * factorial(n) / (factorial(repairers) * repairers ** (n - repairers))
        for n in range(machines + 1)
    ]
    total = sum(weights)
    return sum(n * w for n, w in enumerate(weights)) / total, weights[0] / total


def token_bucket_last(jobs: int, rate: float, burst: int) -> float:
    """When the last of `jobs` asked for at once gets its token: `burst` at the start, then `rate` a unit of time."""
    return max(0, jobs - burst) / rate


def ekm1_sojourn(phases: int, arrival: float, service: float) -> float:
    """E_k/M/1: mean time in the system where every k-th of a Poisson stream comes, at rate `arrival`. (Kleinrock,
    "Queueing Systems" I, 1975, 6.4: σ = A*(μ - μσ), T = 1/(μ(1 - σ)).)"""
    sigma = arrival / service
    for _ in range(1000):  # converges as a geometric series
        sigma = (phases * arrival / (phases * arrival + service * (1 - sigma))) ** phases
    return 1 / (service * (1 - sigma))


def two_choices_tail(load: float, i: int) -> float:
    """Share of very many exponential servers that have at least i customers, each of whom joined the shorter queue of
    two drawn at random. (Mitzenmacher, IEEE TPDS 12(10), 2001: λ^(2^i - 1).)"""
    exponent: int = 2**i - 1
    return load**exponent


def two_choices_sojourn(load: float) -> float:
    """The mean time in that system, in mean services: by Little's law the sum of the tails over the load."""
    return sum(two_choices_tail(load, i) for i in range(1, 60)) / load
