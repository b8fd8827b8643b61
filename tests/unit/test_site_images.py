"""Images at sites: a base that several share, mirrors of the registry, and what is there before time begins."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from scenarios import LINUX, cluster_of, simulation
from simulator.errors import UserError
from simulator.spec.check import check_scenario
from simulator.spec.look import Look
from simulator.spec.scenario import Scenario
from sitekit import FREE, SITES, WAN, pulls, wan

IMAGE = {"compressed": "20MB", "unpacked": "50MB", "layers": 2, "platforms": LINUX}


def test_a_mirror_fetches_once_for_its_site_and_serves_all() -> None:
    s = simulation(SITES, FREE)
    run = s.finish()
    assert wan(s, "wan-a") == pytest.approx(25, abs=1.5)
    assert wan(s, "wan-b") == pytest.approx(50, abs=1.5)
    # Both of b share the link, and take twice as long; those of a wait for one copy, which passes the site in no time.
    assert [pulls(run, node) for node in ("a-0", "b-0")] == pytest.approx([WAN, 2 * WAN], rel=0.15)


def test_a_mirror_serves_what_it_has_while_the_wan_is_cut_and_others_wait() -> None:
    data = deepcopy(SITES)
    data["workloads"] = [
        {
            "kind": "service",
            "name": "near",
            "image": "app:1",
            "replicas": 1,
            "node_selector": {"kubernetes.io/hostname": "a-0"},
        }
    ]
    data["images"]["app:1"]["prepulled"] = ["mirror"]
    data["faults"] = [
        {"kind": "cut", "name": "wan", "link": "wan-*", "at": "300ms", "duration": "2min", "mode": "silent"}
    ]
    s = simulation(data, FREE)
    assert pulls(s.finish(), "a-0") == pytest.approx(0.2, abs=0.03)  # by the node's 1 Gbit/s
    assert wan(s, "wan-a") < 1


def test_a_dead_mirror_is_passed_over_after_the_dial_time() -> None:
    data = deepcopy(SITES)
    data["faults"] = [{"kind": "crash", "node": "mirror", "at": "1ms"}]
    run = simulation(data).finish()
    assert pulls(run, "a-0") == pytest.approx(30 + 2 * WAN, rel=0.1)


def test_a_mirror_that_loses_its_way_hands_on_to_the_registry_when_the_way_is_back() -> None:
    data = deepcopy(SITES)
    data["faults"] = [
        {"kind": "cut", "name": "wan", "link": "wan-a", "at": "2500ms", "duration": "20s", "mode": "silent"}
    ]
    s = simulation(data)
    took = pulls(s.finish(), "a-0")
    assert took == pytest.approx(WAN + 20, rel=0.1) or took == pytest.approx(WAN, rel=0.15)
    assert wan(s, "wan-a") == pytest.approx(25, abs=1.5)  # it goes on where it was


def test_what_is_prepulled_is_not_pulled_and_the_control_plane_knows() -> None:
    data = deepcopy(SITES)
    data["images"]["app:1"]["prepulled"] = ["b-*"]
    s = simulation(data)
    images = {node.name: dict(node.images) for node in cluster_of(s).node_objects.values()}
    assert images["b-0"] == images["b-1"] == {"app:1": 25_000_000}
    assert images["a-0"] == {}
    run = s.finish()
    assert set(run.table("events").filter(kind="Pulled")["node"].to_list()) >= {"a-0", "b-0"}
    assert set(run.table("events").filter(kind="Pulling")["node"].to_list()).isdisjoint({"b-0", "b-1"})
    assert wan(s, "wan-b") < 1


def test_a_disk_without_room_for_what_is_prepulled_is_a_mistake() -> None:
    data = deepcopy(SITES)
    data["images"]["app:1"]["prepulled"] = ["b-0"]
    data["topology"]["nodes"][-1]["disk"] = "20MB"
    with pytest.raises(UserError, match="b-0: its disk has no room for image app:1"):
        simulation(data)


def test_images_share_the_layers_of_their_base() -> None:
    data = deepcopy(SITES)
    big = {"compressed": "25MB", "unpacked": "25MB", "layers": 2, "platforms": LINUX, "base": "python:3"}
    data["images"] = {"one:1": big, "two:1": big, "python": {**big, "compressed": "20MB", "layers": 1, "base": None}}
    host = {"kubernetes.io/hostname": "b-0"}
    data["workloads"] = [
        {"kind": "service", "name": name, "image": f"{name}:1", "replicas": 1, "node_selector": host}
        for name in ("one", "two")
    ]
    s = simulation(data)
    s.finish()
    assert wan(s, "wan-b") == pytest.approx(30, abs=1.5)
    (agent,) = [a for a in cluster_of(s).agents.values() if s._parts.world.nodes.names[a.node] == "b-0"]
    assert {layer.digest for image in agent.images for layer in image.layers} == {"python:3#0", "one:1#1", "two:1#1"}


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ({"app:1": {**IMAGE, "base": "pyhton"}}, "no image is named pyhton"),
        ({"app:1": {**IMAGE, "base": "app:1"}}, "image app:1 is, by whatever detour, its own base"),
        ({"app:1": {**IMAGE, "base": "b"}, "b": {**IMAGE, "base": "app:1"}}, "its own base"),
        (
            {"app:1": {**IMAGE, "base": "b"}, "b": {**IMAGE, "compressed": "21MB", "layers": 1}},
            "smaller than its base b",
        ),
        ({"app:1": {**IMAGE, "base": "b"}, "b": IMAGE}, "no layer above the 2 of its base b"),
        ({"app:1": {**IMAGE, "prepulled": ["c-*"]}}, "c-* matches no node"),
        ({"app:1": IMAGE, "b": IMAGE}, "no workload uses image b"),
    ],
)
def test_what_images_get_wrong_is_said(images: dict[str, Any], said: str) -> None:
    problems = check_scenario(Look(Scenario.parse({**SITES, "images": images})))
    assert any(said in problem.message for problem in problems), problems


def test_a_base_that_only_images_name_is_used() -> None:
    images = {"app:1": {**IMAGE, "base": "b"}, "b": {**IMAGE, "layers": 1}}
    assert check_scenario(Look(Scenario.parse({**SITES, "images": images}))) == []
