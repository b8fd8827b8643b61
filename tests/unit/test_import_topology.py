"""Topologies of others: every trap of their files is repaired and told by line, or refused by line; and they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

import simulator as sim
from simulator.errors import UserError
from simulator.geography import great_circle_km
from simulator.spec.load import load_experiment
from simulator.spec.readers import nodelink
from simulator.spec.readers.topology import TopologyFile, read_topology

HEAD = """<?xml version="1.0"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
<key id="t" for="node" attr.name="label" attr.type="string"/>
<key id="y" for="node" attr.name="Latitude" attr.type="double"/>
<key id="x" for="node" attr.name="Longitude" attr.type="double"/>
<key id="i" for="node" attr.name="Internal" attr.type="int"/>
<key id="h" for="node" attr.name="hyperedge" attr.type="int"/>
<key id="m" for="node" attr.name="model" attr.type="string"/>
<key id="r" for="edge" attr.name="LinkSpeedRaw" attr.type="double"/>
<graph edgedefault="{}">
"""
FIRST = HEAD.count("\n") + 1  # the line after it


def node(id: str, label: str = "", place: tuple[float, float] | None = (50.0, 8.0), **more: object) -> str:
    data = {"t": label or id, **({"y": place[0], "x": place[1]} if place else {}), **more}
    return f'<node id="{id}">' + "".join(f'<data key="{k}">{v}</data>' for k, v in data.items()) + "</node>\n"


def edge(a: str, b: str, rate: float | None = 1e10) -> str:
    data = "" if rate is None else f'<data key="r">{rate}</data>'
    return f'<edge source="{a}" target="{b}">{data}</edge>\n'


Read = Callable[..., TopologyFile]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def written(text: str | bytes, name: str = "net.graphml", params: dict[str, Any] | None = None) -> TopologyFile:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_topology(path, params, tmp_path)

    return written


def graphml(*parts: str, directed: bool = False) -> str:
    return HEAD.format("directed" if directed else "undirected") + "".join(parts) + "</graph></graphml>\n"


def told(found: TopologyFile) -> list[tuple[int | None, str]]:
    return [(repair.line, repair.message) for repair in found.repairs]


def refused(read: Read, text: str | bytes, name: str = "net.graphml", **params: Any) -> str:
    with pytest.raises(UserError) as raised:
        read(text, name, params)
    return str(raised.value).replace(str(Path(raised.value.problems[0].file or "/").parent) + "/", "")


def test_a_link_is_as_long_as_its_ends_are_apart_and_as_fast_as_the_file_says(read: Read) -> None:
    found = read(graphml(node("0", "Köln", (50.94, 6.96)), node("1", "Paris", (48.85, 2.35)), edge("0", "1", 2.5e9)))
    assert not found.repairs
    assert [n.name for n in found.topology.nodes] == ["koln", "paris"]
    (link,) = found.topology.links
    assert (link.name, link.between, link.rate) == ("koln-paris", ("koln", "paris"), 2.5e9)
    assert float(link.length or 0) / 1000 == pytest.approx(great_circle_km(50.94, 6.96, 48.85, 2.35), rel=1e-5)


def test_the_models_are_those_that_are_asked_for(read: Read) -> None:
    text = graphml(node("a"), node("b", m="raspberry-pi-5"), edge("a", "b"))
    found = read(text, params={"node": "cloud-vm", "link": "wan-access"})
    assert [n.model for n in found.topology.nodes] == ["cloud-vm", "raspberry-pi-5"]
    assert found.topology.links[0].model == "wan-access"
    assert "takes no nod (did you mean node?)" in refused(read, text, nod="cloud-vm")


REPAIRS = {
    "no coordinates": (
        (node("a", "A", None), node("b"), edge("a", "b")),
        FIRST, "node A: has no coordinates: it has no place, and its links have no length",
    ),
    "swapped coordinates": (
        (node("a", "A", (144.96, -37.81)), node("b"), edge("a", "b")),
        FIRST, "node A: latitude 144.96 and longitude -37.81 are swapped: they are taken the other way round",
    ),
    "swapped where both are possible": (
        (node("a", "A", (-86.167, 39.77)), node("b"), edge("a", "b")),
        FIRST, "node A: latitude -86.167 and longitude 39.77 are swapped: they are taken the other way round",
    ),
    "parallel edges": (
        (node("a"), node("b"), edge("a", "b", 1e9), edge("b", "a", 2e9)),
        FIRST + 3, f"edge a b: is parallel to that of line {FIRST + 2}: the two are one link with the rates of both",
    ),
    "parallel edges, one of them without a rate": (
        (node("a"), node("b"), edge("a", "b", None), edge("b", "a", 2e9)),
        FIRST + 3,
        f"edge a b: is parallel to that of line {FIRST + 2}: the two are one link, with the rate of the one that tells "
        "it",
    ),
    "an edge with a direction of its own": (
        (node("a"), node("b"), edge("a", "b").replace("<edge", '<edge directed="true"')),
        FIRST + 2, "edge a b: is directed by itself, and leads both ways as the graph's others do",
    ),
    "a second part": (
        (node("z"), node("a"), node("b"), edge("a", "b")),
        FIRST, "node z: is not joined to the largest part of 2, and is left out with its edges",
    ),
    "a name twice": (
        (node("0", "London"), node("1", "London"), edge("0", "1")),
        FIRST + 1, "node London: another has the name london, so this one is london-2",
    ),
    "no letters": (
        (node("n1", "東京"), node("b"), edge("n1", "b")),
        FIRST, "node 東京: has no letter or digit in its name, and is n1",
    ),
    "no rate": (
        (node("a"), node("b"), edge("a", "b", None)),
        FIRST + 2, "link a-b: has no rate in the file, and takes that of fibre-wan",
    ),
    "a rate of zero": (
        (node("a"), node("b"), edge("a", "b", 0)),
        FIRST + 2, "link a-b: has no rate in the file, and takes that of fibre-wan",
    ),
    "a loop": (
        (node("a"), node("b"), edge("a", "a"), edge("a", "b")),
        FIRST + 2, "edge a: leads back to its own node, and is left out",
    ),
    "a helper": (
        (node("a"), node("b", h=1), edge("a", "b")),
        FIRST + 1, "node b: is the middle of a link with several ends, so it is a router and no machine",
    ),
    "another network": (
        (node("a"), node("b", i=0), edge("a", "b")),
        FIRST + 1, "node b: belongs to another network, so it is a router and no machine",
    ),
    "an attribute that nothing reads": (
        (node("a", weight=3), node("b"), edge("a", "b")),
        None, "graph net.graphml: ignores the attributes weight",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REPAIRS)
def test_a_trap_of_graphml_is_repaired_and_told_by_line(name: str, read: Read) -> None:
    parts, line, said = REPAIRS[name]
    assert told(read(graphml(*parts))) == [(line, said)]


def test_one_coordinate_is_none(read: Read) -> None:
    half = '<node id="a"><data key="t">A</data><data key="y">5</data></node>\n'
    assert told(read(graphml(half, node("b"), edge("a", "b")))) == [
        (FIRST, "node A: has one coordinate of two, which is ignored"),
        (FIRST, "node A: has no coordinates: it has no place, and its links have no length"),
    ]


def test_what_is_repaired_is_right(read: Read) -> None:
    swapped = read(graphml(*REPAIRS["swapped coordinates"][0])).topology.nodes[0]
    assert (swapped.latitude, swapped.longitude) == (-37.81, 144.96)
    both = read(graphml(*REPAIRS["parallel edges"][0])).topology.links
    assert [link.rate for link in both] == [3e9]
    kept = read(graphml(*REPAIRS["a second part"][0])).topology
    assert [n.name for n in kept.nodes] == ["a", "b"]
    nowhere = read(graphml(*REPAIRS["no coordinates"][0])).topology
    assert (nowhere.nodes[0].latitude, nowhere.links[0].length) == (None, None)
    assert read(graphml(*REPAIRS["a helper"][0])).topology.nodes[1].role == "router"


def test_the_two_directions_of_a_directed_graph_are_one_link(read: Read) -> None:
    found = read(graphml(node("a"), node("b"), edge("a", "b", 1e9), edge("b", "a", 2e9), directed=True))
    assert not found.repairs
    assert [(link.up, link.down, link.rate) for link in found.topology.links] == [(1e9, 2e9, None)]
    alone = read(graphml(node("a"), node("b"), edge("a", "b", 1e9), directed=True))
    assert told(alone) == [(FIRST + 2, "edge a b: leads one way only, and stands for both")]


def test_rates_in_our_own_words_are_added_and_what_else_edges_say_differently_is_told(read: Read) -> None:
    head = (
        '{"directed": %s, "nodes": [{"id": "a", "lat": 50, "lon": 8}, {"id": "b", "lat": 51, "lon": 8}], "links": [\n'
    )
    there = '{"source": "a", "target": "b", "rate": "1Gbps", "latency": "1ms"},\n'
    back = '{"source": "b", "target": "a", "rate": "2Gbps", "latency": "5ms", "dist": 9}]}'
    parallel, directed = (read(head % word + there + back, "net.json") for word in ("false", "true"))
    left_out = (3, "edge a b: what it says of latency, dist is left out: the edge of line 2 holds")
    both = (3, "edge a b: is parallel to that of line 2: the two are one link with the rates of both")
    assert (told(parallel), told(directed)) == ([both, left_out], [left_out])
    (one,), (two,) = parallel.topology.links, directed.topology.links
    assert (one.rate, two.up, two.down) == (3e9, 1e9, 2e9)
    assert one.latency == two.latency == 1e6


REFUSED = {
    "not xml": ("<graphml><graph>", "net.graphml:1: is no XML"),
    "no graph": ("<graphml></graphml>", "net.graphml:1: is no GraphML: it has no element graph"),
    "entities": ('<!DOCTYPE x [<!ENTITY a "b">]>\n<graphml/>', "net.graphml:1: declares a document type"),
    "no such end": (graphml(node("a"), edge("a", "c")), f"net.graphml:{FIRST + 1}: an edge leads to c"),
    "an id twice": (graphml(node("a"), node("a")), f"net.graphml:{FIRST + 1}: two nodes have the id a"),
    "no place": (graphml(node("a", "", (95, 190))), f"net.graphml:{FIRST}: node a: latitude 95, longitude 190 is no"),
    "no number": (graphml(node("a", "", ("x", 1))), f"net.graphml:{FIRST}: 'x' is no double"),  # type: ignore[arg-type]
    "a negative rate": (graphml(node("a"), node("b"), edge("a", "b", -1)), f"net.graphml:{FIRST + 2}: edge a b: LinkS"),
    "hyperedge": (graphml(node("a"), "<hyperedge/>\n"), f"net.graphml:{FIRST + 1}: has a hyperedge"),
    "empty": ("", "net.graphml:1: the file is empty"),
    "utf-16": ("<graphml/>".encode("utf-16"), "net.graphml:1: the file is UTF-16"),
    "not utf-8": (b"<graphml>\n\xe9</graphml>", "net.graphml:2: the file is not UTF-8"),
    "a file": (graphml(node("a", m="./mine.yaml")), f"net.graphml:{FIRST}: names the file ./mine.yaml"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_repaired_is_refused_by_line(name: str, read: Read) -> None:
    text, said = REFUSED[name]
    assert said in refused(read, text)


def test_node_link_json_and_its_byte_order_mark(read: Read) -> None:
    text = """{"directed": false, "nodes": [{"id": 0, "name": "Aachen", "pos": [6.04, 50.76]},
        {"id": 1, "name": "Bonn", "lat": 50.73, "lon": 7.1, "role": "router", "model": "backbone-router"}],
        "links": [
        {"source": 0, "target": 1, "dist": 75.5},
        {"source": 1, "target": 0, "dist": 75.5, "latency": "1ms"}]}"""
    found = read(b"\xef\xbb\xbf" + text.encode(), "net.json")
    assert told(found) == [
        (1, "file net.json: begins with a byte-order mark, which is left out"),
        (5, "edge 0 1: is parallel to that of line 4: the two are one link"),
        (5, "edge 0 1: what it says of latency is left out: the edge of line 4 holds"),
        (4, "link aachen-bonn: has no rate in the file, and takes that of fibre-wan"),
    ]
    assert [str(link.length) for link in found.topology.links] == ["75500.0"]
    assert found.topology.nodes[1].role == "router"
    wrong = text.replace('"latency": "1ms"', '"latency": 5').replace(
        '"source": 0, "target": 1, "dist": 75.5', '"id": 3'
    )
    said = refused(read, wrong, "net.json")
    assert "net.json:4: a link has no source and no target" in said


def test_an_edge_that_says_a_number_without_a_unit_is_refused_by_line(read: Read) -> None:
    text = '{"nodes": [{"id": "a"}, {"id": "b"}],\n"edges": [{"source": "a", "target": "b", "latency": 5}]}'
    assert "net.json:2: latency" in refused(read, text, "net.json")


def test_networks_of_topohub_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    found = read_topology(Path(), network="sndlib/germany50")
    assert (len(found.topology.nodes), len(found.topology.links)) == (50, 88)
    with pytest.raises(UserError, match=r"topohub has no network 'sndlib/germany51' \(did you mean sndlib/germany50"):
        read_topology(Path(), network="sndlib/germany51")

    def absent(_package: str) -> None:
        raise ModuleNotFoundError("topohub")

    monkeypatch.setattr(nodelink, "files", absent)
    with pytest.raises(UserError, match=r"needs the package topohub \(pip install 'littoral\[wan\]'\)"):
        read_topology(Path(), network="sndlib/germany50")


SITES = """SITE_ID,LATITUDE,LONGITUDE,NAME,STATE,LICENSING_AREA_ID,POSTCODE,SITE_PRECISION,ELEVATION,HCIS_L2
1,-37.8,144.9,"Corner A, B",VIC,2,,,,K
2,145.0,-37.9,Swapped,VIC,2,,,,K
"""


def test_sites_and_users(read: Read, tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_bytes(b"\xef\xbb\xbfLatitude,Longitude\r\n-37.81,144.91\r\n-37.89,144.99\r\n")
    found = read(SITES, "sites.csv", {"users": "users.csv"})
    assert told(found) == [
        (3, "node site-2: latitude 145 and longitude -37.9 are swapped: they are taken the other way round"),
        (1, "table sites.csv: has no links, so each site is joined to a router hub in their middle"),
        (1, "file users.csv: begins with a byte-order mark, which is left out"),
    ]
    assert [(n.name, n.role, n.zone) for n in found.topology.nodes] == [
        ("site-1", "worker", "site-1"), ("site-2", "worker", "site-2"), ("hub", "router", "hub"),
        ("user-0", "device", "site-1"), ("user-1", "device", "site-2"),
    ]  # fmt: skip
    assert [link.between for link in found.topology.links[2:]] == [("user-0", "site-1"), ("user-1", "site-2")]
    assert [(link.model, link.length) for link in found.topology.links[2:]] == [("lte", None)] * 2


def test_sites_on_both_sides_of_the_date_line_have_their_middle_between_them(read: Read) -> None:
    rows = "SITE_ID,LATITUDE,LONGITUDE,NAME\n1,-17,179.9,A\n2,-17,-179.8,B\n"
    found = read(rows, "sites.csv").topology
    assert found.nodes[-1].longitude == pytest.approx(-179.95)
    assert all(link.length < 20e3 for link in found.links if link.length is not None)


def test_what_is_wrong_with_sites_is_told_by_line(read: Read) -> None:
    nameless = refused(read, "SITE_ID,LATITUDE,LONGITUDE,NAME\n,-17,179.9,A\n", "sites.csv")
    assert nameless == "sites.csv:2: a site has no SITE_ID"
    assert "sites.csv:2: 11 values, and the heading names 10 (a value with a comma" in refused(
        read, SITES.replace('"Corner A, B"', "Corner A, B"), "sites.csv"
    )
    assert "sites.csv:3: two sites have the SITE_ID 1" in refused(read, SITES.replace("\n2,", "\n1,"), "sites.csv")
    assert "sites.csv:2: site-1 has no coordinates" in refused(read, SITES.replace("-37.8,144.9,", ",,"), "sites.csv")
    assert "user is about users (add users: FILE)" in refused(read, SITES, "sites.csv", user="till")
    assert "users.csv:1: has positions of users, and a user needs a site" in refused(
        read, "Latitude,Longitude\n1,1\n", "users.csv"
    )
    assert "x.csv:1: is no topology that is known" in refused(read, "a,b\n1,2\n", "x.csv")


def test_a_matrix_of_round_trips_becomes_links_of_half_of_them(read: Read) -> None:
    found = read("region,a,b\na,0.1,10\nb,12,0.2\n", "m.csv")
    assert told(found) == [
        (2, "region a: 0.1 ms to itself is left out, for a link has two ends"),
        (3, "region b: 0.2 ms to itself is left out, for a link has two ends"),
        (2, "link a b: 10 ms from one end and 12 from the other: the mean"),
    ]
    (link,) = found.topology.links
    assert int(link.latency or 0) == 5_500_000


def test_pairs_of_round_trips_give_jitter_no_larger_than_the_latency(read: Read) -> None:
    rows = "source,target,rtt_min_ms,rtt_avg_ms,rtt_max_ms,rtt_mdev_ms\na,b,9,10,11,2\na,c,9,10,11,99\nb,c,9,10,11,0\n"
    found = read(rows, "p.csv")
    one_end = "is measured from one end only, which stands for both"
    assert told(found) == [
        (2, f"link a b: {one_end}"),
        (3, f"link a c: {one_end}"),
        (3, "link a c: varies by 121 ms, and is let vary by no more than its latency"),
        (4, f"link b c: {one_end}"),
    ]
    jitter = [link.jitter and int(link.jitter) for link in found.topology.links]
    assert jitter == [pytest.approx(2e6 * 1.5**0.5), 5_000_000, None]  # of a uniform: √3 of a deviation of 2 / √2 ms


def test_what_is_wrong_with_round_trips_is_told_by_line(read: Read) -> None:
    assert "m.csv:2: a to b: 'x' is no number" in refused(read, "region,a,b\na,0,x\nb,1,0\n", "m.csv")
    assert "m.csv:3: region c has a row and no column" in refused(read, "region,a,b\na,0,1\nc,1,0\n", "m.csv")
    assert "m.csv:1: region b has a column and no row" in refused(read, "region,a,b\na,0,1\n", "m.csv")


EXPERIMENT = """question: Does it run?
scenario:
  duration: 3min
  topology: {file: FILE}
  workloads:
    - {kind: service, name: api, image: x, replicas: 2, work: 1ms}
    - {kind: requests, source: berlin, target: api, arrivals: {every: 1s}, request: 1kB, response: 1kB, timeout: 5s}
