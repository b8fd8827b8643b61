"""Whose way a change of the network may change: found by the links and nodes that decide it, never by asking everybody.

The way between two nodes is decided by the nodes that it climbs through on both sides, each of which has one way out
(`simulator.world.route`), and beyond them by the way through the core. What hangs in a tree is known by node; in the
core by the links used, and, since a link that comes back may offer a shorter way, by the pair of nodes where it enters
and leaves: those are compared with what they were whenever the core has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from simulator.world.network import Network

Thing = TypeVar("Thing")
Pair = tuple[int, int]
_Entry = tuple[tuple[int, ...], tuple[Pair, ...], tuple[int, ...], int]  # deciders, pairs, nodes, endpoint


class Dependents(Generic[Thing]):
    """Things, and what each of them was last seen to depend on."""

    __slots__ = ("_by_decider", "_by_node", "_by_pair", "_by_uid", "_core", "_entries", "_network", "_paths")

    def __init__(self, network: Network) -> None:
        self._network = network
        self._entries: dict[Thing, _Entry] = {}
        self._by_decider: dict[int, dict[Thing, None]] = {}
        self._by_pair: dict[Pair, dict[Thing, None]] = {}
        self._by_node: dict[int, dict[Thing, None]] = {}
        self._by_uid: dict[int, dict[Thing, None]] = {}
        self._paths: dict[Pair, tuple[int, ...] | None] = {}  # through the core, as they were last seen
        self._core = network.core_changes

    def looked(self, thing: Thing, ways: Iterable[Pair], nodes: Iterable[int], uid: int) -> None:
        """It depends from now on on the ways between these nodes, on the power of those, and on an endpoint (-1: no
        one's)."""
        deciders, pairs = set[int](), set[Pair]()
        for a, b in ways:
            climbed, pair = self._network.decided_by(a, b)
            deciders |= climbed
            if pair is not None:
                pairs.add(pair)
                if pair not in self._paths:
                    self._paths[pair] = self._network.across(*pair)
                deciders |= {self._network.decider(hop >> 1) for hop in self._paths[pair] or ()}
        entry = (tuple(sorted(deciders)), tuple(sorted(pairs)), tuple(sorted(set(nodes))), uid)
        old = self._entries.get(thing)
        if entry == old:
            return
        if old is not None:
            for index, key in self._at(old):
                del index[key][thing]
        for index, key in self._at(entry):
            index.setdefault(key, {})[thing] = None
        self._entries[thing] = entry

    def _at(self, entry: _Entry) -> Iterator[tuple[dict[Any, dict[Thing, None]], Any]]:
        deciders, pairs, nodes, uid = entry
        indices = (self._by_decider, deciders), (self._by_pair, pairs), (self._by_node, nodes)
        yield from ((index, key) for index, keys in indices for key in keys)
        if uid >= 0:
            yield self._by_uid, uid

    def of_endpoint(self, uid: int) -> list[Thing]:
        """Whoever has picked a pod."""
        return list(self._by_uid.get(uid, ()))

    def of_change(self, links: Iterable[int], nodes: Iterable[int]) -> list[Thing]:
        """Whoever has to look again when these links have changed, and these nodes have lost power or have it back."""
        found = dict[Thing, None]()
        for decider in {self._network.decider(link) for link in links}:
            found.update(self._by_decider.get(decider, {}))
        for node in nodes:
            found.update(self._by_node.get(node, {}))
        if self._network.core_changes != self._core:
            self._core = self._network.core_changes
            for pair, things in list(self._by_pair.items()):
                if not things:
                    del self._by_pair[pair], self._paths[pair]
                elif (path := self._network.across(*pair)) != self._paths[pair]:
                    self._paths[pair] = path
                    found.update(things)
        return list(found)
