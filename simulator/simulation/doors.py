"""Where the traffic of a machine enters the cluster."""

from __future__ import annotations

from collections import Counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.errors import Problem, UserError
from simulator.simulation.layout import Layout
from simulator.streams import Rng, key
from simulator.traffic.plane import RequestPlane
from simulator.world.dependents import Dependents
from simulator.world.network import Network
from simulator.world.roaming import Roaming

Ints = NDArray[np.int64]
_NONE: Final = -1  # ns, where there is no way


class Doors:
    """The doors of one cluster. What is near to a cell, or a gateway, is worked out once for all who are behind it, and
    again when a way from there has changed."""

    __slots__ = ("_beyond", "_dependents", "_ends", "_keys", "_layout", "_near", "_network", "_rng", "_touched",
                 "_workers")  # fmt: skip

    def __init__(self, layout: Layout, network: Network, rng: Rng) -> None:
        self._layout, self._network, self._rng = layout, network, rng
        members = layout.members
        self._workers = [m for m in members if layout.nodes[m].role == "worker"] or list(members)
        self._keys = [key(layout.nodes[m].name) for m in self._workers]
        self._near: dict[str, list[int]] = {}  # by zone: positions in `_workers`
        for i, member in enumerate(self._workers):
            self._near.setdefault(layout.nodes[member].zone, []).append(i)
        links = Counter(end for row in network.links for end in (row.a, row.b))
        self._ends = frozenset(node for node, number in links.items() if number == 1).difference(members)  # dead ends
        self._beyond: dict[int, Ints] = {}  # by cell: how far each worker is
        self._dependents: Dependents[int] = Dependents(network)
        self._touched = network.watch()

    def of(self, source: int) -> int:
        """The member whose service proxy a source uses: itself, or the nearest by latency, in its own zone if there is
        one.

        A device does not run a proxy; its traffic enters the cluster at a node (a NodePort, in Kubernetes' words): that
        which is near when it begins, or would be if it had a way. Among equally near ones the lot decides, by the
        source's name. Raises UserError where no way leads to the cluster.
        """
        if source in self._layout.members:
            return source
        node = self._layout.nodes[source]
        near = np.array(self._near.get(node.zone) or range(len(self._workers)))
        far = self._far(source, near)
        for i in np.flatnonzero(far == _NONE).tolist():
            if (way := self._network.intact(source, self._workers[near[i]])) is not None:
                far[i] = way.latency_ns
        reached = far != _NONE
        if not reached.any():
            said, hint = f"no way leads from {node.name} to the cluster", "add a link between it and the cluster"
            raise UserError(Problem(said, path="scenario.topology", hint=hint))
        nearest, own = near[reached & (far == far[reached].min())].tolist(), key(node.name)
        lots: list[tuple[float, int]] = [
            (self._rng.draw("door", own, self._keys[i]), self._workers[i]) for i in nearest
        ]
        _, door = min(lots)
        return door

    def _far(self, source: int, near: Ints) -> Ints:
        """How far these workers are from a source now, in ns."""
        hop = self._network.only_way_out(source, self._ends)
        if hop is None:
            return self._ways(source, near)
        row = self._network.links[hop >> 1]
        cell = row.a if hop & 1 else row.b
        for changed in self._dependents.of_change(self._touched, ()):
            self._beyond.pop(changed, None)
        self._touched.clear()
        beyond = self._beyond.get(cell)
        if beyond is None:
            beyond = self._beyond[cell] = self._ways(cell, np.arange(len(self._workers)))
            self._dependents.looked(cell, [(cell, m) for m in self._workers], (), -1)
        far: Ints = beyond[near]
        far[far != _NONE] += row.latency_ns
        return far

    def _ways(self, node: int, near: Ints) -> Ints:
        routes = (self._network.route(node, self._workers[i]) for i in near.tolist())
        return np.array([_NONE if route is None else route.latency_ns for route in routes], np.int64)


def follow(roaming: Roaming, plane: RequestPlane, layout: Layout, network: Network, rng: Rng) -> None:
    """Devices that go from cell to cell enter the cluster by the member that is near to their cell."""
    doors, members = Doors(layout, network, rng), frozenset(layout.members)

    def joined(node: int) -> None:
        if node not in members:
            plane.enter(node, doors.of(node))

    roaming.joined.append(joined)
