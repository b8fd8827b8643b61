"""The files that a scenario reads: found, hashed, and named as their copies in a study folder are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from simulator.facts.beside import read_with

OUTSIDE = "outside"


def localise(data: Any, base: Path) -> tuple[Any, dict[str, Path]]:
    """The same plain data with each file reference as it reads from a folder of copies, and name of copy -> file.

    A reference is any string that names a file: alone, with a column (`load.csv#users`), with an object
    (`./mine.py:Mine`), or in a stack of runtimes (`containerd/./mine.yaml`). Files below `base` keep their relative
    path; others go to `outside/<hash>-<name>`. What a model's page reads itself, its sources and what it extends, lies
    beside its copy as it does beside the page; a page from elsewhere has a folder of its own for it, `outside/<hash>/`.
    """
    base = base.resolve()
    found: dict[str, Path] = {}

    def name_of(file: Path, more: list[Path]) -> str:
        if file.is_relative_to(base):
            found.update({other.relative_to(base).as_posix(): other for other in more if other.is_relative_to(base)})
            return file.relative_to(base).as_posix()
        if not more:
            return f"{OUTSIDE}/{hash_file(file)[:8]}-{file.name}"
        own, above = f"{OUTSIDE}/{hash_file(file)[:8]}", file.parent.parent
        found.update(
            {f"{own}/{other.relative_to(above).as_posix()}": other for other in more if other.is_relative_to(above)}
        )
        return f"{own}/{file.relative_to(above).as_posix()}"

    def localised(text: str) -> str:
        for before, written, rest in _readings(text):
            file = (base / written).resolve()
            if not file.is_file():
                continue
            name = name_of(file, read_with(file))
            found[name] = file
            stays = not Path(written).is_absolute() and not name.startswith(OUTSIDE)
            return text if stays else f"{before}./{name}{rest}"
        return text

    return _map_text(data, localised), dict(sorted(found.items()))


def hash_file(file: Path) -> str:
    """SHA-256 of the file's bytes."""
    return sha256(file.read_bytes()).hexdigest()


def _readings(text: str) -> list[tuple[str, str, str]]:
    """How the text may name a file: (what stands before it, file, what follows it)."""
    if not text or len(text) > 1000 or any(c in text for c in "\0\n") or not any(c in text for c in "./"):
        return []
    readings = [("", text, "")]
    for mark in "#:":
        file, found, rest = text.rpartition(mark)
        if found and file:
            readings.append(("", file, mark + rest))
    for mark in ("/./", "/../", "//"):
        before, found, rest = text.partition(mark)
        if found and before and text.endswith(".yaml"):
            readings.append((f"{before}/", f"{found[1:]}{rest}", ""))
    return readings


def _map_text(data: Any, change: Callable[[str], str]) -> Any:
    if isinstance(data, str):
        return change(data)
    if isinstance(data, Mapping):
        return {key: _map_text(value, change) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_map_text(value, change) for value in data]
    return data
