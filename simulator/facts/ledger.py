"""The ledger: which facts a run read. What `cite` and the report print is exactly this."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from simulator.facts.fact import Fact


class Ledger:
    """Facts in the order of their names, each once. Reading twice is one row; picklable; two ledgers can be joined."""

    __slots__ = ("_overrides", "_read", "_used")

    def __init__(self) -> None:
        self._read: dict[str, Fact] = {}
        self._overrides: dict[str, None] = {}
        self._used: set[str] = set()

    def expect(self, overrides: Iterable[str]) -> None:
        """These overrides were given; those that nothing read meets are told by `unread_overrides`."""
        self._overrides |= dict.fromkeys(overrides)

    def record(self, path: str, fact: Fact) -> None:
        """`facts.<kind>.<name>.<field>` was read and is this fact."""
        self._read[path] = fact

    def use(self, override: str) -> None:
        """An override took effect on something that was read."""
        self._used.add(override)

    def rows(self) -> list[dict[str, Any]]:
        """One row for each fact that was read: path, value, unit, kind, source, stat, hardware, note."""
        return [{"path": path, **fact.row()} for path, fact in sorted(self._read.items())]

    def sources(self) -> list[str]:
        """The keys of every source that was read, sorted."""
        return sorted({fact.source for fact in self._read.values()})

    def assumed(self) -> list[str]:
        """The paths of the assumptions that were read, sorted."""
        return sorted(path for path, fact in self._read.items() if fact.kind == "assumed")

    def unread_overrides(self) -> list[str]:
        """The overrides that nothing read has met: misspelt, or without effect on this run."""
        return [key for key in self._overrides if key not in self._used]

    def join(self, other: Ledger) -> None:
        """Take over what another ledger read."""
        self._read |= other._read
        self._used |= other._used
        self.expect(other._overrides)
