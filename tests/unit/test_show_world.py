"""Figures of links, outages, power and coverage say what the tables say, and are absent where those say nothing."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from runs import hand_made_run
from scenarios import simulation, world_of
from simulator.errors import UserError
from simulator.record.schema import TABLES
from simulator.show import coverage, energy, figure, links, places, raster, report
from simulator.show.style import time_unit
from simulator.simulation.run import Run
from sitekit import FREE, SITES

WORLD = ("coverage", "raster", "links", "energy")


def with_table(run: Run, name: str, rows: list[tuple[Any, ...]]) -> Run:
    """The run with these rows in place of a table's."""
    run.tables = {**run.tables, name: pl.DataFrame(rows, schema=run.table(name).schema, orient="row")}
    return run


def test_the_map_says_for_which_share_of_the_run_a_link_is_up() -> None:
    run = with_table(hand_made_run(), "links", [
        (60.0, "wan-0", "cut", "silent"), (90.0, "wan-0", "cut", "lossy"), (120.0, "wan-0", "up", ""),
        (570.0, "wan-0", "cut", "silent"),
    ])  # fmt: skip
    assert dict(places.rows(run).select("link", "up_ratio").iter_rows()) == {"wan-0": 0.85, "wan-1": 1.0}
    lines = {trace.name for trace in places.draw(run).figure.data if trace.mode == "lines"}
    assert lines == {"link, up all the time", "up 50 % to 90 %"}


def test_radios_that_no_cell_serves_are_not_cut_links() -> None:
    run = with_table(hand_made_run(), "links", [(0.0, "wan-0", "apart", "apart"), (60.0, "wan-0", "up", "")])
    assert places.rows(run)["link"].to_list() == ["wan-1"]
    assert raster.rows(run).is_empty()


def test_who_is_nowhere_is_not_on_the_map_and_counted() -> None:
    run = hand_made_run()
    nodes = [{**n, "latitude": None, "longitude": None} if n["name"] == "cloud" else n for n in run.world["nodes"]]
    run.world = {**run.world, "nodes": nodes}
    drawing = places.draw(run)
    assert drawing.rows.is_empty()
    assert "Nobody knows the place of 1 node." in drawing.caption


def test_the_raster_has_each_outage_and_the_longest_down_first() -> None:
    run = with_table(hand_made_run(), "links", [
        (10.0, "wan-1", "cut", "refused"), (30.0, "wan-1", "up", ""), (500.0, "wan-1", "cut", "lossy"),
        (60.0, "wan-0", "cut", "silent"), (90.0, "wan-0", "cut", "one-way"), (500.0, "wan-0", "up", ""),
    ])  # fmt: skip
    run = with_table(run, "nodes", [
        (0.0, "edge-0", "running", "up"), (0.0, "edge-0", "path", "cut"), (100.0, "edge-0", "running", "down"),
        (160.0, "edge-0", "running", "up"),
    ])  # fmt: skip
    drawing = raster.draw(run)
    assert set(drawing.rows.iter_rows()) == {
        ("link", "wan-1", "refused", 10.0, 30.0), ("link", "wan-1", "lossy", 500.0, 600.0),
        ("link", "wan-0", "silent", 60.0, 90.0), ("link", "wan-0", "one-way", 90.0, 500.0),
        ("node", "edge-0", "down", 100.0, 160.0),
    }  # fmt: skip
    ticks = drawing.figure.layout.yaxis.ticktext
    assert ticks == ("wan-0  (up 26.67%)", "wan-1  (up 80.00%)", "edge-0  (up 90.00%)")
    bars = {
        (bar.name, y, base, x) for bar in drawing.figure.data for y, base, x in zip(bar.y, bar.base, bar.x, strict=True)
    }
    assert ("node down", 2, 100 / 60, 1.0) in bars
    assert len(bars) == 5


def test_what_the_raster_leaves_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    run = with_table(hand_made_run(), "links", [(60.0, "wan-0", "cut", "silent"), (90.0, "wan-1", "cut", "silent")])
    monkeypatch.setattr(raster, "_MOST", 1)
    drawing = raster.draw(run)
    assert set(drawing.rows["name"]) == {"wan-0"}
    assert "2 of 2 links" in drawing.caption
    assert "The 1 that were down for less time are left out." in drawing.caption


