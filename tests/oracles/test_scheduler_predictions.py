"""K-P14 to K-P16 and K-P18 of Kubernetes: each holds with the shipped defaults, over many phases where there are any,
and no longer when a default that governs it is moved by a quarter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schedulers import GI, MI, Plane, kubernetes, node, number, page, template
from simulator.control.api.objects import Pod
from simulator.policy.reference import instantiate
from simulator.units import MS

QUARTER = (0.75, 1.25)
GIANT = template(cpu_m=10**6, workload="giant")


def default() -> Any:
    return instantiate("kube-default", {}, Path())


def moved(name: str, factor: float) -> Any:
    """Kubernetes with one of its numbers moved; `sampling.x` reaches into the sampling formula."""
    settings = kubernetes()
    if name.startswith("sampling."):
        field = name.removeprefix("sampling.")
        sampling = replace(settings.sampling, **{field: round(getattr(settings.sampling, field) * factor)})
        return replace(settings, sampling=sampling)
    return replace(settings, **{name: round(getattr(settings, name) * factor)})


# K-P14: a pod that fits nowhere.


def gaps(settings: Any, seed: int, cycle_ns: int, busy_s: float, quiet_s: float) -> list[float]:
    """Seconds between the attempts of a pod that fits nowhere, while events arrive and then while none do."""
    plane = Plane([node("n0")], default(), replace(settings, cycle_ns=cycle_ns), seed=seed, qps=1e6, burst=10**6)
    plane.pod("giant", GIANT)
    for _ in range(round(busy_s * 5)):
        visitor = plane.pod(f"visitor-{plane.clock.now}")
        plane.run(0.1)
        plane.server.remove(visitor)
        plane.run(0.1)
    plane.run(quiet_s)
    times = [row["time_s"] for row in plane.decisions() if row["pod"] == "giant"]
    return np.diff(times).tolist()


def backs_off(settings: Any, cycle_ns: int) -> bool:
    """Attempts come 1, 2, 4, 8, 10, 10 s apart, later by up to the queue's 1 s tick, as long as events arrive."""
    wanted = np.array([1, 2, 4, 8, 10, 10])
    late = np.array([gaps(settings, seed, cycle_ns, 42, 0)[:6] for seed in range(4)]) - wanted
    return bool((late > -1e-6).all() and (late <= 1 + 0.2).all())  # 0.2 s: until the next event


@pytest.mark.parametrize("cycle_ns", [0, 2 * MS])
def test_p14_backoff_doubles_to_its_cap_while_events_arrive(cycle_ns):
    assert backs_off(kubernetes(), cycle_ns)


@pytest.mark.parametrize("factor", QUARTER)
@pytest.mark.parametrize("name", ["backoff_first_ns", "backoff_cap_ns"])
def test_p14_backoff_is_governed_by(name, factor):
    assert not backs_off(moved(name, factor), 0)


def waits_in_silence(settings: Any) -> bool:
    """In a silent cluster the next try is 5 to 5.5 min later, uniformly over the phase of the 30 s tick."""
    waits = np.array([gaps(settings, seed, 0, 0, 450)[0] for seed in range(250)])
    return bool((waits > 300).all() and (waits <= 330).all() and abs(waits.mean() - 315) < 2.2)  # 4 standard errors


def test_p14_a_silent_cluster_tries_again_after_5_to_5_and_a_half_minutes():
    assert waits_in_silence(kubernetes())


@pytest.mark.parametrize("factor", QUARTER)
@pytest.mark.parametrize("name", ["leftover_age_ns", "leftover_flush_ns"])
def test_p14_silence_is_governed_by(name, factor):
    assert not waits_in_silence(moved(name, factor))


# K-P15: identical nodes and pods.


def counts(settings: Any, nodes: int, pods: int, seed: int, of: Any, *, owned: bool) -> list[int]:
    plane = Plane(nodes, default(), settings, seed=seed, qps=1e6, burst=10**6)
    for i in range(pods):
        plane.pod(f"p{i}", of, owned=owned)
    plane.run(1)
    found = list(plane.places().values())
    return [found.count(f"n{i}") for i in range(nodes)]


@pytest.mark.parametrize("of", [template(), template(cpu_m=0, ram_bytes=0)], ids=["requests", "best-effort"])
@pytest.mark.parametrize("owned", [True, False], ids=["owned", "bare"])
def test_p15_identical_pods_spread_evenly_over_identical_nodes(of, owned):
    for seed in range(5):
        found = counts(kubernetes(), 7, 52, seed, of, owned=owned)
        assert sum(found) == 52
        assert max(found) - min(found) <= 1


