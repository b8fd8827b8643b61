"""A registry: the node that serves images, and the images that it has."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.world.image import Image


class Registry:
    """Serves images by name from one node. Whether it can be reached is the network's matter."""

    __slots__ = ("images", "node")

    def __init__(self, node: int, images: Iterable[Image]) -> None:
        self.node = node
        self.images = {image.name: image for image in images}

    def add(self, images: Iterable[Image]) -> None:
        """Have these too."""
        self.images |= {image.name: image for image in images}

    def find(self, name: str) -> Image | None:
        """The image of that name; None: no such manifest, which a node reports as ErrImagePull."""
        return self.images.get(name)
