"""What a command gives back, and how it is printed: one JSON document, or text for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from simulator.errors import Problem
from simulator.study.plain import to_json


@dataclass(frozen=True, slots=True)
class Answer:
    """`document` for `--json`, `text` for people, and the exit status."""

    document: Any
    text: str = ""
    status: int = 0


def emit(answer: Answer, *, as_json: bool) -> None:
    """Print to stdout: the one document and nothing else, or the text."""
    text = to_json(answer.document) if as_json else answer.text
    if text:
        sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
        sys.stdout.flush()


def say(text: str) -> None:
    """A message for people, on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def problems_document(problems: Iterable[Problem]) -> dict[str, Any]:
    """What every command that ends in 2 prints under `--json`."""
    rows = [asdict(problem) for problem in problems]
    return {"problems": [{key: row[key] for key in ("file", "line", "path", "message", "hint")} for row in rows]}


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Rows as aligned text under a line of headings; numbers to the right."""
    cells = [[cell(row.get(column)) for column in columns] for row in rows]
    right = [all(_is_number(row.get(c)) for row in rows) and bool(rows) for c in columns]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    lines = []
    for line in (list(columns), *cells):
        parts = [
            text.rjust(width) if end else text.ljust(width)
            for text, width, end in zip(line, widths, right, strict=True)
        ]
        lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def cell(value: Any) -> str:
    """A value as people read it: four digits, nothing for what is undefined."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key} ({cell(item)})" if isinstance(item, Mapping) else f"{key} = {cell(item)}"
            for key, item in value.items()
        )
    return str(value)


def number(value: float | None) -> str:
    """Four significant digits; a dash where there is no value."""
    if value is None or not isfinite(value):
        return "–"
    if value == round(value) and abs(value) < 1e6:
        return f"{value:.0f}"
    return f"{value:.4g}"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))
