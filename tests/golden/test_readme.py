"""What the README shows works as written: its scenario, its commands, its Python, its policy, its two commands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from commands import littoral

_ROOT = Path(__file__).parents[2]
_README = (_ROOT / "README.md").read_text("utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", _README, re.DOTALL)


def _policy() -> str:
    (code,) = [block for block in _blocks("python") if "class Mine(" in block]
    return code


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder after the ten-minute walk: every `littoral` command of the README, in order."""
    folder = tmp_path_factory.mktemp("readme")
    with chdir(folder):
        Path("first.yaml").write_text(_blocks("yaml")[0], "utf-8")
        commands = [line[2:] for block in _blocks("console") for line in block.splitlines() if line.startswith("$ ")]
        walk = [command.split()[1:] for command in commands if command.startswith("littoral ")]
        assert len(walk) >= 8
        for arguments in walk:
            if arguments[0] == "check-policy":  # what the reader has done by then
                assert "class Mine(" in Path("mine.py").read_text("utf-8")
                Path("mine.py").write_text(_policy(), "utf-8")
            said = littoral(*arguments)
            assert said.status == 0, (arguments, said.err)
        yield folder


def test_the_walk_leaves_two_studies(walked: Path) -> None:
    assert (walked / "first" / "report.html").is_file()
    assert (walked / "second" / "report.html").is_file()


def test_its_python_works(walked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(walked)
    (code,) = [block for block in _blocks("python") if "sim.run" in block]
    # One replication serves as well as five here.
    names: dict[str, object] = {}
    exec(code.replace("seed=1)", "seed=1, replications=1, executor='serial')"), names)  # the README's own
    assert names["run"].summary["availability"] > 0.5  # type: ignore[attr-defined]  # a Run


def test_its_policy_ran_and_was_compared_on_the_same_numbers(walked: Path) -> None:
    assert (walked / "third" / "inputs" / "mine.py").read_text("utf-8") == _policy()
    rows = littoral("compare", str(walked / "first"), str(walked / "third"), "--json").document
    assert {row["n"] for row in rows if row["metric"] == "availability"} == {5}


def test_its_two_commands_are_targets_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert {line.split()[-1] for line in _blocks("console")[0].splitlines()} <= targets
