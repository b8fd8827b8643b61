"""The map of the network: how far apart nodes are while nothing is cut and nothing waits. What an operator knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.units import SECOND
from simulator.world.link import LinkRow
from simulator.world.node import NodeTable
from simulator.world.route import Router


class Distances:
    """Latencies to a node, or to the nearest of a zone, by name; a column is computed when it is first asked for.

    The first ask costs O(nodes) Python, and no more asks about the same target do.
    """

    __slots__ = ("_columns", "_links", "_nodes", "_router", "_rows")

    def __init__(self, nodes: NodeTable, links: Sequence[LinkRow]) -> None:
        self._nodes, self._links = nodes, links
        self._router: Router | None = None
        self._columns: dict[str, NDArray[np.float64]] = {}  # by target: seconds from each node of the world
        self._rows: dict[tuple[str, ...], NDArray[np.int64]] = {}

    def __call__(self, to: str, names: tuple[str, ...]) -> NDArray[np.float64]:
        """Seconds one way from each node named; infinite where no way leads. Raises KeyError for an unknown name."""
        column = self._columns.get(to)
        if column is None:
            column = self._columns[to] = self._column(to)
        rows = self._rows.get(names)
        if rows is None:
            index = {name: row for row, name in enumerate(self._nodes.names)}
            rows = self._rows[names] = np.array([index[name] for name in names], np.int64)
        return column[rows]

    def _column(self, to: str) -> NDArray[np.float64]:
        names, zones = self._nodes.names, self._nodes.zone
        ends = [row for row, name in enumerate(names) if name == to]
        ends = ends or [row for row, zone in enumerate(zones) if to and zone == to]
        if not ends:
            raise KeyError(f"no node and no zone is named {to!r}")
        if self._router is None:
            self._router = Router(len(names), self._links)
        column = np.full(len(names), np.inf)
        for end in ends:
            for row in range(len(names)):
                route = self._router.route(row, end)
                if route is not None:
                    column[row] = min(column[row], route.latency_ns / SECOND)
        return column
