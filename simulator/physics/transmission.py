"""Bytes onto a wire."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulator.units import SECOND


def serialisation_ns(size_bytes: int, rate_bps: float) -> int:
    """The time to put `size_bytes` on a link of `rate_bps` bit/s, in ns, rounded up: a last bit is never early.

    0 for an infinite rate. Raises ValueError where the rate is not above zero.
    """
    if not rate_bps > 0:
        raise ValueError(f"a rate must be above zero, got {rate_bps}")
    return int(np.ceil(size_bytes * 8 * SECOND / rate_bps))


def serialisation_column_ns(sizes_bytes: ArrayLike, rate_bps: float) -> NDArray[np.int64]:
    """`serialisation_ns` for a column of sizes (int64, below 2**50 bytes): the same value for each.

    Times stay below int64's 292 years.
    """
    if not rate_bps > 0:
        raise ValueError(f"a rate must be above zero, got {rate_bps}")
    sizes = np.asarray(sizes_bytes, np.int64).astype(np.float64)
    return np.ceil(sizes * 8.0 * float(SECOND) / rate_bps).astype(np.int64)
