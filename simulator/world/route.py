"""Routes: shortest by latency over what is up, and cheap where the network is a tree."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

import numpy as np

from simulator.world.link import LinkRow

# A hop weighs latency · _HOPS + 1: exact in float64 for ways of fewer than 1024 hops and 2 hours, and of two ways
# with the same latency the one with fewer hops is shorter.
_HOPS: Final = 1024
_PAIRS: Final = 1 << 17  # routes remembered
_CELLS: Final = 1 << 22  # entries of shortest-path trees remembered


@dataclass(frozen=True, slots=True)
class Route:
    """A way through the network: directed links in order, the sum of their latencies, the smallest of their rates.

    Directed link 2·i leads from `a` to `b` of link i, 2·i+1 back. A node's route to itself has no hops, no latency
    and an infinite rate.
    """

    hops: tuple[int, ...]
    latency_ns: int
    bottleneck_bps: float


class Router:
    """Finds routes over the directed links that are `usable` (a column that its owner changes, then says so).

    Nodes that hang in trees (all of a site, mostly) have one way out; they are pruned once, and what is left, the
    core, is searched by Dijkstra's algorithm from a node when that node's routes are first asked for. A change in a
    tree therefore costs no search. With `radios` a node behind one radio hangs in a tree, too: on the one link of the
    radio that is usable, whichever that is. Without, all links of a radio count at once.
    """

    __slots__ = ("_core", "_graph", "_hangs", "_links", "_nodes", "_pairs", "_parent", "_swing", "_trees", "_version",
                 "core_changes", "usable")  # fmt: skip

    def __init__(self, nodes: int, links: Sequence[LinkRow], *, radios: bool = False) -> None:
        self._links = links
        self._nodes = nodes
        self.usable = [True] * (2 * len(links))
        self._parent, self._swing = _prune(nodes, links, radios)
        # By link: the node that hangs on it, and on no other at the same time; -1 in the core.
        self._hangs = [-1] * len(links)
        for node, hop in enumerate(self._parent):
            for link in self._swing.get(node, (hop >> 1,) if hop >= 0 else ()):
                self._hangs[link] = node
        self.core_changes = 0  # so far
        inside = [node for node in range(nodes) if self._parent[node] < 0]
        self._core = {node: i for i, node in enumerate(inside)}
        self._graph: _Graph | None = None
        self._trees: OrderedDict[int, list[int]] = OrderedDict()  # core source -> hop into each core node
        self._pairs: dict[int, tuple[int, Route | None]] = {}
        self._version = 0

    def ends(self, hop: int) -> tuple[int, int]:
        """The nodes that a directed link leads from and to."""
        row = self._links[hop >> 1]
        return (row.b, row.a) if hop & 1 else (row.a, row.b)

    def changed(self, hops: Sequence[int]) -> None:
        """These directed links became usable, or ceased to be."""
        self._version += 1
        for hop in hops:
            node = self._links[hop >> 1].a
            if node in self._swing and not self.usable[self._parent[node]]:
                own = self._swing[node]
                self._parent[node] = next((2 * link for link in own if self.usable[2 * link]), self._parent[node])
        if any(all(end in self._core for end in self.ends(hop)) for hop in hops):
            self._graph = None
            self._trees.clear()
            self.core_changes += 1

    def swings(self, node: int) -> int | None:
        """The directed link that the radio of a node is on, if the node hangs on one link of a radio at a time."""
        return self._parent[node] if node in self._swing else None

    def decider(self, link: int) -> int:
        """What a change of a link is known by: the node that hangs on it, or below 0 the link itself, in the core."""
        node = self._hangs[link]
        return node if node >= 0 else ~link

    def decided_by(self, a: int, b: int) -> tuple[set[int], tuple[int, int] | None]:
        """The deciders of the way from `a` to `b` outside the core, and where it enters and leaves the core, if it
        comes there: as long as none of them changes, and `across` says the same, it stays the same way."""
        up, down, root, other = self._ascend(a, b)
        return {self.decider(hop >> 1) for hop in (*up, *down)}, None if root == other else (root, other)

    def across(self, a: int, b: int) -> tuple[int, ...] | None:
        """The way through the core between two of its nodes; None when there is none."""
        hops = self._across(a, b)
        return None if hops is None else tuple(hops)

    def route(self, a: int, b: int) -> Route | None:
        """The shortest way by latency, then hops; None when there is none. The same object while it is the same way."""
        pair = a * self._nodes + b
        known = self._pairs.get(pair)
        if known is not None and known[0] == self._version:
            return known[1]
        hops = self._hops(a, b)
        route = known[1] if known is not None else None
        if hops is None:
            route = None
        elif route is None or route.hops != hops:
            route = self._measured(hops)
        if len(self._pairs) >= _PAIRS:
            self._pairs.clear()
        self._pairs[pair] = (self._version, route)
        return route

    def _measured(self, hops: tuple[int, ...]) -> Route:
        rows = [(self._links[hop >> 1], hop & 1) for hop in hops]
        slowest = min((row.down_bps if back else row.up_bps for row, back in rows), default=inf)
        return Route(hops, sum(row.latency_ns for row, _ in rows), slowest)

    def _hops(self, a: int, b: int) -> tuple[int, ...] | None:
        up, down, root, other = self._ascend(a, b)
        middle = [] if root == other else self._across(root, other)
        if middle is None:
            return None
        hops = (*up, *middle, *(hop ^ 1 for hop in reversed(down)))
        return hops if all(map(self.usable.__getitem__, hops)) else None

    def _ascend(self, a: int, b: int) -> tuple[list[int], list[int], int, int]:
        """The hops from both nodes up to where they meet, or to the core; and where they enter that."""
        up, root = self._climb(a)
        down, other = self._climb(b)
        while root == other and up and down and up[-1] == down[-1]:  # through their lowest common ancestor
            up.pop()
            down.pop()
        return up, down, root, other

    def _climb(self, node: int) -> tuple[list[int], int]:
        """The hops from a node to the core, and where they enter it."""
        hops = []
        while (hop := self._parent[node]) >= 0:
            hops.append(hop)
            node = self.ends(hop)[1]
        return hops, node

    def _across(self, a: int, b: int) -> list[int] | None:
        """The hops through the core."""
        tree = self._trees.get(a)
        if tree is None:
            if self._graph is None:
                self._graph = _Graph(self._links, self._core, self.usable)
            tree = self._trees[a] = self._graph.tree(self._core[a])
            if len(self._trees) * len(self._core) > _CELLS:
                self._trees.popitem(last=False)
        else:
            self._trees.move_to_end(a)
        hops: list[int] = []
        while b != a:
            hop = tree[self._core[b]]
            if hop < 0:
                return None
            hops.append(hop)
            b = self.ends(hop)[0]
        hops.reverse()
        return hops


class _Graph:
    """The usable links of the core, as scipy wants them; of parallel links only the quickest."""

    __slots__ = ("_hop", "_matrix")

    def __init__(self, links: Sequence[LinkRow], core: dict[int, int], usable: Sequence[bool]) -> None:
        from scipy.sparse import csr_array  # noqa: PLC0415  # heavy, and a pure tree never needs it

        best: dict[tuple[int, int], int] = {}
        for i, row in enumerate(links):
            a, b = core.get(row.a), core.get(row.b)
            if a is None or b is None:
                continue
            for hop, ends in ((2 * i, (a, b)), (2 * i + 1, (b, a))):
                if usable[hop] and (ends not in best or row.latency_ns < links[best[ends] >> 1].latency_ns):
                    best[ends] = hop
        weights = [links[hop >> 1].latency_ns * float(_HOPS) + 1 for hop in best.values()]
        ends_of = np.array(list(best), np.int32).reshape(-1, 2).T
        self._hop = best
        self._matrix = csr_array((np.array(weights), (ends_of[0], ends_of[1])), shape=(len(core), len(core)))

    def tree(self, source: int) -> list[int]:
        """For each core node the hop by which the shortest way from `source` enters it; -1: none."""
        from scipy.sparse.csgraph import dijkstra  # noqa: PLC0415

        _, before = dijkstra(self._matrix, indices=source, return_predecessors=True)
        return [self._hop[(u, v)] if u >= 0 else -1 for v, u in enumerate(before.tolist())]


def _prune(nodes: int, links: Sequence[LinkRow], radios: bool) -> tuple[list[int], dict[int, list[int]]]:
    """For each node that hangs in a tree the hop to its parent, -1 for those left when no node has one link only; and
    of those that hang on a radio its links, of which the hop is the first."""
    at: list[dict[int, None]] = [{} for _ in range(nodes)]  # links still there, by node
    for i, row in enumerate(links):
        at[row.a][i] = at[row.b][i] = None

    roaming = {row.a for row in links if row.radio} if radios else set()

    def hangs(node: int) -> bool:
        if len(at[node]) == 1 or node not in roaming:
            return len(at[node]) == 1
        own = [links[link] for link in at[node]]
        return len({row.radio for row in own}) == 1 and all(row.radio and row.a == node for row in own)

    parent, swing = [-1] * nodes, dict[int, list[int]]()
    leaves = [node for node in range(nodes) if hangs(node)]
    while leaves:
        node = leaves.pop()
        if parent[node] >= 0 or not hangs(node):  # its last neighbour was a leaf too, and went first
            continue
        own = list(at[node])
        parent[node] = 2 * own[0] + (links[own[0]].b == node)
        if len(own) > 1:
            swing[node] = own
        at[node].clear()
        for link in own:
            row = links[link]
            other = row.a if row.b == node else row.b
            del at[other][link]
            if hangs(other):
                leaves.append(other)
    return parent, swing
