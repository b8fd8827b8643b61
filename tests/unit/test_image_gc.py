"""Unused images go when the disk fills up: when, which, and how many; and never one that a pod uses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubelets import PULLS, SETTINGS, Kubelets, kubelets
from simulator.runtime.image_settings import ImageGcSettings
from simulator.units import MINUTE, SECOND
from simulator.world.image import Image

GC = ImageGcSettings(0.85, 0.80, 2 * MINUTE, 5 * MINUTE)  # the kubelet's defaults
TENTH = 10_000_000
IMAGES = [Image.equal(f"i{i}", compressed=1, unpacked=TENTH, layers=1) for i in range(12)]


def node(gc: ImageGcSettings | None = GC) -> Kubelets:
    """A node whose disk ten of the images fill, but for the few bytes of an archive."""
    kit = kubelets(images=IMAGES, cached=False, settings=replace(SETTINGS, pulls=replace(PULLS, gc=gc)))
    kit.agent.images.capacity_bytes = 10 * TENTH + 9
    return kit


def use(kit: Kubelets, *numbers: int, at: float) -> list[int]:
    """Run a pod of each image."""
    kit.run(at)
    return [kit.admit(f"p{i}", image=f"i{i}") for i in numbers]


def names(kit: Kubelets) -> set[str]:
    return {image.name for image in kit.agent.images}


def removed(kit: Kubelets) -> list[tuple[float, str]]:
    return [(r["time_s"], r["detail"]) for r in kit.recorder.events.frame().filter(kind="ImageRemoved").to_dicts()]


@pytest.mark.parametrize(("count", "gone"), [(8, []), (9, ["i0"])])
def test_the_longest_unused_goes_from_the_upper_share_down_to_the_lower(count: int, gone: list[str]) -> None:
    kit = node()
    uids = use(kit, *range(count), at=0)
    kit.run(100)
    for uid in uids[:4]:  # the first four are used no longer, one after another
        kit.run(kit.clock.now / SECOND + 10)
        kit.agent.remove(uid, 0)
    kit.run(1200)
    assert [name for _, name in removed(kit)] == gone
    assert kit.agent.images.used_bytes == (count - len(gone)) * TENTH


def test_an_image_stays_until_the_agent_has_known_it_long_enough() -> None:
    """The agent sees an image at the first tick after its pull, when it is too young: it goes at the second."""
    kit = node()
    uids = use(kit, *range(9), at=0)
    kit.run(60)
    for uid in uids:
        kit.agent.remove(uid, 0)
    kit.run(1200)
    ((when, _),) = removed(kit)
    assert kit.events("Pulled")[-1] < when - 5 * 60
    assert when <= 600


def test_an_image_that_is_asked_for_again_is_as_old_as_it_was() -> None:
    kit = node()
    uids = use(kit, *range(9), at=0)
    kit.run(60)
    kit.agent.remove(uids[0], 0)
    kit.run(300)  # the agent has seen it
    again = kit.admit("again", image="i0", pull_policy="Always")
    kit.run(305)
    kit.agent.remove(again, 0)
    kit.run(1200)
    ((when, name),) = removed(kit)
    assert name == "i0"
    assert when <= 600


def test_what_a_pod_uses_is_never_deleted_and_the_agent_says_that_it_cannot_free_enough() -> None:
    kit = node()
    use(kit, *range(9), at=0)
    kit.run(1000)
    assert removed(kit) == []
    failed = kit.recorder.events.frame().filter(kind="FreeDiskSpaceFailed").to_dicts()
    assert len(failed) == 3  # at each tick
    assert failed[0]["detail"] == "attempted to free 9999993 bytes, but only found 0 bytes eligible to free"


def test_without_it_nothing_is_deleted_and_the_disk_fills_up() -> None:
    kit = node(gc=None)
    uids = use(kit, *range(12), at=0)
    for uid in uids:
        kit.run(kit.clock.now / SECOND + 1)
        kit.agent.remove(uid, 0)
    kit.run(1200)
    assert removed(kit) == []


def test_a_full_disk_is_freed_and_the_pull_that_failed_succeeds() -> None:
    kit = node()
    first = use(kit, *range(10), at=0)
    late = use(kit, 10, at=30)[0]
    kit.run(60)
    assert kit.upstream.of(late)[-1].reason == "ImagePullBackOff"
    kit.agent.remove(first[0], 0)
    kit.run(1000)
    assert kit.upstream.of(late)[-1].ready
    assert "i0" not in names(kit)


def test_shared_layers_are_counted_by_the_agent_but_stay_on_the_disk() -> None:
    """The kubelet counts an image's size, whatever of it other images have: it stops too early."""
    base = Image.equal("base", compressed=1, unpacked=5 * TENTH, layers=1).layers
    images = [Image.equal(name, compressed=1, unpacked=7 * TENTH, layers=2, base=base) for name in ("one", "two")]
    kit = kubelets(images=images, cached=False, settings=replace(SETTINGS, pulls=replace(PULLS, gc=GC)))
    kit.agent.images.capacity_bytes = 10 * TENTH
    uids = [kit.admit(image=image.name) for image in images]
    kit.run(60)
    kit.agent.remove(uids[0], 0)
    kit.run(1200)
    assert names(kit) == {"two"}
    assert kit.agent.images.used_bytes == 7 * TENTH


def test_a_reboot_forgets_what_was_used_when() -> None:
    kit = node()
    uids = use(kit, *range(9), at=0)
    kit.run(60)
    for uid in uids:
        kit.agent.remove(uid, 0)
    kit.network.set_node(1, False)
    kit.agent.crash()
    kit.run(120)
    kit.network.set_node(1, True)
    kit.agent.boot()
    kit.run(120 + 301)
    assert len(removed(kit)) == 1  # at the first tick: what is there when it starts is old enough
