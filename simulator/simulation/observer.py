"""Writes down the physical truth about a cluster's nodes: whether they are up, and whether the API server is in reach.

It reads what is and what is believed, and nobody reads it.
"""

from __future__ import annotations

import numpy as np

from simulator.control.delivery.reach import DOWN, OK, Reach
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.world.network import Network
from simulator.world.node import NodeTable


class Observer:
    """One cluster's. `path` is open or cut; a node without power has no row for its path until it is back."""

    __slots__ = ("_clock", "_network", "_nodes", "_open", "_reach", "_recorder")

    def __init__(self, clock: Clock, recorder: Recorder, nodes: NodeTable, network: Network, reach: Reach) -> None:
        self._clock, self._recorder, self._nodes, self._network = clock, recorder, nodes, network
        self._reach = reach
        self._open: dict[int, bool] = {}
        for row, node in enumerate(reach.rows):
            recorder.nodes.add(clock.now, nodes.names[node], "running", "up" if nodes.up[node] else "down")
            self._look(row)
        reach.tell(self._changed)
        network.after_change.append(self._network_changed)

    def _changed(self, rows: list[int], _booted: list[int]) -> None:
        for row in rows:
            self._look(row)

    def _network_changed(self) -> None:
        # Where no agent runs, nobody is told of the path by `reach`: it is there all the same.
        for row in np.flatnonzero(self._reach.state == DOWN):
            self._look(int(row))

    def _look(self, row: int) -> None:
        node = self._reach.rows[row]
        if not self._network.is_up(node):
            return
        # The server's own being down is no cut: ask the network where the path might be whole.
        is_open = self._reach.state[row] == OK or self._network_open(node)
        if self._open.get(row) != is_open:
            self._open[row] = is_open
            name = self._nodes.names[node]
            self._recorder.nodes.add(self._clock.now, name, "path", "open" if is_open else "cut")

    def _network_open(self, node: int) -> bool:
        api = self._reach.api_node
        return self._network.access(node, api) == "ok" and self._network.access(api, node) == "ok"
