"""Figures say what the tables say."""

from __future__ import annotations

import polars as pl
import pytest

from runs import hand_made_run
from simulator.errors import UserError
from simulator.show import FIGURES, figure, places, pods, timeline, traffic
from simulator.show.intervals import intervals


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
