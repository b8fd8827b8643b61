"""A column that depends on each node alone, computed again only where a node has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from simulator.control.scheduling.belief import NodeBelief


class RowColumn:
    """`value_of(node)` for every node. O(nodes) Python once, then O(changed nodes)."""

    __slots__ = ("_seen", "_value_of", "values")

    def __init__(self, value_of: Callable[[NodeBelief], Any], nodes: list[NodeBelief], seen: int, dtype: DTypeLike):
        self._value_of = value_of
        self._seen = seen
        self.values: NDArray[Any] = np.fromiter(map(value_of, nodes), dtype, len(nodes))

    def current(self, nodes: list[NodeBelief], changed: list[int]) -> NDArray[Any]:
        """The column, given the rows that ever changed, in the order in which they did."""
        if self._seen < len(changed):
            for row in set(changed[self._seen :]):
                self.values[row] = self._value_of(nodes[row])
            self._seen = len(changed)
        return self.values


def read_only(column: NDArray[Any]) -> NDArray[Any]:
    """The same memory, not to be written to."""
    view = column.view()
    view.flags.writeable = False
    return view
