"""Named random draws from one seed. Names decide a draw, never the order of calls.

Two forms. `draws` is a counter-based hash of (seed, replication, name, id, k): a column of uniforms for a column
of entities, tens of nanoseconds each, nothing to store. `stream` gives a numpy Generator for sequences of one
name. Adding an entity, or changing a policy, shifts nobody else's draws.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

_MASK = (1 << 64) - 1
# Odd constants of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) and of its variant 13 finaliser (Stafford, 2011).
_GOLDEN = 0x9E3779B97F4A7C15
_SECOND = 0xD1B54A32D192ED03
_MULT1 = 0xBF58476D1CE4E5B9
_MULT2 = 0x94D049BB133111EB
_UNIT = 2.0**-53


def key(name: str | int) -> int:
    """The 64-bit identity of an entity's name: stable across runs, machines and Python's hash seed."""
    return int.from_bytes(blake2b(str(name).encode(), digest_size=8).digest(), "little")


def _mix(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MULT1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MULT2)
    return x ^ (x >> np.uint64(31))


def _mix_int(x: int) -> int:
    x = ((x ^ (x >> 30)) * _MULT1) & _MASK
    x = ((x ^ (x >> 27)) * _MULT2) & _MASK
    return x ^ (x >> 31)


class Rng:
    """All randomness of one run: one seed, one replication number."""

    __slots__ = ("_names", "replication", "seed")

    def __init__(self, seed: int, replication: int = 0) -> None:
        self.seed = seed
        self.replication = replication
        self._names: dict[str, int] = {}

    def _name(self, name: str) -> int:
        found = self._names.get(name)
        if found is None:
            found = self._names[name] = key(f"{self.seed}/{self.replication}/{name}")
        return found

    def draws(self, name: str, ids: ArrayLike, k: ArrayLike = 0) -> NDArray[np.float64]:
        """Uniforms in [0, 1), one for each pair of `ids` (uint64, see `key`) and `k` (counter), broadcast."""
        identity, counter = np.asarray(ids, np.uint64), np.asarray(k, np.uint64)
        with np.errstate(over="ignore"):
            h = _mix(np.uint64(self._name(name)) + identity * np.uint64(_GOLDEN))
            h = _mix(h + (counter + np.uint64(1)) * np.uint64(_SECOND))
        return (h >> np.uint64(11)).astype(np.float64) * _UNIT

    def draw(self, name: str, identity: int = 0, k: int = 0) -> float:
        """One uniform in [0, 1): exactly `draws(name, identity, k)`."""
        h = _mix_int((self._name(name) + identity * _GOLDEN) & _MASK)
        h = _mix_int((h + (k + 1) * _SECOND) & _MASK)
        return (h >> 11) * _UNIT

    def stream(self, *names: str | int) -> np.random.Generator:
        """A generator of its own for this path of names."""
        spawn = tuple(key(name) for name in ("stream", *names))
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence([self.seed, self.replication], spawn_key=spawn))
        )
