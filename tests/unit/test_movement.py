"""Movement and coverage: ways, files, what is wrong, and what each parameter moves."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from roads import IMAGES, LATITUDE, LONGITUDE, asked, east, north, point, road, told
from scenarios import plane_of, run, scenario, simulation, world_of
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.geography import great_circle_km
from simulator.physics.movement import Path as Way
from simulator.physics.movement import within
from simulator.physics.waypoints import random_waypoint, route
from simulator.record.buffer import Recorder
from simulator.record.glossary import summarise
from simulator.record.metric import MetricContext
from simulator.simulation.coverage import Motion, motion
from simulator.simulation.movement import Site
from simulator.simulation.run import Run
from simulator.spec.check import check_scenario
from simulator.spec.look import Look
from simulator.spec.movement import Place
from simulator.spec.positions import read_positions, read_squares
from simulator.spec.topology import expand_nodes
from simulator.streams import Rng
from simulator.units import SECOND

AWAKE = {"facts.links.lte.promotion.delay": "0s"}  # radios that never sleep

# Ways.


def test_a_path_stands_before_and_after_its_corners() -> None:
    path = Way([10, 20], [LATITUDE, north(100)], [LONGITUDE, LONGITUDE])
    assert path.position(0) == path.position(10) == pytest.approx((LATITUDE, LONGITUDE))
    assert path.position(15)[0] == pytest.approx(north(50))
    assert path.position(1000) == pytest.approx((north(100), LONGITUDE))
    assert path.distance_m(15, LATITUDE, LONGITUDE) == pytest.approx(50)
    with pytest.raises(ValueError, match="later"):
        Way([10, 10], [0, 1], [0, 1])


def test_a_path_goes_the_short_way_over_the_date_line() -> None:
    path = Way([0, 10], [0, 0], [179.9, -179.9])
    assert path.position(5)[1] == pytest.approx(-180)
    assert path.position(8)[1] == pytest.approx(-179.94)
    assert within(path, 0, -179.95, 1000)


def test_what_stands_is_covered_for_ever_or_never() -> None:
    path = Way([0], [LATITUDE], [LONGITUDE])
    assert [end for _, end in within(path, north(90), LONGITUDE, 100)] == [np.inf]
    assert within(path, north(110), LONGITUDE, 100) == []


def test_a_route_is_driven_to_its_end_or_to_and_fro() -> None:
    stops = [(LATITUDE, LONGITUDE, 0.0), (north(100), LONGITUDE, 5.0), (north(300), LONGITUDE, 0.0)]
    stay, back, again = (route(stops, 10, then, 2, 100) for then in ("stay", "back", "again"))
    assert stay.corners()[0] == pytest.approx([2, 12, 17, 37])
    assert back.corners()[0][:6] == pytest.approx([2, 12, 17, 37, 57, 62])
    assert again.corners()[0][:6] == pytest.approx([2, 12, 17, 37, 67, 77])
    assert back.position(67)[0] == pytest.approx(north(50))
    with pytest.raises(ValueError, match="no length"):
        route([(LATITUDE, LONGITUDE, 0.0)] * 2, 10, "back", 0, 100)


def test_random_waypoints_have_the_known_means() -> None:
    """Two points in a unit square are 0.5214 apart on average (its mean distance); and the mean of the inverse of a
    uniform speed from 1 to 3 is ln 3 / 2: the time that a metre takes."""
    rng = Rng(1)
    length = north(1000) - LATITUDE
    path = random_waypoint(
        lambda k: (rng.draw("y", 0, k) * length, rng.draw("x", 0, k) * length),
        lambda k: 1 + 2 * rng.draw("v", 0, k),
        lambda _: 0.0,
        3e6,
    )
    at, latitude, longitude = path.corners()
    metres = [
        1000 * great_circle_km(*a, *b) for a, b in pairwise(zip(latitude, longitude, strict=True))
    ]  # fmt: skip
    assert len(metres) > 8000
    assert np.mean(metres) == pytest.approx(521.4, rel=0.02)
    assert at[-1] / sum(metres) == pytest.approx(log(3) / 2, rel=0.02)


def moves(settings: Mapping[str, Any], replication: int = 0, **more: Any) -> Motion:
    s = scenario(road(**more), settings)
    names, specs = zip(*expand_nodes(s.world.nodes), strict=True)
    return motion(Site(s, Catalogue(s.facts, folder=s.folder), names, specs), 0, Rng(1, replication))


BOX = {"kind": "random-waypoint", "node": "bus-*", "south": LATITUDE, "north": north(2000), "west": LONGITUDE,
       "east": east(500), "slowest": "5m/s", "fastest": "20m/s"}  # fmt: skip


def test_a_node_more_moves_no_other_at_random() -> None:
    one, two = (moves({"movement": [BOX]}, buses=n) for n in (1, 2))
    first = [each.paths[min(each.paths)].corners() for each in (one, two)]
    assert first[0] == first[1]
    other = moves({"movement": [BOX]}, replication=1)
    assert other.paths[min(other.paths)].corners() != first[0]


def test_random_ways_stay_in_their_box_begin_where_the_node_is_and_pause() -> None:
    found = moves({"movement": [BOX | {"pause": "7s"}], "topology.nodes.bus.latitude": north(70),
                   "topology.nodes.bus.longitude": east(10)})  # fmt: skip
    (path,) = found.paths.values()
    at, latitude, longitude = path.corners()
    assert (latitude[0], longitude[0]) == (north(70), east(10))
    assert all(LATITUDE <= y <= north(2000) and LONGITUDE <= x <= east(500) for y, x in zip(latitude, longitude))  # noqa: B905
    assert np.diff(at)[1::2] == pytest.approx(7)


# Files.


def write(folder: Path, name: str, *lines: str) -> Path:
    (folder / name).write_text("\n".join(lines), "utf-8")
    return folder / name


def test_positions_in_metres_are_those_in_degrees(tmp_path: Path) -> None:
    metres = write(tmp_path, "m.csv", "node,time_s,x_m,y_m", "bus-0,0,0,0", "bus-1,0,5,5", "bus-0,10,250,100")
    origin = Place(latitude=LATITUDE, longitude=LONGITUDE)
    found = read_positions(metres, origin)
    assert found["bus-0"][1] == pytest.approx((10, north(100), east(250)))
    places = write(tmp_path, "d.csv", "time_s,node,latitude,longitude", f"0,bus-0,{LATITUDE},{LONGITUDE}")
    assert read_positions(places, None) == {"bus-0": [(0.0, LATITUDE, LONGITUDE)]}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["time_s,node,x_m,y_m", "0,bus-0,0,0"], "need an origin"),
        (["time_s,node,x_m,y_m,latitude", "0,bus-0,0,0,45"], "in metres and in degrees"),
        (["time_s,node,latitude", "0,bus-0,45"], "no column longitude"),
        (["time_s,node,latitude,longitude", "5,bus-0,45,5", "5,bus-0,45,6"], "t.csv:3: the time is not after"),
        (["time_s,node,latitude,longitude", "5,bus-0,145,5"], "t.csv:2: latitude: 145 is no number from -90 to 90"),
        (["time_s,node,latitude,longitude", "5,,45,5"], "t.csv:2: the row names no node"),
        (["time_s,node,latitude,longitude"], "no position"),
    ],
)
def test_a_wrong_file_of_positions_is_told_by_line(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(UserError) as raised:
        read_positions(write(tmp_path, "t.csv", *lines), None)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["45,5,a", "45.0005,5,b"], "lies on no square"),
        (["45,5,a", "45,5,b"], "m.csv:3: the square is there twice"),
        (["45,5,"], "names no cell"),
        ([], "no square"),
    ],
)
def test_a_wrong_map_is_told_by_line(tmp_path: Path, rows: list[str], said: str) -> None:
    with pytest.raises(UserError) as raised:
        read_squares(write(tmp_path, "m.csv", "latitude,longitude,cell", *rows), 0.001)
    assert said in str(raised.value)


def test_a_trace_moves_its_node(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "time_s,node,x_m,y_m", "0,bus-0,0,0", "50,bus-0,0,1000")
    place = {"latitude": LATITUDE, "longitude": LONGITUDE}
    trace = {"movement": [{"kind": "trace", "node": "bus-*", "file": "t.csv", "origin": place}]}
    by_trace, by_speed = (
        run(road(), trace, folder=tmp_path),
        run(road(), {"movement.line.points": [point(0), point(1000)]}),
    )
    seen = [[(round(t, 6), *more) for t, *more in told(s.table("events"))] for s in (by_trace, by_speed)]
    assert seen[0] == seen[1]
    assert len(seen[0]) == 5


def test_a_map_says_who_serves(tmp_path: Path) -> None:
    """Three squares of a thousandth of a degree (111.2 m): two of one cell, a gap of one, one of another."""
    corner = [f"{LATITUDE + 0.001 * i:.4f},{LONGITUDE - 0.0005:.4f}" for i in range(4)]
    write(
        tmp_path,
        "m.csv",
        "latitude,longitude,cell",
        f"{corner[0]},mast-3",
        f"{corner[1]},mast-3",
        f"{corner[3]},mast-1",
    )
    cover = {"kind": "grid", "name": "lte", "node": "bus-*", "cell": "mast-*", "file": "m.csv", "square": 0.001,
             "model": "lte", "handover": "0s"}  # fmt: skip
    s = run(road(), {"coverage": [cover]}, folder=tmp_path)
    side = 1000 * great_circle_km(LATITUDE, LONGITUDE, LATITUDE + 0.001, LONGITUDE) / 20
    assert told(s.table("events")) == [
        (0.0, "CellJoined", "mast-3"), (pytest.approx(2 * side, abs=1e-5), "CoverageLost", "mast-3"),
        (pytest.approx(3 * side, abs=1e-5), "CellJoined", "mast-1"),
        (pytest.approx(4 * side, abs=1e-5), "CoverageLost", "mast-1"),
    ]  # fmt: skip


# What is wrong.

CASES: list[tuple[dict[str, Any], str]] = [
    ({"movement.line.node": "tram-*"}, "tram-* matches no node"),
    ({"coverage.lte.cell": "tower-*"}, "tower-* matches no node"),
    ({"coverage.lte.node": "tram-*"}, "tram-* matches no node"),
    ({"coverage.lte.model": "lte9"}, "lte9"),
    ({"coverage.lte.radii": {"tower-*": "1km"}}, "tower-* matches no cell"),
    ({"coverage.lte.node": "*"}, "would cover itself"),
    ({"coverage": []}, "nothing depends on where bus-0 is"),
    ({"movement": []}, "nobody knows where bus-0 is"),
    ({"movement": [{"kind": "trace", "node": "bus-*", "file": "none.csv"}]}, "there is no such file"),
    ({"movement": [BOX, BOX | {"name": "line"}]}, "bus-0 moves in two ways"),
    ({"movement": [BOX | {"node": "*"}]}, "moves, and cells stand"),
    ({"faults": [{"kind": "cut", "link": "lte.bus-0.tower-*", "at": "1s"}]}, "matches no link"),
]


@pytest.mark.parametrize(("settings", "said"), CASES)
def test_what_is_wrong_is_said(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as raised:
        simulation(road(), settings)
    assert said in str(raised.value)


def test_a_glob_and_a_file_are_checked_before_anything_is_built() -> None:
    wrong = {"movement": [{"kind": "trace", "node": "tram-*", "file": "none.csv"}], "coverage.lte.cell": "tower-*"}
    messages = [problem.message for problem in check_scenario(Look(scenario(road(), wrong)))]
    assert any("there is no file" in said for said in messages)
    assert {"tram-* matches no node", "tower-* matches no node"} <= set(messages)
    twice = {"coverage": [*road()["coverage"], *road()["coverage"]]}
    assert "two items of coverage are named lte" in str(check_scenario(Look(scenario(road(), twice))))
    cut = {"faults": [{"kind": "cut", "link": "lte.bus-0.mast-1", "at": "1s"}]}
    assert not check_scenario(Look(scenario(road(), cut)))


def test_a_model_that_knows_no_handover_needs_one() -> None:
    data = road()
    del data["coverage"][0]["handover"], data["coverage"][0]["margin"]
    with pytest.raises(UserError, match=r"ethernet has no fact handover\.margin"):
        simulation(data, {"coverage.lte.model": "ethernet"})
    with pytest.raises(UserError, match=r"ethernet has no fact handover\.time"):
        simulation(data, {"coverage.lte.model": "ethernet", "coverage.lte.margin": "10%"})
    assert run(data, {"facts.links.lte.handover.time": "2s"}).summary["handover_s"] == pytest.approx(8)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"points": [point(0), point(1, at="5s")]}, "either a speed or times"),
    ({"speed": None, "points": [point(0, at="0s"), point(1)]}, "needs a speed, or a time for each"),
    ({"speed": None, "points": [point(0, at="5s"), point(1, at="5s")]}, "after the one before"),
    ({"speed": None, "then": "back", "points": [point(0, at="0s"), point(1, at="5s")]}, "needs a speed"),
    ({"speed": None, "points": [point(0, at="0s", pause="1s"), point(1, at="5s")]}, "pause belongs"),
    ({"speed": "0m/s"}, "speed"),
    ({"points": [point(0)]}, "at least 2"),
]


@pytest.mark.parametrize(("more", "said"), WRONG)
def test_a_way_that_is_none_is_refused(more: dict[str, Any], said: str) -> None:
    data = road()
    data["movement"][0] = {k: v for k, v in (data["movement"][0] | more).items() if v is not None}
    with pytest.raises(UserError) as raised:
        scenario(data)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [({"south": 46.0}, "no height"), ({"west": 9.0}, "no width"), ({"slowest": "30m/s"}, "faster than the fastest")],
)
def test_a_box_that_is_none_is_refused(more: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        scenario(road() | {"movement": [BOX | more]})


# What each parameter moves.


def times(s: Run, kind: str = "HandoverStarted") -> list[float]:
    return [time for time, what, _ in told(s.table("events")) if what == kind]


def test_parameters_of_movement_move_the_events() -> None:
    quick, slow = run(road()), run(road(), {"movement.line.speed": "10m/s"})
    assert times(slow)[0] == pytest.approx(2 * times(quick)[0])
    assert slow.summary["handovers"] < quick.summary["handovers"]
    stops = run(road(), {"movement.line.points": [point(0, pause="9s"), point(2000)]})
    assert times(stops) == pytest.approx([time + 9 for time in times(quick)], abs=1e-6)
    timed = {k: v for k, v in road()["movement"][0].items() if k != "speed"}
    timed["points"] = [point(0, at="9s"), point(2000, at="109s")]
    assert times(run(road(), {"movement": [timed]})) == pytest.approx(times(stops), abs=1e-6)
    back, again = (run(road(2), {"movement.line.then": then}) for then in ("back", "again"))
    assert run(road(2)).summary["handovers"] == 1
    assert back.summary["handovers"] == again.summary["handovers"] > 1
    late = run(road(buses=2), {"movement.line.headway": "15s"})
    first, second = (
        [t for t, kind, _ in told(late.table("events"), f"bus-{i}") if kind == "HandoverStarted"] for i in (0, 1)
    )
    assert second == pytest.approx([time + 15 for time in first if time + 15 < 120], abs=1e-6)


def test_parameters_of_random_movement_move_the_events() -> None:
    base, quick, idle = (
        run(road(), {"movement": [BOX | {"east": east(100)} | more], "duration": "10min"}).summary
        for more in ({}, {"slowest": "40m/s", "fastest": "80m/s"}, {"pause": "1h"})
    )
    assert quick["handovers"] > base["handovers"] > idle["handovers"]


def test_parameters_of_coverage_move_the_metrics() -> None:
    base = run(road())
    small = run(road(), {"coverage.lte.radius": "200m"})
    smaller = run(road(), {"coverage.lte.radius": "100m"})
    assert smaller.summary["uncovered_s"] > small.summary["uncovered_s"] > base.summary["uncovered_s"] == 0
    one = run(road(), {"coverage.lte.radii": {"mast-2": "100m"}})
    assert one.summary["uncovered_s"] > 0
    first = run(road(), {"coverage.lte.radii": {"mast-2": "100m", "mast-*": "400m"}})
    assert first.summary["uncovered_s"] == one.summary["uncovered_s"]
    assert {cell["cell"]: cell["radius_m"] for cell in first.world["cells"]}["mast-2"] == 100
    sticky = run(road(), {"coverage.lte.margin": "60%"})
    assert times(sticky)[0] > times(base)[0]
    long = run(road(), {"coverage.lte.handover": "3s"})
    assert long.summary["handover_s"] == pytest.approx(6 * base.summary["handover_s"])


@pytest.mark.parametrize(
    ("key", "value", "metric"),
    [("latency", "60ms", "p50_latency_s"), ("up", "100kbps", "p50_latency_s"), ("down", "100kbps", "p50_latency_s"),
     ("rate", "100kbps", "p50_latency_s"), ("jitter", "10ms", "p99_latency_s"), ("loss", "20%", "p99_latency_s")],
)  # fmt: skip
def test_what_is_said_of_the_link_counts_for_each_cell(key: str, value: str, metric: str) -> None:
    data = road() | {"workloads": asked(timeout="5s"), "images": IMAGES, "start": "placed"}
    short = {"duration": "10s", "warm_up": "1s"} | AWAKE
    assert run(data, short | {f"coverage.lte.{key}": value}).summary[metric] > 1.05 * run(data, short).summary[metric]


def test_the_metrics_are_those_of_their_definitions() -> None:
    recorder = Recorder()
    for at, kind, detail in ((0, "CoverageLost", "lte"), (20, "CellJoined", "lte a"), (25, "HandoverStarted", "lte b"),
                             (27, "HandoverEnded", "lte b"), (40, "CoverageLost", "lte b")):  # fmt: skip
        recorder.events.add(at * SECOND, kind, "bus", "bus", detail)
    recorder.events.add(30 * SECOND, "HandoverStarted", "bus", "bus", "wifi c")
    names = ("handovers", "handover_s", "uncovered_s")
    found = summarise(recorder.frames(), MetricContext(duration_s=45, warm_up_s=10), names)
    assert found == {"handovers": 2, "handover_s": 2 + 15, "uncovered_s": 10 + 5}


# What follows by itself.


def test_a_cell_without_power_is_left_and_comes_back() -> None:
    data = road(3) | {"movement": []}
    at = {"topology.nodes.bus.latitude": north(240), "topology.nodes.bus.longitude": LONGITUDE}
    fault = {"faults": [{"kind": "power-cut", "node": "mast-0", "at": "10s", "duration": "20s"}]}
    seen = told(run(data, at | fault).table("events"))
    assert [(kind, cell) for _, kind, cell in seen] == [
        ("CellJoined", "mast-0"), ("HandoverStarted", "mast-1"), ("HandoverEnded", "mast-1"),
    ]  # fmt: skip
    assert [time for time, _, _ in seen] == pytest.approx([0, 10, 10.5])
    alone = told(run(data, at | fault | {"coverage.lte.radius": "250m"}).table("events"))
    assert [(kind, cell) for _, kind, cell in alone] == [
        ("CellJoined", "mast-0"),
        ("CoverageLost", "mast-0"),
        ("CellJoined", "mast-0"),
    ]
    assert alone[2][0] > 30


def test_a_device_enters_the_cluster_at_the_member_near_to_its_cell() -> None:
    """Each mast runs the service; whoever goes from one to the next is answered by the next, as soon as before."""
    work = asked(timeout="1s")
    work[0] = {k: v for k, v in work[0].items() if k not in ("replicas", "node_selector")} | {"per": "site"}
    s = simulation(road() | {"workloads": work, "images": IMAGES, "start": "placed"}, {"duration": "110s"} | AWAKE)
    nodes, at = world_of(s).nodes, []
    for until in (10, 30, 60, 80, 105):
        s.run(until)
        (origin,) = plane_of(s).origins
        at.append(nodes.names[origin.place // len(nodes)])
    assert at == [f"mast-{i}" for i in range(5)]
    frame = s.finish().table("requests").filter(pl.col("outcome") == "completed")
    assert frame["latency_s"].max() < 0.04


def test_a_device_that_is_covered_later_is_heard_from_then_on() -> None:
    data = road() | {"workloads": asked(timeout="1s"), "images": IMAGES, "start": "placed"}
    ways = {"movement.line.points": [point(-600), point(2000)], "duration": "20s"}
    s = run(data, ways)
    assert told(s.table("events"))[:2] == [
        (0.0, "CoverageLost", ""),
        (pytest.approx(10.5, abs=1e-6), "CellJoined", "mast-0"),
    ]
    frame = s.table("messages")
    assert frame.filter(pl.col("start_s") < 10)["delivered"].sum() == 0
    assert frame.filter(pl.col("start_s") >= 11)["lost"].sum() == 0
    assert s.summary["uncovered_s"] == pytest.approx(10.5, abs=1e-6)


def test_links_apart_are_not_cut() -> None:
    s = run(road())
    assert s.summary["link_up_ratio"] == 1
    assert set(s.table("links")["state"]) == {"apart", "up"}
    assert s.world["movement"][0]["node"] == "bus-0"
