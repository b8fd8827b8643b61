"""What the command line does with what is wrong: every problem with its line, exit 2, no trace, nothing written.

Broken files by the dozen are `test_bad_input.py`'s; here are those of each sort that only building the world, or
running it, finds, and what becomes of policies that raise, answer nonsense, or never answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands import CORNER, here, littoral
from simulator.simulation.settings import kubernetes as settings

__all__ = ["here"]  # a fixture
TEXT = CORNER.read_text("utf-8")
COMMANDS = ("run", "check", "show")


def line_of(text: str) -> int:
    """The line of the experiment on which this stands."""
    return next(n for n, line in enumerate(TEXT.splitlines(), 1) if text in line)


# What stands in the file; what a user wrote instead; what is said; a part of the hint.
WRONG = {
    "wrong unit": ("duration: 1min", "duration: 1m", "'1m' is no duration", "min"),
    "misspelt key": ("warm_up:", "warmup:", "unknown key warmup", "did you mean warm_up?"),
    "misspelt kind": ("kind: telemetry", "kind: telemetri", "no kind 'telemetri'", "did you mean telemetry?"),
    "missing manifest": (
        "{kind: telemetry, name: stock, source: till, target: db, every: 1s, size: 200B}",
        "{kind: manifest, file: ./shop.yaml}",
        "there is no file ./shop.yaml",
        "",
    ),
    "no such policy": ("policy: kube-default", "policy: kube-defualt", "no policy named", "did you mean kube-default?"),
    "no such parameter": (
        "policy: kube-default", "policy: {use: ./mine.py:Mine, params: {alhpa: 3}}",
        "takes no parameter 'alhpa'", "did you mean alpha?",
    ),
    "parameter refused": (
        "policy: kube-default", "policy: {use: ./mine.py:Mine, params: {alpha: -1}}",
        "refuses its parameters: alpha is negative", "",
    ),
    "parameter of another type": (
        "policy: kube-default", "policy: {use: ./mine.py:Mine, params: {alpha: abc}}",
        "alpha of policy './mine.py:Mine' takes a number, not 'abc'", "without it, it is 0.5",
    ),
    "constructor that raises": (
        "policy: kube-default", "policy: ./mine.py:Broken", "its constructor raises KeyError: 'no'", "mine.py, line 17",
    ),
    "constructor that exits": (
        "policy: kube-default", "policy: ./mine.py:Exits", "its constructor raises SystemExit: 3", "mine.py, line 22",
    ),
    "no method": ("policy: kube-default", "policy: ./mine.py:Mine", "has no method place", "it is what decides"),
    "no class": ("policy: kube-default", "policy: ./mine.py:NUMBER", "3 is neither a class nor a function", "shipped"),
    "policy of another point": (
        "policy: kube-default", "policy: nearest", "no policy named 'nearest'", "nearest is a policy for routing",
    ),
    "function of another point": (
        "policy: kube-default", "policy: ./mine.py:route", "is a function for routing, by its parameters", "its point",
    ),
    "no policy at all": ("policy: kube-default", "policy: ./mine.py:Other", "is no placement", "Placement"),
    "no such file": ("policy: kube-default", "policy: ./mime.py:Mine", "no file './mime.py'", "mean ./mine.py?"),
    "no such name": ("policy: kube-default", "policy: ./mine.py:Nine", "no 'Nine' in it", "did you mean Mine?"),
    "too small a machine": ("model: raspberry-pi-4b", "model: camera", "needs", "choose a larger model"),
    "glob without a link": ('link: "wan-*"', 'link: "wam-*"', "wam-* matches no link", "did you mean wan-1?"),
    "policy twice": (
        "policy: kube-default", "policy: random\n  policies: {placement: kube-default}", "short for", "one of the two",
    ),
}  # fmt: skip
MINE = """from simulator.policy import Bind, Placement


class Other:
    pass


class Mine(Placement):
    def __init__(self, alpha: float = 0.5) -> None:
        if alpha < 0:
            raise ValueError("alpha is negative")
        self.alpha = alpha


class Broken(Mine):
    def __init__(self) -> None:
        {}["no"]


class Exits(Mine):
    def __init__(self) -> None:
        raise SystemExit(3)


