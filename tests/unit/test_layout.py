"""The place as it is laid out: who plays which part, what a machine is made of, and what cannot be a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios import HERE, SMALL, scenario
from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.simulation.layout import Layout, check_links, check_machines, components_on, lay_out
from simulator.spec.orchestrator import Orchestrator, load_orchestrator
from simulator.spec.scenario import Scenario
from simulator.streams import Rng
from simulator.units import MS, SECOND

MI = 1 << 20


def place(*nodes: dict[str, Any], links: tuple[dict[str, Any], ...] = ()) -> Layout:
    """The machines (of model cloud-vm where none is given), each joined to the first where no links are."""
    given = [{"model": "cloud-vm", **node} for node in nodes]
    first = given[0]["name"]
    joined = links or tuple(
        {"name": f"l{i}", "between": [first, node["name"]], "latency": "1ms", "rate": "1Gbps"}
        for i, node in enumerate(given[1:])
    )
    return layout(scenario({"duration": "1min", "topology": {"nodes": given, "links": list(joined)}}))


def layout(of: Scenario, seed: int = 1, replication: int = 0) -> Layout:
    return lay_out(of, Catalogue(of.facts), Rng(seed, replication), {"": 110})


@pytest.fixture(scope="module")
def page() -> Orchestrator:
    return load_orchestrator(Catalogue(), "kubernetes")


def names(of: Layout, indices: tuple[int, ...]) -> list[str]:
    return [of.nodes[i].name for i in indices]


def test_roles_decide_who_is_a_member_and_who_controls() -> None:
    found = place(
        {"name": "gw", "role": "router"},
        {"name": "w", "count": 2, "zone": "a"},
        {"name": "cp", "role": "control-plane", "zone": "hq", "count": 2},
        {"name": "till", "role": "device", "zone": "a"},
        {"name": "store", "role": "registry"},
        {"name": "near", "zone": "hq"},
        links=tuple(
            {"name": n, "between": ["gw", f"{n}*"], "latency": "1ms", "rate": "1Gbps"}
            for n in ("w", "cp", "till", "store", "near")
        ),
    )
    assert names(found, found.members) == ["w-0", "w-1", "cp-0", "cp-1", "near"]
    assert names(found, found.control_planes) == ["cp-0", "cp-1"]
    assert found.nodes[found.api].name == "cp-0"
    assert found.nodes[found.registry].name == "store"
    assert found.sites == ["a"]  # the control plane's own zone is none
    assert found.nodes[1].role == "worker"
    assert found.nodes[5].zone == "a"


def test_without_roles_the_first_member_controls_and_serves_images_and_its_zone_stays_a_site() -> None:
    found = place({"name": "gw", "role": "router"}, {"name": "w", "count": 3, "zone": "a"}, {"name": "v", "zone": "b"},
                  links=({"name": "l", "between": ["gw", "[wv]*"], "latency": "1ms", "rate": "1Gbps"},))  # fmt: skip
    assert names(found, found.control_planes) == ["w-0"]
    assert found.registry == found.api == 1
    assert found.sites == ["a", "b"]


def test_a_machine_is_its_model_with_what_is_written_over_it() -> None:
    plain, own = place(
        {"name": "plain", "model": "raspberry-pi-4b"},
        {"name": "own", "model": "raspberry-pi-4b", "cores": 2, "speed": 0.5, "ram": "2GiB", "disk": "1GB",
         "boot": "3s", "disk_write": "5MB/s", "platform": "linux/amd64", "max_pods": 7, "zone": "z",
         "runtimes": ["containerd/runc"], "extended": {"acme.com/gpu": 2},
         "labels": {"tier": "edge", "topology.kubernetes.io/zone": "mine"},
         "taints": [{"key": "k", "value": "v", "effect": "NoExecute"}]},
    ).nodes  # fmt: skip
    pi = Catalogue().model("nodes", "raspberry-pi-4b")
    assert (plain.cores, plain.speed, plain.ram_bytes) == tuple(pi.quantity(f) for f in ("cores", "speed", "ram"))
    assert plain.platform == "linux/arm64"
    assert (plain.zone, plain.max_pods, plain.runtimes, plain.taints) == ("default", 110, (), ())
    assert (own.cores, own.speed, own.ram_bytes, own.disk_bytes) == (2, 0.5, 2048 * MI, 10**9)
    assert (own.disk_write_bytes_per_s, own.boot_ns, own.max_pods) == (5e6, 3 * SECOND, 7)
    assert (own.runtimes, own.extended, own.taints) == (
        ("containerd/runc",),
        {"acme.com/gpu": 2},
        (("k", "v", "NoExecute"),),
    )
    assert plain.labels == {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "arm64",
        "kubernetes.io/hostname": "plain",
        "topology.kubernetes.io/zone": "default",
        "node.kubernetes.io/instance-type": "raspberry-pi-4b",
    }
    assert own.labels["kubernetes.io/arch"] == "amd64"
    assert own.labels["topology.kubernetes.io/zone"] == "mine"  # what is written wins
    assert own.labels["tier"] == "edge"


def test_only_facts_that_nothing_was_written_over_are_read() -> None:
    given = {"name": "n", "model": "cloud-vm", "cores": 1, "speed": 1, "ram": "2GiB", "disk": "1GB", "boot": "1s",
             "disk_write": "1MB/s", "platform": "linux/amd64"}  # fmt: skip
    catalogue = Catalogue()
    lay_out(scenario({"duration": "1s", "topology": {"nodes": [given]}}), catalogue, Rng(1), {"": 110})
    assert [row["path"] for row in catalogue.ledger.rows()] == []
    del given["boot"]
    lay_out(scenario({"duration": "1s", "topology": {"nodes": [given]}}), catalogue, Rng(1), {"": 110})
    assert [row["path"] for row in catalogue.ledger.rows()] == ["facts.nodes.cloud-vm.boot"]


def test_links_are_numbered_where_a_glob_joins_many() -> None:
    found = layout(scenario(SMALL))
    assert [link.name for link in found.links] == [
        "core", "wan-a", "wan-b", "lan-a-0", "lan-a-1", "lan-b-0", "lan-b-1", "till-a", "till-b",
    ]  # fmt: skip
    ends = {link.name: (found.nodes[link.a].name, found.nodes[link.b].name) for link in found.links}
    assert ends["lan-b-1"] == ("gw-b", "b-1")
    assert {link.latency_ns for link in found.links if link.name.startswith("wan")} == {10 * MS}
    assert [(link.up_bps, link.down_bps) for link in found.links if link.name == "core"] == [(1e9, 1e9)]


def test_a_generated_place_is_one_for_all_replications_of_a_seed() -> None:
    """What differs between replications is what happens there."""
    made = Scenario.parse({"duration": "1min", "topology": {"use": "city-edge", "params": {"sites": 3}}}).placed(
        HERE, {}
    )
    assert layout(made, 1, 0) == layout(made, 1, 7)
    assert layout(made, 1) != layout(made, 2)


def test_without_a_member_there_is_no_cluster() -> None:
    with pytest.raises(UserError, match="no machine of the topology can be a member of a cluster"):
        place({"name": "a", "role": "router"}, {"name": "b", "role": "device"})


def said(problems: list[Problem]) -> list[str]:
    return [problem.message for problem in problems]


def test_components_run_everywhere_and_servers_only_where_the_control_plane_is(page: Orchestrator) -> None:
    found = place({"name": "cp", "role": "control-plane"}, {"name": "w"})
    everywhere = {component.name for component in components_on(page, found, 1)}
    assert everywhere < {component.name for component in components_on(page, found, 0)}
    assert everywhere


def test_machines_too_small_or_of_another_architecture_are_refused_by_name_and_place(page: Orchestrator) -> None:
    nodes = [
        {"name": "cp", "model": "cloud-vm", "role": "control-plane", "ram": "512MiB"},
        {"name": "w", "model": "cloud-vm", "platform": "linux/arm/v7", "count": 3},
        {
            "name": "small",
            "model": "cloud-vm",
            "role": "device",
            "ram": "1MiB",
            "platform": "linux/arm/v7",
        },  # no member
        {"name": "good", "model": "cloud-vm"},
    ]
    of = scenario({"duration": "1min", "topology": {"nodes": nodes}})
    problems = check_machines(page, layout(of), of.world)
    small = [problem for problem in problems if problem.message.startswith("cp: RAM of 537 MB")]
    foreign = [problem for problem in problems if problem.message.startswith("w-0 and 2 more: platform linux/arm/v7")]
    assert {problem.path for problem in small} == {"scenario.topology.nodes.0.model"}
    assert {problem.path for problem in foreign} == {"scenario.topology.nodes.1.model"}
    assert small
    assert foreign
    assert len(small) + len(foreign) == len(problems)


def test_a_machine_with_too_few_cores_is_refused_where_a_page_says_how_many_it_needs() -> None:
    """K3s: two for a server, one for an agent."""
    nodes = [
        {"name": "cp", "model": "cloud-vm", "role": "control-plane", "cores": 1},
        {"name": "w", "model": "cloud-vm", "cores": 1, "count": 2},
    ]
    of = scenario({"duration": "1min", "topology": {"nodes": nodes}})
    k3s = load_orchestrator(Catalogue(), "k3s")
    (problem,) = check_machines(k3s, layout(of), of.world)
    assert problem.message == "cp: 1 core; k3s's control-plane needs 2"
    assert problem.path == "scenario.topology.nodes.0.model"


def test_a_generator_that_makes_nonsense_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def build(params, rng):\n    return {'nodes': [{'name': 'a', 'modle': 'x'}]}\n")
    made = Scenario.parse({"duration": "1min", "topology": {"use": "./mine.py:build"}}).placed(tmp_path, {})
    with pytest.raises(UserError, match=r"topology './mine\.py:build' made nonsense: .*modle"):
        layout(made)


def test_every_member_must_reach_the_control_plane() -> None:
    link = {"latency": "1ms", "rate": "1Gbps"}
    found = place(
        {"name": "cp", "role": "control-plane"}, {"name": "gw", "role": "router"}, {"name": "w", "count": 2},
        {"name": "lost"}, {"name": "alone", "role": "device"},
        links=({"name": "a", "between": ["cp", "gw"], **link}, {"name": "b", "between": ["gw", "w-0"], **link},
               {"name": "c", "between": ["w-1", "lost"], **link}),
    )  # fmt: skip
    assert said(check_links(found)) == [
        "no link leads from w-1 to the control plane",
        "no link leads from lost to the control plane",
    ]


@pytest.mark.parametrize(("model", "nic", "rate"), [
    ("raspberry-pi-3b", None, 100e6), ("raspberry-pi-3b", "1Gbps", 500e6), ("esp32", None, 72e6), ("till", None, 500e6),
    ("till", "20Mbps", 20e6),
])  # fmt: skip
def test_a_link_is_as_fast_as_the_network_interfaces_at_its_ends(model: str, nic: str | None, rate: float) -> None:
    written = {"nic": nic} if nic == "20Mbps" else {}
    nodes = [{"name": "n", "model": model, "role": "device", **written}, {"name": "cloud", "model": "cloud-vm"}]
    links = [{"name": "line", "between": ["n", "cloud"], "latency": "1ms", "up": "500Mbps", "down": "10Mbps"}]
    facts = {f"facts.nodes.{model}.nic": nic} if nic == "1Gbps" else {}
    data = {"duration": "1s", "topology": {"nodes": nodes, "links": links}}
    (line,) = lay_out(scenario(data), Catalogue(facts), Rng(1), {"": 110}).links
    assert (line.up_bps, line.down_bps) == (rate, 10e6)
