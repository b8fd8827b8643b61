"""The Python block of the interface, line by line: a study, its runs, and a simulation that one steps through."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import simulator as sim
from commands import CORNER, here
from simulator.record.glossary import GLOSSARY
from simulator.record.schema import TABLES

__all__ = ["here"]  # a fixture


@pytest.fixture(scope="module")
def study() -> sim.Study:
    return sim.run(CORNER, seed=1, set={"scenario.duration": "50s"}, executor="serial")


def test_a_study_is_a_sequence_of_runs(study: sim.Study) -> None:
    assert isinstance(study, sim.Study)
    assert len(study) == 4
    run = study[0]
    assert isinstance(run, sim.Run)
    assert (run.case, run.replication, run.seed) == ("silent", 0, 1)
    assert [r.replication for r in study] == [0, 1, 0, 1]
    assert [r.case for r in study[2:]] == ["refused", "refused"]
    assert study.question == "Does a corner shop sell while its line is down for ten seconds?"
    assert run.scenario["scenario"]["duration"] == "50s"


def test_a_summary_has_every_metric_of_the_glossary(study: sim.Study) -> None:
    assert set(study[0].summary) == set(GLOSSARY)
    assert 0.5 < study[0].summary["availability"] < 0.9  # the line is down for ten seconds of forty
    assert {row["metric"] for row in study.summary} == {"availability", "p99_latency_s", "lost_messages"}


def test_every_table_is_a_frame_with_the_columns_of_the_schema(study: sim.Study) -> None:
    run = study[0]
    for name, table in TABLES.items():
        assert isinstance(run.table(name), pl.DataFrame)
        assert run.table(name).columns == [column.name for column in table.columns]
    assert set(run.table("pods")["truth"].unique()) == {"believed", "stored", "running"}
    with pytest.raises(sim.UserError, match="no table named 'pod'"):
        run.table("pod")


def test_a_run_draws_itself(study: sim.Study) -> None:
    figure = study[0].figure("timeline")
    assert {bar.name for bar in figure.data} >= {"reality: up and reachable", "reality: up, but cut off"}
    assert study[0].figure().to_dict() == figure.to_dict()
    with pytest.raises(sim.UserError, match="no figure named 'timelime'"):
        study[0].figure("timelime")


def test_notebooks_show_the_summary_and_the_main_figure_offline(study: sim.Study) -> None:
    for shown, words in (
        (study[0]._repr_html_(), ("availability", "silent, replication 0, seed 1")),
        (study._repr_html_(), ("availability", "Does a corner shop sell")),
    ):
        assert all(word in shown for word in words)
        assert "plotly-graph-div" in shown
        assert re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="', shown) == []


def test_a_saved_study_is_the_same_study_again(study: sim.Study, tmp_path: Path) -> None:
    assert study.save(tmp_path / "out") == tmp_path / "out"
    assert (tmp_path / "out" / "report.html").stat().st_size > 1_000_000  # with plotly's script in it
    again = sim.open_run(tmp_path / "out")
    assert isinstance(again, sim.Study)
    assert json.dumps(again.document()) == json.dumps(study.document())
    assert again[0].table("traffic").equals(study[0].table("traffic"))
    assert again[0].figure("timeline").to_dict() == study[0].figure("timeline").to_dict()
    assert not any(row["significant"] for row in sim.compare(study, again))
    with pytest.raises(sim.UserError, match="is not empty"):
        study.save(tmp_path / "out")


def test_an_unfinished_study_says_so(study: sim.Study, tmp_path: Path) -> None:
    study.save(tmp_path / "out", report=lambda _: "")
    (tmp_path / "out" / "runs" / "case=refused" / "1").rename(tmp_path / "elsewhere")
    again = sim.open_run(tmp_path / "out")
    assert len(again) == 3
    assert "unfinished: 1 of 4 runs are missing" in again.warnings


def test_run_writes_the_folder_that_the_command_writes(here: Path) -> None:
    made = sim.run("corner.yaml", replications=1, executor="serial", out="out")
    assert made.folder is not None
    assert {path.name for path in made.folder.iterdir()} == {"study.json", "summary.json", "report.html", "runs"}


def test_an_experiment_can_be_written_in_python() -> None:
    """The same as the file, by keywords: the same numbers."""
    scenario = sim.Scenario(
        duration="30s",
        topology={
            "nodes": [{"name": "box", "model": "cloud-vm"}, {"name": "till", "model": "till", "role": "device"}],
            "links": [{"name": "lan", "between": ["till", "box"], "latency": "1ms", "rate": "1Gbps"}],
        },
        images={"web": {"compressed": "1MB", "unpacked": "2MB", "platforms": ["linux/amd64"]}},
        workloads=[
            sim.Service(name="web", image="web", work="1ms"),
            sim.Requests(
                name="ask", source="till", target="web", arrivals={"every": "1s"}, request="1kB", response="1kB"
            ),
        ],
        faults=[sim.Cut(link="lan", at="20s", duration="5s", mode="refused")],
    )
    experiment = sim.Experiment(question="Does it serve?", scenario=scenario, replications=2)
    study = sim.run(experiment, executor="serial")
    assert len(study) == 2
    failed = [run.table("traffic")["refused"].sum() for run in study]
    assert failed == [5, 5]


def test_wrong_input_has_every_problem() -> None:
    with pytest.raises(sim.UserError) as caught:
        sim.run(CORNER, set={"scenario.duratoin": "1h", "scenario.policy": 3})
    assert [problem.message for problem in caught.value.problems] == [
        "set scenario.duratoin: scenario has no duratoin",
        "set scenario.policy: policy takes keys with values, not 3",
    ]
    with pytest.raises(sim.UserError, match="did you mean silent"):
        sim.Scenario.load(CORNER, case="silnt")


def test_a_simulation_is_stepped_disturbed_and_asked() -> None:
    s = sim.Simulation(sim.Scenario.load(CORNER, case="refused"), seed=1)
    asked = []
    for ask in s.decisions(until="1s"):  # the one decision point
        asked.append(ask.pod.name)
        fits = ask.cluster.feasible(ask.pod)
        s.answer(ask, sim.Bind(ask.cluster.argmax(ask.cluster.free_ram_bytes, where=fits)))
    assert len(asked) == 2
    s.run(until="10s")
    assert s.now_s == 10.0
    s.inject(sim.Cut(link="wan-1", duration="10s", mode="silent"))
    s.run(until=15)  # seconds
    state = s.state()
    cut = dict(state.links.select("link", "running").rows())
    assert (cut["wan-1"], cut["wan-0"]) == ("silent", "up")
    assert state.nodes.columns == ["node", "zone", "believed", "running"]
    assert set(state.pods.columns) == {"pod", "owner", "node", "believed", "stored", "running"}
    assert state.pods["running"].all()
    run = s.finish()
    assert run.table("links").filter(pl.col("link") == "wan-1")["state"].to_list() == ["cut", "up", "cut", "up"]
    assert run.figure("timeline") is not None
    assert s.now_s == 60.0


def test_workloads_join_a_running_simulation() -> None:
    s = sim.Simulation(sim.Scenario.load(CORNER, case="silent", set={"scenario.faults.line.at": "59999ms"}))
    s.run(until="10s")
    s.inject(sim.Service(name="shelf", image="shop/api", replicas=2, work="1ms", cpu="100m", ram="64Mi"))
    s.run(until="20s")
    mine = s.state().pods.filter(pl.col("owner") == "shelf")
    assert mine["running"].to_list() == [True, True]
    s.inject(sim.Requests(source="till", target="shelf", arrivals={"every": "1s"}, request="1kB", response="1kB"))
    s.inject(sim.Telemetry(name="temperature", source="till", target="shelf", every="2s", size="100B"))
    for wrong, message in (
        (sim.Service(name="db", image="shop/db"), "two workload items are named db"),
        (sim.Telemetry(source="till", target="shelv", every="1s", size="1B"), "no service is named shelv .*mean shelf"),
        (sim.Telemetry(source="tll", target="shelf", every="1s", size="1B"), "no node is named tll .*mean till"),
    ):
        with pytest.raises(sim.UserError, match=message):
            s.inject(wrong)
    run = s.finish()
    asked = run.table("traffic").filter(pl.col("flow") == "requests")
    assert asked["issued"].sum() == asked["completed"].sum() == 40  # one a second for forty seconds
    assert asked["start_s"].min() == 20.0
    read = run.table("messages").filter(pl.col("flow") == "temperature")
    assert read["delivered"].sum() == 20
    assert run.summary["double_pod_seconds"] == 0.0


def test_a_simulation_of_the_same_seed_is_the_run_of_a_study() -> None:
    study = sim.run(CORNER, replications=1, executor="serial")
    s = sim.Simulation(sim.Scenario.load(CORNER, case="silent"), seed=1)
    s.run(until="17s")
    run = s.finish()
    assert all(run.table(name).equals(study[0].table(name)) for name in TABLES)


def test_a_pod_that_is_not_answered_is_a_mistake_that_is_told() -> None:
    s = sim.Simulation(sim.Scenario.load(CORNER, case="silent"))
    with pytest.raises(ValueError, match="was not answered"):
        for _ in s.decisions():
            pass


def test_the_figure_of_a_run_needs_no_import_of_ours(tmp_path: Path) -> None:
    """Whoever imports only `simulator` can draw, and pays for plotting only then."""
    code = (
        "import sys, simulator as sim\n"
        f"s = sim.Simulation(sim.Scenario.load({str(CORNER)!r}, case='silent', set={{'scenario.duration': '31s'}}))\n"
        "run = s.finish()\n"
        "assert 'plotly' not in sys.modules\n"
        "print(type(run.figure('timeline')).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "Figure\n"
