"""One fact: a value or a distribution, its unit, where it was measured, what kind of statement it is, its source."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final

from simulator.errors import Problem
from simulator.facts.dist import DistSpec, parse_dist
from simulator.facts.quantity import base_value, dimension_of, exact_value
from simulator.facts.yaml import Document, Path
from simulator.units import UnitError

KINDS: Final = ("measured", "vendor", "derived", "seed", "calibrated", "assumed")
_KEYS: Final = ("value", "dist", "unit", "stat", "hardware", "kind", "source", "note")


@dataclass(frozen=True, slots=True)
class Fact:
    """What one source says about one quantity. `value` is a number in `unit`, text, a flag, a list, or a DistSpec."""

    value: Any
    unit: str
    kind: str
    source: str
    stat: str = ""
    hardware: str = ""
    note: str = ""
    file: str = ""
    line: int | None = None

    @property
    def dimension(self) -> str:
        """A dimension of units, or what else the value is: text, list, flag."""
        if self.unit:
            return dimension_of(self.unit)
        return {bool: "flag", list: "list"}.get(type(self.value), "text")

    @property
    def base(self) -> int | float:
        """The number in base units. Raises UnitError where the value is none."""
        return base_value(self.value, self.unit)

    @property
    def shown(self) -> Any:
        """The value as it was written: what JSON and reports show."""
        return self.value.written if isinstance(self.value, DistSpec) else self.value

    def problem(self, message: str, path: str = "", hint: str = "") -> Problem:
        """What is wrong with this fact, at its line."""
        return Problem(message, self.file or None, self.line, path, hint)

    def row(self) -> dict[str, Any]:
        """The columns that `show` prints."""
        return {
            "value": self.shown, "unit": self.unit, "kind": self.kind, "source": self.source,
            "stat": self.stat, "hardware": self.hardware, "note": self.note,
        }  # fmt: skip


def is_fact(node: Any) -> bool:
    """Whether a mapping of a model file is a fact, rather than a branch or a mechanism."""
    return isinstance(node, dict) and ("value" in node or "dist" in node)


def read_fact(document: Document, path: Path, node: dict[str, Any], sources: Collection[str]) -> Fact | list[Problem]:
    """The fact that stands at `path` of a model file, or everything that is wrong with it."""
    problems: list[Problem] = []

    def wrong(key: str, message: str, hint: str = "") -> None:
        problems.append(document.problem((*path, key) if key in node else path, message, hint))

    for key in node.keys() - set(_KEYS):
        wrong(key, f"{key} is no part of a fact", near(key, _KEYS))
    for key in ("unit", "stat", "hardware", "kind", "source", "note"):
        if key in node and not isinstance(node[key], str):
            wrong(key, f"{key} must be text, not {node[key]!r}", "put it in quotes")
    kind, source, unit = (
        node.get(key) if isinstance(node.get(key), str) else None for key in ("kind", "source", "unit")
    )
    if "kind" not in node:
        wrong("kind", "a fact has no kind", f"write one of {', '.join(KINDS)}")
    elif kind is not None and kind not in KINDS:
        wrong("kind", f"{kind} is no kind of fact", near(kind, KINDS))
    if "source" not in node:
        wrong(
            "source", "a fact has no source", "name a key of sources.bib; what nobody measured has the source assumed"
        )
    elif source is not None and source not in sources:
        wrong("source", f"source {source} is not in sources.bib", near(source, sources))
    elif source == "assumed" and kind not in ("assumed", None):
        wrong("source", f"a {kind} fact needs its source", "assumed is the source of assumptions only")
    if "value" in node and "dist" in node:
        wrong("dist", "a fact has a value or a dist, not both", "write the other as an alternative")
    value = _value(node, unit or "", wrong)
    if problems:
        return problems
    texts = {key: node.get(key, "") for key in ("stat", "hardware", "note")}
    key = "value" if "value" in node else "dist"
    return Fact(
        value, unit or "", kind or "", source or "", **texts, file=document.file, line=document.line((*path, key))
    )


def _value(node: dict[str, Any], unit: str, wrong: Any) -> Any:
    key = "value" if "value" in node else "dist"
    written = node[key]
    try:
        if unit or key == "dist" or (isinstance(written, int | float) and not isinstance(written, bool)):
            try:
                dimension = dimension_of(unit)
            except UnitError as error:
                wrong("unit", error.message, error.hint)
                return None
            if key == "dist":
                return parse_dist(written, dimension, lambda number: float(exact_value(number, unit)))
            base_value(written, unit)
        elif isinstance(written, list):
            if not all(isinstance(item, str) for item in written):
                wrong(key, "a list of a fact holds texts", "numbers are facts of their own")
        elif not isinstance(written, str | bool):
            wrong(key, f"{written!r} is no value", "write a number, text, true, false or a list of texts")
    except UnitError as error:
        wrong(key, error.message, error.hint)
    return written


def near(word: str, known: Collection[str]) -> str:
    """A hint with the nearest known word, or with the known words when they are few."""
    found = get_close_matches(word, known, 1)
    if found:
        return f"did you mean {found[0]}?"
    return f"known are {', '.join(sorted(known))}" if 0 < len(known) <= 12 else ""