NUMBER = 3


def route(request, endpoints):
    return 0
"""


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_file_is_exit_2_with_its_line_and_a_hint(wrong: tuple[str, ...], here: Path) -> None:
    old, new, message, hint = wrong
    (here / "mine.py").write_text(MINE, "utf-8")
    assert old in TEXT
    (here / "corner.yaml").write_text(TEXT.replace(old, new, 1), "utf-8")
    line = line_of(old.splitlines()[0])
    for command in COMMANDS:
        said = littoral(command, "corner.yaml", "--json", *(("--out", "out") if command == "run" else ()))
        assert said.status == 2, said.err
        problems = said.document["problems"]
        found = next(p for p in problems if message in p["message"])
        assert set(found) == {"file", "line", "path", "message", "hint"}
        assert (found["file"], found["line"]) == ("corner.yaml", line)
        assert hint in found["hint"]
        assert f"corner.yaml:{line}: {found['message']}" in said.err
        assert len(said.err.splitlines()) == len(problems)
        assert {path.name for path in here.iterdir()} == {"corner.yaml", "mine.py"}


def test_every_problem_is_told_at_once(here: Path) -> None:
    text = TEXT.replace("1min", "1m").replace("pi-4b", "pi-4c").replace("target: api", "target: apu")
    (here / "corner.yaml").write_text(text, "utf-8")
    said = littoral("check", "corner.yaml")
    lines = [line.partition(": ")[0] for line in said.err.splitlines()]
    wanted = [line_of("duration: 1min"), line_of("raspberry-pi-4b"), line_of("target: api")]
    assert (said.status, lines) == (2, [f"corner.yaml:{line}" for line in wanted])


# Paths of --set, and what a generator says of its parameters.
SET = {
    "generator's parameter": ("scenario.topology.params.sitess=3", "takes no parameter sitess", "did you mean sites?"),
    "generator's value": ("scenario.topology.params.sites=0", "sites takes a whole number from 1", ""),
    "generator": ("scenario.topology.use=wam", "no topology named 'wam'", "did you mean wan?"),
    "policy": ("scenario.policy=leest-loaded", "no policy named 'leest-loaded'", "did you mean least-loaded"),
    "cut": ("scenario.faults.wan.link=wam-0", "no link is named wam-0", "did you mean wan-0?"),
    "fact": ("facts.nodes.till.rma=3GB", "the model states no rma", "did you mean ram?"),
    "fact's unit": ("facts.nodes.till.ram=3s", "'3s' is no size", "MB"),
    "path": ("scenario.faults.won.duration=3s", "no item named won", "did you mean wan?"),
}


@pytest.mark.parametrize("wrong", SET.values(), ids=SET)
def test_what_was_set_is_blamed_by_its_path(wrong: tuple[str, ...], here: Path) -> None:
    setting, message, hint = wrong
    said = littoral("check", "quickstart", "--set", setting, "--json")
    assert said.status == 2
    found = said.document["problems"][0]
    assert found["message"].startswith(f"set {setting.partition('=')[0]}: ")
    assert message in found["message"]
    assert hint in found["hint"]


def test_an_axis_or_a_case_is_blamed_at_its_own_line(here: Path) -> None:
    cases = '{name: refused, set: {scenario.policy: "./mine.py:Mine"}}'
    text = TEXT.replace("{name: refused, set: {scenario.faults.line.mode: refused}}", cases)
    (here / "corner.yaml").write_text(f"{text}axes:\n  scenario.orchestrator: [kubernetes, kubernetes@1.31]\n", "utf-8")
    said = littoral("check", "corner.yaml")
    assert said.status == 2
    line = line_of("name: refused")
    assert said.err == (
        f"corner.yaml:{line}: set scenario.policy: no file './mine.py' for the policy (files are relative to the YAML "
        "file)\n"
    )


BROKEN_POLICIES = {
    "no Python": ("def place(pod, cluster)\n    return None\n", 1, "not Python"),
    "missing package": ("import no_such_package\n", None, "imports 'no_such_package', which is not installed"),
    "raises at import": ("x = 1\ny = x / 0\n", 2, "ZeroDivisionError"),
}


@pytest.mark.parametrize("broken", BROKEN_POLICIES.values(), ids=BROKEN_POLICIES)
def test_a_broken_policy_file_is_blamed_at_its_own_line(broken: tuple[str, int | None, str], here: Path) -> None:
    text, line, message = broken
    (here / "mine.py").write_text(text, "utf-8")
    said = littoral("run", "corner.yaml", "--set", "scenario.policy=./mine.py:place", "--out", "out", "--json")
    assert said.status == 2
    (problem,) = said.document["problems"]
    assert message in problem["message"]
    if line is not None:
        assert (Path(problem["file"]), problem["line"]) == (here / "mine.py", line)
    assert {path.name for path in here.iterdir()} == {"corner.yaml", "mine.py"}


def test_a_broken_generator_is_blamed_at_its_own_line(here: Path) -> None:
    (here / "ring.py").write_text("def build(params, rng):\n    return params['size'] / 0\n", "utf-8")
    said = littoral("check", "corner.yaml", "--set", "scenario.topology={use: ./ring.py:build, params: {size: 3}}")
    assert said.status == 2
    assert f"{here / 'ring.py'}:2: topology " in said.err
    assert "ZeroDivisionError" in said.err


def test_a_fact_without_a_source_is_refused_with_its_line(here: Path) -> None:
    page = "name: bad\nkind: orchestrators\ntitle: Bad\nextends: kubernetes\nfacts:\n  liveness:\n    - kind: lease\n"
    (here / "bad.yaml").write_text(f"{page}      grace: {{value: 20, unit: s, kind: assumed}}\n", "utf-8")
    for command in (("check", "corner.yaml", "--set", "scenario.orchestrator=./bad.yaml"), ("show", "./bad.yaml")):
        said = littoral(*command, "--json")
        assert said.status == 2
        (problem,) = said.document["problems"]
        assert "source" in problem["message"]
        assert problem["file"].endswith("bad.yaml")
        assert problem["line"] == 8


# Policies that can be built, and then err.
ERR = {
    "raises": ("raise KeyError('oops')", "raised KeyError: 'oops' (place, line 2)"),
    "nonsense": ("return 'edge-0'", "answered 'edge-0', a str"),
    "no such row": ("from simulator.policy import Bind\n    return Bind(99)", "bound to row 99 of 4"),
}


def mine(here: Path, body: str) -> str:
    (here / "mine.py").write_text(f"def place(pod, cluster):\n    {body}\n", "utf-8")
    return "scenario.policy=./mine.py:place"


def run(*more: str) -> Any:
    return littoral("run", "corner.yaml", "--replications", "1", "--executor", "serial", "--no-report", *more)


@pytest.mark.parametrize("how", ERR)
def test_a_policy_error_is_recorded_and_the_run_goes_on(how: str, here: Path) -> None:
    body, says = ERR[how]
    document = run("--set", mine(here, body), "--json").document
    first = document["runs"][0]
    assert first["summary"]["policy_errors"] == 2  # two pods
    assert first["summary"]["pods_started"] == 2  # placed by the default
    (warning,) = (w for w in first["warnings"] if "policy_errors" in w)
    assert says in warning


def test_under_stop_a_policy_error_ends_the_run_with_1(here: Path) -> None:
    body, says = ERR["raises"]
    stop = ("--set", "scenario.on_policy_error=stop", "--out", "out")
    said = run("--set", mine(here, body), *stop, "--json")
    assert said.status == 1
    (problem,) = said.document["problems"]
    assert "2 of 2 runs failed (case=silent/0, case=refused/0): policy error at 0." in problem["message"]
    assert says in problem["message"]
    assert said.err == f"{problem['message']}\n"
    assert not Path("out").exists()


def test_a_policy_that_hangs_ends_the_run_as_failed(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patient: Callable[..., Any] = settings.scheduler
    monkeypatch.setattr(settings, "scheduler", lambda *given: replace(patient(*given), answer_limit_s=0.1))
    said = run("--set", mine(here, "while True: pass"))
    assert (said.status, said.out) == (1, "")
    assert "2 of 2 runs failed" in said.err
    assert "took over 0.1 s of wall clock" in said.err