"""
NET = graphml(node("0", "Berlin", (52.5, 13.4)), node("1", "Paris", None), edge("0", "1", None))


def experiment(folder: Path, file: str) -> Path:
    path = folder / "experiment.yaml"
    path.write_text(EXPERIMENT.replace("FILE", file), "utf-8")
    return path


def test_a_scenario_on_a_graphml_file_runs_says_what_was_repaired_and_replays(tmp_path: Path) -> None:
    (tmp_path / "net.graphml").write_text(NET, "utf-8")
    path = experiment(tmp_path, "net.graphml")
    assert any("node Paris: has no coordinates" in note for note in load_experiment(path).notes)
    study = sim.run(path, seed=1, executor="serial")
    study.save(tmp_path / "out")
    assert study[0].summary["availability"] > 0.5
    assert [row["name"] for row in study[0].world["nodes"]] == ["berlin", "paris"]
    assert (tmp_path / "out" / "inputs" / "net.graphml").read_text("utf-8") == NET


def test_problems_of_the_file_are_told_with_all_others_and_where_they_stand(tmp_path: Path) -> None:
    path = experiment(tmp_path, "net.yaml")
    path.write_text(path.read_text("utf-8").replace("target: api", "target: apu"), "utf-8")
    net = tmp_path / "net.yaml"
    net.write_text("nodes:\n- {name: berlin, model: clod-vm}\nlinks: []\n", "utf-8")
    with pytest.raises(UserError) as raised:
        load_experiment(path)
    where = {(p.file, p.line) for p in raised.value.problems}
    assert where == {(str(net), 2), (str(path), 7)}
    net.write_text("nodes:\n- {nam: berlin, model: cloud-vm}\n", "utf-8")
    with pytest.raises(UserError, match=r"net.yaml:2: .*nam.*did you mean name"):
        load_experiment(path)
    net.unlink()
    with pytest.raises(UserError, match=r"experiment.yaml:4: .*net.yaml: there is no such file"):
        load_experiment(path)


@pytest.mark.parametrize(
    ("topology", "said"),
    [
        ("{file: net.yaml, use: wan}", "a topology is either generated or read"),
        ("{file: net.yaml, nodes: [{name: a, model: cloud-vm}]}", "a topology is either read or written out"),
        ("{params: {node: x}, nodes: [{name: a, model: cloud-vm}]}", "params belong to a generator or a file"),
        ("{file: net.graphml, params: {nod: x}}", "experiment.yaml:4: a topology of format graphml takes no nod"),
    ],
)
def test_a_file_is_one_form_of_a_topology(topology: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "net.graphml").write_text(NET, "utf-8")
    path = experiment(tmp_path, "net.graphml")
    path.write_text(path.read_text("utf-8").replace("{file: net.graphml}", topology), "utf-8")
    with pytest.raises(UserError, match=said):
        load_experiment(path)


# nodes, edges, without coordinates, parallel, with LinkSpeedRaw: as SOURCE.md of the data counts them.
ZOO = """Aarnet 19/24/0/0/0, Abilene 11/14/0/0/0, AttMpls 25/57/0/1/0, BtEurope 24/37/2/0/0, Cesnet201006 52/63/7/0/11,
Claranet 15/18/0/0/0, DeutscheTelekom 39/62/0/0/0, Garr201201 61/89/13/14/77, Geant2012 40/61/3/0/39,
Internode 66/78/46/1/28, Janetbackbone 29/45/1/0/0, Nordu2010 18/17/11/0/0, Renater2010 43/56/6/0/56,
Sanet 43/45/9/0/45, SwitchL3 42/63/12/0/63, Uninett2010 74/101/0/0/98"""


def test_the_whole_topology_zoo_is_counted_as_its_source_says(shared_data: Path) -> None:
    from simulator.spec.readers.graphml import read_graphml
    from simulator.spec.readers.report import Report, read_text

    for row in ZOO.replace("\n", " ").split(", "):
        name, counts = row.split()
        file = shared_data / "topology-zoo" / f"{name}.graphml"
        report = Report(str(file))
        graph = read_graphml(read_text(file, report), report)
        assert not report.repairs
        found = read_topology(file)
        parallel = sum("is parallel" in repair.message for repair in found.repairs)
        nowhere = sum(vertex.latitude is None for vertex in graph.vertices)
        rates = sum(edge.bps is not None for edge in graph.edges)
        assert f"{len(graph.vertices)}/{len(graph.edges)}/{nowhere}/{parallel}/{rates}" == counts, name
        other = nx.Graph(nx.read_graphml(file))  # another reader
        largest = max(nx.connected_components(other), key=len)
        assert len(found.topology.nodes) == len(largest), name
        assert len(found.topology.links) == other.subgraph(largest).number_of_edges(), name
        left = sum("not joined to the largest part" in repair.message for repair in found.repairs)
        assert left == len(other) - len(largest), name
        assert left == {"DeutscheTelekom": 9, "Nordu2010": 3}.get(name, 0)


def test_the_sites_and_users_of_melbourne(shared_data: Path) -> None:
    folder = shared_data / "eua-melbourne-cbd"
    found = read_topology(folder / "site-optus-melbCBD.csv", {"users": "users-melbcbd-generated.csv"}, folder)
    roles = [n.role for n in found.topology.nodes]
    assert (roles.count("worker"), roles.count("device"), roles.count("router")) == (125, 816, 1)
    assert len(found.repairs) == 1  # the links that the file does not have


@pytest.mark.parametrize(("cloud", "regions"), [("aws", 19), ("gcp", 20)])
def test_the_round_trips_of_two_clouds(cloud: str, regions: int, shared_data: Path) -> None:
    folder = shared_data / "cloud-region-latency"
    matrix = read_topology(folder / f"{cloud}_rtt_avg_matrix.csv").topology
    pairs = read_topology(folder / f"{cloud}_rtt_long.csv").topology
    assert len(matrix.nodes) == regions
    assert len(matrix.links) == regions * (regions - 1) / 2
    assert [link.latency for link in matrix.links] == [link.latency for link in pairs.links]
    assert all(link.jitter for link in pairs.links)
