"""Every command of the interface, for real, on an experiment of a minute: what it prints, writes and leaves with."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from commands import CORNER, Said, files, here, leaves, littoral
from simulator.cli import list as listing
from simulator.record.glossary import GLOSSARY
from simulator.record.schema import TABLES
from simulator.spec import experiment_names
from simulator.spec.load import data_elsewhere

__all__ = ["here"]  # a fixture


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two studies, `ten` and `twenty`, with the line down for so many seconds. To be read, not to be written to."""
    folder = tmp_path_factory.mktemp("studies")
    for name in ("ten", "twenty"):
        set_ = "scenario.faults.line.duration=" + {"ten": "10s", "twenty": "20s"}[name]
        assert littoral("run", str(CORNER), "--out", str(folder / name), "--set", set_).status == 0
    return folder


@pytest.fixture
def ten(studies: Path, here: Path) -> Path:
    """A study of one's own."""
    shutil.copytree(studies / "ten", here / "ten")
    return here / "ten"


def run(*more: str) -> Said:
    return littoral("run", "corner.yaml", "--no-report", "--executor", "serial", *more)


# run


def test_run_answers_the_question_and_writes_the_study_of_the_interface(here: Path) -> None:
    said = littoral("run", "corner.yaml", "--out", "out", "--set", "scenario.workloads.api.cpu=200m")
    assert (said.status, said.err) == (0, "")
    lines = said.out.splitlines()
    assert lines[0] == "Does a corner shop sell while its line is down for ten seconds?"
    assert lines[2].split() == ["silent", "refused"]
    assert re.fullmatch(r"availability +0\.\d+ ± [\d.e-]+ +0\.\d+ ± [\d.e-]+", lines[3])
    assert lines[-1] == "out/report.html"
    record = json.loads(Path("out/study.json").read_text("utf-8"))
    known = ("version", "commit", "constraints", "scenarios", "inputs", "seed", "platform", "wall_s")
    assert set(known) <= set(record)
    assert {len(text) for text in record["scenarios"].values()} == {64}
    runs = {f"runs/case={case}/{k}" for case in ("silent", "refused") for k in (0, 1)}
    one = {"scenario.yaml", "manifest.json", "summary.json", *(f"tables/{name}.parquet" for name in TABLES)}
    top = {"study.json", "summary.json", "report.html"}
    assert set(files(Path("out"))) == {f"{name}/{file}" for name in runs for file in one} | top
    assert "cpu: 200m" in Path("out/runs/case=silent/0/scenario.yaml").read_text("utf-8")
    page = Path("out/report.html").read_text("utf-8")
    assert re.findall(r'<(?:script|img|link)[^>]*(?:src|href)="(?!data:)', page) == []


def test_inputs_are_copied_with_their_folders(here: Path) -> None:
    policy = "from simulator.policy import Bind\n\n\ndef first(pod, cluster):\n    return Bind(3)\n"
    (here / "mine").mkdir()
    (here / "mine" / "first.py").write_text(policy, "utf-8")
    text = Path("corner.yaml").read_text("utf-8").replace("kube-default", "./mine/first.py:first")
    Path("corner.yaml").write_text(text, "utf-8")
    assert run("--out", "out", "--replications", "1").status == 0
    assert Path("out/inputs/mine/first.py").read_text("utf-8") == policy
    record, digest = json.loads(Path("out/study.json").read_text("utf-8")), sha256(policy.encode()).hexdigest()
    assert record["inputs"] == {"mine/first.py": digest}
    assert record["policies"] == {"./mine/first.py:first": digest}
    shutil.rmtree("mine")  # a study stands by itself
    assert littoral("replay", "out").out == "identical: 2 runs\n"


