"""The shipped placement policies on clusters small enough to work their answers out by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schedulers import MI, Plane, node, template
from simulator.errors import UserError
from simulator.policy import Bind
from simulator.policy.reference import instantiate
from simulator.units import SECOND
from simulator.world.device import Accelerators

GI = 1024 * MI
ZONES = ("edge-1", "edge-2", "cloud")


def policy(name: str, **params: Any) -> Any:
    return instantiate(name, params, Path(), given=2)


# Four nodes of 4 cores and 8 GiB; beside each, what is taken there: cpu in cores, memory in GiB.
TAKEN = {"a": (1, 6), "b": (2, 3), "c": (3, 1), "d": (0, 0)}


class Drawn:
    """Draws as they are written down, by their name."""

    def __init__(self, columns: dict[str, list[float]]) -> None:
        self._columns = columns

    def draws(self, name: str, *_: Any) -> Any:
        return np.array(self._columns[name])


def where(name: str, cpu: float, ram: float, nodes: str = "abcd", draws: dict[str, list[float]] | None = None) -> str:
    """The one of `nodes` that a pod of so many cores and GiB is put on; `draws` are the columns that are drawn."""
    bed = Plane([node(each) for each in nodes], policy=lambda pod, _view: Bind(nodes.index(pod.name)))
    for each, (cores, gib) in TAKEN.items():
        if cores and each in nodes:
            bed.pod(each, template(cores * 1000, gib * GI, workload=each))
    bed.run(5)
    bed.scheduler.set_policy(policy(name))
    if draws:
        bed.scheduler._rng = Drawn(draws)  # type: ignore[assignment]  # what it draws is written down
    bed.pod("x", template(int(cpu * 1000), int(ram * GI)))
    bed.run(5)
    return bed.places()["x"]


@pytest.mark.parametrize(
    ("name", "cpu", "ram", "node"),
    [
        ("first-fit", 1, 1, "a"),
        ("first-fit", 1, 3, "b"),  # a has 2 GiB left
        # Left over, the larger share: a 2/4, b 1/2 (cpu 1/4, ram 4/8), c 6/8, d 7/8. Of a and b the first.
        ("best-fit", 1, 1, "a"),
        ("best-fit", 2, 1, "a"),  # a 1/4 of cpu; b 4/8 of memory
        ("best-fit", 1, 3, "b"),  # a has no room; b 1/4, c 4/8
        ("worst-fit", 1, 1, "d"),
        ("worst-fit", 4, 8, "d"),
        # Demand (1/4, 0) on free: a 3/4, b 2/4, c 1/4, d 1.
        ("dot-product", 1, 0, "d"),
        # Taken with it there: a 7/8, b 3/4, c 1, d 1/4.
        ("dominant-resource", 1, 1, "d"),
        ("least-loaded", 1, 1, "d"),
        ("most-allocated", 1, 1, "a"),  # free shares: a 3/4 + 1/4, b 2/4 + 5/8, c 1/4 + 7/8
    ],
)
def test_where_a_pod_goes(name: str, cpu: float, ram: float, node: str) -> None:
    assert where(name, cpu, ram) == node


def test_the_default_takes_the_highest_sum_of_its_scores() -> None:
    """With a core and a GiB more: b 3/4 of cpu and 4/8 of memory are taken, c 4/4 and 2/8. LeastAllocated is 37.5 for
    both; BalancedAllocation, 100 less half the difference of the shares, is 87.5 for b and 62.5 for c."""
    assert where("kube-default", 1, 1, "cb") == "b"
    # And d, with 1/4 and 1/8, has 81.25 and 93.75.
    assert where("kube-default", 1, 1) == "d"


def test_at_random_is_the_largest_draw_of_those_with_room() -> None:
    column = {"policy/random": [0.9, 0.2, 0.7, 0.4]}
    assert where("random", 1, 1, draws=column) == "a"
    assert where("random", 1, 3, draws=column) == "c"  # a has 2 GiB left


def tiers(name: str, cpu: float = 1, images: dict[str, dict[str, int]] | None = None, **params: Any) -> str:
    """The same on three empty nodes, each in a zone of its own, which the pod's images may be on."""
    near = {"edge-1": 0.005, "edge-2": 0.001, "cloud": 0.030}
    held = images or {}
    nodes = [node(z, cpu_m=1000 if z != "cloud" else 8000, zone=z, images=held.get(z, {})) for z in ZONES]
    bed = Plane(nodes, policy=policy(name, **params))
    bed.scheduler._atlas = Chart(near)
    bed.pod("x", template(int(cpu * 1000)))
    bed.run(5)
    return bed.places()["x"]


