"""A workload that asks for certain nodes goes to the members that have such, and to no other."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from hubkit import Hubs, template
from scenarios import LINUX, simulation
from simulator.control.api.objects import DaemonSet, Deployment, Node, Service
from simulator.control.clusters.affinity import has_nodes_for
from simulator.world.pod import Requirement


def three() -> Hubs:
    """Members m0, m1 and m2, with nodes of the zones a, b and b."""
    hubs = Hubs(3)
    for server, zone in zip(hubs.servers, "abb", strict=True):
        for node in server.list(Node):
            node.labels["zone"] = zone
    return hubs


@pytest.mark.parametrize(("zone", "then"), [("a", {"m0"}), ("b", {"m1", "m2"})])
def test_copies_are_divided_over_the_members_with_such_nodes(zone: str, then: set[str]) -> None:
    hubs = three()
    web = Deployment("web", template=replace(template("web"), node_selector={"zone": zone}), replicas=4)
    log = DaemonSet("log", template=replace(template("log"), node_selector={"zone": zone}))
    hubs.hub.apply([web, log])
    hubs.run(10)
    assert set(hubs.binding(web).replicas) == then
    assert sum(hubs.binding(web).replicas.values()) == 4
    assert set(hubs.binding(log).replicas) == then


def test_where_nobody_has_such_nodes_it_waits_and_says_so() -> None:
    hubs = three()
    web = Deployment("web", template=replace(template("web"), node_selector={"zone": "c"}), replicas=1)
    hubs.hub.apply([web])
    hubs.run(10)
    assert hubs.binding(web).reason == "0 of 3 clusters are feasible; 1 replicas do not fit into them"
    (node,) = hubs.servers[2].list(Node)
    node.labels["zone"] = "c"  # somebody labels one: the next attempt finds it
    hubs.run(60)
    assert hubs.binding(web).replicas == {"m2": 1}


def test_the_required_affinity_counts_and_no_asking_means_everybody() -> None:
    sites = three().hub.roster.sites
    terms = ((Requirement("zone", "In", ("a", "z")),), (Requirement("zone", "DoesNotExist"),))
    asks = Deployment("web", template=replace(template("web"), node_affinity=terms))
    assert has_nodes_for(asks, sites).tolist() == [True, False, False]
    assert has_nodes_for(Deployment("web", template=template("web")), sites).all()
    assert has_nodes_for(Service("web"), sites).all()


def test_one_instance_per_site_runs_at_each_site() -> None:
    found = simulation(
        {
            "duration": "2min",
            "topology": {
                "nodes": [
                    {"name": "cloud", "model": "cloud-vm", "zone": "cloud", "role": "control-plane"},
                    *({"name": site, "model": "x86-edge", "zone": site} for site in "abc"),
                ],
                "links": [{"name": "wan", "between": ["cloud", "?"], "latency": "20ms", "rate": "100Mbps"}],
            },
            "clusters": {
                "hub": {"orchestrator": "karmada", "nodes": "cloud", "members": ["one", "two", "three"]},
                "one": {"orchestrator": "k3s", "nodes": "a"},
                "two": {"orchestrator": "k3s", "nodes": "b"},
                "three": {"orchestrator": "k3s", "nodes": "c"},
            },
            "images": {"till": {"compressed": "2MB", "unpacked": "5MB", "layers": 2, "platforms": LINUX}},
            "workloads": [
                {"kind": "service", "name": "till", "image": "till", "per": "site", "cpu": "100m", "ram": "64Mi",
                 "work": "1ms"},
            ],
        }
    ).finish()  # fmt: skip
    ran = found.table("pods").filter(pl.col("state") == "started").select("owner", "node").rows()
    assert sorted(ran) == [("till-a", "a"), ("till-b", "b"), ("till-c", "c")]
