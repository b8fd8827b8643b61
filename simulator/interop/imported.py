"""One import: what was found, in files of ours, written whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from simulator.errors import Problem, UserError
from simulator.spec.readers.report import Repair


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader made: texts of files by name, the first of them the one that is asked for; how it is used; and
    whatever has to be told. `check` looks at the first file where it will lie, and raises UserError."""

    format: str
    files: Mapping[str, str]
    use: str
    counts: Mapping[str, int]
    repairs: tuple[Repair, ...]
    check: Callable[[Path], object] | None = None


def yaml_text(data: Any, comment: str) -> str:
    """Plain data as YAML under a line that says where it came from."""
    return f"# {comment}\n" + yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)


def _check(check: Callable[[Path], object], file: Path, folder: Path) -> None:
    """What is wrong is told of the file's place, and not of where it lies until it is right."""
    try:
        check(file)
    except UserError as error:
        shown = [p.file and p.file.replace(str(file.parent), str(folder)) for p in error.problems]
        raise UserError(replace(p, file=name) for p, name in zip(error.problems, shown, strict=True)) from None


def write(found: Found, folder: Path, *, overwrite: bool) -> list[Path]:
    """Write all files, each by a rename, once all of them are there and the first is one that can be used.

    Raises UserError where a file is there already and `overwrite` is not said, or the folder cannot be written.
    """
    targets = [folder / name for name in found.files]
    there = [path for path in targets if path.exists()]
    if there and not overwrite:
        raise UserError(
            Problem("the file is there already", str(path), hint="--overwrite, or another --out") for path in there
        )
    beside = folder / f".{targets[0].stem}.partial"
    try:
        shutil.rmtree(beside, ignore_errors=True)
        for name, text in found.files.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_text(text, "utf-8")
        if found.check is not None:
            _check(found.check, beside / targets[0].name, folder)
        for name, target in reversed(list(zip(found.files, targets, strict=True))):  # what names others comes last
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(beside / name, target)
    except OSError as error:
        raise UserError(Problem(f"cannot be written: {error.strerror}", str(error.filename or folder))) from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return targets
