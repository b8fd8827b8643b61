"""A mirror of the registry at a site, which fetches once what all nodes of the site want."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simpy.events import Event

from simulator.world.image import Image, Layer
from simulator.world.network import Network
from simulator.world.registry import Answer, Downloads, Ready, Registry


class _Coming:
    """Bytes of one layer on their way to a mirror, and who waits for them."""

    __slots__ = ("begin", "left", "state", "waiting")

    def __init__(self, size: int, begin: Ready) -> None:
        self.left = size
        self.begin = begin  # what the registry is to call
        self.waiting: list[Ready] = []
        self.state = "queued"  # queued: the registry has others to serve; moves; stalled: the way is silent


class Mirror:
    """A pull-through cache: asked for what it does not have, it fetches that from the registry, once for all who wait.

    A layer goes on to whoever asked when it is there as a whole. What is cached is served while the registry is out of
    reach: images keep their bytes, so nothing has to be asked again. Where its disk is full, layers pass through and
    are not kept. `came` is called (digest, bytes) when a layer has come. Model: the proxy of the CNCF Distribution
    registry, which sends a layer on while it still comes; the difference is the time that a layer takes within the
    site.
    """

    __slots__ = ("_came", "_coming", "_downloads", "_free", "_images", "_kept", "_network", "_origin", "node")
    way: Final = "mirror"
    tls: Final = True

    def __init__(
        self, node: int, origin: Registry, network: Network, disk_bytes: int, came: Callable[[str, int], object]
    ) -> None:
        self.node = node
        self._origin = origin
        self._network = network
        self._free = disk_bytes
        self._came = came
        self._downloads = Downloads(node, origin.downloads_at_once)
        self._images: dict[str, Image] = {}
        self._kept: set[tuple[str, int]] = set()  # digest and size: a delta of a layer is not the layer
        self._coming: dict[tuple[str, int], _Coming] = {}
        network.after_change.append(self._network_changed)

    def keep(self, image: Image) -> None:
        """Have an image from the beginning."""
        self._images[image.name] = image
        for layer in image.layers:
            self._keep((layer.digest, layer.compressed))

    def keeper(self, name: str) -> int | None:
        """This node, for every image."""
        return self.node

    def ask(self, name: str, answer: Answer, failed: Callable[[], object]) -> None:
        """Somebody asks here for a manifest: it is answered from the cache, or after a round trip to the registry."""
        found = self._images.get(name)
        if found is not None:
            answer(found)
            return
        network, there = self._network, self._origin.node

        def back() -> None:
            if not network.clocks.trusts(self.node, "registry"):
                failed()
                return
            image = self._origin.find(name)
            if image is not None:
                self._images[name] = image
            answer(image)

        network.send(self.node, there, 0, lambda: network.send(there, self.node, 0, back), failed=failed)

    def provide(self, layer: Layer, size: int, ready: Ready) -> None:
        """Somebody wants `size` bytes of a layer from here."""
        key = (layer.digest, size)
        if key in self._kept:
            self._downloads.enter(ready)
        elif key in self._coming:
            self._coming[key].waiting.append(ready)
        else:
            coming = self._coming[key] = _Coming(size, lambda _: self._fetch(key))
            coming.waiting.append(ready)
            self._origin.provide(layer, size, coming.begin)

    def leave(self, ready: Ready) -> None:
        """Whoever gave `ready` has got them, or wants them from here no more. What is on its way comes all the same."""
        self._downloads.leave(ready)
        for coming in self._coming.values():
            if ready in coming.waiting:
                coming.waiting.remove(ready)

    def moves(self, layer: Layer, size: int) -> bool:
        """Whether these bytes, for which somebody waits, are on their way here now."""
        coming = self._coming.get((layer.digest, size))
        return coming is not None and coming.state == "moves"

    def _fetch(self, key: tuple[str, int]) -> None:
        coming = self._coming[key]
        coming.state = "moves"
        transfer = self._network.transfer(self._origin.node, self.node, coming.left)

        def ended(event: Event) -> None:
            if event.value:
                self._keep(key)
                self._came(*key)
                self._tell(key, there=True)
            elif self._network.access(self.node, self._origin.node) == "silent":
                coming.state, coming.left = "stalled", round(transfer.remaining())
            else:
                self._tell(key, there=False)

        assert transfer.done.callbacks is not None  # made just now, so not yet processed
        transfer.done.callbacks.append(ended)

    def _keep(self, key: tuple[str, int]) -> None:
        if key not in self._kept and key[1] <= self._free:
            self._free -= key[1]
            self._kept.add(key)

    def _tell(self, key: tuple[str, int], *, there: bool) -> None:
        coming = self._coming.pop(key)
        self._origin.leave(coming.begin)
        for ready in coming.waiting:
            if there:
                self._downloads.enter(ready)
            else:
                ready(None)

    def _network_changed(self) -> None:
        stalled = [key for key, coming in self._coming.items() if coming.state == "stalled"]
        ends = (self.node, self._origin.node)
        if stalled and {self._network.access(*ends), self._network.access(*reversed(ends))} == {"ok"}:
            for key in stalled:
                self._fetch(key)
