"""The power of a machine: idle, and on from there in proportion to how busy its cores are.

Linear in utilisation, as servers were measured to be within a few per cent (Fan, Weber, Barroso, "Power provisioning
for a warehouse-sized computer", ISCA 2007), and as LEAF and CloudSim have it. Energy is its integral.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PowerModel:
    """`idle_w` with nothing to do, `max_w` with all `cores` busy. Raises ValueError where busy would take less."""

    idle_w: float
    max_w: float
    cores: int

    def __post_init__(self) -> None:
        if not 0 <= self.idle_w <= self.max_w or self.cores < 1:
            raise ValueError("a machine takes no less power busy than idle, and has a core")

    @property
    def core_w(self) -> float:
        """What one busy core adds."""
        return (self.max_w - self.idle_w) / self.cores

    def watts(self, busy_cores: float) -> float:
        """With so many cores busy; no more can be than there are."""
        return self.idle_w + self.core_w * min(busy_cores, self.cores)


def until(times: Floats, levels: Floats, at: Floats) -> Floats:
    """The integral from `times[0]` to each of `at` of the function that has `levels[i]` from `times[i]` on and is zero
    before: exact, since it is constant in between. `times` (n,) do not decrease."""
    sums = np.concatenate([[0.0], np.cumsum(levels[:-1] * np.diff(times))])
    i = np.searchsorted(times, at, side="right") - 1
    found: Floats = np.where(i < 0, 0.0, sums[i] + levels[i] * (at - times[i]))
    return found