def test_run_as_json_is_one_document_of_the_promised_shape(here: Path) -> None:
    said = run("--json", "--seed", "5", "--replications", "1")
    assert said.err == ""
    document = said.document
    assert document["folder"] is None
    assert list(here.iterdir()) == [here / "corner.yaml"]  # without --out nothing is written
    asked = ("axes", "case", "replication", "seed", "warnings")
    first = {key: document["runs"][0][key] for key in asked}
    assert first == {"axes": {}, "case": "silent", "replication": 0, "seed": 5, "warnings": first["warnings"]}
    assert set(document["runs"][0]["summary"]) == set(GLOSSARY)
    assert document["runs"][0]["summary"]["detection_s"] is None  # nobody noticed anything in ten seconds
    assert {frozenset(row) for row in document["summary"]} == {
        frozenset({"axes", "case", "metric", "mean", "low", "high", "n"})
    }
    one = document["summary"][0]
    assert (one["metric"], one["n"], one["low"], one["high"]) == ("availability", 1, None, None)


def test_small_and_replications_and_seed_say_what_runs(here: Path) -> None:
    def runs(*more: str) -> list[tuple[str, int, int]]:
        return [(r["case"], r["replication"], r["seed"]) for r in run("--json", *more).document["runs"]]

    assert runs("--replications", "3", "--small") == [(c, k, 1) for c in ("silent", "refused") for k in (0, 1)]
    assert runs("--replications", "1", "--seed", "9") == [("silent", 0, 9), ("refused", 0, 9)]


def test_exact_events_give_the_same_numbers(here: Path) -> None:
    fast, exact = (run("--json", "--replications", "1", *more).document for more in ((), ("--exact-events",)))
    assert fast["summary"] == exact["summary"]


FACTORY = "from concurrent.futures import ThreadPoolExecutor\n\n\ndef two():\n    return ThreadPoolExecutor(2)\n"


def test_every_executor_gives_the_same_bytes(here: Path) -> None:
    (here / "pools.py").write_text(FACTORY, "utf-8")  # a file of the command line is in the current folder
    (here / "sub").mkdir()
    shutil.move("corner.yaml", "sub")
    more = ("--no-report", "--replications", "1")
    hows = {
        "serial": ("--executor", "serial"),
        "two": ("--executor", "process", "--workers", "2"),
        "file": ("--executor", "./pools.py:two"),
        "module": ("--executor", "study_standin:two_threads"),
    }
    for name, how in hows.items():
        assert littoral("run", "sub/corner.yaml", *more, "--out", name, *how).status == 0
    written = {name: files(here / name / "runs") for name in hows}
    assert all(found == written["serial"] for found in written.values())


def test_an_out_that_is_not_empty_is_exit_2_and_stays(here: Path) -> None:
    (here / "out").mkdir()
    (here / "out" / "mine.txt").write_text("mine", "utf-8")
    for how in ((), ("--overwrite",), ("--resume",)):  # it holds no study: nothing to overwrite or to resume
        said = run("--out", "out", *how, "--json")
        assert (said.status, len(said.document["problems"])) == (2, 1)
        assert files(here / "out") == {"mine.txt": b"mine"}


def test_resume_repeats_no_finished_run_and_overwrite_every_one(ten: Path) -> None:
    def written() -> dict[str, int]:
        return {f"{f.parts[-3]}/{f.parts[-2]}": f.stat().st_mtime_ns for f in ten.glob("runs/*/*/manifest.json")}

    before, content = written(), files(ten / "runs")
    assert run("--out", "ten").status == 2
    shutil.rmtree(ten / "runs" / "case=refused" / "1")
    assert run("--out", "ten", "--resume").status == 0
    after = written()
    assert {name for name in before if before[name] != after.get(name)} == {"case=refused/1"}
    assert files(ten / "runs") == content
    assert run("--out", "ten", "--overwrite").status == 0
    assert not set(written().values()) & set(after.values())
    assert files(ten / "runs") == content
    assert run("--out", "ten", "--overwrite", "--resume").status == 2


def test_resume_repeats_a_run_that_was_made_from_something_else(ten: Path) -> None:
    assert run("--out", "ten", "--resume", "--set", "scenario.warm_up=5s").status == 0
    assert {json.loads(f.read_text("utf-8"))["world"]["warm_up_s"] for f in ten.glob("runs/*/*/manifest.json")} == {5.0}


def test_progress_is_a_bar_on_a_terminal_and_stdout_stays_clean(here: Path) -> None:
    arguments = ("run", "corner.yaml", "--no-report", "--json", "--executor", "serial")
    said = littoral(*arguments, terminal=True)
    assert set(said.document) >= {"folder", "runs", "summary"}
    assert re.search(r"━.* 4 of 4 runs, 4min of 4min simulated, [\d,]+ events/s, 0s to go", said.err)
    assert "\x1b" not in said.out


