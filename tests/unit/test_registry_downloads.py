"""A registry serves so many layers at once: who waits, for how long, and what waiting does to a pull."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from kubelets import PULLS, SETTINGS, Kubelets, kubelets
from scenarios import simulation
from simulator.units import SECOND
from simulator.world.image import Image
from simulator.world.registry import Downloads
from sitekit import SITES, WAN, pulls, wan

ONE = Image.equal("app", compressed=12_500_000, unpacked=1, layers=1)  # a second on its node's own link of 100 Mbit/s


def waiting(stall_s: int, **kit: object) -> Kubelets:
    """Nodes whose engine gives a layer up after so many seconds without a byte; layers come one for each second."""
    settings = replace(SETTINGS, pulls=replace(PULLS, stall_ns=stall_s * SECOND))
    return kubelets(cached=False, settings=settings, **kit)  # type: ignore[arg-type]


@pytest.mark.parametrize(("width", "last"), [(None, 1), (1, 5), (2, 3), (5, 1)])
def test_the_kth_of_equal_downloads_is_there_after_the_kth_round(width: int | None, last: int) -> None:
    kit = waiting(300, count=5, images=[ONE], downloads_at_once=width)
    for node in range(5):
        kit.admit(agent=node)
    kit.run(30)
    came = [time - 0.4 for time in kit.events("Pulled")]
    assert came == pytest.approx([k // (width or 5) + 1 for k in range(5)], abs=1e-3)
    assert came[-1] == pytest.approx(last, abs=1e-3)


def test_a_limit_that_does_not_bind_costs_no_event() -> None:
    fired = []
    for width in (None, 5):
        kit = waiting(300, count=5, images=[ONE], downloads_at_once=width)
        for node in range(5):
            kit.admit(agent=node)
        kit.run(30)
        fired.append(kit.clock.fired)
    assert fired[0] == fired[1]


def test_a_pull_that_gets_other_layers_meanwhile_waits_longer_than_the_engine_s_patience() -> None:
    image = Image.equal("app", compressed=5 * 12_500_000, unpacked=5, layers=5)
    kit = waiting(2, images=[image], downloads_at_once=1)
    kit.admit()
    kit.run(30)
    assert kit.events("Failed") == []
    assert kit.events("Pulled") == [pytest.approx(0.4 + 5, abs=1e-3)]


def test_a_pull_for_which_nothing_comes_is_given_up_and_gives_up_its_place() -> None:
    big = Image.equal("big", compressed=10 * 12_500_000, unpacked=1, layers=1)
    kit = waiting(2, count=3, images=[big, ONE], downloads_at_once=1)
    kit.admit(image="big")
    kit.admit("late", agent=1)
    kit.run(9)
    assert kit.events("Failed", "late") == [pytest.approx(2.4)]
    kit.agents[1].remove(2, None)
    kit.admit("later", agent=2)
    kit.run(60)
    assert kit.events("Pulled", "later") == [pytest.approx(11.4, abs=1e-3)]  # nobody in between


def test_a_node_that_loses_power_makes_room() -> None:
    big = Image.equal("big", compressed=100 * 12_500_000, unpacked=1, layers=1)
    kit = waiting(300, count=2, images=[big, ONE], downloads_at_once=1)
    kit.admit(image="big")
    kit.admit("late", agent=1)
    kit.run(5.4)
    kit.network.set_node(1, False)
    kit.agents[0].crash()
    kit.run(30)
    assert kit.events("Pulled", "late") == [pytest.approx(6.4, abs=1e-3)]


def test_leaving_twice_and_leaving_the_queue_take_nobody_s_place() -> None:
    told: list[str] = []
    calls = {name: (lambda node, name=name: told.append(name)) for name in "abc"}
    downloads = Downloads(7, 1)
    for name in "abc":
        downloads.enter(calls[name])
    downloads.leave(calls["b"])
    downloads.leave(calls["b"])
    assert told == ["a"]
    downloads.leave(calls["a"])
    downloads.leave(calls["a"])
    assert told == ["a", "c"]


def test_a_mirror_serves_so_many_at_once_too_and_asks_the_registry_in_turn() -> None:
    data = deepcopy(SITES)
    data["registry"] = {"downloads_at_once": 1}
    data["topology"]["links"][4]["rate"] = "100Mbps"  # within site a: a second for 12.5 MB
    data["topology"]["links"][1]["rate"] = "10Gbps"
    data["images"]["app:1"] |= {"compressed": "12500kB", "unpacked": "12500kB", "prepulled": ["mirror"]}
    run = simulation(data).finish()
    assert sorted(pulls(run, node) for node in ("a-0", "a-1")) == pytest.approx([1, 2], abs=0.2)


def test_a_mirror_takes_one_place_at_the_registry_for_each_layer_and_gives_it_back() -> None:
    data = deepcopy(SITES)
    data["registry"] = {"downloads_at_once": 1}
    data["images"]["app:1"]["layers"] = 3
    data["workloads"][0]["node_selector"] = {"kubernetes.io/hostname": "a-0"}
    assert pulls(simulation(data).finish(), "a-0") == pytest.approx(WAN, rel=0.1)


def test_a_layer_that_takes_longer_to_the_mirror_than_the_engine_s_patience_is_waited_for() -> None:
    """The proxy sends it on while it comes, so an engine sees bytes; 25 MB at 500 kbit/s take 400 s."""
    data = deepcopy(SITES)
    data["duration"] = "10min"
    data["topology"]["links"][1]["rate"] = "500kbps"
    s = simulation(data)
    run = s.finish()
    assert pulls(run, "a-0") == pytest.approx(400, rel=0.1)
    assert wan(s, "wan-a") == pytest.approx(25, abs=4)  # one copy, and what heartbeats and lists weigh
