"""Two small experiments with all that they print, to the last digit that is the same everywhere.

The expected output stands beside each experiment. Where a change is meant, write it anew and look at the difference:

    LITTORAL_GOLDEN=write pytest tests/golden && git diff tests/golden
"""

from __future__ import annotations

import json
import os
from difflib import unified_diff
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from commands import GOLDEN, littoral


@pytest.mark.parametrize("name", ["corner", "blackout"])
def test_an_experiment_prints_what_it_printed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copytree(GOLDEN, tmp_path / "golden")
    monkeypatch.chdir(tmp_path / "golden")
    command = ("run", f"{name}.yaml", "--out", name, "--executor", "serial", "--no-report")
    said = littoral(*command)
    assert said.status == 0
    rows = json.loads(Path(name, "summary.json").read_text("utf-8"))["summary"]
    now = f"$ littoral {' '.join(command)}\n{said.out}\n" + "\n".join(map(exact, rows)) + "\n"
    expected = GOLDEN / f"{name}.txt"
    if os.environ.get("LITTORAL_GOLDEN") == "write":
        expected.write_text(now, "utf-8")
    before = expected.read_text("utf-8")
    difference = unified_diff(before.splitlines(), now.splitlines(), expected.name, "now", lineterm="")
    assert before == now, "\n" + "\n".join(difference)


def exact(row: dict[str, Any]) -> str:
    """A row of the summary with twelve digits: more than any difference between two C libraries."""
    where = " ".join([*map(str, row["axes"].values()), row["case"] or ""]).strip()
    numbers = (f"{row[key]:.12g}" if row[key] is not None else "none" for key in ("mean", "low", "high"))
    return f"{where} {row['metric']} {' '.join(numbers)} n={row['n']}"
