"""Names of machines from names of places."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import normalize


def slug(name: str) -> str:
    """A place's name as part of a machine's: ASCII without accents, as DNS names are; empty where nothing is left."""
    plain = normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return "-".join("".join(c if c.isalnum() else " " for c in plain).split())


def unique(names: Iterable[str]) -> list[str]:
    """The names, a number after those that occurred before."""
    taken: set[str] = set()
    made = []
    for name in names:
        candidate, n = name, 2
        while candidate in taken:
            candidate, n = f"{name}-{n}", n + 1
        taken.add(candidate)
        made.append(candidate)
    return made
