"""Image pulls: what travels, what waits, what fails, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubelets import IMAGE, PULLS, SETTINGS, kubelets
from simulator.runtime.settings import AgentSettings
from simulator.units import MINUTE, MS, SECOND
from simulator.world.image import Image, Layer

BIG = Image.equal("app", compressed=125_000_000, unpacked=125_000_000, layers=1)  # 10 s at 100 Mbit/s


def with_pulls(**fields: Any) -> AgentSettings:
    return replace(SETTINGS, pulls=replace(PULLS, **fields))


def test_layers_that_are_there_do_not_travel_again() -> None:
    base = (Layer("base", 20_000_000, 20_000_000),)
    images = [Image.equal(name, compressed=25_000_000, unpacked=25_000_000, layers=2, base=base) for name in "ab"]
    kit = kubelets(images=images, cached=False)
    for image in images:
        kit.admit(image=image.name)
    kit.run(60)
    assert sum(kit.network.bytes_carried) == pytest.approx(30_000_000)


def test_a_layer_that_two_pulls_want_at_once_travels_once() -> None:
    base = (Layer("base", 20_000_000, 20_000_000),)
    images = [Image.equal(name, compressed=25_000_000, unpacked=25_000_000, layers=2, base=base) for name in "ab"]
    kit = kubelets(images=images, cached=False, settings=with_pulls(parallel=True))
    uids = [kit.admit(image=image.name) for image in images]
    kit.run(60)
    assert sum(kit.network.bytes_carried) == pytest.approx(30_000_000)
    assert all(kit.upstream.of(uid)[-1].ready for uid in uids)


def test_a_layer_that_another_pull_has_brought_meanwhile_is_not_fetched() -> None:
    base = Layer("base", 10_000_000, 1)
    images = [Image("a", (base,)), Image("b", (Layer("own", 50_000_000, 1), base))]
    kit = kubelets(images=images, cached=False, settings=with_pulls(parallel=True, layers_at_once=1))
    uids = [kit.admit(image=image.name) for image in images]
    kit.run(60)
    assert sum(kit.network.bytes_carried) == pytest.approx(60_000_000)
    assert all(kit.upstream.of(uid)[-1].ready for uid in uids)


def test_the_disk_unpacks_one_layer_after_another() -> None:
    images = [Image.equal(name, compressed=1, unpacked=50_000_000, layers=1) for name in "ab"]
    kit = kubelets(images=images, cached=False, settings=with_pulls(parallel=True), disk_bytes_per_s=10e6)
    for image in images:
        kit.admit(image=image.name)
    kit.run(60)
    assert kit.events("Pulled") == [pytest.approx(5.4), pytest.approx(10.4)]


@pytest.mark.parametrize("width", [1, 3])
def test_no_more_layers_at_once_than_allowed(width: int) -> None:
    image = Image.equal("app", compressed=60_000_000, unpacked=60_000_000, layers=6)
    kit = kubelets(images=[image], cached=False, settings=with_pulls(layers_at_once=width))
    kit.admit()
    most = 0
    for step in range(1, 60):
        kit.run(0.1 * step)
        most = max(most, kit.network._bulk.sharing.flows_on(0))
    assert most == width


def test_parallel_pulls_are_capped() -> None:
    images = [Image.equal(f"i{i}", compressed=25_000_000, unpacked=1, layers=1) for i in range(4)]
    kit = kubelets(images=images, cached=False, settings=with_pulls(parallel=True, at_once=2))
    for image in images:
        kit.admit(image=image.name)
    kit.run(60)
    first = kit.events("Pulled")
    assert [round(time - 0.4, 3) for time in first] == [4.0, 4.0, 8.0, 8.0]


def test_the_disk_unpacks_at_its_own_speed() -> None:
    image = Image.equal("app", compressed=12_500_000, unpacked=50_000_000, layers=1)
    kit = kubelets(images=[image], cached=False, disk_bytes_per_s=10e6)
    kit.admit()
    kit.run(60)
    assert kit.events("Pulled") == [pytest.approx(0.4 + 1.0 + 5.0)]


def test_policy_always_asks_the_registry_and_pulls_nothing_that_is_there() -> None:
    kit = kubelets(cached=True, latency_ns=30 * MS)
    kit.admit("always", pull_policy="Always")
    kit.admit("present")
    kit.run(10)
    assert kit.events("Pulling") == [0.4]
    assert kit.events("Pulled", "always") == [pytest.approx(0.46)]
    assert kit.events("Pulled", "present") == [0.4]
    assert sum(kit.network.bytes_carried) == 0


def test_policy_never_does_not_ask() -> None:
    kit = kubelets(cached=False)
    uid = kit.admit(pull_policy="Never")
    kit.run(60)
    assert kit.events("Pulling") == []
    assert kit.upstream.of(uid)[-1].reason == "ErrImageNeverPull"


def test_the_registry_limiter_fails_what_exceeds_it() -> None:
    images = [Image.equal(f"i{i}", compressed=1000, unpacked=1, layers=1) for i in range(14)]
    kit = kubelets(images=images, cached=False, settings=with_pulls(parallel=True))
    uids = [kit.admit(image=image.name) for image in images]
    kit.run(9)
    failed = [uid for uid in uids if kit.upstream.when(uid, "ErrImagePull")]
    assert len(failed) == 4  # a burst of ten
    kit.run(40)
    assert all(kit.upstream.of(uid)[-1].phase == "Running" for uid in uids)


def test_serial_pulls_wait_for_each_other_and_meet_no_limit() -> None:
    images = [Image.equal(f"i{i}", compressed=10_000_000, unpacked=1, layers=1) for i in range(14)]
    kit = kubelets(images=images, cached=False)
    for image in images:
        kit.admit(image=image.name)
    kit.run(30)
    assert kit.events("Failed") == []
    assert len(kit.events("Pulled")) == 14


def test_missing_image_is_reported_in_both_words() -> None:
    kit = kubelets(cached=False)
    uid = kit.admit(image="nowhere")
    kit.run(5)
    assert [status.reason for status in kit.upstream.of(uid)] == ["ErrImagePull", "ImagePullBackOff"]
    assert kit.upstream.of(uid)[-1].phase == "Pending"


def test_a_refused_cut_fails_the_pull_at_once_and_the_next_try_goes_on_where_it_was() -> None:
    image = Image.equal("app", compressed=125_000_000, unpacked=1, layers=5)
    kit = kubelets(images=[image], cached=False, settings=with_pulls(layers_at_once=1))
    uid = kit.admit()
    kit.run(5.4)  # two layers of 2 s have come, the third has come by half
    token = kit.network.cut(0, "refused")
    assert kit.events("Failed") == []
    kit.run(6)
    assert kit.events("Failed") == [5.4]
    kit.network.mend(0, token)
    kit.run(60)
    assert kit.upstream.of(uid)[-1].phase == "Running"
    assert kit.network.bytes_carried[0] == pytest.approx(125_000_000 + 12_500_000)


def test_a_silent_cut_stalls_the_pull_which_goes_on_when_it_ends() -> None:
    kit = kubelets(images=[BIG], cached=False)
    kit.admit()
    kit.run(5.4)
    token = kit.network.cut(0, "silent")
    kit.run(65.4)
    kit.network.mend(0, token)
    kit.run(120)
    assert kit.events("Failed") == []
    assert kit.events("Pulled") == [pytest.approx(70.4)]
    assert kit.network.bytes_carried[0] == pytest.approx(BIG.compressed)


def test_a_pull_without_progress_is_aborted_after_its_time() -> None:
    kit = kubelets(images=[BIG], cached=False)
    kit.admit()
    kit.run(5.4)
    kit.network.cut(0, "silent")
    kit.run(600)
    assert kit.events("Failed")[0] == pytest.approx(5.4 + 300)
    # From then on the registry cannot even be dialled.
    assert kit.events("Failed")[1] - kit.events("Pulling")[1] == pytest.approx(30)


def test_a_full_disk_fails_the_pull() -> None:
    kit = kubelets(images=[BIG], cached=False)
    kit.agent.images.capacity_bytes = BIG.unpacked - 1
    uid = kit.admit()
    kit.run(11)
    frame = kit.recorder.events.frame().filter(kind="Failed")
    assert frame["detail"].to_list() == ["no space left on device"]
    assert kit.upstream.of(uid)[0].reason == "ErrImagePull"


def test_a_pod_that_goes_does_not_stop_the_pull_that_others_wait_for() -> None:
    kit = kubelets(images=[BIG], cached=False)
    leaver, stayer = kit.admit(), kit.admit()
    kit.run(5)
    kit.agent.remove(leaver, None)
    assert kit.upstream.confirmed == [leaver]
    kit.run(30)
    assert kit.upstream.of(stayer)[-1].phase == "Running"
    assert kit.upstream.of(leaver) == []
    assert len(kit.events("Started")) == 1


def test_crash_loses_what_is_on_its_way_and_keeps_what_has_come() -> None:
    image = Image.equal("app", compressed=125_000_000, unpacked=1, layers=5)
    kit = kubelets(images=[image], cached=False, settings=with_pulls(layers_at_once=1))
    uid = kit.admit()
    kit.run(5.4)
    kit.network.set_node(1, False)
    kit.agent.crash()
    kit.run(60)
    kit.network.set_node(1, True)
    kit.agent.boot()
    kit.agent.sync([kit.desired("again")])
    kit.run(120)
    assert kit.events("Pulled") == [pytest.approx(60.4 + 6.0)]  # three of the five layers were lacking
    assert uid not in kit.agent.stored()


def test_images_are_told_to_the_control_plane() -> None:
    kit = kubelets(cached=False)
    kit.admit()
    kit.run(30)
    assert kit.upstream.images == [{"app": IMAGE.unpacked}]
    ((when, _),) = kit.upstream.conditions
    assert kit.events("Pulled")[0] <= when / SECOND <= kit.events("Pulled")[0] + 10


def test_stall_and_dial_times_are_settings() -> None:
    kit = kubelets(
        images=[BIG], cached=False, settings=with_pulls(stall_ns=MINUTE, dial_timeout_ns=5 * SECOND)
    )  # fmt: skip
    kit.admit()
    kit.run(5.4)
    kit.network.cut(0, "silent")
    kit.run(200)
    failed, pulling = kit.events("Failed"), kit.events("Pulling")
    assert failed[0] == pytest.approx(65.4)
    assert failed[1] - pulling[1] == pytest.approx(5)
