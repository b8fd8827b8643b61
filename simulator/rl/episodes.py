"""Which replication of which seed an episode is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from numpy.random import Generator

_SEEDS: Final = 2**31


class Episodes:
    """A seed begins at its replication 0, and each episode without a seed is the next one; the first has a drawn seed.

    One place for all replications of a seed; what happens there differs, by the same named draws as in any study
    (common random numbers).
    """

    __slots__ = ("replication", "seed")

    def __init__(self) -> None:
        self.seed: int | None = None
        self.replication = 0

    def next(self, seed: int | None, options: Mapping[str, Any] | None, drawn: Generator) -> tuple[int, int]:
        """Seed and replication of the next episode; `options` may ask for a `replication`."""
        if seed is not None or self.seed is None:
            self.seed = int(drawn.integers(_SEEDS)) if seed is None else seed
            self.replication = 0
        else:
            self.replication += 1
        self.replication = int((options or {}).get("replication", self.replication))
        return self.seed, self.replication
