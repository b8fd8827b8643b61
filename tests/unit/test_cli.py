"""The command line: exit statuses, one JSON document on stdout, and never a traceback for what a user can do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import study_standin as standin
from simulator import spec
from simulator.cli import app
from simulator.cli.answer import number, table
from simulator.cli.progress import about, lines, span, text
from simulator.errors import RunFailed
from simulator.record.glossary import GLOSSARY
from simulator.study import backend
from simulator.study.progress import Progress

Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def littoral(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run one command in an empty folder, the simulation being the stand-in: (status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(backend, "simulate", standin.simulate)
    monkeypatch.setattr(backend, "check", lambda data, base: [])

    def call(*arguments: str) -> tuple[int, Any, str]:
        status = app.call(arguments)
        out, err = capsys.readouterr()
        return status, json.loads(out) if "--json" in arguments else out, err

    return call


def run(littoral: Call, out: str = "out", *more: str) -> tuple[int, Any, str]:
    return littoral("run", "wan-outage", "--out", out, "--replications", "2", "--no-report", *more)


def test_run_prints_a_summary_and_writes_a_study(littoral: Call) -> None:
    status, out, err = run(littoral)
    assert (status, err) == (0, "")
    assert out.startswith("How does a shop on twelve sites")
    assert "two minutes" in out
    assert " ± " in next(line for line in out.splitlines() if line.startswith("availability"))
    assert "warning: a warning" in out
    assert Path("out/study.json").is_file()
    assert Path("out/inputs/shop.yaml").is_file()


def test_run_gives_the_json_that_others_rely_on(littoral: Call) -> None:
    status, document, _ = run(littoral, "out", "--json", "--seed", "7", "--set", "scenario.duration=30min")
    assert status == 0
    assert document["folder"] == "out"
    assert [(r["case"], r["replication"], r["seed"]) for r in document["runs"]] == [
        ("two minutes", 0, 7),
        ("two minutes", 1, 7),
        ("ten minutes", 0, 7),
        ("ten minutes", 1, 7),
    ]
    assert set(document["runs"][0]) == {"axes", "case", "replication", "seed", "summary", "warnings"}
    assert set(document["summary"][0]) == {"axes", "case", "metric", "mean", "low", "high", "n"}
    undefined = next(row for row in document["summary"] if row["metric"] == "recovery_s")
    assert (undefined["mean"], undefined["n"]) == (None, 0)  # NaN is null
    assert "duration: 30min" in Path("out/runs/case=two-minutes/0/scenario.yaml").read_text()


def test_what_is_set_pins_an_axis_and_the_runs_say_it_no_more(littoral: Call) -> None:
    status, document, _ = littoral(
        "run", "quickstart", "--replications", "1", "--set", "scenario.orchestrator=k3s", "--json"
    )
    assert status == 0
    assert [run["axes"] for run in document["runs"]] == [{}]
    status, _, err = littoral("check", "wan-outage", "--set", "scenario.faults.wan.duration=3min")
    assert status == 2
    assert "every case sets scenario.faults.wan.duration itself, so it has no effect" in err


def test_a_folder_that_is_not_empty_is_exit_2_and_untouched(littoral: Call) -> None:
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    status, document, err = run(littoral, "out", "--json")
    assert status == 2
    assert document["problems"][0]["message"] == "out is not empty"
    assert "--overwrite replaces it" in err
    assert [p.name for p in Path("out").iterdir()] == ["mine.txt"]


def test_resume_and_overwrite(littoral: Call) -> None:
    assert run(littoral)[0] == 0
    assert run(littoral)[0] == 2
    before = Path("out/runs/case=two-minutes/0/manifest.json").stat().st_ino
    assert run(littoral, "out", "--resume")[0] == 0
    assert Path("out/runs/case=two-minutes/0/manifest.json").stat().st_ino == before
    assert run(littoral, "out", "--overwrite")[0] == 0
    assert Path("out/runs/case=two-minutes/0/manifest.json").stat().st_ino != before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "quikstart"), "no experiment named 'quikstart'"),
        (("run", "wan-outage", "--set", "scenario.duratoin=1h"), "duratoin"),
        (("run", "wan-outage", "--set", "nonsense"), "nonsense"),
        (("run", "wan-outage", "--set", "scenario.duration=1h", "--set", "scenario.duration=2h"), "twice"),
        (("run", "wan-outage", "--replications", "0"), "--replications 0: it must be at least 1"),
        (("run", "wan-outage", "--workers", "-1"), "--workers -1: it must be at least 1"),
        (("run", "wan-outage", "--seed", "one"), "one"),
        (("run", "wan-outage", "--bogus"), "--bogus"),
        (("run", "wan-outage", "--executor", "threads"), "no executor named 'threads'"),
        (("run", "wan-outage", "--executor", "dask:host"), "dask: is not offered"),
        (("run", "wan-outage", "--uncertain-facts"), "--uncertain-facts is not offered"),
        (("run",), "EXPERIMENT"),
        (("import", "topology", "zoo.graphml", "--out", "x.yaml"), "there is no such file"),
        (("serve-policy", "least-loded", "--port", "0"), "no policy named 'least-loded'"),
        (("lsit", "nodes"), "lsit"),
        (("list", "noeds"), "noeds"),
        (("show", "rasberry-pi"), "no model and no experiment is named 'rasberry-pi'"),
        (("show", "raspberry-pi-4b", "--diff", "rasberry"), "rasberry"),
        (("show", "wan-outage", "--case", "three minutes"), "no case named 'three minutes'"),
        (("check", "missing.yaml"), "there is no such file"),
        (("compare", "a", "b"), "a is no study folder"),
        (("explain", "a", "pod"), "a is no study folder"),
        (("report", "a"), "a is no study folder"),
        (("cite", "a"), "a is no study folder"),
        (("replay", "a"), "a is no study folder"),
        (("validate", "V99"), "no validation case named 'V99'"),
        (("bench", "warp"), "no benchmark named 'warp'"),
        (("check-policy", "least-loded"), "no policy named 'least-loded'"),
        (("new", "policy", "Not A Name"), "'Not A Name' is no name"),
        (("new", "planet", "x"), "planet"),
    ],
    ids=lambda value: "-".join(value)[:40] if isinstance(value, tuple) else "",
)
def test_wrong_input_is_exit_2_with_every_problem_and_nothing_written(
    littoral: Call, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    status, document, err = littoral(*arguments, "--json")
    assert status == 2
    assert message in " ".join(problem["message"] for problem in document["problems"])
    assert set(document["problems"][0]) == {"file", "line", "path", "message", "hint"}
    assert message in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_several_problems_are_several_lines_each_with_its_place(littoral: Call, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("question: Why?\nscenario:\n  duration: 5 parsecs\n  topolgy: wan\nseed: -1\n")
    status, document, err = littoral("check", "x.yaml", "--json")
    assert status == 2
    found = {problem["line"] for problem in document["problems"]}
    assert {3, 4, 5} <= found
    assert "x.yaml:3:" in err


def test_check_says_what_would_run(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "check", lambda data, base: ["an image is described nowhere"])
    status, document, _ = littoral("check", "wan-outage", "--json")
    assert status == 0
    assert document["problems"] == []
    assert document["scenarios"] == ["case=two-minutes", "case=ten-minutes"]
    assert "an image is described nowhere" in document["warnings"]


def test_a_failed_run_is_exit_1(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise RunFailed("the policy hangs")

    monkeypatch.setattr(backend, "simulate", fails)
    status, document, err = run(littoral, "out", "--json")
    assert status == 1
    assert "4 of 4 runs failed" in document["problems"][0]["message"]
    assert err.count("\n") == 1


def test_a_mistake_of_ours_is_one_line_and_a_trace_on_request(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "check", lambda data, base: 1 / 0)
    status, _, err = littoral("check", "wan-outage")
    assert status == 1
    assert err == (
        "this is a mistake in Littoral, please report it: ZeroDivisionError: division by zero "
        "(LITTORAL_DEBUG=1 shows more)\n"
    )
    monkeypatch.setenv("LITTORAL_DEBUG", "1")
    assert "Traceback" in littoral("check", "wan-outage")[2]


def test_ctrl_c_is_one_word(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(backend, "check", interrupted)
    assert littoral("check", "wan-outage") == (1, "", "interrupted\n")


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = [sys.executable, "-c", "from simulator.cli import main; main(['list', 'metrics'])"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_compare_is_zero_against_itself_and_not_against_another(littoral: Call) -> None:
    run(littoral, "a")
    run(littoral, "b", "--set", "scenario.warm_up=2min")
    status, rows, _ = littoral("compare", "a", "b", "--json")
    assert status == 0
    assert {(row["metric"], row["difference"], row["n"]) for row in rows} >= {("availability", 0.0, 2)}
    assert {"metric", "difference", "low", "high", "n", "significant"} <= set(rows[0])
    assert not any(row["significant"] for row in rows)
    run(littoral, "c", "--seed", "2")
    status, document, _ = littoral("compare", "a", "c", "--json")
    assert status == 2
    assert "different seeds" in document["problems"][0]["message"]


def test_replay_says_identical_or_names_the_first_difference(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    run(littoral)
    assert littoral("replay", "out") == (0, "identical: 4 runs\n", "")

    def another(data: Any, **job: Any) -> Any:
        return standin.simulate(data, **{**job, "seed": 99})

    monkeypatch.setattr(backend, "simulate", another)
    status, document, _ = littoral("replay", "out", "--json")
    assert status == 1
    first = document["differences"][0]
    where = ("case=two-minutes", "traffic", 0, "completed")
    assert (first["run"], first["table"], first["row"], first["column"]) == where


def test_report_and_cite_and_explain_read_a_study(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    run(littoral)
    monkeypatch.setattr("simulator.cli.report.report_html", lambda study: f"<p>{study.question}</p>")
    assert littoral("report", "out", "--json")[1] == {"report": "out/report.html"}
    assert "twelve sites" in Path("out/report.html").read_text()

    class Catalogue:
        def __init__(self, **_: Any) -> None: ...
        def bibtex(self, rows: Any) -> str:
            return "".join(f"@misc{{{row['source']}}}\n" for row in rows)

    monkeypatch.setattr("simulator.cli.cite.Catalogue", Catalogue)
    status, document, _ = littoral("cite", "out", "--json")
    assert (status, document["sources"], document["bibtex"]) == (0, ["pi"], "@misc{pi}\n")

    status, document, _ = littoral("explain", "out", "api-0", "--json")
    assert status == 2
    assert document["problems"][0]["message"] == "nobody decided about a pod named 'api-0'"


def test_explain_replays_the_first_run_that_knows_the_pod(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def simulate(data: Any, **job: Any) -> Any:
        made = standin.simulate(data, **job)
        if job["replication"] == 1:
            made.tables["decisions"] = made.tables["decisions"].clear(1).with_columns(pod=pl.lit("api-0"), time_s=1.5)
        return made

    asked = []

    def explain(data: Any, **ask: Any) -> list[dict[str, Any]]:
        asked.append(ask)
        nodes = [{"node": "pi-0", "verdict": "never", "score": None, "why": "wrong architecture"}]
        return [{"time_s": 1.5, "attempt": 1, "decision": "Bind", "node": "vm", "nodes": nodes}]

    monkeypatch.setattr(backend, "simulate", simulate)
    monkeypatch.setattr(backend, "explain", explain)
    run(littoral)
    status, out, _ = littoral("explain", "out", "api-0")
    assert status == 0
    assert asked == [{"seed": 1, "replication": 1, "base": Path("out/inputs"), "pod": "api-0", "until_s": 1.5}]
    assert "1.5 s, attempt 1: Bind to vm" in out
    assert "wrong architecture" in out


def test_show_a_model_its_difference_and_an_experiment(littoral: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    status, document, _ = littoral("show", "raspberry-pi-4b", "--json")
    assert status == 0
    fact = next(fact for fact in document["facts"] if fact["path"] == "ram")
    assert {"path", "value", "unit", "kind", "source", "hardware", "alternatives"} <= set(fact)
    assert "RAM" not in littoral("show", "raspberry-pi-4b")[1]
    assert "  or" in littoral("show", "raspberry-pi-4b")[1]  # what disagrees

    document = littoral("show", "kubernetes@1.31", "--diff", "kubernetes@1.32", "--json")[1]
    assert document["differences"] == [{"path": "liveness.lease.grace", "value": "40 s", "other": "50 s"}]
    assert "do not differ" in littoral("show", "lte", "--diff", "lte")[1]
    assert "lognormal (mean = 92.05, sd = 4.6)" in littoral("show", "wasmtime")[1]
    assert "normal (mean = 224.6, sd = 12) ms" in littoral("show", "runc", "--diff", "wasmtime")[1]

    world = {"nodes": [{"name": "till-0", "zone": "a"}], "links": []}
    monkeypatch.setattr(backend, "resolve", lambda data, base: world)
    status, document, _ = littoral("show", "wan-outage", "--case", "ten minutes", "--json")
    assert (status, document["scenario"], document["nodes"][0]["name"]) == (0, "case=ten-minutes", "till-0")


@pytest.mark.parametrize(
    "kind", ["orchestrators", "nodes", "policies", "topologies", "experiments", "workloads", "metrics"]
)
def test_list_has_the_rows_that_others_rely_on(littoral: Call, kind: str) -> None:
    status, rows, _ = littoral("list", kind, "--json")
    assert (status, rows[0]["kind"]) == (0, kind)
    for row in rows:
        assert {"name", "kind", "status", "facts", "sources", "validated"} <= set(row)
        assert row["title"], row
    if kind == "metrics":
        assert [row["name"] for row in rows] == list(GLOSSARY)


def test_list_says_of_a_machine_what_it_has_in_units_that_can_be_read(littoral: Call) -> None:
    status, printed, _ = littoral("list", "nodes")
    assert status == 0
    header, *lines = printed.splitlines()
    named = "name cores speed ram architectures disk storage write nic power accelerator kvm status sources"
    assert header.split() == named.split()
    rows = {line.split()[0]: " ".join(line.split()) for line in lines}
    assert rows["raspberry-pi-3b"].startswith(
        "raspberry-pi-3b 4 0.306 1074 MB arm64 arm/v7 32 GB microSD 20.09 MB/s 100 Mbit/s 1.53 to 4.34 W yes current"
    )
    assert "80 TB HDD" in rows["snowball-edge-storage"]
    assert "NVIDIA T4" in rows["azure-stack-edge-pro"]
    _, document, _ = littoral("list", "nodes", "--json")
    pi = next(row for row in document if row["name"] == "raspberry-pi-3b")
    assert (pi["ram_bytes"], pi["nic_bps"], pi["power_max_w"]) == (2**30, 100e6, 4.34)


@pytest.mark.parametrize(
    ("more", "status", "verdict"),
    [({}, 0, "within"), ({"value": 0.2}, 1, "refuted"), ({"value": 0.2, "verdict": "refuted"}, 0, "refuted")],
)
def test_validate_fails_only_where_a_verdict_is_not_the_recorded_one(
    littoral: Call, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], status: int, verdict: str
) -> None:
    expect = {"metric": "availability", "value": 0.96, "tolerance": "5%", "independence": "semantic", **more}
    given = {"expect": (spec.Expectation(**expect),), "replications": 2}
    case = backend.load("wan-outage").model_copy(update=given)
    monkeypatch.setattr("simulator.cli.validate.chosen", lambda cases: ["V01"])
    monkeypatch.setattr(backend, "load", lambda ref: case)
    got, rows, err = littoral("validate", "--json")
    assert [row["verdict"] for row in rows] == [verdict] * 2  # one for each case of the experiment
    assert got == status
    assert ("recorded as within" in err) == (status == 1)


@pytest.mark.parametrize("kind", ["policy", "experiment", "orchestrator"])
def test_what_new_writes_is_right_and_never_overwrites(littoral: Call, kind: str) -> None:
    status, document, _ = littoral("new", kind, "my-own", "--json")
    assert status == 0
    before = Path(document["file"]).read_bytes()
    if kind == "policy":
        assert littoral("check-policy", f"./{document['file']}:MyOwn")[0] == 0
    elif kind == "experiment":
        status, checked, err = littoral("check", document["file"], "--json")
        assert (status, checked.get("runs")) == (0, 20), err
    else:
        shown = littoral("show", f"./{document['file']}", "--diff", "kubernetes", "--json")[1]
        assert [row["path"] for row in shown["differences"]] == ["liveness.lease.grace"]
    assert littoral("new", kind, "my-own")[0] == 2
    assert Path(document["file"]).read_bytes() == before


def test_schema_is_a_schema(littoral: Call) -> None:
    status, document, _ = littoral("schema", "--json")
    assert status == 0
    assert {"question", "scenario", "axes", "cases"} <= set(document["properties"])
    assert document["$defs"]["AcceleratorNeed"]["properties"]["resource"]["pattern"] == "^[^/]+/[^/]+$"


def test_help_is_fast_and_lists_every_command() -> None:
    code = (
        "import sys\nfrom simulator.cli import app\nstatus = app.call(['-h'])\n"
        "heavy = {'numpy', 'polars', 'pydantic', 'scipy', 'plotly', 'simpy', 'networkx', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)), status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[] 0")
    for command in app.COMMANDS:
        assert f" {command} " in done.stdout


def test_tables_are_aligned_and_numbers_read_easily() -> None:
    rows = [{"name": "a", "n": 1, "x": 0.123456}, {"name": "long", "n": 1000, "x": None}]
    assert table(rows, ("name", "n", "x")) == "name     n       x\na        1  0.1235\nlong  1000"
    said = ["–", "–", "3", "1.235e+06", "0.0001234"]
    assert [number(v) for v in (None, float("nan"), 3.0, 1234567.0, 0.00012344)] == said


def test_progress_of_several_short_studies_is_told_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    watch = lines()
    for case in range(5):  # of six seconds each
        for wall in (2.0, 4.0, 6.0):
            about(watch, f"case {case}")(Progress(1, 2, 30.0, 60.0, 0, wall))
    assert [line.partition(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "case 1: 1 of 2 runs", "case 3: 1 of 2 runs", "case 4: 1 of 2 runs",
    ]  # fmt: skip


def test_progress_is_one_line_each_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    watch = lines()
    for wall in range(1, 31):
        watch(Progress(wall // 10, 4, 60.0 * wall, 7200.0, 41_000 * wall, float(wall)))
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "1 of 4 runs, 10min of 2h simulated, 41,000 events/s, 110s to go"
    assert len(said) == 3
    assert "to go" not in text(Progress(0, 4, 0.0, 7200.0, 0, 1.0))
    assert [span(s) for s in (5, 119, 120, 7200, 200_000)] == ["5s", "119s", "2min", "2h", "2d"]