def test_many_outages_are_drawn_as_few_bars_and_kept_as_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    flaps = [(10.0 + k, "wan-0", "cut", "silent") for k in range(4)]
    ups = [(time + 0.9, link, "up", "") for time, link, *_ in flaps]
    run = with_table(hand_made_run(), "links", [*sorted(flaps + ups), (300.0, "wan-0", "cut", "silent")])
    monkeypatch.setattr(raster, "_MOST_BARS", 4)
    drawing = raster.draw(run)
    assert len(drawing.rows) == 5
    (bar,) = drawing.figure.data
    assert [(60 * base, 60 * (base + x)) for base, x in zip(bar.base, bar.x, strict=True)] == [
        pytest.approx((10.0, 13.9)), pytest.approx((300.0, 600.0)),
    ]  # fmt: skip
    assert "drawn as one" in drawing.caption


def test_the_heat_map_has_the_busiest_first_and_what_is_too_little_counted() -> None:
    drawing = links.draw(hand_made_run())
    heat = drawing.figure.data[0]
    # 45 % of the rate in the mean, and 50 % in eight of ten minutes; 75 B of 7.5 MB cannot be seen.
    assert heat.y == ("wan-1: from cloud to edge-1", "wan-0: from edge-0 to cloud")
    assert np.allclose(heat.z, [[k / 10 for k in range(10)], [0.0 if k in (3, 4) else 0.5 for k in range(10)]])
    assert list(heat.x) == list(range(11))
    assert "1 more" in drawing.caption
    (cut,) = [trace for trace in drawing.figure.data if trace.name == "cut"]
    assert cut.x == (3, 5, None)
    assert cut.y[0] == "wan-0: from edge-0 to cloud"


def test_a_long_run_has_cells_of_several_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_COLUMNS", 5)
    heat = links.draw(hand_made_run()).figure.data[0]
    assert np.allclose(heat.z[0], [0.05, 0.25, 0.45, 0.65, 0.85])


def test_power_is_energy_over_time_and_charge_a_straight_line_between_changes() -> None:
    drawing = energy.draw(hand_made_run())
    assert set(drawing.rows["node"]) == {"edge-1"}  # which has a battery
    assert "1 more machine left out" in drawing.caption
    series = {q: drawing.rows.filter(pl.col("quantity") == q)["value"] for q in (energy.POWER, energy.PANEL)}
    assert series[energy.POWER].to_list() == [2.0] * 10
    assert series[energy.PANEL].to_list() == [0.0] * 5 + [6.0] * 5
    charge = drawing.rows.filter(pl.col("quantity") == energy.CHARGE).select("time_s", "value")
    # From 3600 J it gives 2 W; from 3000 J on 6 W of the panel less 2 W, 1 W that nobody takes and 1 W lost are 2 W.
    expected = [(60.0 * k, (3600 - 120 * k if k < 5 else 3000 + 120 * (k - 5)) / 3600) for k in range(11)]
    assert np.allclose(charge.to_numpy(), expected)


def test_without_a_battery_those_that_take_most_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    run = with_table(hand_made_run(), "batteries", [])
    monkeypatch.setattr(energy, "_MOST", 1)
    drawing = energy.draw(run)
    assert set(drawing.rows["node"]) == {"cloud"}
    assert drawing.rows["value"].to_list() == [100.0] * 10
    assert drawing.title == "Power"


def test_machines_that_take_the_same_are_one_line_and_night_is_grey() -> None:
    run = hand_made_run()
    for table in ("energy", "batteries"):
        rows = run.table(table).rows()
        run = with_table(run, table, rows + [(row[0], "edge-0", *row[2:]) for row in rows if row[1] == "edge-1"])
    run.world = {**run.world, "begins": "2026-06-01T00:00:00+00:00"}
    drawing = energy.draw(run)
    assert set(drawing.rows["node"]) == {"edge-0", "edge-1"}
    assert {trace.name.split(":")[0] for trace in drawing.figure.data} == {"edge-0 and 1 alike"}
    night = [(shape.x0, shape.x1) for shape in drawing.figure.layout.shapes if shape.fillcolor == "rgba(34,48,60,0.07)"]
    assert set(night) == {(0.0, 10.0)}
    assert "Grey: night." in drawing.caption
    assert "Grey" not in energy.draw(hand_made_run()).caption  # at noon


