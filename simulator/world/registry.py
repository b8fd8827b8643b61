"""Where images come from: the sources that a node asks in turn, and the last of them, the registry that has all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Protocol

from simulator.world.image import Image, Layer

if TYPE_CHECKING:
    from simulator.world.mirror import Mirror
    from simulator.world.neighbours import Site

Answer = Callable[[Image | None], object]  # called with the image; None: there is no such manifest
Ready = Callable[[int | None], object]  # called with the node that the bytes can be had from; None: not from here


class Source(Protocol):
    """Whom a node asks for images: its neighbours, the mirror of its site, the registry."""

    @property
    def way(self) -> str:
        """What the record calls it."""

    @property
    def tls(self) -> bool:
        """Whether it shows a certificate to who asks."""

    def keeper(self, name: str) -> int | None:
        """The node that can be asked for the manifest of this image; None: nobody."""

    def ask(self, name: str, answer: Answer, failed: Callable[[], object]) -> None:
        """Somebody asks the keeper for a manifest."""

    def provide(self, layer: Layer, size: int, ready: Ready) -> None:
        """Somebody wants `size` bytes of a layer."""

    def leave(self, ready: Ready) -> None:
        """Whoever gave `ready` has got them, or wants them from here no more."""

    def moves(self, layer: Layer, size: int) -> bool:
        """Whether these bytes, for which somebody waits, are on their way here now."""


class Downloads:
    """So many downloads at once from one place; who comes later waits, first come, first served. Costs no event."""

    __slots__ = ("_inside", "_node", "_waiting", "_width")

    def __init__(self, node: int, width: int | None) -> None:
        self._node = node
        self._width = width  # None: no limit
        self._inside: dict[Ready, None] = {}
        self._waiting: dict[Ready, None] = {}

    def enter(self, ready: Ready) -> None:
        """Tell `ready` the node as soon as there is room."""
        if self._width is not None and len(self._inside) >= self._width:
            self._waiting[ready] = None
        else:
            self._inside[ready] = None
            ready(self._node)

    def leave(self, ready: Ready) -> None:
        """It is over, or no longer wanted. Harmless for one that is not here."""
        self._waiting.pop(ready, None)
        if self._inside.pop(ready, ready) is None and self._waiting:
            first = next(iter(self._waiting))
            del self._waiting[first]
            self.enter(first)


class Registry:
    """Serves images by name from one node. Whether it can be reached is the network's matter.

    A node asks its neighbours first, where `sites` has those of its zone, then the one of `mirrors`. The registry and
    each mirror serve `downloads_at_once` layers at once; None: without limit.
    """

    __slots__ = ("_downloads", "downloads_at_once", "images", "mirrors", "node", "sites")
    way: Final = "registry"
    tls: Final = True

    def __init__(self, node: int, images: Iterable[Image], downloads_at_once: int | None = None) -> None:
        self.node = node
        self.images = {image.name: image for image in images}
        self.mirrors: dict[str, Mirror] = {}  # by zone
        self.sites: dict[str, Site] = {}  # by zone
        self.downloads_at_once = downloads_at_once
        self._downloads = Downloads(node, downloads_at_once)

    def add(self, images: Iterable[Image]) -> None:
        """Have these too."""
        self.images |= {image.name: image for image in images}

    def find(self, name: str) -> Image | None:
        """The image of that name; None: no such manifest, which a node reports as ErrImagePull."""
        return self.images.get(name)

    def sources(self, zone: str) -> Sequence[Source]:
        """Whom a node of this zone asks after its neighbours, in turn."""
        mirror = self.mirrors.get(zone)
        return (self,) if mirror is None else (mirror, self)

    def keeper(self, name: str) -> int | None:
        """This node, for every image."""
        return self.node

    def ask(self, name: str, answer: Answer, failed: Callable[[], object]) -> None:
        """Somebody asks here for a manifest."""
        answer(self.find(name))

    def provide(self, layer: Layer, size: int, ready: Ready) -> None:
        """Somebody wants `size` bytes of a layer from here."""
        self._downloads.enter(ready)

    def leave(self, ready: Ready) -> None:
        """Whoever gave `ready` has got them, or wants them from here no more."""
        self._downloads.leave(ready)

    def moves(self, layer: Layer, size: int) -> bool:
        """Never: who waits here waits for a turn."""
        return False
