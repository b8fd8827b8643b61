"""Who serves what moves: against closed forms, against looking every millisecond, and on the sites of a real city."""

from __future__ import annotations

import csv
from math import cos, radians, sqrt
from pathlib import Path as File

import numpy as np
import polars as pl
import pytest

from roads import IMAGES, LATITUDE, LONGITUDE, asked, east, north, point, road, served, told
from scenarios import run, simulation, world_of
from simulator.physics.coverage import NONE, Cells, Squares
from simulator.physics.movement import RADIUS_M, Path, first_farther, within
from simulator.physics.waypoints import random_waypoint
from simulator.spec.positions import read_squares

STEP = 0.05  # s, between two looks of the brute force


def test_a_circle_is_entered_and_left_where_geometry_says() -> None:
    """A way that passes a point at 30 m, at 20 m/s: it is within 50 m for 2 · 40 m / 20 m/s."""
    path = Path([0, 100], [LATITUDE, north(2000)], [LONGITUDE] * 2)
    ((enters, leaves),) = within(path, north(1000), east(30, north(1000)), 50)
    assert enters == pytest.approx((1000 - 40) / 20, abs=1e-6)
    assert leaves == pytest.approx((1000 + 40) / 20, abs=1e-6)
    assert within(path, north(1000), east(51, north(1000)), 50) == []


def test_a_neighbour_takes_over_where_geometry_says() -> None:
    """Between masts 1000 m apart, 60 m beside the way: x² + 60² = 1.2² ((1000 - x)² + 60²), solved by hand."""
    ratio, beside, apart = 1.2, 60.0, 1000.0
    path = Path([0, 50], [LATITUDE, north(apart)], [LONGITUDE] * 2)
    masts = [(north(y), east(beside, north(y))) for y in (0, apart)]
    k = ratio * ratio
    a, b, c = 1 - k, 2 * k * apart, (1 - k) * beside**2 - k * apart**2
    x = (-b + sqrt(b * b - 4 * a * c)) / (2 * a)
    assert first_farther(path, masts[0], masts[1], ratio, (0, 50)) == pytest.approx(x / 20, abs=1e-6)
    assert first_farther(path, masts[1], masts[0], ratio, (30, 50)) is None


@pytest.mark.parametrize("masts", [2, 6])
def test_a_straight_road_has_a_handover_at_every_border(masts: int) -> None:
    """At y from the last mast the next one is nearer by a fifth where y = 1.2 (500 - y): y = 272.7 m, each 25 s."""
    s = run(road(masts))
    assert s.summary["handovers"] == masts - 1
    assert s.summary["handover_s"] == pytest.approx(0.5 * (masts - 1))
    begun = [(time, cell) for time, kind, cell in told(s.table("events")) if kind == "HandoverStarted"]
    assert [cell for _, cell in begun] == [f"mast-{i}" for i in range(1, masts)]
    assert [time for time, _ in begun] == pytest.approx([25 * i + 1.2 * 500 / 2.2 / 20 for i in range(masts - 1)], 1e-6)


def test_a_hole_between_two_cells_takes_its_length() -> None:
    """Cells of 200 m, 500 m apart: 100 m without any, 5 s at 20 m/s, and half a second to join the next."""
    s = run(road(3), {"coverage.lte.radius": "200m"})
    assert told(s.table("events")) == [
        (0.0, "CellJoined", "mast-0"),
        (pytest.approx(10, abs=1e-6), "CoverageLost", "mast-0"),
        (pytest.approx(15.5, abs=1e-6), "CellJoined", "mast-1"),
        (pytest.approx(35, abs=1e-6), "CoverageLost", "mast-1"),
        (pytest.approx(40.5, abs=1e-6), "CellJoined", "mast-2"),
    ]
    assert s.summary["uncovered_s"] == pytest.approx(11, abs=1e-6)
    assert s.summary["handovers"] == 0


def some_path(rng: np.random.Generator, spread: float, west: float) -> Path:
    return random_waypoint(
        lambda _: (45 + rng.uniform(-spread, spread), west + rng.uniform(-spread, spread)),
        lambda _: rng.uniform(5, 30),
        lambda _: rng.choice([0.0, rng.uniform(1, 10)]),
        300,
    )