class Chart:
    """What a map would say: seconds to the till, watts of a core, and the intensity of the grid, by node."""

    def __init__(self, near: dict[str, float] | None = None, watts: Any = None, carbon: Any = None) -> None:
        self.near, self.watts, self.carbon = near or {}, watts, carbon

    def latency_s(self, to: str, names: tuple[str, ...]) -> Any:
        if to != "till":
            raise KeyError(to)
        return np.array([self.near[n] for n in names])

    def core_w(self, names: tuple[str, ...]) -> Any:
        return np.array([self.watts[n] for n in names])

    def carbon_g_per_kwh(self, names: tuple[str, ...], now: int) -> Any:
        return np.array([self.carbon(n, now / SECOND) for n in names])


def thrift(name: str, cpu: float = 1, carbon: Any = None, until: float = 5, **params: Any) -> tuple[str, float]:
    """Where a pod goes, and when: watts a core a 10, b 8, c 5; speeds 2, 1, 1: joules of a second's work 5, 8, 5."""
    watts, speed, cores = {"a": 10.0, "b": 8.0, "c": 5.0}, {"a": 2.0, "b": 1.0, "c": 1.0}, {"a": 2, "b": 4, "c": 1}
    bed = Plane([node(n, cpu_m=1000 * cores[n], speed=speed[n]) for n in "abc"], policy=policy(name, **params))
    bed.scheduler._atlas = Chart(watts=watts, carbon=carbon)
    bed.pod("x", template(int(cpu * 1000)))
    bed.run(until)
    bound = [row for row in bed.decisions() if row["decision"] == "Bind"]
    return bed.places()["x"], bound[0]["time_s"] if bound else math.nan


def test_the_thriftiest_node_is_taken() -> None:
    assert thrift("energy-aware")[0] == "a"  # 10 / 2 = 5 J, as c; the first of equals
    assert thrift("energy-aware", cpu=3)[0] == "b"  # the only one with room
    assert thrift("energy-aware", keep=0.6)[0] == "b"  # 1 of a's 2 and none of c's 1 would stay free; 3 of b's 4 do


def test_the_cleanest_node_is_taken() -> None:
    assert thrift("carbon-aware", carbon=lambda n, _: {"a": 300, "b": 100, "c": 200}[n])[0] == "b"  # 1500, 800, 1000
    assert thrift("carbon-aware", carbon=lambda n, _: {"a": 300, "b": 200, "c": 200}[n])[0] == "c"  # 1500, 1600, 1000


def test_a_pod_with_patience_waits_for_a_clean_hour() -> None:
    def sunrise(_name: str, now: float) -> float:
        return 400 if now < 900 else 40

    assert thrift("carbon-aware", carbon=sunrise)[1] < 1
    _, clean = thrift("carbon-aware", carbon=sunrise, until=3600, below=50, patience=3600)
    assert 900 <= clean <= 1200 + 60  # retried after five minutes at the latest
    _, late = thrift("carbon-aware", carbon=sunrise, until=3600, below=10, patience=1200)
    assert 1200 <= late <= 1500 + 60  # no hour was clean enough, and its patience was over


def test_the_nearest_is_taken_and_the_next_where_it_is_full() -> None:
    assert tiers("latency-aware", to="till") == "edge-2"
    assert tiers("latency-aware", cpu=2, to="till") == "cloud"


def test_the_first_tier_that_has_room_is_taken() -> None:
    assert tiers("tier-affinity") == "edge-1"
    assert tiers("tier-affinity", cpu=2) == "cloud"
    assert tiers("tier-affinity", tiers=("cloud", "*")) == "cloud"


def test_the_node_with_most_of_the_image_is_taken_and_else_the_emptiest() -> None:
    assert tiers("image-locality", images={"edge-2": {"img": 50 * MI}, "cloud": {"other": 90 * MI}}) == "edge-2"
    assert tiers("image-locality") == "edge-1"


# Three nodes with two devices each, of which so many thousandths are taken; the pod asks for 400 of one.
GPU = "nvidia.com/gpu"
SHARED = {"a": (700, 0), "b": (500, 300), "c": (0, 0)}


def shared() -> Plane:
    """The nodes and what is taken there."""
    boxes = [node(n, extended={GPU: 2}, accelerators=(Accelerators(GPU, "T4", 2),)) for n in SHARED]
    given = {f"{n}{i}": (row, i, taken) for row, n in enumerate(SHARED) for i, taken in enumerate(SHARED[n]) if taken}
    bed = Plane(boxes, policy=lambda pod, _view: Bind(given[pod.name][0], {GPU: (given[pod.name][1],)}))
    for each, (_, _, taken) in given.items():
        bed.pod(each, template(0, 0, workload=each, extended={f"{GPU}-milli": taken}))
    bed.run(5)
    return bed


