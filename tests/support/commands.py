"""`littoral …` called in this process as a shell would call it, and the small experiment that it is called on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from shutil import copyfile
from typing import Any

import pytest

from simulator.cli import main

GOLDEN = Path(__file__).parents[1] / "golden"
CORNER = GOLDEN / "corner.yaml"  # two cases, two replications of a minute


@dataclass(frozen=True)
class Said:
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)


class Terminal(StringIO):
    """What a program takes for a terminal."""

    def isatty(self) -> bool:
        return True


def littoral(*arguments: str, terminal: bool = False) -> Said:
    """Run one command. Anything but an exit is a mistake of ours."""
    out, err = StringIO(), Terminal() if terminal else StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as left:
        main(arguments)
    assert "Traceback" not in err.getvalue()
    return Said(left.value.code, out.getvalue(), err.getvalue())


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the command line is in it, with the small experiment beside."""
    monkeypatch.chdir(tmp_path)
    copyfile(CORNER, tmp_path / "corner.yaml")
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by relative name."""
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()}


def leaves(value: Any, path: str = "") -> Iterator[str]:
    """Every key path of a JSON document, lists as `[]`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"{path}.{key}"
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, f"{path}[]")