def test_p15_without_the_scores_that_spread_it_does_not_hold():
    others = tuple(s for s in kubernetes().scores if s[0] in ("TaintToleration", "NodeAffinity", "ImageLocality"))
    assert max(np.ptp(counts(kubernetes(scores=others), 7, 52, seed, template(), owned=True)) for seed in range(5)) > 1


def takes_the_image(settings: Any, size: int, busy_m: int) -> bool:
    """Of two nodes, one holds the image and has `busy_m` of its 4000 millicores requested, in one pod."""
    holder = node("n0", images={"img": size})
    plane = Plane([holder, node("n1")], default(), settings)
    busy = template(cpu_m=busy_m, ram_bytes=busy_m * (8 * GI // 4000), workload="busy")  # keeps the balance
    plane.server.create(Pod(name="busy", template=busy, node="n0"))
    plane.pod("new")
    plane.run(1)
    return plane.places()["new"] == "n0"


def test_p15_a_large_image_that_one_of_two_nodes_holds_wins_over_an_emptier_node():
    # 1000 MiB on half of the nodes counts 500 MiB: 100 * (500 - 23) // (1000 - 23) = 48 points; 1900 of 4000
    # millicores and as much memory cost 47 or 48.
    assert takes_the_image(kubernetes(), 1000 * MI, 1880)
    assert not takes_the_image(kubernetes(), 1000 * MI, 2200)


def test_p15_the_image_is_governed_by_its_bound_and_its_weight():
    assert not takes_the_image(moved("image_most_bytes", 1.25), 1000 * MI, 1880)  # 38 points
    assert takes_the_image(moved("image_most_bytes", 0.75), 1000 * MI, 2200)  # 65 points
    for factor, busy_m in ((0.75, 1880), (1.25, 2200)):
        scores = tuple((n, w * factor if n == "ImageLocality" else w) for n, w in kubernetes().scores)
        assert takes_the_image(kubernetes(scores=scores), 1000 * MI, busy_m) == (factor > 1)


def test_p15_a_small_image_counts_nothing_and_the_lower_bound_says_what_is_small():
    # 60 MiB on half of the nodes: 100 * (30 - 23) // 977 = 0; below 17.25 MiB: 100 * (30 - 17.25) // 982.75 = 1.
    def points(settings: Any) -> float:
        plane = Plane([node("n0", images={"img": 60 * MI}), node("n1")], None, settings)
        plane.pod("new")
        plane.run(0)
        ask = plane.scheduler.pending
        scores = ask.cluster.scores(ask.pod, ask.cluster.feasible(ask.pod))
        return float(scores[0] - scores[1])

    assert points(kubernetes()) == 0
    assert points(moved("image_least_bytes", 0.75)) == 1


# K-P16: nodes examined.

TABLE = {99: 99, 100: 100, 200: 100, 250: 120, 500: 230, 1000: 420, 5000: 500, 6000: 300}


def test_p16_nodes_examined_are_those_of_the_formula():
    for nodes, wanted in TABLE.items():
        plane = Plane(nodes, default())
        plane.pod("p")
        plane.run(0)
        (row,) = plane.decisions()
        assert (row["examined"], row["feasible"]) == (wanted, wanted), nodes


@pytest.mark.parametrize("factor", QUARTER)
@pytest.mark.parametrize("name", ["least_nodes", "base_percent", "nodes_per_percent", "least_percent"])
def test_p16_is_governed_by(name, factor):
    sampling = moved(f"sampling.{name}", factor).sampling
    assert {nodes: sampling.wanted(nodes) for nodes in TABLE} != TABLE


# K-P18: bindings per second.


def caps(qps: float, burst: int) -> bool:
    """At any time at most 100 + 50 t bindings, and 500 pods take (500 - 100) / 50 = 8 s."""
    plane = Plane(30, default(), qps=qps, burst=burst)
    for i in range(500):
        plane.pod(f"p{i}")
    plane.run(30)
    times = np.array([row["time_s"] for row in plane.events("Scheduled")])
    under = np.arange(1, 501) <= 100 + 50 * times + 1e-6
    return len(times) == 500 and bool(under.all()) and abs(times[-1] - 8) < 0.25


def test_p18_bindings_are_50_a_second_after_a_burst_of_100():
    assert caps(number(page(), "qps"), number(page(), "burst"))


@pytest.mark.parametrize("factor", QUARTER)
@pytest.mark.parametrize("name", ["qps", "burst"])
def test_p18_is_governed_by(name, factor):
    numbers = {"qps": number(page(), "qps"), "burst": number(page(), "burst")}
    numbers[name] *= factor
    assert not caps(numbers["qps"], round(numbers["burst"]))