def device(bed: Plane, name: str = "x") -> tuple[str, tuple[int, ...]]:
    """The node and the device that the pod gets."""
    pod = bed.pod(name, template(100, 0, extended={f"{GPU}-milli": 400}))
    bed.run(5)
    return bed.places()[name], pod.devices[GPU]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("gpu-packing", ("b", (0,))),  # 500 of b's first are free: the fullest device in use that has room
        ("gpu-best-fit", ("b", (0,))),  # 1,200 free on b, 1,300 on a, 2,000 on c
        ("gpu-dot-product", ("b", (0,))),  # as cpu is alike, the fewest free thousandths
        ("gpu-clustering", ("b", (0,))),  # nobody of its kind anywhere: the fullest
        # By the kinds seen (itself alone): 300 on a's first are wasted already. On b's first it would leave 100 of no
        # use, on b's second 300, on a's and c's idle ones 600, of which another 400 can be had: no growth.
        ("fgd", ("a", (1,))),
    ],
)
def test_which_device_a_pod_gets(name: str, where: tuple[str, tuple[int, ...]]) -> None:
    bed = shared()
    bed.scheduler.set_policy(policy(name))
    assert device(bed) == where


def test_a_device_at_random_is_the_node_s_largest_draw_and_a_place_among_its_devices_with_room() -> None:
    bed = shared()
    bed.scheduler.set_policy(policy("gpu-random"))
    bed.scheduler._rng = Drawn({"policy/node": [0.2, 0.9, 0.8], "policy/device": [0.9, 0.6, 0.1]})  # type: ignore[assignment]
    assert device(bed) == ("b", (1,))  # 0.6 of two devices: the second
    bed.scheduler._rng = Drawn({"policy/node": [0.7, 0.1, 0.2], "policy/device": [0.1, 0.6, 0.1]})  # type: ignore[assignment]
    assert device(bed, "y") == ("a", (1,))  # the only one of a's that has 400 free


@pytest.mark.parametrize(("name", "node"), [("gpu-clustering", "b"), ("gpu-best-fit", "a")])
def test_who_clusters_goes_to_its_like_where_who_fits_best_goes_to_the_fullest(name: str, node: str) -> None:
    bed, chosen = shared(), policy(name)
    bed.scheduler.set_policy(chosen)
    assert device(bed) == ("b", (0,))  # of which 100 and 700 are free then
    bed.scheduler.set_policy(lambda _pod, _view: Bind(0, {GPU: (1,)}))
    bed.pod("more", template(0, 0, workload="more", extended={f"{GPU}-milli": 600}))  # a: 300 and 400 are free
    bed.run(5)
    bed.scheduler.set_policy(chosen)
    assert device(bed, "y") == (node, (1,))


@pytest.mark.parametrize(("name", "node"), [("gpu-packing", "a"), ("gpu-clustering", "a"), ("gpu-best-fit", "b")])
def test_who_packs_or_clusters_by_gpus_gives_a_pod_without_one_the_first_node(name: str, node: str) -> None:
    bed = shared()
    bed.scheduler.set_policy(policy(name))
    bed.pod("x", template(100, 0))
    bed.run(5)
    assert bed.places()["x"] == node  # of b's devices least is free, and all three have room


def test_fragmentation_is_weighed_by_the_pods_that_are_said_to_be_usual(tmp_path: Path) -> None:
    """Where all want a whole device, what is free of one in use is wasted: 400 less of it, if the pod goes to one of
    b's, and 600 more, if it opens another."""
    (tmp_path / "p.csv").write_text("cpu_milli,memory_mib,num_gpu,gpu_milli\n0,0,1,1000\n", "utf-8")
    bed = shared()
    bed.scheduler.set_policy(instantiate("fgd", {"typical": "p.csv"}, tmp_path, given=2))
    assert device(bed) == ("b", (0,))
    with pytest.raises(UserError, match="there is no file"):
        instantiate("fgd", {"typical": "gone.csv"}, tmp_path, given=2)
    (tmp_path / "p.csv").write_text("cpu,gpu\n0,1\n", "utf-8")
    with pytest.raises(UserError, match="does not list pods in the columns cpu_milli"):
        instantiate("fgd", {"typical": "p.csv"}, tmp_path, given=2)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("energy-aware", {"keep": 1}),
        ("energy-aware", {"keep": -0.1}),
        ("carbon-aware", {"below": -1}),
        ("carbon-aware", {"patience": -1}),
        ("contextual-bandit", {"alpha": -1}),
        ("contextual-bandit", {"half": 0}),
    ],
)
def test_parameters_that_mean_nothing_are_refused(name: str, params: Any) -> None:
    with pytest.raises(UserError, match="refuses its parameters"):
        policy(name, **params)
