"""Images as layers: bytes that add up, layers shared between images, and a disk that is full at some point."""

import pytest

from simulator.world.image import Image, ImageStore, Layer
from simulator.world.registry import Registry

BASE = (Layer("debian", 30, 80), Layer("libs", 10, 20))
MANY = 10**12


def image(
    name: str, compressed: int = 100, unpacked: int = 301, layers: int = 4, base: tuple[Layer, ...] = ()
) -> Image:
    return Image.equal(name, compressed=compressed, unpacked=unpacked, layers=layers, base=base)


@pytest.mark.parametrize("layers", [1, 3, 7])
def test_equal_layers_add_up_to_the_byte(layers: int) -> None:
    made = image("a", 100, 301, layers)
    assert (made.compressed, made.unpacked, len(made.layers)) == (100, 301, layers)
    sizes = [layer.unpacked for layer in made.layers]
    assert max(sizes) - min(sizes) <= 1


def test_a_base_is_part_of_the_image_s_bytes() -> None:
    made = image("a", base=BASE)
    assert made.layers[:2] == BASE
    assert (made.compressed, made.unpacked, len(made.layers)) == (100, 301, 4)


@pytest.mark.parametrize(("compressed", "layers"), [(39, 4), (100, 2)])
def test_an_image_smaller_than_its_base_is_refused(compressed: int, layers: int) -> None:
    with pytest.raises(ValueError, match="above its base"):
        image("a", compressed, 301, layers, base=BASE)


def test_only_what_is_missing_is_pulled() -> None:
    store, one, other = ImageStore(MANY), image("a", base=BASE), image("b", base=BASE)
    assert store.missing(one) == one.layers
    for layer in one.layers:
        store.add_layer(layer)
    store.add(one)
    assert ("a" in store, "b" in store) == (True, False)
    assert store.missing(other) == other.layers[2:]
    assert store.used_bytes == 301


def test_a_pull_that_broke_off_keeps_its_layers_until_pruned() -> None:
    store, one = ImageStore(MANY), image("a")
    store.add_layer(one.layers[0])
    with pytest.raises(ValueError, match="missing"):
        store.add(one)
    assert store.missing(one) == one.layers[1:]
    assert store.prune() == one.layers[0].unpacked
    assert (store.missing(one), store.used_bytes) == (one.layers, 0)


def test_removing_an_image_keeps_the_layers_that_another_has() -> None:
    store, one, other = ImageStore(MANY), image("a", base=BASE), image("b", base=BASE)
    for layer in (*one.layers, *other.layers):
        store.add_layer(layer)
    store.add(one)
    store.add(other)
    assert store.remove("a") == 201
    assert store.missing(other) == ()
    assert store.remove("b") == 301
    assert store.used_bytes == 0
    with pytest.raises(KeyError):
        store.remove("b")


def test_removing_an_image_leaves_another_s_pull_alone() -> None:
    store, one, other = ImageStore(MANY), image("a"), image("b")
    for layer in one.layers:
        store.add_layer(layer)
    store.add(one)
    store.add_layer(other.layers[0])
    store.remove("a")
    assert store.missing(other) == other.layers[1:]


def test_a_full_disk_takes_no_layer() -> None:
    store, one = ImageStore(200), image("a")  # four layers of 75 or 76
    assert [store.add_layer(layer) for layer in one.layers] == [True, True, False, False]
    assert store.used_bytes + store.free_bytes == 200
    assert store.add_layer(one.layers[0])  # it is there already


def test_a_layer_that_occurs_twice_is_pulled_once() -> None:
    empty = Layer("empty", 32, 0)
    assert ImageStore(MANY).missing(Image("a", (empty, *BASE, empty))) == (empty, *BASE)


def test_platforms_are_a_promise_only_where_the_image_says_so() -> None:
    silent, arm = Image("a", BASE), Image("b", BASE, frozenset({"linux/arm64"}))
    assert [made.runs_on("linux/amd64") for made in (silent, arm)] == [True, False]
    assert arm.runs_on("linux/arm64")


def test_a_registry_knows_its_images_by_name() -> None:
    registry = Registry(3, [image("a")])
    assert registry.find("a") == image("a")
    assert registry.find("b") is None
