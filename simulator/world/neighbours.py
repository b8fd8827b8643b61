"""Nodes of one site that hand each other what they have pulled, so that it crosses the site's uplink once.

A node serves the layers whose archives its engine keeps, and answers for the images that it has. Two ways are known.
Where neighbours are asked for what they have (Spegel), nodes that pull at one time all go to the registry. Where nodes
form a swarm (Dragonfly, Kraken), a layer that one of them is fetching is waited for. In a swarm a layer goes on piece
by piece; here it goes on as a whole, and the difference is the time that it takes within the site. How a neighbour is
found takes no time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from simulator.world.image import ImageStore, Layer
from simulator.world.network import Network
from simulator.world.registry import Answer, Ready


class _Coming:
    """A layer that one node fetches from outside, and who waits for it."""

    __slots__ = ("leader", "moves", "waiting")

    def __init__(self, leader: int, moves: Callable[[], bool]) -> None:
        self.leader = leader
        self.moves = moves
        self.waiting: dict[Ready, tuple[Neighbours, Layer, int]] = {}


class Site:
    """The nodes of one zone, by number, with their stores. `swarm`: a layer that is being fetched is waited for."""

    __slots__ = ("coming", "network", "serving", "stores", "swarm")

    def __init__(self, network: Network, *, swarm: bool) -> None:
        self.network = network
        self.swarm = swarm
        self.stores: dict[int, ImageStore] = {}
        self.coming: dict[str, _Coming] = {}  # by digest
        self.serving: Counter[int] = Counter()  # downloads from each node

    def reachable(self, here: int) -> list[int]:
        """The neighbours of a node that it can reach, those that serve least first."""
        reach = [n for n in self.stores if n != here and self.network.access(here, n) == "ok"]
        return sorted(reach, key=lambda n: self.serving[n])


class Neighbours:
    """The neighbours of one node. `moves(digest)` tells them whether bytes of a layer that it fetches come now."""

    __slots__ = ("_moves", "_node", "_site", "_takes")
    way: Final = "neighbour"
    tls: Final = False  # Spegel speaks plain HTTP within its site

    def __init__(self, site: Site, node: int, store: ImageStore, moves: Callable[[str], bool]) -> None:
        self._site = site
        self._node = node
        self._moves = moves
        self._takes: dict[Ready, int] = {}  # from whom
        site.stores[node] = store

    def keeper(self, name: str) -> int | None:
        """A neighbour that has the image."""
        stores = self._site.stores
        return next((node for node in self._site.reachable(self._node) if name in stores[node]), None)

    def ask(self, name: str, answer: Answer, failed: Callable[[], object]) -> None:
        """The keeper is asked for a manifest. Between question and answer it may have deleted the image."""
        keeper = self.keeper(name)
        if keeper is None:
            failed()
        else:
            answer(self._site.stores[keeper].find(name))

    def provide(self, layer: Layer, size: int, ready: Ready) -> None:
        """The node wants `size` bytes of a layer. With None it is to fetch them elsewhere, and others may wait."""
        site = self._site
        holders = [node for node in site.reachable(self._node) if site.stores[node].has_archive(layer)]
        if holders:
            self._takes[ready] = holders[0]
            site.serving[holders[0]] += 1
            ready(holders[0])
        elif site.swarm and layer.digest in site.coming:
            site.coming[layer.digest].waiting[ready] = (self, layer, size)
        else:
            if site.swarm:
                site.coming[layer.digest] = _Coming(self._node, lambda: self._moves(layer.digest))
            ready(None)

    def leave(self, ready: Ready) -> None:
        """Whoever gave `ready` has got them, or wants them from here no more."""
        holder = self._takes.pop(ready, None)
        if holder is not None:
            self._site.serving[holder] -= 1
        for coming in self._site.coming.values():
            coming.waiting.pop(ready, None)

    def moves(self, layer: Layer, size: int) -> bool:
        """Whether a neighbour for whom the node waits has bytes of the layer come now."""
        coming = self._site.coming.get(layer.digest)
        return coming is not None and coming.moves()

    def over(self, layer: Layer) -> None:
        """The node has fetched a layer, or will not: who waited for it gets it, or one of them takes its place."""
        coming = self._site.coming.get(layer.digest)
        if coming is not None and coming.leader == self._node:
            del self._site.coming[layer.digest]
            for ready, (who, wanted, size) in coming.waiting.items():
                who.provide(wanted, size, ready)