# check, show, list


def test_check_says_what_would_run_and_runs_nothing(here: Path) -> None:
    document = littoral("check", "corner.yaml", "--json").document
    counts = (document["problems"], document["scenarios"], document["runs"], document["seed"])
    assert counts == ([], ["case=silent", "case=refused"], 4, 1)
    assert any("assumed" in warning for warning in document["warnings"])
    assert "no problems; 2 scenarios, 2 replications, seed 1" in littoral("check", "corner.yaml").out
    assert list(here.iterdir()) == [here / "corner.yaml"]


@pytest.mark.parametrize("name", [name for name in experiment_names() if not data_elsewhere(name)])
def test_every_shipped_experiment_has_no_problems(name: str, here: Path) -> None:
    said = littoral("check", name)
    assert (said.status, said.err) == (0, "")


def test_show_a_model_has_every_fact_with_its_source(here: Path) -> None:
    document = littoral("show", "lte", "--json").document
    assert document["name"] == "lte"
    keys = {"path", "value", "unit", "kind", "source", "hardware", "alternatives"}
    assert all(keys <= set(fact) for fact in document["facts"])
    latency = next(fact for fact in document["facts"] if fact["path"] == "latency")
    assert latency["unit"] in ("ms", "s")
    text = littoral("show", "links/lte").out
    assert latency["source"] in text
    assert re.search(r"latency .*ms", text)


def test_show_an_experiment_resolves_nodes_links_pods_and_paths(here: Path) -> None:
    document = littoral("show", "corner.yaml", "--json", "--set", "scenario.workloads.db.replicas=3").document
    assert (document["name"], document["facts"]) == ("corner.yaml", [])
    assert [node["node"] for node in document["nodes"]] == ["cloud", "core", "edge-0", "edge-1", "till"]
    assert {"link": "wan-1", "a": "edge-1", "b": "cloud"}.items() <= document["links"][2].items()
    assert [(pod["workload"], pod["replicas"]) for pod in document["pods"]] == [("api-shop", 1), ("db", 3)]
    paths = {path["from"]: (path["to"], path["links"], path["latency_s"]) for path in document["paths"]}
    assert paths["edge-1"] == ("cloud", "wan-1", 0.012)
    text = littoral("show", "corner.yaml").out
    assert text.startswith("Does a corner shop")
    assert "nodes (5)" in text


@pytest.mark.parametrize("kind", listing.Kind.__args__)
def test_list_of_every_kind_has_the_promised_keys(kind: str) -> None:
    rows = littoral("list", kind, "--json").document
    for row in rows:
        assert {"name", "kind", "status", "facts", "sources", "validated"} <= set(row)
        assert row["kind"] == kind
        assert row["validated"] in ("yes", "partly", "no")
        assert isinstance(row["facts"], int)
        assert isinstance(row["sources"], int)
    names = [row["name"] for row in rows]
    assert len(set(names)) == len(names)
    assert names
    text = littoral("list", kind).out
    assert all(name in text for name in names)


# what reads studies


def test_compare_finds_what_the_longer_cut_costs_and_nothing_else(studies: Path) -> None:
    ten, twenty = str(studies / "ten"), str(studies / "twenty")
    rows = littoral("compare", ten, twenty, "--json").document
    assert {"metric", "difference", "low", "high", "n", "significant"} <= set(rows[0])
    found = {(row["case"], row["metric"]): row for row in rows}
    worse = found["refused", "availability"]
    assert worse["n"] == 2
    assert worse["difference"] == pytest.approx(-0.2, abs=0.04)  # ten seconds of fifty
    lost = found["silent", "lost_messages"]
    assert (lost["difference"], lost["significant"]) == (10.0, True)  # one reading a second
    assert "significant" in littoral("compare", ten, twenty).out
    assert not any(row["significant"] for row in littoral("compare", ten, ten, "--json").document)


