"""Study folders: the same bytes for the same runs, nothing lost, nothing half written."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from math import isnan
from pathlib import Path

import polars as pl
import pytest

import study_standin as standin
from simulator.errors import RunFailed, UserError
from simulator.record.schema import TABLES
from simulator.study.execute import conduct
from simulator.study.inputs import localise
from simulator.study.plain import to_json
from simulator.study.run_folder import read_run, table_bytes, write_run
from simulator.study.store import open_run
from simulator.study.study import Study


def make(out: Path | None, plan=None, about=None, **how):
    plan = plan or standin.plan()
    how = {"simulate": standin.simulate, "executor": "serial", **how}
    return conduct(plan, about or standin.about(plan), Path(), out=out, **how)


def files(folder: Path, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    found = (p for p in sorted(folder.rglob("*")) if p.is_file())
    return {str(p.relative_to(folder)): p.read_bytes() for p in found if p.name not in but}


def test_the_folder_is_as_the_interface_says(tmp_path: Path) -> None:
    make(tmp_path / "out", standin.plan(replications=1), report=lambda study: f"<p>{len(study)} runs</p>")
    names = set(files(tmp_path / "out"))
    run = {"scenario.yaml", "manifest.json", "summary.json"} | {f"tables/{name}.parquet" for name in TABLES}
    points = ("rate=100", "rate=200")
    assert names == {"study.json", "summary.json", "report.html"} | {f"runs/{p}/0/{n}" for p in points for n in run}
    assert (tmp_path / "out/report.html").read_text() == "<p>2 runs</p>"


def test_equal_studies_differ_in_their_wall_time_only(tmp_path: Path) -> None:
    make(tmp_path / "a")
    make(tmp_path / "b")
    assert files(tmp_path / "a", ("study.json",)) == files(tmp_path / "b", ("study.json",))
    first, second = (json.loads((tmp_path / name / "study.json").read_text()) for name in "ab")
    for document in (first, second):
        for clock in ("begun", "wall_s"):
            del document[clock]
    assert first == second


def test_a_table_is_the_same_bytes_however_it_was_put_together() -> None:
    whole = pl.DataFrame({"t": [k / 7 for k in range(3000)], "name": [f"pod-{k % 5}" for k in range(3000)]})
    pieces = pl.concat([whole[:1], whole[1:2000], whole[2000:]], rechunk=False)
    assert table_bytes(pieces) == table_bytes(whole) == table_bytes(whole.clone())
    assert table_bytes(whole.with_columns(t=pl.col("t") + 1e-9)) != table_bytes(whole)


def plain_report(study: Study) -> str:
    """Nobody draws a stand-in's world."""
    return study.question


def test_a_study_comes_back_as_it_was(tmp_path: Path) -> None:
    made = make(None)
    made.save(tmp_path / "out", report=plain_report)
    back = open_run(tmp_path / "out")
    assert len(back) == len(made) == 6
    assert to_json(back.document()) == to_json(made.document())
    assert (back.question, back.warnings, back.metrics) == (made.question, made.warnings, made.metrics)
    for run, stored in zip(made, back, strict=True):
        assert (run.name, run.axes, run.case, run.replication, run.seed) == (
            *(stored.name, stored.axes, stored.case, stored.replication, stored.seed),
        )
        assert stored.scenario == run.scenario
        assert stored.facts == run.facts
        assert stored.world == run.world
        assert str(stored.summary) == str(run.summary)
        for name, table in run.tables.items():
            assert stored.table(name).equals(table, null_equal=True)
    assert isnan(back[0].summary["recovery_s"])  # null in JSON


def test_a_study_can_be_saved_again_from_its_folder(tmp_path: Path) -> None:
    made = make(None)
    made.save(tmp_path / "a", report=plain_report)
    open_run(tmp_path / "a").save(tmp_path / "b", report=plain_report)
    assert files(tmp_path / "a", ("study.json",)) == files(tmp_path / "b", ("study.json",))


def test_a_place_that_is_not_empty_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        make(tmp_path)
    for how in ("overwrite", "resume"):
        with pytest.raises(UserError, match="holds no study"):
            make(tmp_path, **{how: True})
    with pytest.raises(UserError, match="is a file"):
        make(tmp_path / "notes.txt", overwrite=True)
    with pytest.raises(UserError, match="exclude each other"):
        make(tmp_path / "new", overwrite=True, resume=True)
    assert files(tmp_path) == {"notes.txt": b"mine"}


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    assert len(make(tmp_path)) == 6


def test_resume_repeats_no_finished_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out)
    before = files(out, ("study.json",))
    shutil.rmtree(out / "runs/rate=200/1")
    kept = (out / "runs/rate=100/0/manifest.json").stat().st_ino
    half = open_run(out)
    assert len(half) == 5
    assert "unfinished: 1 of 6 runs are missing" in half.warnings
    again = make(out, resume=True)
    assert files(out, ("study.json",)) == before
    assert (out / "runs/rate=100/0/manifest.json").stat().st_ino == kept
    assert len(again) == 6
    # Nothing is left to do, so nothing is asked of the simulation.
    make(out, resume=True, simulate=None)


