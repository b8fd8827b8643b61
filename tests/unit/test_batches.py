"""Pods that are placed together, and the order in which pods that are due are tried."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schedulers import GI, Plane, kubernetes, node, template
from simulator.errors import RunFailed
from simulator.policy import Batch, Bind, ClusterView, Decision, Order, PodView, Wait
from simulator.policy.reference import instantiate


def policy(name: str, **params: Any) -> Any:
    return instantiate(name, params, Path(), given=2)


class Together(Batch):
    """First fit for each as if it were alone. It notes who was asked about, and when."""

    def __init__(self, window_s: float = 0.0) -> None:
        self.window_s = window_s

    def place_all(self, pods: tuple[PodView, ...], cluster: ClusterView) -> list[Decision]:
        SEEN.append((cluster.now_s, [pod.name for pod in pods]))
        fits = [cluster.feasible(pod) for pod in pods]
        return [Bind(cluster.argmax(each, where=each)) for each in fits]


SEEN: list[tuple[float, list[str]]] = []


def test_pods_that_come_within_the_window_are_placed_together() -> None:
    SEEN.clear()
    bed = Plane(1, policy=Together(window_s=2.0))
    bed.pod("a")
    bed.run(1)
    bed.pod("b")
    bed.run(3)
    bed.pod("c")
    bed.run(5)
    assert SEEN == [(2.0, ["a", "b"]), (6.0, ["c"])]
    assert bed.places() == {"a": "n0", "b": "n0", "c": "n0"}


def test_what_no_longer_fits_when_its_turn_comes_is_tried_again() -> None:
    SEEN.clear()
    bed = Plane([node("n0", cpu_m=1000), node("n1", cpu_m=1000)], policy=Together(window_s=1.0))
    for name in "ab":
        bed.pod(name, template(800, workload=name))
    bed.run(5)
    assert [names for _, names in SEEN] == [["a", "b"], ["b"]]
    assert bed.places() == {"a": "n0", "b": "n1"}
    assert not bed.events("PolicyError")


def test_a_batch_with_too_few_answers_is_a_policy_error() -> None:
    class Short(Batch):
        window_s = 1.0

        def place_all(self, pods: Any, cluster: ClusterView) -> list[Decision]:
            return [Wait()]

    bed = Plane(1, policy=Short())
    bed.pod("a")
    bed.pod("b")
    bed.run(5)
    assert {event["subject"] for event in bed.events("PolicyError")} == {"a", "b"}
    assert bed.places() == {"a": "n0", "b": "n0"}  # by the default


class Smallest(Order):
    """The smallest request for cpu first."""

    def rank(self, pod: PodView) -> float:
        return pod.cpu_m


@pytest.mark.parametrize(
    ("order", "first"),
    [(None, "prior"), (Smallest(), "small"), (policy("order/earliest-deadline"), "urgent")],
    ids=["priority", "smallest", "deadline"],
)
def test_the_order_says_who_is_tried_first(order: Order | None, first: str) -> None:
    bed = Plane([], settings=replace(kubernetes(), order=order), policy=policy("first-fit"))
    bed.pod("prior", template(900, workload="prior", priority=5))
    bed.pod("small", template(700, workload="small"))
    bed.pod("urgent", template(800, workload="urgent", labels={"app": "urgent", "deadline-s": "3"}))
    bed.pod("late", template(800, workload="late", labels={"app": "late", "deadline-s": "30"}))
    bed.run(1)
    bed.server.create(node("n0", cpu_m=1000))  # room for one
    bed.run(5)
    assert {name for name, at in bed.places().items() if at} == {first}


def test_an_order_that_raises_is_a_policy_error_and_priority_counts() -> None:
    bed = Plane(1, settings=replace(kubernetes(), order=lambda pod: 1 / 0), policy=policy("first-fit"))
    bed.pod("a")
    bed.run(5)
    (event,) = bed.events("PolicyError")
    assert "ZeroDivisionError" in event["detail"]
    assert bed.places() == {"a": "n0"}
    assert [row["decision"] for row in bed.decisions()] == ["policy_error", "Bind"]


def test_an_order_that_answers_no_number_is_one_too_and_one_that_hangs_ends_the_run() -> None:
    bed = Plane(1, settings=replace(kubernetes(), order=lambda pod: "first"), policy=policy("first-fit"))
    bed.pod("a")
    bed.run(5)
    assert "a rank is a number" in bed.events("PolicyError")[0]["detail"]
    hanging = replace(kubernetes(), order=lambda pod: sleep(5), answer_limit_s=0.05)
    bed = Plane(1, settings=hanging, policy=policy("first-fit"))
    bed.pod("a")
    with pytest.raises(RunFailed, match="wall clock"):
        bed.run(5)


SIZES = st.lists(st.integers(1, 8), min_size=1, max_size=5)


def placed(name: str, sizes: list[int], nodes: int = 3) -> tuple[int, int]:
    """How many pods of these sizes (in cores) are placed on nodes of 8 cores, and on how many nodes."""
    bed = Plane([node(f"n{i}", cpu_m=8000, ram_bytes=64 * GI) for i in range(nodes)], policy=policy(name))
    for i, size in enumerate(sizes):
        bed.pod(f"p{i}", template(size * 1000, workload=f"p{i}"))
    bed.run(1.5)
    at = [where for where in bed.places().values() if where]
    return len(at), len(set(at))


def best(sizes: list[int], nodes: int = 3) -> tuple[int, int]:
    """The same by trying everything: most placed, then fewest nodes."""
    found = []
    for where in product(range(nodes + 1), repeat=len(sizes)):  # the last is nowhere
        loads = [sum(s for s, w in zip(sizes, where, strict=True) if w == n) for n in range(nodes)]
        if max(loads) <= 8:
            found.append((-sum(w < nodes for w in where), sum(load > 0 for load in loads)))
    most, least = min(found)
    return -most, least


@given(SIZES)
@settings(max_examples=20, deadline=None)
def test_the_optimum_is_that_of_trying_everything_and_heuristics_are_no_better(sizes: list[int]) -> None:
    exact = best(sizes)
    assert placed("optimum", sizes) == exact
    for name in ("annealing", "genetic"):
        most, nodes = placed(name, sizes)
        assert (-most, nodes) >= (-exact[0], exact[1])


@pytest.mark.parametrize("name", ["annealing", "genetic"])
def test_heuristics_find_an_easy_optimum(name: str) -> None:
    sizes = [5, 4, 4, 3]  # 5 + 3 and 4 + 4
    assert placed(name, sizes) == best(sizes) == (4, 2)


def test_an_optimum_over_too_many_pairs_is_refused() -> None:
    bed = Plane(2, policy=policy("optimum", most=3))
    for name in "ab":  # four pairs
        bed.pod(name)
    bed.run(1.5)
    assert {event["subject"] for event in bed.events("PolicyError")} == {"a", "b"}
    assert "4 pairs of pod and node are too many" in bed.events("PolicyError")[0]["detail"]


def test_without_moves_annealing_places_nobody_and_more_of_them_place_all() -> None:
    placed = {}
    for steps in (0, 200):
        bed = Plane(2, policy=policy("annealing", steps=steps))
        bed.pod("a")
        bed.run(1.5)
        placed[steps] = bool(bed.places()["a"])
    assert placed == {0: False, 200: True}


def test_more_generations_find_what_the_first_one_misses() -> None:
    sizes = 3 * [4, 3, 3, 2, 2, 2]  # two nodes of 8 hold each six: 4 + 2 + 2 and 3 + 3 + 2, which largest-first misses
    found = {}
    for generations in (0, 15):
        bed = Plane(
            [node(f"n{i}", cpu_m=8000, ram_bytes=64 * GI) for i in range(6)],
            policy=policy("genetic", generations=generations, population=4),
        )
        for i, size in enumerate(sizes):
            bed.pod(f"p{i}", template(size * 1000, workload=f"p{i}"))
        bed.run(1.5)
        found[generations] = sum(bool(at) for at in bed.places().values())
    assert found == {0: 17, 15: 18}