def test_explain_says_why_here_and_why_not_there(studies: Path) -> None:
    study = studies / "ten"
    made = pl.read_parquet(study / "runs" / "case=silent" / "0" / "tables" / "decisions.parquet")
    pod = made["pod"].filter(made["pod"].str.starts_with("db-"))[0]
    document = littoral("explain", str(study), pod, "--json").document
    assert (document["run"], document["replication"]) == ("case=silent", 0)
    (decision,) = document["decisions"]
    bound = made.filter(made["pod"] == pod).row(0, named=True)
    assert {key: decision[key] for key in ("time_s", "node", "attempt", "decision")} == {
        key: bound[key] for key in ("time_s", "node", "attempt", "decision")
    }
    nodes = {row["node"]: row for row in decision["nodes"]}
    assert nodes[decision["node"]]["score"] == max(row["score"] or 0 for row in nodes.values())
    assert nodes["cloud"]["verdict"] == "never"
    assert "untolerated taint" in nodes["cloud"]["why"]
    text = littoral("explain", str(study), pod, "--run", "case=refused", "--replication", "1").out
    assert text.startswith(f"{pod}, in case=refused/1\n\n")
    assert "cloud" in text


def test_explain_names_near_pods(studies: Path) -> None:
    said = littoral("explain", str(studies / "ten"), "api-shop", "--json")
    assert said.status == 2
    (problem,) = said.document["problems"]
    assert problem["message"] == "nobody decided about a pod named 'api-shop'"
    assert re.match(r"(did you mean|pods are) api-shop-[a-z0-9]+-1", problem["hint"])


def test_report_writes_the_report_again(ten: Path) -> None:
    before = (ten / "report.html").read_bytes()
    (ten / "report.html").unlink()
    assert littoral("report", "ten", "--json").document == {"report": "ten/report.html"}
    assert (ten / "report.html").read_bytes() == before


def test_cite_has_an_entry_for_every_source_and_no_other(studies: Path) -> None:
    study = studies / "ten"
    manifests = [json.loads(f.read_text("utf-8")) for f in study.glob("runs/*/*/manifest.json")]
    sources = {fact["source"] for manifest in manifests for fact in manifest["facts"]}
    said = littoral("cite", str(study))
    assert set(re.findall(r"^@\w+\{([^,]+),", said.out, re.MULTILINE)) == sources
    document = littoral("cite", str(study), "--json").document
    assert (set(document["sources"]), document["bibtex"]) == (sources, said.out)


def test_replay_says_identical_or_the_first_difference(ten: Path) -> None:
    said = littoral("replay", "ten", "--json")
    assert said.status == 0
    wanted = {"identical": True, "runs": 4, "same_platform": True, "differences": []}
    assert said.document == wanted
    file = ten / "runs" / "case=refused" / "1" / "tables" / "traffic.parquet"
    table = pl.read_parquet(file)
    row = next(i for i, n in enumerate(table["completed"]) if n)
    was = table["completed"][row]
    changed = table.with_columns(
        completed=pl.when(pl.int_range(pl.len()) == row).then(was + 1).otherwise(pl.col("completed"))
    )
    changed.write_parquet(file)
    said = littoral("replay", "ten")
    assert said.status == 1
    where = f"case=refused/1: table traffic, row {row}, column completed"
    assert said.out == f"{where}: stored {was + 1}, now {was}\n"


# the rest


@pytest.mark.parametrize("kind", ["policy", "experiment", "orchestrator"])
def test_new_writes_a_file_that_does_what_it_says(kind: str, here: Path) -> None:
    document = littoral("new", kind, "my-own", "--json").document
    assert (here / document["file"]).is_file()
    for command in document["next"].split(" && "):
        program, *arguments = command.split()
        assert program == "littoral"
        if arguments[0] == "run":  # the whole run takes a while: its check builds all that it needs
            arguments = ["check", *(word for word in arguments[1:] if word != "--small")]
        said = littoral(*arguments)
        assert (said.status, said.err) == (0, ""), command
    assert littoral("new", kind, "my-own").status == 2


def test_a_new_experiment_runs(here: Path) -> None:
    littoral("new", "experiment", "mine")
    said = littoral("run", "mine.yaml", "--replications", "1", "--json", "--no-report", "--executor", "serial")
    assert said.status == 0
    assert all(run["summary"]["requests_completed"] > 0 for run in said.document["runs"])


