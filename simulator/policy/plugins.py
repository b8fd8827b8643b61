"""What a filter or a score may answer: a column over the nodes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from simulator.policy.view import Bools

MOST: Final = 100  # MaxNodeScore


def fault_of_filter(said: Any, nodes: int) -> str:
    """What is wrong with the answer of a filter; empty if nothing is."""
    if not isinstance(said, np.ndarray) or said.dtype != np.bool_ or said.shape != (nodes,):
        return f"answered {said!r}: it must be a boolean column, a row per node"
    return ""


def fault_of_score(said: Any, where: Bools) -> str:
    """The same of a score, of which only the rows in `where` count."""
    if not isinstance(said, np.ndarray) or said.dtype.kind not in "fiub" or said.shape != where.shape:
        return f"answered {said!r}: it must be a column of numbers, a row per node"
    found = said[where]
    if not np.all((found >= 0) & (found <= MOST)):
        return f"answered {found.min()} to {found.max()}: it must be 0 to {MOST}"
    return ""
