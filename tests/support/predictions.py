"""A prediction: what is measured, where it must lie, and the default that governs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from controlkit import Numbers, moved


@dataclass(frozen=True)
class Prediction:
    """All measured values lie in [low, high], and their mean within ±`within` of `mean`.

    A test of a prediction can fail only if the prediction can: with the governing default moved by a quarter
    (`factor`) the same measurement must miss.
    """

    name: str
    measure: Callable[[Numbers], NDArray[np.float64]]
    low: float
    high: float
    governed_by: str
    mean: float | None = None
    within: float = 1.0
    factor: float = 1.25
    numbers: Numbers = field(default_factory=Numbers)

    def misses(self, numbers: Numbers) -> list[str]:
        """What lies elsewhere."""
        values = self.measure(numbers)
        found = []
        if not len(values):
            found.append("nothing was measured")
        elif values.min() < self.low or values.max() > self.high:
            found.append(f"{values.min():.3f} … {values.max():.3f} is not within {self.low} … {self.high}")
        if len(values) and self.mean is not None and abs(values.mean() - self.mean) > self.within:
            found.append(f"the mean is {values.mean():.2f}, not {self.mean} ± {self.within}")
        return found

    def misses_as_it_is(self) -> list[str]:
        """With the defaults."""
        return self.misses(self.numbers)

    def misses_when_moved(self) -> list[str]:
        """With the governing default moved by a quarter."""
        return self.misses(moved(self.numbers, self.governed_by, self.factor))
