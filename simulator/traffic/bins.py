"""Arithmetic sequences of times, counted by interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


def spread(first: int, step: int, number: int, interval: int) -> tuple[int, Ints]:
    """Of `number` events, the first at `first`, one each `step` ns: the first interval, and how many are in it and in
    each that follows, shape (n,)."""
    low, high = first // interval, (first + (number - 1) * step) // interval
    edges = np.arange(low + 1, high + 2) * interval
    before = np.minimum(-((first - edges) // step), number)  # events before each edge
    return low, np.diff(before, prepend=0)
