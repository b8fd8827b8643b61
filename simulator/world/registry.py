"""Where images come from: a registry, the node that has them all, and mirrors of it at sites."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from simpy.events import Event

from simulator.world.image import Image, Layer
from simulator.world.network import Network

Answer = Callable[[Image | None], object]  # called with the image; None: there is no such manifest
Ready = Callable[[bool], object]  # called when the bytes are there to be fetched, or cannot be had


class Registry:
    """Serves images by name from one node. Whether it can be reached is the network's matter.

    `mirrors` serve the nodes of their own zones first.
    """

    __slots__ = ("images", "mirrors", "node")

    def __init__(self, node: int, images: Iterable[Image]) -> None:
        self.node = node
        self.images = {image.name: image for image in images}
        self.mirrors: dict[str, Mirror] = {}  # by zone

    def add(self, images: Iterable[Image]) -> None:
        """Have these too."""
        self.images |= {image.name: image for image in images}

    def find(self, name: str) -> Image | None:
        """The image of that name; None: no such manifest, which a node reports as ErrImagePull."""
        return self.images.get(name)

    def sources(self, zone: str) -> Sequence[Registry | Mirror]:
        """Whom a node of this zone asks, in turn: the mirror of its zone, if there is one, then the registry."""
        mirror = self.mirrors.get(zone)
        return (self,) if mirror is None else (mirror, self)

    def ask(self, name: str, answer: Answer, failed: Callable[[], object]) -> None:
        """Somebody asks here for a manifest."""
        answer(self.find(name))

    def provide(self, layer: Layer, size: int, ready: Ready) -> None:
        """Somebody wants `size` bytes of a layer from here."""
        ready(True)


class Mirror:
    """A pull-through cache: asked for what it does not have, it fetches that from the registry, once for all who wait.

    A layer goes on to whoever asked when it is there as a whole. What is cached is served while the registry is out of
    reach: images keep their bytes, so nothing has to be asked again. Where its disk is full, layers pass through and
    are not kept. Model: the proxy of the CNCF Distribution registry, which sends a layer on while it still comes; the
    difference is the time that a layer takes within the site.
    """

    __slots__ = ("_free", "_images", "_kept", "_network", "_origin", "_stalled", "_waiting", "node")

    def __init__(self, node: int, origin: Registry, network: Network, disk_bytes: int) -> None:
        self.node = node
        self._origin = origin
        self._network = network
        self._free = disk_bytes
        self._images: dict[str, Image] = {}
        self._kept: set[tuple[str, int]] = set()  # digest and size: a delta of a layer is not the layer
        self._waiting: dict[tuple[str, int], list[Ready]] = {}  # what is on its way here, and who waits for it
        self._stalled: dict[tuple[str, int], int] = {}  # the same with the bytes left, while the way is silent
        network.after_change.append(self._network_changed)

    def keep(self, image: Image) -> None:
        """Have an image from the beginning."""
        self._images[image.name] = image
        for layer in image.layers:
            self._keep((layer.digest, layer.compressed))

    def ask(self, name: str, answer: Answer, failed: Callable[[], object]) -> None:
        """Somebody asks here for a manifest: it is answered from the cache, or after a round trip to the registry."""
        found = self._images.get(name)
        if found is not None:
            answer(found)
            return
        network, there = self._network, self._origin.node

        def back() -> None:
            image = self._origin.find(name)
            if image is not None:
                self._images[name] = image
            answer(image)

        network.send(self.node, there, 0, lambda: network.send(there, self.node, 0, back), failed=failed)

    def provide(self, layer: Layer, size: int, ready: Ready) -> None:
        """Somebody wants `size` bytes of a layer from here."""
        key = (layer.digest, size)
        if key in self._kept:
            ready(True)
        elif key in self._waiting:
            self._waiting[key].append(ready)
        else:
            self._waiting[key] = [ready]
            self._fetch(key, size)

    def _fetch(self, key: tuple[str, int], left: int) -> None:
        transfer = self._network.transfer(self._origin.node, self.node, left)

        def ended(event: Event) -> None:
            if event.value:
                self._keep(key)
                self._tell(key, True)
            elif self._network.access(self.node, self._origin.node) == "silent":
                self._stalled[key] = round(transfer.remaining())
            else:
                self._tell(key, False)

        assert transfer.done.callbacks is not None  # made just now, so not yet processed
        transfer.done.callbacks.append(ended)

    def _keep(self, key: tuple[str, int]) -> None:
        if key not in self._kept and key[1] <= self._free:
            self._free -= key[1]
            self._kept.add(key)

    def _tell(self, key: tuple[str, int], came: bool) -> None:
        for ready in self._waiting.pop(key):
            ready(came)

    def _network_changed(self) -> None:
        ends = (self.node, self._origin.node)
        if self._stalled and {self._network.access(*ends), self._network.access(*reversed(ends))} == {"ok"}:
            stalled, self._stalled = self._stalled, {}
            for key, left in stalled.items():
                self._fetch(key, left)
