"""Figures say what the tables say."""

from __future__ import annotations

import re

import polars as pl
import pytest

from runs import hand_made_run
from simulator.errors import UserError
from simulator.show import FIGURES, figure, places, pods, timeline, traffic
from simulator.show.intervals import intervals
from simulator.show.report import render
from simulator.show.style import FAULT_FILL


def test_intervals_join_repeats_and_end_with_the_run() -> None:
    changes = pl.DataFrame({"time_s": [0.0, 1.0, 2.0, 5.0], "node": ["a"] * 4, "state": ["up", "up", "down", "up"]})
    assert intervals(changes, "node", 9.0).rows() == [
        ("a", "up", 0.0, 2.0),
        ("a", "down", 2.0, 5.0),
        ("a", "up", 5.0, 9.0),
    ]


def test_the_time_line_keeps_belief_and_reality_apart() -> None:
    rows = timeline.rows(hand_made_run()).filter(pl.col("node") == "edge-0")
    unknown = rows.filter((pl.col("row") == "belief") & (pl.col("state") == "Unknown"))
    cut = rows.filter((pl.col("row") == "reality") & (pl.col("state") == "cut"))
    assert unknown.select("start_s", "end_s").rows() == [(220.0, 305.0)]
    assert cut.select("start_s", "end_s").rows() == [(180.0, 300.0)]


def test_a_member_cluster_has_a_lane_of_its_own_above_the_nodes() -> None:
    run = hand_made_run()
    assert not any(tick.startswith("<b>") for tick in timeline.draw(run).figure.layout.yaxis.ticktext)
    changes = [(0.0, "a", "believed", "Ready"), (180.0, "a", "path", "cut"), (250.0, "a", "believed", "Unknown")]
    table = pl.DataFrame(changes, schema=run.table("clusters").schema, orient="row")
    run.tables = {**run.tables, "clusters": table}
    drawing = timeline.draw(run)
    assert drawing.figure.layout.yaxis.ticktext[0] == "<b>cluster a</b>"
    mine = drawing.rows.filter(pl.col("node") == "cluster a").select("row", "state", "start_s", "end_s").rows()
    assert set(mine) == {
        ("reality", "up", 0, 600), ("reality", "cut", 180, 600), ("belief", "Ready", 0, 250),
        ("belief", "Unknown", 250, 600),
    }  # fmt: skip


def test_a_member_cluster_whose_api_server_is_down_has_its_lane() -> None:
    run = hand_made_run()
    changes = [(0.0, "a", "believed", "Ready"), (180.0, "a", "running", "down"), (300.0, "a", "running", "up")]
    table = pl.DataFrame(changes, schema=run.table("clusters").schema, orient="row")
    run.tables = {**run.tables, "clusters": table}
    mine = timeline.draw(run).rows.filter(pl.col("node") == "cluster a", pl.col("state") == "down")
    assert mine.select("start_s", "end_s").rows() == [(180.0, 300.0)]


def test_what_the_time_line_leaves_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "left out" not in timeline.draw(hand_made_run()).caption
    monkeypatch.setattr(timeline, "_MOST_ROWS", 1)
    drawing = timeline.draw(hand_made_run())
    assert drawing.rows["node"].n_unique() == 1
    assert "1 more are left out" in drawing.caption  # of the cut site and one that was not


def test_the_pods_of_a_workload_with_one_for_each_site_are_one_panel() -> None:
    run = hand_made_run()
    owners = {"web-a": "web-a-0", "web-b": "web-b-0", "db-cloud": "db-cloud-0", "solo": "solo-0"}
    changes = [(0.0, pod, owner, "edge-0", "running", "started") for owner, pod in owners.items()]
    changes += [(100.0, owners["web-b"], "web-b", "edge-1", "running", "stopped")]
    pods_table = pl.DataFrame(changes, schema=run.table("pods").schema, orient="row")
    run.tables = {**run.tables, "pods": pods_table}
    run.world = {**run.world, "wanted": {"web-a": 1, "web-b": 1, "db-cloud": 1, "solo": 1}}
    found = pods.rows(run)
    # One alone that ends in the name of a zone keeps its name.
    assert set(found["workload"]) == {"web", "db-cloud", "solo"}
    assert found.filter(pl.col("workload") == "web").select("time_s", "pods").rows() == [(0.0, 2), (100.0, 1)]
    drawing = pods.draw(run)
    assert [note.text for note in drawing.figure.layout.annotations] == ["web (2 sites)"]  # the only one that moves
    assert "2 more workloads" in drawing.caption
    wanted = [trace for trace in drawing.figure.data if trace.name == "wanted"]
    assert [list(trace.y) for trace in wanted] == [[2, 2]]


def test_faults_at_once_are_one_darker_shade_and_updates_a_line() -> None:
    run = hand_made_run()
    spans = [(60, 240), (120, 180), (120, 180), (300, 300)]
    run.world = {**run.world, "faults": [{"start_s": float(a), "end_s": float(b)} for a, b in spans]}
    shapes = timeline.draw(run).figure.layout.shapes
    shaded = [(shape.x0, shape.x1, shape.fillcolor) for shape in shapes if shape.type == "rect"]
    one, several = FAULT_FILL
    assert shaded == [(1, 2, one), (2, 3, several), (3, 4, one)]
    assert [shape.x0 for shape in shapes if shape.type == "line"] == [5]