def test_a_handover_is_where_the_path_is_then() -> None:
    drawing = coverage.draw(hand_made_run())
    at = {event: (time, latitude) for _, _, event, _, time, latitude, _ in drawing.rows.iter_rows()}
    assert at["HandoverStarted"] == (290.0, pytest.approx(43.329))
    assert at["CoverageLost"] == (540.0, pytest.approx(43.354))
    assert set(drawing.rows["longitude"]) == {5.4}
    assert coverage.served(drawing.rows, 600.0).select("cell", "start_s", "end_s").rows() == [
        ("mast-0", 0.0, 290.0), ("mast-1", 300.0, 540.0),
    ]  # fmt: skip
    assert "Handovers: 1; times that no cell covered a radio any more: 1." in drawing.caption


def cells_of(run: Run) -> Any:
    """The trace of the cells."""
    (cells,) = [trace for trace in coverage.draw(run).figure.data if (trace.name or "").startswith("cell that served")]
    return cells


def test_a_cell_is_drawn_as_large_as_it_is() -> None:
    run = hand_made_run()
    first = cells_of(run).y[:49]
    assert max(first) - min(first) == pytest.approx(2 * 2500 / 111_195, rel=1e-3)
    square = {"radio": "lte", "cell": "mast-0", "latitude": 43.3, "longitude": 5.4, "side": 0.01}
    run.world = {**run.world, "cells": [square]}
    for axis, low in (("x", 5.4), ("y", 43.3)):
        edge = [value for value in cells_of(run)[axis] if value is not None]
        assert (min(edge), max(edge)) == pytest.approx((low, low + 0.01))


def test_figures_are_absent_where_there_is_nothing_to_show() -> None:
    run = hand_made_run()
    page = "".join(report._world(run, 0))
    assert [name for name in WORLD if f"id='figure-{name}-0'" in page or f'id="figure-{name}-0"' in page] == list(WORLD)
    for table in ("carried", "energy", "batteries", "links", "events"):
        run = with_table(run, table, [])
    assert not list(report._world(run, 0))
    for name in WORLD:
        with pytest.raises(UserError, match=f"this run has nothing for the figure '{name}'"):
            figure(run, name)


@pytest.mark.parametrize(("hours", "unit"), [(8, "minutes"), (72, "hours"), (168, "days")])
def test_long_runs_count_in_longer_units(hours: int, unit: str) -> None:
    run = hand_made_run()
    run.world = {**run.world, "duration_s": hours * 3600.0}
    assert time_unit(run)[1] == unit


def test_faults_that_happen_at_random_shade_nothing() -> None:
    run = hand_made_run()
    run.world = {**run.world, "faults": [{"name": "x", "kind": "outages", "start_s": 0.0, "end_s": 600.0}]}
    assert not raster.draw(run).figure.layout.shapes


def test_a_last_cell_of_fewer_intervals_is_their_mean_too() -> None:
    run = hand_made_run()
    link = run.world["links"][0]
    half = {"start_s": [float(k) for k in range(1201)], "link": link["name"], "sender": link["a"], "carried_bytes": 1.0,
            "room_bytes": 2.0}  # fmt: skip
    run.tables = {**run.tables, "carried": pl.DataFrame(half)}
    run.world = {**run.world, "duration_s": 1201.0, "interval_s": 1.0}
    (cells,) = links.draw(run).figure.data[0].z
    assert list(cells) == [0.5] * 401  # of three intervals each, the last of one


# The table that the heat map is drawn from.


def loads(**record: Any) -> dict[str, Any]:
    """A node of site b pulls 25 MB over 100 Mbit/s; then the cloud asks it ten times a second, and its neighbour tells
    it as often."""
    data = deepcopy(SITES)
    data["duration"] = "8500ms"
    data["record"] = {"interval": "1s", **record}
    here, ten = {"kubernetes.io/hostname": "b-0"}, {"every": "100ms"}
    data["workloads"] = [
        {"kind": "service", "name": "app", "image": "app:1", "node_selector": here, "work": "1ms"},
        {"kind": "requests", "name": "r", "source": "cloud", "target": "app", "arrivals": ten, "request": "10kB",
         "response": "50kB"},
        {"kind": "telemetry", "name": "t", "source": "b-1", "target": "app", "size": "1250B", **ten},
    ]  # fmt: skip
    return data


