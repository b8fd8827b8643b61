"""Container images: what travels, what is stored, and where it runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from simulator.facts.platforms import WASM, platform
from simulator.facts.stack import FORMATS, WASI
from simulator.spec.base import Glob, Positive, Spec, Text, wrong
from simulator.spec.near import did_you_mean
from simulator.spec.quantity import Size
from simulator.units import UnitError


def _platform(text: str) -> str:
    try:
        return platform(text)
    except UnitError as error:
        raise wrong(error.message, error.hint) from None


Platform = Annotated[Text, AfterValidator(_platform)]
Layers = Annotated[int, Field(strict=True, ge=1, le=127)]  # overlayfs as Docker uses it takes no more


class Image(Spec):
    """One image: bytes over the network, bytes on disk, equal layers, and the platforms it is built for.

    `base` is an image of the same list: this one begins with its layers, which are stored, and travel, once; bytes and
    layers count them. `wasi` are features that a Wasm module imports; a runtime that lacks one refuses it. `prepulled`
    are the nodes, and mirrors, that have it before time begins.
    """

    compressed: Size
    unpacked: Size
    layers: Layers = 1
    platforms: Annotated[tuple[Platform, ...], Field(min_length=1)]
    format: Text = "oci"
    wasi: tuple[Text, ...] = ()
    base: Text | None = None
    prepulled: tuple[Glob, ...] = ()

    @field_validator("format")
    @classmethod
    def _known(cls, given: str) -> str:
        if given not in FORMATS:
            raise wrong(f"no image has the format {given!r}", did_you_mean(given, FORMATS, "formats are"))
        return given

    @model_validator(mode="after")
    def _module(self) -> Self:
        for feature in self.wasi:
            if feature not in WASI:
                raise wrong(f"WASI has no {feature!r}", did_you_mean(feature, WASI, "features are"), "wasi")
        if self.wasi and self.format != "wasm" and not WASM & {*self.platforms}:
            raise wrong("only a Wasm module imports WASI", "add wasi/wasm to platforms, or format: wasm", "wasi")
        return self


class RegistrySpec(Spec):
    """How images are handed on: `downloads_at_once` of layers that the registry, and each mirror, serves at most.

    `peers`: nodes of one zone hand each other layers that they have (`cached`, as Spegel does), or wait for one that a
    neighbour is fetching too (`swarm`, as Dragonfly and Kraken do).
    """

    downloads_at_once: Positive | None = None
    peers: Literal["none", "cached", "swarm"] = "none"


def canonical(name: str) -> str:
    """An image's name without Docker's implied registry."""
    return name.removeprefix("docker.io/").removeprefix("library/")


def repository(name: str) -> str:
    """An image's canonical name without tag and digest."""
    head, slash, tail = name.partition("@")[0].rpartition("/")
    return canonical(head + slash + tail.partition(":")[0])


def find(images: Iterable[str], name: str) -> str | None:
    """The key in `images` that describes the image of this name: the same name, or else its name without tag."""
    keys = {canonical(key): key for key in images}
    return keys.get(canonical(name)) or keys.get(repository(name))


def bases(images: Mapping[str, Image], key: str) -> Iterator[str]:
    """The keys of the image that the one under `key` begins with, of that one's, and so on, until one comes twice."""
    seen: set[str] = set()
    while (base := images[key].base) is not None and (found := find(images, base)) is not None and found not in seen:
        seen.add(found)
        yield found
        key = found
