"""Warnings that say the same of many things, said once, every thing by its name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

_FEW: Final = 6  # names that a printed note shows


def gathered(notes: Iterable[str]) -> Iterator[str]:
    """Notes of the form `kind name: what`; those of one kind with one `what` become one, in the order of the first."""
    about: dict[tuple[str, str], list[str]] = {}
    for note in notes:
        who, _, what = note.partition(": ")
        kind, _, name = who.partition(" ")
        about.setdefault((kind, what) if what and name else (note, ""), []).append(name)
    for (kind, what), names in about.items():
        yield f"{kind} {', '.join(names)}: {what}" if what else kind


def brief(note: str) -> str:
    """A gathered note as a report prints it: of many names the first, and how many more there are."""
    names, _, what = note.partition(": ")
    parts = names.split(", ")
    if not what or len(parts) <= _FEW:
        return note
    return f"{', '.join(parts[:_FEW])} and {len(parts) - _FEW} more: {what}"


def counted(notes: Iterable[str]) -> Iterator[str]:
    """Notes that differ only in the number they begin with become one: `up to` the largest."""
    found: dict[str, dict[int, None]] = {}
    for note in notes:
        number, _, rest = note.partition(" ")
        found.setdefault(rest if number.isdigit() else note, {})[int(number) if number.isdigit() else -1] = None
    for rest, numbers in found.items():
        most = max(numbers)
        yield rest if most < 0 else f"{'up to ' if len(numbers) > 1 else ''}{most} {rest}"
