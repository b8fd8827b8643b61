"""Figures of a study, and what it remembers of what was expected of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator import Study
from simulator.errors import UserError
from simulator.show import means
from simulator.show.report import report
from simulator.simulation.run import Run
from simulator.spec import Expectation
from simulator.study.study import About

AXIS = "scenario.workloads.ask.arrivals.poisson"


def run(axes: dict[str, Any], replication: int, **summary: float) -> Run:
    name = "-".join(str(value).replace("/", "") for value in axes.values()) or "base"
    return Run(name, axes, None, replication, seed=1, scenario={}, tables={}, summary=summary)


def study(*values: Any, expect: tuple[Expectation, ...] = ()) -> Study:
    """Two replications of each value, with means of 1, 2, … s and a half-width known by hand."""
    runs = [run({AXIS: v}, r, mean_latency_s=i + 1 + (-0.5, 0.5)[r]) for i, v in enumerate(values) for r in (0, 1)]
    return Study(runs, About(expect=expect))


WANTS = Expectation(metric="mean_latency_s", where={AXIS: "80/s"}, value=2.5, tolerance="10%", source="E1")


def test_means_and_intervals_stand_where_the_axis_has_them_to_scale() -> None:
    drawn = means.draw(study("50/s", "80/s", expect=(WANTS,)), ["mean_latency_s"])
    dots, crosses = drawn.figure.data
    assert list(dots.x) == [50, 80]
    assert list(dots.y) == [1, 2]
    # Of two values half a unit off the mean, the 95 % half-width is t(1) · s / √2 = 12.706 · 0.7071 / 1.4142.
    assert list(dots.error_y.array) == pytest.approx([6.353, 6.353], rel=1e-4)
    assert (list(crosses.x), list(crosses.y)) == ([80], [2.5])
    assert list(crosses.error_y.array) == pytest.approx([0.25])
    assert "(/s)" in drawn.figure.layout.xaxis.title.text
    assert drawn.rows.filter(x="80/s")["expected"].to_list() == [2.5]


def test_values_that_are_no_quantities_of_one_kind_stand_in_the_order_of_the_file() -> None:
    drawn = means.draw(study("k3s", "50/s"), ["mean_latency_s"])
    assert list(drawn.figure.data[0].x) == ["k3s", "50/s"]
    assert drawn.figure.layout.xaxis.type == "category"


def test_values_of_one_word_do_not_share_a_place() -> None:
    gaps = [{"use": "spread", "params": {"gap": gap}} for gap in (0.1, 0.2)]
    drawn = means.draw(study(*gaps), ["mean_latency_s"])
    assert list(drawn.figure.data[0].x) == [str(gap) for gap in gaps]
    assert drawn.rows["x"].n_unique() == 2


def test_metrics_that_are_asked_for_are_drawn_and_others_are_not() -> None:
    found = study("50/s", "80/s")
    assert len(found.figure(metrics=["mean_latency_s"]).data) == 1
    with pytest.raises(UserError, match="the study has no metric 'availability'"):
        found.figure(metrics=["availability"])
    with pytest.raises(UserError, match="no figure of a study is named 'mean'"):
        found.figure("mean")
    with pytest.raises(UserError, match="no contest here"):
        found.figure("contest")


def test_a_study_remembers_what_was_expected_and_its_report_says_what_came(tmp_path: Path) -> None:
    made = sim.run(
        "validation/mm1", replications=1, executor="serial", set={"scenario.duration": "2min", AXIS: "50/s"}
    )  # fmt: skip
    kept = sim.open_run(made.save(tmp_path / "out"))
    assert made.verdicts
    assert kept.verdicts == made.verdicts
    page = report(kept)
    assert "What was expected" in page
    assert "0.02202" in page  # the mean that M/M/1 says, with the links