def test_a_latency_axis_has_marks_with_units() -> None:
    ticks = [axis.ticktext for axis in (traffic.draw(hand_made_run()).figure.layout[f"yaxis{k}"] for k in (2, 3))]
    assert all("10 ms" in text for text in ticks)
    assert traffic._ticks(pl.Series([0.001, 4000.0]))["ticktext"][:4] == ["1 ms", "10 ms", "100 ms", "1 s"]


def test_a_name_on_the_map_stands_away_from_its_neighbour() -> None:
    figure = places.draw(hand_made_run()).figure
    sides = {
        name: side
        for trace in figure.data
        if trace.text
        for name, side in zip(trace.text, trace.textposition, strict=True)
    }
    # Latitudes: a 48.9, cloud 45.8, b 43.3; the cloud is nearest to b and to a.
    assert sides == {"a": "top center", "b": "bottom center", "cloud": "top center"}


def test_a_report_draws_no_figure_without_rows() -> None:
    run = hand_made_run()
    empty = {name: run.table(name).clear() for name in ("traffic", "pods")}
    run.tables = {**run.tables, **empty}
    page = render("Who?", [run], [], notes=[f"Deployment {', '.join('abcdefgh')}: it is large"])
    assert "figure-traffic-0" not in page
    assert "figure-pods-0" not in page
    assert "Nobody asks for anything here." in page
    assert "Deployment a, b, c, d, e, f and 2 more: it is large" in page
    assert all(f"id='{target}'" in page for target in re.findall("<a href='#([^']+)'", page))


def test_many_scenarios_stand_below_each_other() -> None:
    def page(count: int) -> str:
        cell = {"metric": "up_s", "mean": 7.0, "low": 7.0, "high": 7.0, "n": 1, "axes": {}}
        return render("Who?", [hand_made_run()], [{**cell, "case": f"case {k}"} for k in range(count)])

    assert "<th>metric</th><th>case 0</th><th>case 1</th>" in page(6)
    assert "<th>scenario</th><th>up_s</th></tr>" in page(7)


def test_one_place_is_no_map() -> None:
    run = hand_made_run()
    assert "figure-places" in render("Where?", [run], [])
    nodes = [{**node, "zone": "here", "latitude": None, "longitude": None} for node in run.world["nodes"]]
    run.world = {**run.world, "nodes": nodes}
    run.tables = {**run.tables, "links": run.table("links").clear()}
    page = render("Where?", [run], [])
    assert "figure-places" not in page
    assert "All nodes are at one place" in page


def test_what_is_wanted_and_never_has_a_pod_has_its_panel() -> None:
    run = hand_made_run()
    run.world = {**run.world, "wanted": {**run.world.get("wanted", {}), "absent": 3, "none": 0}}
    drawn = pods.draw(run).figure
    titles = [note.text for note in drawn.layout.annotations]
    assert titles[-1] == "absent"
    last = [trace for trace in drawn.data if trace.yaxis == f"y{len(titles)}"]
    assert {trace.name: max(trace.y) for trace in last} == {"really running": 0, "believed ready": 0, "wanted": 3}


def test_the_pods_figure_counts_the_double() -> None:
    rows = pods.rows(hand_made_run())
    running = rows.filter(pl.col("line") == "really running").select("time_s", "pods").rows()
    believed = rows.filter(pl.col("line") == "believed ready").select("time_s", "pods").rows()
    assert running == [(0.0, 1), (240.0, 2), (300.0, 1)]
    assert believed[0] == (0.0, 1)
    assert {row for row in believed if row[0] == 240.0} >= {(240.0, 1)}


def test_traffic_tells_cut_sites_from_the_others_and_averages_runs() -> None:
    rows = traffic.rows([hand_made_run(0), hand_made_run(1)])
    cut = rows.filter((pl.col("sites") == "cut sites") & (pl.col("start_s") == 180.0))
    other = rows.filter((pl.col("sites") == "other sites") & (pl.col("start_s") == 180.0))
    assert cut["availability"].to_list() == [0.5]
    assert other["availability"].to_list() == [1.0]


def test_the_map_marks_the_link_that_was_cut() -> None:
    rows = places.rows(hand_made_run())
    assert dict(rows.select("link", "cut").rows()) == {"wan-0": True, "wan-1": False}


def test_a_world_without_positions_is_drawn_on_a_circle() -> None:
    run = hand_made_run()
    nodes = [{**n, "latitude": None, "longitude": None} for n in run.world["nodes"]]
    run.world = {**run.world, "nodes": nodes}
    ends = places.rows(run).select("a_longitude", "a_latitude", "b_longitude", "b_latitude").rows()
    assert len({end[:2] for end in ends}) == 2  # sites apart
    assert {end[2:] for end in ends} == {(0.0, 0.0)}  # the control plane in the middle


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_has_marks_for_its_rows(name: str) -> None:
    assert len(figure(hand_made_run(), name).data) > 0


def test_a_figure_that_is_none_names_those_that_are() -> None:
    with pytest.raises(UserError, match="timeline"):
        figure(hand_made_run(), "pie")
