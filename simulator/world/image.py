"""Images as layers: what travels, what a node keeps, and what it still lacks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: the digest that makes it the same wherever it occurs, bytes over the network, bytes unpacked."""

    digest: str
    compressed: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Image:
    """An image: its layers from the base up, the OCI platforms that it is built for (none: it says nothing)."""

    name: str
    layers: tuple[Layer, ...]
    platforms: frozenset[str] = frozenset()
    format: str = "oci"

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
        return cls(name, (*base, *above), platforms, format)

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

    A pull adds layer after layer and then the image, so that one which breaks off keeps what it has got.
    """

    __slots__ = ("_images", "_layers", "_uses", "capacity_bytes", "used_bytes")

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self.used_bytes = 0
        self._images: dict[str, Image] = {}
        self._layers: dict[str, Layer] = {}
        self._uses: Counter[str] = Counter()  # images that have a layer, by its digest

    def __contains__(self, name: object) -> bool:
        return name in self._images

    def __iter__(self) -> Iterator[Image]:
        return iter(self._images.values())

    @property
    def free_bytes(self) -> int:
        """Room left for layers."""
        return self.capacity_bytes - self.used_bytes

    def missing(self, image: Image) -> tuple[Layer, ...]:
        """The layers that have still to be pulled, from the base up, each once."""
        return tuple({layer.digest: layer for layer in image.layers if layer.digest not in self._layers}.values())

    def add_layer(self, layer: Layer) -> bool:
        """Unpack a layer. False, and nothing stored, when the disk has no room for it."""
        if layer.digest in self._layers:
            return True
        if layer.unpacked > self.free_bytes:
            return False
        self._layers[layer.digest] = layer
        self.used_bytes += layer.unpacked
        return True

    def add(self, image: Image) -> None:
        """The image is complete. Raises ValueError while a layer is missing."""
        if self.missing(image):
            raise ValueError(f"image {image.name} has layers missing")
        if image.name not in self._images:
            self._images[image.name] = image
            self._uses.update({layer.digest for layer in image.layers})

    def remove(self, name: str) -> int:
        """Delete an image and those of its layers that no other has; the bytes freed. Raises KeyError if absent."""
        image = self._images.pop(name)
        before = self.used_bytes
        for digest in {layer.digest for layer in image.layers}:
            self._uses[digest] -= 1
            self._drop_unused(digest)
        return before - self.used_bytes

    def prune(self) -> int:
        """Delete the layers of no image, which broken-off pulls have left; the bytes freed. Not during a pull."""
        before = self.used_bytes
        for digest in tuple(self._layers):
            self._drop_unused(digest)
        return before - self.used_bytes

    def _drop_unused(self, digest: str) -> None:
        if not self._uses[digest]:
            self.used_bytes -= self._layers.pop(digest).unpacked
            del self._uses[digest]