def test_no_link_is_looked_at_unless_that_is_asked_for() -> None:
    run = simulation(loads(), FREE).finish()
    assert run.table("carried").is_empty()
    looked_at = simulation(loads(links=True), FREE).finish()
    others = [name for name in TABLES if name != "carried"]
    assert all(run.table(name).equals(looked_at.table(name)) for name in others)


def test_links_and_energy_are_measured_beside_each_other() -> None:
    alone = [simulation(loads(**{what: True}), FREE).finish().table(table) for what, table in
             (("links", "carried"), ("energy", "energy"))]  # fmt: skip
    both = simulation(loads(links=True, energy=True), FREE).finish()
    assert both.table("carried").equals(alone[0])
    assert both.table("energy").equals(alone[1])


def test_what_links_carry_is_all_that_crosses_them() -> None:
    s = simulation(loads(links=True), FREE)
    run, world = s.finish(), world_of(s)
    asked, told = run.summary["requests_completed"], run.summary["delivered_messages"]
    assert asked > 40
    plane = {("wan-b", "cloud"): 10_000 * asked, ("lan-b-0", "b-0"): 50_000 * asked, ("wan-b", "gw-b"): 50_000 * asked}
    rows = run.table("carried").group_by("link", "sender").agg(pl.col("carried_bytes").sum())
    found = {(link, sender): carried for link, sender, carried in rows.iter_rows()}
    for hop, before in enumerate(world.network.bytes_carried):
        link = world.network.links[hop >> 1]
        way = (link.name, world.nodes.names[link.b if hop & 1 else link.a])
        if way == ("lan-b-1", "b-1"):  # readings, with what their protocol adds
            assert 1250 * told < found[way] - before < 1300 * (told + 1)
        elif way == ("lan-b-0", "gw-b"):
            assert found[way] == pytest.approx(found["wan-b", "cloud"] + found["lan-b-1", "b-1"], rel=1e-3)
        else:
            assert found.get(way, 0.0) == pytest.approx(before + plane.get(way, 0), abs=1)


def test_a_pull_fills_its_uplink_and_the_last_interval_may_be_short() -> None:
    run = simulation(loads(links=True), FREE).finish()
    rows = links.rows(run).filter(pl.col("link") == "wan-b", pl.col("sender") == "cloud")
    used = dict(rows.select("start_s", "utilisation").iter_rows())
    assert used[1.0] == pytest.approx(1.0, rel=1e-6)
    # Ten requests of 10 kB a second, of 12.5 MB; five in the last half.
    assert used[7.0] == pytest.approx(100_000 / 12_500_000, rel=1e-6)
    assert used[8.0] == pytest.approx(50_000 / 6_250_000, rel=1e-6)


def test_room_follows_a_rate_that_changes(tmp_path: Path) -> None:
    (tmp_path / "rate.csv").write_text("time_s,rate\n0,100Mbps\n1.25,50Mbps\n", "utf-8")
    data = loads(links=True)
    uplink = next(link for link in data["topology"]["links"] if link["name"] == "wan-b")
    uplink["rate_trace"] = "rate.csv#rate"
    run = simulation(data, FREE, folder=tmp_path).finish()
    rows = run.table("carried").filter(pl.col("link") == "wan-b", pl.col("sender") == "cloud")
    room = dict(rows.select("start_s", "room_bytes").iter_rows())
    assert [room[k] for k in (0.0, 1.0, 2.0)] == pytest.approx([12.5e6, 0.25 * 12.5e6 + 0.75 * 6.25e6, 6.25e6])
    # 25 MB: a second and a quarter less the start at 100 Mbit/s, the rest at 50.
    assert links.rows(run).filter(pl.col("link") == "wan-b")["utilisation"].max() == pytest.approx(1.0, rel=1e-6)
