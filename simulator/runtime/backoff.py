"""Exponential back-off that forgets, as client-go's flowcontrol.Backoff: for crashes and for failing pulls."""

from __future__ import annotations

from collections.abc import Hashable


class Backoff:
    """Delays by key: `first_ns`, then times `factor` up to `cap_ns`; forgotten after `reset_ns` without an update.

    `reset_ns` None: twice the cap, as client-go has it.
    """

    __slots__ = ("_cap_ns", "_entries", "_factor", "_first_ns", "_reset_ns")

    def __init__(self, first_ns: int, cap_ns: int, factor: float = 2.0, reset_ns: int | None = None) -> None:
        self._first_ns = first_ns
        self._cap_ns = cap_ns
        self._factor = factor
        self._reset_ns = 2 * cap_ns if reset_ns is None else reset_ns
        self._entries: dict[Hashable, tuple[int, int]] = {}  # key -> (delay, when it was last updated)

    def due(self, key: Hashable, failed: int) -> int:
        """When to try again after a failure at `failed` (ns): at once unless there was one not long before."""
        entry = self._entries.get(key)
        if entry is None or failed - entry[1] > self._reset_ns:
            return failed
        return failed + entry[0]

    def lengthen(self, key: Hashable, failed: int, now: int) -> None:
        """Another failure at `failed` is being acted on now: the next one waits longer."""
        entry = self._entries.get(key)
        if entry is None or failed - entry[1] > self._reset_ns:
            delay = self._first_ns
        else:
            delay = min(round(self._factor * entry[0]), self._cap_ns)
        self._entries[key] = (delay, now)

    def forget(self, key: Hashable) -> None:
        """The pod has gone."""
        self._entries.pop(key, None)