@pytest.mark.parametrize("changed", ["scenario", "seed", "code", "file"])
def test_resume_repeats_a_run_that_was_made_from_something_else(tmp_path: Path, changed: str) -> None:
    out, shop = tmp_path / "out", tmp_path / "shop.yaml"
    shop.write_text("shop")
    plan = standin.plan(replications=1, file="./shop.yaml")
    about = standin.about(plan, files={"shop.yaml": shop})
    conduct(plan, about, tmp_path, out=out, simulate=standin.simulate)
    before = (out / "runs/rate=100/0/manifest.json").stat().st_ino
    if changed == "scenario":
        plan = standin.plan(replications=1, file="./shop.yaml", more=1)
    elif changed == "seed":
        plan = standin.plan(replications=1, file="./shop.yaml", seed=2)
    elif changed == "file":
        shop.write_text("another shop")
    provenance = {"code": "new"} if changed == "code" else {}
    about = standin.about(plan, files={"shop.yaml": shop}, provenance=provenance)
    conduct(plan, about, tmp_path, out=out, resume=True, simulate=standin.simulate)
    assert (out / "runs/rate=100/0/manifest.json").stat().st_ino != before
    assert (out / "inputs/shop.yaml").read_text() == shop.read_text()


def test_overwrite_replaces_the_older_study_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out)
    (out / "left-over.txt").write_text("old")
    made = make(out, standin.plan(replications=1), overwrite=True)
    assert len(made) == len(open_run(out)) == 2
    assert made[0].table("traffic").height == 10  # its files are where it says
    assert not (out / "left-over.txt").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("way", ["fails", "wrong", "interrupt"])
def test_an_overwrite_that_does_not_finish_loses_nothing(tmp_path: Path, way: str) -> None:
    out = tmp_path / "out"
    make(out)
    before = files(out)
    if way == "interrupt":

        def simulate(data, **job):
            if job["replication"] == 1:
                raise KeyboardInterrupt
            return standin.simulate(data, **job)

        with pytest.raises(KeyboardInterrupt):
            make(out, overwrite=True, simulate=simulate)
    else:
        with pytest.raises(RunFailed if way == "fails" else UserError):
            make(out, standin.plan(**{way: 1}), overwrite=True)
    assert files(out) == before
    beside = open_run(tmp_path / "out.partial")
    assert len(beside) == (4 if way == "fails" else 1)
    make(out, standin.plan(replications=1), overwrite=True)  # and what lay beside is in nobody's way
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_of_somebody_else_beside_the_study_is_not_removed(tmp_path: Path) -> None:
    make(tmp_path / "out")
    mine = tmp_path / "out.partial/mine.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(UserError, match="is in the way"):
        make(tmp_path / "out", overwrite=True)
    assert mine.read_text() == "mine"


def test_nothing_is_written_where_the_first_run_says_that_the_input_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"x\.yaml:3: the world has no such node"):
        make(tmp_path / "out", standin.plan(wrong=0))
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_being_written_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = make(None)[0]
    write_run(run, run.scenario, "1", tmp_path / "0")
    monkeypatch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_run(replace(run, seed=9), run.scenario, "2", tmp_path / "0")
    assert read_run(tmp_path / "0").content == "1"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"runs": 3}', '{"runs": [["a", 0]]}'])
def test_what_is_no_study_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="is no study folder"):
        open_run(tmp_path / "nowhere")
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(UserError, match="no study's record"):
        open_run(tmp_path)


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    make(tmp_path / "out", standin.plan(replications=1))
    (tmp_path / "out/runs/rate=100/0/tables/pods.parquet").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="a table cannot be read"):
        open_run(tmp_path / "out")[0]


def test_a_model_s_page_comes_with_its_sources_and_what_it_extends(tmp_path: Path) -> None:
    """Beside its copy as beside itself: within the experiment's folder, and from elsewhere in a folder of its own."""
    base, other = tmp_path / "mine", tmp_path / "other/runtimes"
    for folder in (base, other):
        folder.mkdir(parents=True)
        (folder / "box.yaml").write_text("name: box\nextends: ./base.yaml\nfacts: {}\n")
        (folder / "base.yaml").write_text("name: base\nfacts: {}\n")
        (folder / "sources.bib").write_text("@misc{a, title = {A}}")
    (tmp_path / "other/sources.bib").write_text("@misc{b, title = {B}}")
    local, found = localise({"runtimes": ["containerd/./box.yaml"]}, base)
    assert set(found) == {"box.yaml", "base.yaml", "sources.bib"}
    assert local == {"runtimes": ["containerd/./box.yaml"]}
    local, found = localise({"runtimes": [f"containerd/{other}/box.yaml"]}, base)
    (own,) = {"/".join(name.split("/")[:2]) for name in found}
    expected = {"runtimes/box.yaml", "runtimes/base.yaml", "runtimes/sources.bib", "sources.bib"}
    assert {name.removeprefix(f"{own}/") for name in found} == expected
    assert local == {"runtimes": [f"containerd/./{own}/runtimes/box.yaml"]}


def test_files_are_found_wherever_a_scenario_names_them(tmp_path: Path) -> None:
    base, other = tmp_path / "mine", tmp_path / "other.py"
    (base / "data").mkdir(parents=True)
    for file in (base / "shop.yaml", base / "data/load.csv", base / "alien.py", other):
        file.write_text(file.name)
    data = {
        "policy": {"use": "./alien.py:Mine", "params": {"other": f"{other}:Thing"}},
        "workloads": [{"file": "shop.yaml"}, {"work": {"empirical": "data/load.csv#users"}}, {"image": "shop/api:1.4"}],
        "same": str(base / "shop.yaml"),
        "rate": "0.5/s",
        "missing": "./missing.csv",
    }
    local, found = localise(data, base)
    outside = next(name for name in found if name.startswith("outside/"))
    assert set(found) == {"shop.yaml", "data/load.csv", "alien.py", outside}
    assert found[outside] == other.resolve()
    assert local["policy"] == {"use": "./alien.py:Mine", "params": {"other": f"./{outside}:Thing"}}
    assert local["workloads"] == data["workloads"]
    assert local["same"] == "./shop.yaml"  # no path of this machine
    assert (local["rate"], local["missing"]) == ("0.5/s", "./missing.csv")
