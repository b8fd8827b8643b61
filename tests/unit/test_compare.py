"""Paired comparison and replay, on studies worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, nan
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import study_standin as standin
from simulator.errors import UserError
from simulator.simulation.run import Run
from simulator.study.compare import compare, partners
from simulator.study.execute import conduct
from simulator.study.replay import first_difference, replay
from simulator.study.statistics import t_interval
from simulator.study.store import open_run
from simulator.study.study import About, Study
from simulator.study.warmup import warm_up_warning


def run(replication: int, *, seed: int = 1, case: str | None = None, axes: Any = None, **summary: float) -> Run:
    name = f"case={case}" if case else "base"
    return Run(name, axes or {}, case, replication, seed, {}, {}, summary)


def study(*runs: Run, metrics: tuple[str, ...] = ()) -> Study:
    return Study(runs, About(metrics=metrics))


def test_what_replications_share_cancels() -> None:
    ours = study(run(0, p99_latency_s=10.0), run(1, p99_latency_s=90.0), run(2, p99_latency_s=50.0))
    theirs = study(run(0, p99_latency_s=11.0), run(1, p99_latency_s=91.5), run(2, p99_latency_s=50.5))
    (row,) = compare(ours, theirs)
    expected = t_interval([1.0, 1.5, 0.5])
    assert (row["difference"], row["low"], row["high"], row["n"]) == pytest.approx(tuple(expected))
    assert expected.low < 0  # three pairs say little: t is 4.3
    assert row["significant"] is False
    assert set(row) == {"axes", "case", "metric", "difference", "low", "high", "n", "significant", "p", "p_holm"}
    swapped = compare(theirs, ours)[0]
    assert (swapped["difference"], swapped["low"]) == pytest.approx((-expected.mean, -expected.high))


def test_the_order_of_runs_does_not_pair_them() -> None:
    ours = study(*(run(k, m=float(k)) for k in range(6)))
    theirs = study(*(run(k, m=k + 0.25) for k in reversed(range(6))))
    (row,) = compare(ours, theirs)
    assert (row["difference"], row["low"], row["high"], row["significant"]) == (0.25, 0.25, 0.25, True)


def test_the_scenarios_of_one_study_are_compared_along_each_axis() -> None:
    def point(system: str, cut: int, by: float) -> list[Run]:
        axes = {"scenario.orchestrator": system, "cut": cut}
        runs = [run(k, axes=axes, m=10.0 * k + by) for k in range(3)]
        return [replace(each, name=f"{system}-{cut}") for each in runs]

    runs = [*point("a", 1, 0.0), *point("b", 1, 2.0), *point("a", 2, 1.0), *point("b", 2, 5.0)]
    rows = study(*runs).differences
    found = {(r["axis"], r["first"], r["second"], *r["axes"].values()): r["difference"] for r in rows}
    assert found == {
        ("scenario.orchestrator", "a", "b", 1): 2.0,
        ("scenario.orchestrator", "a", "b", 2): 4.0,
        ("cut", 1, 2, "a"): 1.0,
        ("cut", 1, 2, "b"): 3.0,
    }
    assert all(row["significant"] and row["n"] == 3 and row["case"] is None for row in rows)


def test_few_cases_are_compared_each_with_each_many_with_the_first() -> None:
    few = study(*(run(k, case=case, m=float(k)) for case in "abc" for k in range(2))).differences
    assert [(r["axis"], r["first"], r["second"]) for r in few] == [
        ("case", "a", "b"), ("case", "a", "c"), ("case", "b", "c"),
    ]  # fmt: skip
    many = study(*(run(k, case=case, m=float(k)) for case in "abcde" for k in range(2))).differences
    assert [(r["first"], r["second"]) for r in many] == [("a", "b"), ("a", "c"), ("a", "d"), ("a", "e")]
    assert study(run(0, m=1.0), run(1, m=2.0)).differences == []


def test_points_are_compared_apart_and_undefined_pairs_left_out() -> None:
    ours = study(*(run(k, case=case, m=1.0 if k else nan) for case in "ab" for k in range(3)), run(0, case="c", m=1.0))
    theirs = study(*(run(k, case=case, m=3.0 if case == "b" else 2.0) for case in "ba" for k in range(3)))
    rows = compare(ours, theirs)
    assert [(r["case"], r["difference"], r["n"]) for r in rows] == [("a", 1.0, 2), ("b", 2.0, 2)]
    assert partners(ours, theirs)[1] == 1


def test_one_pair_gives_a_difference_without_an_interval() -> None:
    (row,) = compare(study(run(0, m=1.0)), study(run(0, m=2.0)))
    assert (row["difference"], row["n"], row["significant"]) == (1.0, 1, False)
    assert isnan(row["low"])


def test_studies_that_share_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="no run of the one has a partner in the other: case=a; case=b"):
        compare(study(run(0, case="a", m=1.0)), study(run(0, case="b", m=1.0)))
    with pytest.raises(UserError, match="different seeds \\(1 and 2\\)"):
        compare(study(run(0, m=1.0)), study(run(0, seed=2, m=1.0)))


def test_the_summary_gives_t_intervals_over_replications(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.simulation.run.figure_hook", None)  # these runs have nothing to draw
    made = study(*(run(k, case="a", m=float(k), n=nan) for k in range(5)), run(0, case="b", m=7.0), metrics=("m", "n"))
    rows = made.summary
    assert [(r["case"], r["metric"], r["n"]) for r in rows] == [
        ("a", "m", 5),
        ("a", "n", 0),
        ("b", "m", 1),
        ("b", "n", 0),
    ]
    # mean 2, s = sqrt(2.5), t(0.975, 4) = 2.776
    assert rows[0]["mean"] == 2.0
    assert rows[0]["high"] - 2.0 == pytest.approx(2.7764 * 2.5**0.5 / 5**0.5, rel=1e-4)
    assert "<td>m</td><td>2</td>" in made._repr_html_()
    assert len(made[:2]) == 2


def test_replay_says_identical_or_names_the_first_difference(tmp_path: Path) -> None:
    shop = tmp_path / "shop.yaml"
    shop.write_text("shop")
    plan = standin.plan(file="./shop.yaml")
    about = standin.about(plan, files={"shop.yaml": shop})
    made = conduct(plan, about, tmp_path, out=tmp_path / "out", simulate=standin.simulate, executor="serial")
    shop.unlink()  # a study carries its files
    stored = open_run(tmp_path / "out")
    assert replay(stored, simulate=standin.simulate, executor="serial") == []

    def another(data: Any, **job: Any) -> Run:
        run = standin.simulate(data, **job)
        if (job["name"], job["replication"]) == ("rate=200", 1):
            traffic = run.tables["traffic"]
            late = pl.int_range(pl.len()) == 7
            run.tables["traffic"] = traffic.with_columns(
                completed=pl.col("completed") + late, timeout=pl.col("timeout") - late
            )
        return run

    (found,) = replay(stored, simulate=another, executor="serial")
    before = made[4].table("traffic")["completed"][7]
    assert str(found) == (f"rate=200/1: table traffic, row 7, column completed: stored {before}, now {before + 1}")
    with pytest.raises(UserError, match="only a study in a folder"):
        replay(Study([]))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"a": [1.0, 5.0, None], "b": ["x", "y", "y"]}, (1, "a", 2.0, 5.0)),
        ({"a": [1.0, 2.0, 3.0], "b": ["x", "z", "y"]}, (1, "b", "y", "z")),
        ({"a": [1.0, 2.0], "b": ["x", "y"]}, (2, "", "3 rows", "2 rows")),
        ({"a": [1.0, 2.0, None]}, (None, "", "a: Float64, b: String", "a: Float64")),
        ({"a": [1.0, 2.0, None], "b": ["x", "y", "y"]}, (None, "", "the same values", None)),
    ],
)
def test_the_first_difference_is_the_earliest_row(now: dict[str, list[Any]], expected: tuple[Any, ...]) -> None:
    stored = pl.DataFrame({"a": [1.0, 2.0, None], "b": ["x", "y", "y"]})
    found = first_difference(stored, pl.DataFrame(now))
    assert found[: 3 + (expected[3] is not None)] == expected[: 3 + (expected[3] is not None)]


def warning(values: list[float], warm_up_s: float, fault_s: float | None = None) -> str | None:
    columns = {"start_s": [10.0 * k for k in range(len(values))], "completed": [5] * len(values)}
    traffic = pl.DataFrame({**columns, "mean_latency_s": values})
    world = {"faults": [{"start_s": fault_s, "end_s": 9e9}] if fault_s is not None else []}
    return warm_up_warning(Run("base", {}, None, 0, 1, {}, {"traffic": traffic}, {}, world=world), warm_up_s)


def test_a_warm_up_that_is_too_short_is_said_to_be() -> None:
    settled = [1.0, 2.0, 3.0, 4.0, 5.0] * 30
    start = [50.0] * 20  # 200 s
    assert warning(start + settled, 200) is None
    said = warning(start + settled, 180)
    assert said == "latency settled after 200 s (MSER-5), and warm_up is 180 s: set scenario.warm_up higher"
    # A fault on purpose is no transient: what follows it is not looked at.
    broken = settled + [50.0] * 100
    assert warning(broken, 0, fault_s=1500.0) is None
    assert "had not settled by" in (warning([float(k) for k in range(100)], 0) or "")
    assert warning(start + settled[:20], 0) is None  # too short to tell