@pytest.mark.parametrize("seed", range(12))
def test_looking_all_the_time_finds_the_same(seed: int) -> None:
    """Independent of every formula but that of the distance: who serves, step by step, on random ways among random
    cells, some across the date line."""
    rng = np.random.default_rng(seed)
    spread, west, n = 0.012, (5.0, 179.999)[seed % 2], 25
    path = some_path(rng, spread, west)
    latitude, longitude = 45 + rng.uniform(-spread, spread, n), west + rng.uniform(-spread, spread, n)
    longitude = (longitude + 180) % 360 - 180
    radius = rng.uniform(150, 500, n)
    reach = Cells(latitude, longitude, radius).reach(path, 0.2)
    exact = served(reach, 300)

    times = np.arange(0, 300, STEP)
    at = np.array([path.position(time) for time in times])
    d = np.empty((len(times), n))
    for i in range(n):
        turn = (at[:, 1] - longitude[i] + 180) % 360 - 180
        x = np.radians(turn) * cos(radians(latitude[i]))
        d[:, i] = RADIUS_M * np.hypot(np.radians(at[:, 0] - latitude[i]), x)
    covered, own, looked = d < radius, NONE, list[tuple[float, int]]()
    for time, far, over in zip(times, d, covered, strict=True):
        best = int(np.where(over, far, np.inf).argmin()) if over.any() else NONE
        new = best if own == NONE or not over[own] or far[own] >= 1.2 * far[best] else own
        if new != own or not looked:
            looked.append((time, new))
        own = new
    # What is over within one step, nobody who looks can see.
    kept = [
        (t, c) for (t, c), (after, _) in zip(exact, [*exact[1:], (np.inf, NONE)], strict=True) if after - t > 2 * STEP
    ]
    merged = [(t, c) for i, (t, c) in enumerate(kept) if not i or c != kept[i - 1][1]]
    seen = [
        (t, c) for (t, c), (after, _) in zip(looked, [*looked[1:], (np.inf, NONE)], strict=True) if after - t > 2 * STEP
    ]
    seen = [(t, c) for i, (t, c) in enumerate(seen) if not i or c != seen[i - 1][1]]
    assert [c for _, c in merged] == [c for _, c in seen]
    assert [t for t, _ in merged] == pytest.approx([t for t, _ in seen], abs=3 * STEP)
    assert len(merged) > 5


