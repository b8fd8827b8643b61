"""Images as layers: what travels, what a node keeps, and what it still lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

FULL, READ_ONLY = "no space left on device", "read-only file system"


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: the digest that makes it the same wherever it occurs, bytes over the network, bytes unpacked."""

    digest: str
    compressed: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its layers from the base up, the OCI platforms that it is built for (none: it says nothing), and, of a
    Wasm module, the features of WASI that it imports.
    """

    name: str
    layers: tuple[Layer, ...]
    platforms: frozenset[str] = frozenset()
    format: str = "oci"
    wasi: frozenset[str] = frozenset()

    @classmethod
    def equal(
        cls,
        name: str,
        *,
        compressed: int,
        unpacked: int,
        layers: int,
        platforms: frozenset[str] = frozenset(),
        format: str = "oci",
        base: tuple[Layer, ...] = (),
        wasi: frozenset[str] = frozenset(),
    ) -> Image:
        """An image of `layers` layers: those of `base`, shared with whoever has them too, then equal ones of its own.

        The layers' bytes add up to `compressed` and `unpacked` exactly. Raises ValueError where that cannot be.
        """
        own = layers - len(base)
        compressed -= sum(layer.compressed for layer in base)
        unpacked -= sum(layer.unpacked for layer in base)
        if own < 1 or compressed < 0 or unpacked < 0:
            raise ValueError(f"image {name} leaves no bytes or no layer of its own above its base")
        pairs = zip(_split(compressed, own), _split(unpacked, own), strict=True)
        above = (Layer(f"{name}#{i}", packed, plain) for i, (packed, plain) in enumerate(pairs, len(base)))
        return cls(name, (*base, *above), platforms, format, wasi)

    @property
    def compressed(self) -> int:
        """Bytes over the network, if nothing is cached."""
        return sum(layer.compressed for layer in self.layers)

    @property
    def unpacked(self) -> int:
        """Bytes on disk, if no layer is shared."""
        return sum(layer.unpacked for layer in self.layers)

    def runs_on(self, platform: str) -> bool:
        """Whether it is built for this platform, or does not say."""
        return not self.platforms or platform in self.platforms


def _split(total: int, parts: int) -> list[int]:
    """`total` in whole parts as equal as can be, the larger ones first."""
    each, over = divmod(total, parts)
    return [each + (i < over) for i in range(parts)]


class ImageStore:
    """The images of one node. A layer is stored once, however many images have it; survives a crash, as disks do.

    A layer comes as an archive (its compressed bytes), and is unpacked: meanwhile the disk holds both. Afterwards the
    archive goes, unless `keeps_archives`: then it stays as long as the layer. A pull that breaks off keeps what it has
    got. What is on the disk stays there as long as an image has it, or a pull that wants it holds it. Whoever watches
    the disk appends to `after_change`. A disk that is `read_only` neither takes nor loses anything any more.
    `written_bytes` counts what it has taken in all.
    """

    __slots__ = ("_archives", "_images", "_layers", "_uses", "after_change", "capacity_bytes", "keeps_archives",
                 "read_only", "used_bytes", "written_bytes")  # fmt: skip

    def __init__(self, capacity_bytes: int, keeps_archives: bool = False) -> None:
        self.capacity_bytes = capacity_bytes
        self.keeps_archives = keeps_archives
        self.used_bytes = self.written_bytes = 0
        self.read_only = False
        self.after_change: list[Callable[[], object]] = []
        self._images: dict[str, Image] = {}
        self._layers: dict[str, Layer] = {}
        self._archives: dict[str, Layer] = {}
        self._uses: Counter[str] = Counter()  # images that have a layer, and pulls that hold it, by its digest

    def __contains__(self, name: object) -> bool:
        return name in self._images

    def __iter__(self) -> Iterator[Image]:
        return iter(self._images.values())

    @property
    def free_bytes(self) -> int:
        """Room left for layers."""
        return self.capacity_bytes - self.used_bytes

    @property
    def refusal(self) -> str:
        """What whoever cannot write is told."""
        return READ_ONLY if self.read_only else FULL

    def find(self, name: str) -> Image | None:
        """The image of that name, if it is here."""
        return self._images.get(name)

    def missing(self, image: Image) -> tuple[Layer, ...]:
        """The layers that are not unpacked yet, from the base up, each once."""
        return tuple({layer.digest: layer for layer in image.layers if layer.digest not in self._layers}.values())

    def has_layer(self, layer: Layer) -> bool:
        """Whether the layer is unpacked."""
        return layer.digest in self._layers

    def has_archive(self, layer: Layer) -> bool:
        """Whether the layer has come, and its archive is still here."""
        return layer.digest in self._archives

    def add_archive(self, layer: Layer) -> bool:
        """A layer has come. False, and nothing stored, when the disk has no room for it."""
        if layer.digest in self._archives:
            return True
        if self.read_only or layer.compressed > self.free_bytes:
            return False
        self._archives[layer.digest] = layer
        self._take(layer.compressed)
        return True

    def reserve(self, layer: Layer) -> bool:
        """Room for a layer that is about to be unpacked. False, and nothing taken, when the disk has none."""
        if self.read_only or layer.unpacked > self.free_bytes:
            return False
        self._take(layer.unpacked)
        return True

    def unreserve(self, layer: Layer) -> None:
        """Its unpacking has broken off."""
        self._take(-layer.unpacked)

    def unpacked(self, layer: Layer) -> None:
        """A layer for which room was reserved is there now; its archive goes, or stays."""
        self._layers[layer.digest] = layer
        if not self.keeps_archives:
            self._drop_archive(layer.digest)

    def add_layer(self, layer: Layer) -> bool:
        """Have a layer as if it had come and been unpacked. False, and nothing stored, when there is no room."""
        if layer.digest in self._layers:
            return True
        kept = layer.compressed if self.keeps_archives and layer.digest not in self._archives else 0
        if self.read_only or layer.unpacked + kept > self.free_bytes:
            return False
        if kept:
            self.add_archive(layer)
        self.reserve(layer)
        self.unpacked(layer)
        return True

    def add(self, image: Image) -> None:
        """The image is complete. Raises ValueError while a layer is missing."""
        if self.missing(image):
            raise ValueError(f"image {image.name} has layers missing")
        if image.name not in self._images:
            self._images[image.name] = image
            self._uses.update({layer.digest for layer in image.layers})

    def preload(self, image: Image) -> bool:
        """Have a whole image at once. False, and nothing stored, when there is no room."""
        self.hold(image)
        there = all(self.add_layer(layer) for layer in self.missing(image))
        if there:
            self.add(image)
        self.release(image)
        if not there:
            self.prune(image)
        return there

    def hold(self, image: Image) -> None:
        """A pull wants these layers: whatever else is removed, they stay (containerd's lease)."""
        self._uses.update({layer.digest for layer in image.layers})

    def release(self, image: Image) -> None:
        """The pull is over. What no image has stays, until it is pruned."""
        self._uses.subtract({layer.digest for layer in image.layers})

    def remove(self, name: str) -> int:
        """Delete an image and those of its layers that no other has; the bytes freed. Raises KeyError if absent, and
        ValueError where nothing can be deleted."""
        if self.read_only:
            raise ValueError(READ_ONLY)
        image = self._images.pop(name)
        self.release(image)
        return self.prune(image)

    def prune(self, image: Image | None = None) -> int:
        """Delete what no image has and no pull holds, of this image's layers or of all; the bytes freed."""
        if self.read_only:
            return 0
        before = self.used_bytes
        digests = {*self._layers, *self._archives} if image is None else {layer.digest for layer in image.layers}
        for digest in digests:
            if not self._uses[digest]:
                del self._uses[digest]
                self._drop_archive(digest)
                layer = self._layers.pop(digest, None)
                self._take(-layer.unpacked if layer is not None else 0)
        return before - self.used_bytes

    def occupy(self, size: int) -> int:
        """Something else writes so many bytes, as far as there is room: how many it has written."""
        taken = 0 if self.read_only else min(size, self.free_bytes)
        self._take(taken)
        return taken

    def vacate(self, size: int) -> None:
        """What something else has written is deleted, where that can be."""
        self._take(0 if self.read_only else -size)

    def _drop_archive(self, digest: str) -> None:
        archive = self._archives.pop(digest, None)
        self._take(-archive.compressed if archive is not None else 0)

    def _take(self, size: int) -> None:
        self.used_bytes += size
        self.written_bytes += max(0, size)
        for call in self.after_change:
            call()