def test_check_policy_passes_what_ships_and_fails_what_raises(here: Path) -> None:
    rows = littoral("check-policy", "least-loaded", "--json").document
    assert all(row["passed"] for row in rows)
    (here / "mine.py").write_text("def mine(pod, cluster):\n    return cluster.no_such_column\n", "utf-8")
    said = littoral("check-policy", "./mine.py:mine")
    assert said.status == 1
    assert "AttributeError" in said.out


def test_check_policy_ends_one_that_hangs(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.cli.check_policy.LIMIT_S", 0.2)
    (here / "mine.py").write_text("def mine(pod, cluster):\n    while True:\n        pass\n", "utf-8")
    said = littoral("check-policy", "./mine.py:mine")
    assert (said.status, said.out) == (1, "")
    assert "hangs" in said.err


def test_bench_prints_the_promised_rows_in_the_promised_order(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = {
        "stream": [row(f"stream-{s}s", 3e6) for s in (100, 10000)]
        + [row(f"stream-{s}s-mean-latency", 30.2, "ms") for s in (100, 10000)],
        "loop": [row("loop", 1e6)],
        "placement": [row("placement", 9000.0), row("placement-10000", 1.0, "CPU s")],
        "demo": [row("demo", 1.5, "CPU s/run"), row("demo-start", 2.0, "CPU s")],
        "environment": [row(f"environment-{load}%", 6000.0, "steps/CPU s") for load in (40, 80, 100)],
    }
    monkeypatch.setattr("simulator.study.bench._measured_apart", lambda name: measured[name])
    said = littoral("bench", "--json")
    assert [r["name"] for r in said.document[:5]] == ["stream-100s", "stream-10000s", "loop", "placement", "demo"]
    keys = ("name", "value", "unit", "goal", "met", "peer", "peer_value", "ratio", "quoted", "peak_rss_mb")
    assert [said.document[3][key] for key in keys] == [
        "placement", 9000.0, "placements/CPU s", 5000.0, True, None, None, None, False, 120.0,
    ]  # fmt: skip
    assert said.status == 0
    measured["placement"][0] = row("placement", 10.0)
    said = littoral("bench", "placement", "--json")
    assert (said.status, said.document[0]["met"]) == (1, False)


def row(name: str, value: float, unit: str = "placements/CPU s") -> dict[str, Any]:
    """What a benchmark's process answers."""
    ratio = 100.0 if name.startswith("stream") else None
    return {"name": name, "value": value, "unit": unit, "peak_rss_mb": 120.0, "ratio": ratio}


def test_the_schema_has_every_key_of_a_valid_file(here: Path) -> None:
    schema = littoral("schema", "--json").document
    document = json.dumps(schema)
    for key in {path.rpartition(".")[2] for path in leaves({"duration": 1, "warm_up": 1, "topology": 1, "expect": 1})}:
        assert f'"{key}"' in document
    assert littoral("schema").document == schema


NOT_YET = {
    "dask:": ("run", "corner.yaml", "--executor", "dask:tcp://host:1"),
    "--uncertain-facts": ("run", "corner.yaml", "--uncertain-facts"),
    "design": ("check", "corner.yaml", "--set", "design={kind: morris, trajectories: 20}"),
}


@pytest.mark.parametrize("arguments", NOT_YET.values(), ids=NOT_YET)
def test_what_is_not_offered_yet_says_so(arguments: tuple[str, ...], here: Path) -> None:
    said = littoral(*arguments, "--json")
    assert said.status == 2
    assert any("not offered" in problem["message"] for problem in said.document["problems"])
    assert "not offered" in said.err
    assert list(here.iterdir()) == [here / "corner.yaml"]


def test_a_shell_gets_status_one_document_and_nothing_else(tmp_path: Path) -> None:
    def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from simulator.cli import main; main()", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    done = shell("run", str(CORNER), "--replications", "1", "--json", "--out", "out", "--no-report")
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["folder"] == "out"
    wrong = shell("run", "--workers", "0", "corner.yaml")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr == "--workers 0: it must be at least 1\n"
