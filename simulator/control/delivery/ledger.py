"""What each edge node has acknowledged (KubeEdge's ObjectSyncs): it outlives connections, and CloudCore."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from itertools import count
from typing import Any


@dataclass(frozen=True, slots=True)
class Letter:
    """One version of one object on its way to one node. `content` is for the taker of its `kind` there."""

    key: Hashable
    version: int  # the object's resourceVersion: a later one is larger
    kind: str  # pod, endpoints: the deliveries table's word
    about: str  # the object's name
    size_bytes: int
    content: Any
    delete: bool = False


class Ledger:
    """Per node (row) and object: the latest letter that is wanted there, and the version acknowledged."""

    __slots__ = ("_acked", "_stale", "_versions", "_wanted")

    def __init__(self) -> None:
        self._versions = count(1)
        self._wanted: dict[int, dict[Hashable, Letter]] = {}
        self._acked: dict[int, dict[Hashable, int]] = {}
        self._stale: dict[int, dict[Hashable, None]] = {}  # keys whose acknowledged version is older, in order

    def add(self, row: int) -> None:
        """A node joins."""
        self._wanted[row], self._acked[row], self._stale[row] = {}, {}, {}

    def next_version(self) -> int:
        """The resourceVersion of the change that has just been made."""
        return next(self._versions)

    def want(self, row: int, letter: Letter) -> None:
        """This is the latest of its object."""
        self._wanted[row][letter.key] = letter
        self._stale[row][letter.key] = None

    def acknowledge(self, row: int, key: Hashable, version: int) -> None:
        """The node has written this version; a deletion that it has written is forgotten."""
        wanted = self._wanted[row].get(key)
        if wanted is None:
            return
        self._acked[row][key] = max(version, self._acked[row].get(key, 0))
        if self._acked[row][key] >= wanted.version:
            self._stale[row].pop(key, None)
            if wanted.delete:
                del self._wanted[row][key], self._acked[row][key]

    def stale(self, row: int) -> list[Letter]:
        """What the node has not acknowledged in its latest version, in the order of the changes."""
        wanted = self._wanted[row]
        return [wanted[key] for key in self._stale[row]]

    def behind(self, row: int) -> bool:
        """Whether anything is stale there."""
        return bool(self._stale[row])
