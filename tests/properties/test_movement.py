"""Whatever moves wherever: nothing goes astray in a handover, and no radio has two cells."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from roads import IMAGES, LATITUDE, LONGITUDE, asked, east, north, road, served, told
from scenarios import broken_rows, digest, run
from simulator.physics.coverage import NONE, Cells
from simulator.physics.waypoints import random_waypoint
from simulator.streams import Rng

COUNTS = ("completed", "timeout", "no_endpoint", "refused", "lost", "died")

worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10_000),
        "radius": st.sampled_from(["150m", "300m", "600m"]),
        "handover": st.sampled_from(["0s", "80ms", {"exponential": "400ms"}, "6s"]),
        "margin": st.sampled_from(["1%", "20%", "60%"]),
        "retries": st.sampled_from([0, 2]),
        "fails": st.booleans(),
    }
)


def world(seed: int, retries: int, fails: bool, **cover: Any) -> dict[str, Any]:
    data = road(4, buses=2) | {"workloads": asked(timeout="300ms", retries=retries), "images": IMAGES}
    data |= {"duration": "40s", "start": "placed"}
    data["movement"] = [
        {"kind": "random-waypoint", "node": "bus-*", "south": LATITUDE, "north": north(1500), "west": LONGITUDE,
         "east": east(150), "slowest": "30m/s", "fastest": "90m/s", "pause": {"exponential": "2s"}},
    ]  # fmt: skip
    data["coverage"][0] |= cover | {"loss": "2%"}
    if fails:
        data["faults"] = [
            {"kind": "failures", "node": "mast-*", "up": {"exponential": "20s"}, "down": "5s"} | {"at": "1s"}
        ]
    return data


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds)
def test_nothing_goes_astray_in_a_handover(drawn: dict[str, Any]) -> None:
    data, seed = world(**drawn), drawn["seed"]
    s = run(data, seed=seed)
    traffic, requests = s.table("traffic"), s.table("requests")
    flying = (requests["outcome"] == "in-flight").sum()
    assert traffic["issued"].sum() == sum(traffic[name].sum() for name in COUNTS) + flying
    assert s.summary["messages_in_flight"] >= 0
    assert s.summary["messages_in_flight"] <= 2 * 10 * 2
    assert not broken_rows(s.tables)
    one_cell_at_a_time(s.tables)
    assert digest(s) == digest(run(data, seed=seed, exact_events=True))


def one_cell_at_a_time(tables: dict[str, pl.DataFrame]) -> None:
    """In the events a radio joins what it then leaves; of its links at most one is whole."""
    for node in ("bus-0", "bus-1"):
        own, joining = "", ""
        for _, kind, cell in told(tables["events"], node):
            match kind:
                case "CellJoined":
                    assert not own
                    own, joining = cell, ""
                case "HandoverStarted":
                    assert own
                    assert own != cell
                    assert not joining
                    own, joining = "", cell
                case "HandoverEnded":
                    assert cell == joining
                    own, joining = cell, ""
                case _:
                    own = joining = ""
        mine = tables["links"].filter(pl.col("link").str.starts_with(f"lte.{node}."))
        first = mine.group_by("link", maintain_order=True).first()
        whole = set(first.filter(pl.col("time_s") > 0)["link"])  # what nobody has taken apart at the beginning
        assert len(whole) <= 1
        for link, state in mine.select("link", "state").iter_rows():
            (whole.add if state == "up" else whole.discard)(link)
            assert len(whole) <= 1


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**9), st.sampled_from([0.001, 0.2, 1.0]), st.sampled_from([0.0, 0.5, 30.0]))
def test_whoever_serves_covers_and_is_not_far_behind_the_nearest(seed: int, margin: float, joins: float) -> None:
    rng = Rng(seed)
    draw = [rng.draws("cells", range(12), k) for k in range(3)]
    cells = Cells(45 + 0.01 * draw[0], 5 + 0.01 * draw[1], 80 + 300 * draw[2])
    path = random_waypoint(
        lambda k: (45 + 0.01 * rng.draw("y", 0, k), 5 + 0.01 * rng.draw("x", 0, k)),
        lambda k: 3 + 20 * rng.draw("v", 0, k), lambda k: 5 * rng.draw("p", 0, k), 400,
    )  # fmt: skip
    changes = [*served(cells.reach(path, margin), 400, joins), (400.0, NONE)]
    for (begin, own), (end, after) in pairwise(changes):
        assert end >= begin
        assert own != after or end == 400
        ready = begin + (joins if own != NONE and begin else 0.0)
        for time in (ready + (end - ready) * u for u in (0.01, 0.99)) if end - ready > 1e-6 else ():
            far = [path.distance_m(time, *cells.place(i)) for i in range(12)]
            over = [i for i in range(12) if far[i] < cells.radius_m[i] - 1e-6]
            if own == NONE:
                assert not over
            else:
                assert far[own] <= cells.radius_m[own] + 1e-6
                assert all(far[own] <= (1 + margin) * far[i] + 1e-6 for i in over)
