"""Nodes of a site that hand each other layers: how many copies cross the uplink, by which way, and when one fails."""

from __future__ import annotations

from copy import deepcopy
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from scenarios import simulation
from simulator.errors import UserError
from simulator.record.glossary import GLOSSARY
from simulator.simulation.run import Run
from simulator.world.image import Image, ImageStore
from simulator.world.neighbours import Neighbours, Site
from simulator.world.network import Network
from sitekit import FREE, SITES, WAN, pulls, wan


def sites(peers: str, nodes: int = 4) -> dict[str, Any]:
    """Site b has so many nodes, and no mirror; site a has nobody but its mirror."""
    data = deepcopy(SITES)
    data["registry"] = {"peers": peers}
    data["topology"]["nodes"][-1]["count"] = nodes
    del data["topology"]["nodes"][5]  # the nodes of a
    del data["topology"]["links"][4]
    return data


def one_by_one(peers: str, nodes: int = 4) -> dict[str, Any]:
    """A node of site b after another gets a pod."""
    data = sites(peers, nodes)
    data["workloads"] = [
        {
            "kind": "service",
            "name": f"app-{i}",
            "image": "app:1",
            "node_selector": {"kubernetes.io/hostname": f"b-{i}"},
            "at": f"{20 * i}s",
        }
        for i in range(nodes)
    ]
    return data


def came(run: Run, node: str) -> list[str]:
    rows = run.table("events").filter((pl.col("kind") == "Fetched") & (pl.col("node") == node))
    return rows["detail"].to_list()


@pytest.mark.parametrize(("peers", "copies"), [("none", 4), ("cached", 1), ("swarm", 1)])
def test_nodes_that_pull_one_after_another_bring_one_copy(peers: str, copies: int) -> None:
    s = simulation(one_by_one(peers))
    run = s.finish()
    assert wan(s, "wan-b") == pytest.approx(25 * copies, abs=1.5)
    assert run.summary["registry_bytes"] == 25_000_000 * copies
    assert run.summary["neighbour_bytes"] == 25_000_000 * (4 - copies)


@pytest.mark.parametrize(("peers", "copies"), [("cached", 4), ("swarm", 1)])
def test_nodes_that_pull_at_once_bring_one_copy_only_as_a_swarm(peers: str, copies: int) -> None:
    s = simulation(sites(peers), FREE)
    run = s.finish()
    assert wan(s, "wan-b") == pytest.approx(25 * copies, abs=1.5)
    # The LAN is a hundred times as fast as the uplink: who waits for the first has it soon after.
    assert max(pulls(run, f"b-{i}") for i in range(4)) == pytest.approx(WAN * copies, rel=0.1)


def test_the_record_says_which_way_each_copy_came() -> None:
    run = simulation(one_by_one("cached", 2)).finish()
    assert came(run, "b-0") == ["25000000 B, registry"]
    assert came(run, "b-1") == ["25000000 B, neighbour"]
    assert {"registry_bytes", "neighbour_bytes"} <= set(GLOSSARY)


def test_neighbours_have_what_is_wanted_while_the_uplink_is_cut() -> None:
    """Whoever answers for the manifest is a neighbour too: nothing crosses the uplink."""
    data = one_by_one("cached", 2)
    data["images"]["app:1"]["prepulled"] = ["b-0"]
    data["workloads"] = [data["workloads"][1]]
    data["workloads"][0]["at"] = "0s"
    data["faults"] = [
        {"kind": "cut", "name": "wan", "link": "wan-*", "at": "300ms", "duration": "2min", "mode": "silent"}
    ]
    s = simulation(data)
    assert pulls(s.finish(), "b-1") < 1
    assert wan(s, "wan-b") < 1


def test_when_the_first_of_a_swarm_dies_another_takes_its_place() -> None:
    data = sites("swarm", 3)
    first = next(
        node for node in ("b-0", "b-1", "b-2")
        if came(simulation(data).finish(), node) == ["25000000 B, registry"]
    )  # fmt: skip
    data["faults"] = [{"kind": "crash", "node": first, "at": "1500ms"}]
    s = simulation(data)
    run = s.finish()
    others = [node for node in ("b-0", "b-1", "b-2") if node != first]
    assert sorted(came(run, node)[0] for node in others) == ["25000000 B, neighbour", "25000000 B, registry"]
    assert wan(s, "wan-b") < 25 + 25


def test_a_neighbour_without_power_is_not_asked() -> None:
    data = one_by_one("cached", 2)
    data["faults"] = [{"kind": "crash", "node": "b-0", "at": "15s"}]
    run = simulation(data).finish()
    assert came(run, "b-1") == ["25000000 B, registry"]


def test_an_engine_that_drops_archives_hands_on_nothing_and_that_is_said() -> None:
    data = sites("cached")
    data["topology"]["nodes"][-1]["runtimes"] = ["docker/runc"]
    with pytest.raises(UserError, match="no node has a neighbour in its zone whose engine keeps the archives"):
        simulation(data)


def test_one_node_in_a_zone_has_no_neighbours_and_that_is_said() -> None:
    with pytest.raises(UserError, match="no node has a neighbour"):
        simulation(sites("cached", 1))


def test_a_delta_comes_from_the_registry_for_neighbours_have_whole_layers() -> None:
    """The first node has all of version 2; the second, with version 1, wants a tenth of each layer."""
    data = one_by_one("cached", 2)
    whole = data["topology"]["nodes"].pop()
    del whole["count"]
    data["topology"]["nodes"] += [whole | {"name": "b-0"}, whole | {"name": "b-1", "runtimes": ["balena-engine/runc"]}]
    data["images"] = {"app:2": data["images"]["app:1"], "app:1": data["images"]["app:1"] | {"prepulled": ["b-1"]}}
    for workload in data["workloads"]:
        workload["image"] = "app:2"
    here = {"kubernetes.io/hostname": "b-1"}
    data["workloads"].append({"kind": "service", "name": "old", "image": "app:1", "node_selector": here})
    assert came(simulation(data).finish(), "b-1") == ["2500000 B, registry"]


def test_who_serves_least_is_asked_first() -> None:
    image = Image.equal("app", compressed=10, unpacked=10, layers=1)
    (layer,) = image.layers
    site = Site(cast(Network, SimpleNamespace(access=lambda here, there: "ok")), swarm=False)
    stores = [ImageStore(1000, keeps_archives=True) for _ in range(4)]
    near = [Neighbours(site, node, store, lambda digest: False) for node, store in enumerate(stores)]
    stores[2].preload(image)
    stores[3].preload(image)
    asked: list[int | None] = []
    near[0].provide(layer, 10, asked.append)
    second: list[int | None] = []
    near[1].provide(layer, 10, second.append)
    assert (asked, second) == ([2], [3])