@pytest.mark.parametrize("seed", range(4))
def test_looking_at_a_map_all_the_time_finds_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = some_path(rng, 0.005, 5.0)
    side, south, west = 0.0007, 44.9951, 4.9953
    cells = {(i, j): int(rng.integers(5)) for i in range(14) for j in range(14) if rng.random() < 0.8}
    exact = served(Squares(south, west, side, cells).reach(path), 300)
    begins = [t for t, _ in exact]
    for time in rng.uniform(0, 300, 3000):
        latitude, longitude = path.position(time)
        here = cells.get((int((latitude - south) // side), int((longitude - west) // side)), NONE)
        last = int(np.searchsorted(begins, time, "right")) - 1
        edge = min(abs(time - begin) for begin in begins)
        assert exact[last][1] == here or edge < 1e-6
    assert len(exact) > 10


def test_a_map_and_a_way_across_the_date_line(tmp_path: File) -> None:
    """Four squares of a degree, two on each side, crossed in ten seconds each."""
    rows = "\n".join(
        f"-17,{longitude},{cell}" for longitude, cell in ((178, "a"), (179, "b"), (-180, "c"), (-179, "d"))
    )
    (tmp_path / "m.csv").write_text(f"latitude,longitude,cell\n{rows}\n", "utf-8")
    (south, west), found = read_squares(tmp_path / "m.csv", 1.0)
    assert found == {(0, 0): "a", (0, 1): "b", (0, 2): "c", (0, 3): "d"}
    squares = Squares(south, west, 1.0, {place: "abcd".index(cell) for place, cell in found.items()})
    for longitudes in ((178, -178), (-182, -178), (178, 182)):
        path = Path([0, 40], [-16.5, -16.5], longitudes)
        assert [(round(at, 6), cell) for at, cell in served(squares.reach(path), 39)] == [
            (0, 0),
            (10, 1),
            (20, 2),
            (30, 3),
        ]
    back = Path([0, 40], [-16.5, -16.5], (-178, 178))
    assert [cell for _, cell in served(squares.reach(back), 39)] == [3, 2, 1, 0]


def test_work_follows_handovers_and_not_corners() -> None:
    """The same way with a corner every 2 m sets not one timer more."""
    straight = simulation(road())
    fine = simulation(
        road(),
        {
            "movement": [
                {"kind": "waypoints", "node": "bus-*", "speed": "20m/s", "points": [point(2 * i) for i in range(1001)]}
            ]
        },
    )
    counts = []
    for s in (straight, fine):
        s.run()
        counts.append(world_of(s).clock.fired)
        assert s.finish().summary["handovers"] == 4
    assert counts[0] == counts[1]


def test_only_cells_that_are_ever_entered_have_a_link() -> None:
    """Of 200 masts the bus passes five."""
    data = road(200)
    data["movement"][0]["points"] = [point(0), point(2000)]
    names = [link.name for link in world_of(simulation(data)).network.links]
    assert [name for name in names if name.startswith("lte.")] == [f"lte.bus-0.mast-{i}" for i in range(5)]


def test_what_a_handover_costs() -> None:
    """Ten requests and ten readings a second; no request is tried again. Lost is what is made in the interruption, and
    what is on the air when it begins: 0.5 s and 11.2 ms (up) of readings; of requests until their answer has come."""
    s = run(
        road() | {"workloads": asked(timeout="1s"), "images": IMAGES, "start": "placed"},
        {"duration": "110s", "warm_up": "1s"},
    )
    lost, failed = s.summary["lost_messages"], s.summary["requests_failed"]
    assert s.summary["handovers"] == 4
    assert 4 * 5 <= lost <= 4 * 6
    assert 4 * 5 <= failed <= 4 * 6


# The sites and users of Melbourne's centre.


def rows(file: File, latitude: str, longitude: str) -> list[tuple[float, float]]:
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return [(float(row[latitude]), float(row[longitude])) for row in csv.DictReader(lines)]


@pytest.fixture(scope="module")
def melbourne(shared_data: File) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    folder = shared_data / "eua-melbourne-cbd"
    return (
        rows(folder / "site-optus-melbCBD.csv", "LATITUDE", "LONGITUDE"),
        rows(folder / "users-melbcbd-generated.csv", "Latitude", "Longitude"),
    )


def haversine_m(user: tuple[float, float], sites: list[tuple[float, float]]) -> list[float]:
    p, m = np.radians(np.array(sites)).T
    q, n = np.radians(np.array(user))
    half = np.sin((q - p) / 2) ** 2 + np.cos(p) * np.cos(q) * np.sin((m - n) / 2) ** 2
    found: list[float] = (2 * RADIUS_M * np.arcsin(np.sqrt(half))).tolist()
    return found


def test_melbourne_s_users_are_covered_as_counting_says(melbourne: tuple[list[tuple[float, float]], ...]) -> None:
    """816 users and 125 sites at 150 m: how many sites cover each, all pairs by great circles."""
    sites, users = melbourne
    cells = Cells(np.array([a for a, _ in sites]), np.array([b for _, b in sites]), np.full(len(sites), 150.0))
    for user in users:
        reach = cells.reach(Path([0.0], [user[0]], [user[1]]), 0.2)
        far = haversine_m(user, sites)
        assert set(reach.cells) == {i for i, d in enumerate(far) if d < 150}
        best = reach.nearest(0.0, [True] * len(reach))
        assert (best == NONE) == (min(far) >= 150)
        assert best == NONE or reach.cells[best] == int(np.argmin(far))
    assert (len(sites), len(users)) == (125, 816)


def test_melbourne_as_a_scenario(melbourne: tuple[list[tuple[float, float]], ...]) -> None:
    """20 users stand, one walks past the first 30 of them; the run counts as all pairs do."""
    sites, users = melbourne
    data = {
        "duration": "10min",
        "orchestrator": "k3s",
        "topology": {
            "nodes": [
                {"name": "cloud", "model": "cloud-vm", "role": "control-plane"},
                *({"name": f"site-{i}", "model": "gateway", "role": "router", "latitude": a, "longitude": b}
                  for i, (a, b) in enumerate(sites)),
                *({"name": f"user-{i}", "model": "till", "role": "device", "latitude": a, "longitude": b}
                  for i, (a, b) in enumerate(users[:20])),
                {"name": "walker", "model": "till", "role": "device"},
            ],
            "links": [{"name": "back", "between": ["site-*", "cloud"], "latency": "1ms", "rate": "1Gbps"}],
        },
        "movement": [
            {"kind": "waypoints", "node": "walker", "speed": "20m/s",
             "points": [{"latitude": a, "longitude": b} for a, b in users[:30]]},
        ],
        "coverage": [
            {"kind": "distance", "name": name, "node": node, "cell": "site-*", "radius": "150m", "model": "lte"}
            for name, node in (("standing", "user-*"), ("walking", "walker"))
        ],
    }  # fmt: skip
    s = run(data)
    events = s.table("events").filter(pl.col("time_s") == 0)
    joined = {
        node: detail.partition(" ")[2]
        for kind, node, detail in events.select("kind", "node", "detail").iter_rows() if kind == "CellJoined"
    }  # fmt: skip
    for i, user in enumerate(users[:20]):
        far = haversine_m(user, sites)
        want = f"site-{int(np.argmin(far))}" if min(far) < 150 else None
        assert joined.get(f"user-{i}") == want
    assert s.summary["handovers"] > 10
    assert told(s.table("events"), "walker")
