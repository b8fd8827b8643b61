"""Disks that fill up and disks that wear out: what each does when, and what each parameter moves."""

from __future__ import annotations

import pytest

from failing import down_s, eight, power, times
from kubelets import Kubelets, kubelets
from networks import World, link
from simulator.facts import Catalogue
from simulator.faults import Power, apply_disk_fill, apply_power_cut
from simulator.faults.wear import apply_wear
from simulator.units import SECOND
from simulator.world.image import READ_ONLY, Image, ImageStore


def test_a_disk_that_fills_up_is_short_and_a_share_or_a_size_says_how_far() -> None:
    fill = {"kind": "disk-fill", "at": "1min"}
    found = eight(
        {**fill, "node": "n-0", "share": "99%"},
        {**fill, "node": "n-1", "size": "40GB"},  # more than there is: as far as there is room
        {**fill, "node": "n-2", "share": "50%"},
        {**fill, "node": "n-3", "size": "5GB"},
        {**fill, "node": "n-4", "share": 1, "duration": "1min"},
        duration="10min",
    )
    short = {f"n-{i}": times(found, "NodeHasDiskPressure", f"n-{i}") for i in range(6)}
    assert {node for node, began in short.items() if began} == {"n-0", "n-1", "n-4"}
    assert all(60 < began < 75 for node in ("n-0", "n-1", "n-4") for began in short[node])
    assert found.table("events").filter(kind="NodeHasNoDiskPressure")["subject"].to_list() == ["n-4"]
    assert times(found, "DiskFreed") == [120.0]


def test_what_has_filled_a_disk_goes_with_its_end_and_nothing_else_does() -> None:
    store, world = ImageStore(100), World(1, [])
    assert store.preload(Image.equal("i", compressed=0, unpacked=30, layers=1))
    for at, size in ((0, 50), (5, 50)):
        apply_disk_fill(world.clock, world.recorder, store, size, node="n0", at=at, duration=20)
    used = []
    for time in (0, 5, 20, 25):
        world.clock.run(time)
        used.append(store.used_bytes)
    assert used == [80, 100, 50, 30]
    assert [row[-1] for row in world.rows("events")] == ["50 B", "20 B", "50 B", "20 B"]


def test_each_parameter_of_wear_moves_the_end_of_the_disk() -> None:
    usual = {"kind": "wear", "endurance": "1GB", "worn": "50%", "writes": "5MB/s", "at": "0s"}
    others = ({}, {"endurance": "800MB"}, {"worn": "90%"}, {"writes": "20MB/s"}, {"at": "30s"}, {"writes": "0B/s"},
              {"endurance": "3MB", "worn": 0, "writes": "0B/s"}, {"endurance": None, "worn": 1 - 1e-4})  # fmt: skip
    found = eight(*({**usual, "node": f"n-{i}", **other} for i, other in enumerate(others)))
    images = 3e6  # an archive of 1 MB and its 2 MB count as well
    ends = [times(found, "DiskWornOut", f"n-{i}") for i in range(8)]
    assert ends[0] == [pytest.approx((500e6 - images) / 5e6, abs=1e-6)]
    assert ends[1] == [pytest.approx((400e6 - images) / 5e6, abs=1e-6)]
    assert ends[2] == [pytest.approx((100e6 - images) / 5e6, abs=1e-6)]
    assert ends[3] == [pytest.approx((500e6 - images) / 20e6, abs=1e-6)]
    assert ends[4] == [pytest.approx(30 + 500e6 / 5e6, abs=1e-6)]
    assert ends[5] == []
    assert 0 < ends[6][0] < 30  # images alone
    assert ends[7] == [pytest.approx((5.1e8 - images) / 5e6, abs=1e-3)]  # its model's


def test_a_worn_disk_is_read_only_or_dead() -> None:
    wear = {"kind": "wear", "endurance": "1GB", "worn": "90%", "writes": "5MB/s", "at": "0s"}
    found = eight({**wear, "node": "n-0"}, {**wear, "node": "n-1", "then": "dead"})
    assert times(found, "DiskWornOut", "n-0") == times(found, "NodeCrashed") == times(found, "DiskWornOut", "n-1")
    assert down_s(found, "n-0") == 0
    assert down_s(found, "n-1") == pytest.approx(300 - times(found, "NodeCrashed", "n-1")[0])
    stopped = found.table("pods").filter(truth="running", state="stopped")["node"].to_list()
    assert stopped == ["n-1"]  # what runs on a read-only disk runs on


def wearing(kit: Kubelets, left: float) -> None:
    machine = Power(kit.clock, kit.network, kit.nodes, kit.recorder, 1, agent=kit.agent)
    apply_wear(kit.clock, kit.network, kit.recorder, kit.agent.images, machine, node="n", left=left, rate=1.0,
               dies=False, at=0)  # fmt: skip


def test_on_a_read_only_disk_no_image_comes_and_no_container_is_made() -> None:
    image = Image.equal("big", compressed=1000, unpacked=1000, layers=2)
    kit = kubelets(images=[image], cached=False)
    wearing(kit, 500)
    kit.admit("p", image="big")
    kit.run(60)
    assert READ_ONLY in kit.recorder.events.frame().filter(kind="Failed")["detail"].to_list()
    assert kit.events("Started") == []
    assert not any(True for _ in kit.agent.images)
    kit.admit("q", image="big")
    kit.run(120)
    refused = kit.recorder.events.frame().filter(kind="FailedCreatePodSandBox")
    assert refused["detail"].to_list() == [READ_ONLY]


def test_a_container_that_ends_on_a_read_only_disk_does_not_come_back() -> None:
    kit = kubelets()
    wearing(kit, 50)
    kit.admit("p", run_ns=100 * SECOND)
    kit.run(400)
    assert len(kit.events("Started")) == 1
    assert kit.recorder.events.frame().filter(kind="Failed", subject="p")["detail"].unique().to_list() == [READ_ONLY]


def test_a_machine_without_power_does_not_wear_its_disk() -> None:
    world, store = World(2, [link(0, 1)], boot_ns=0), ImageStore(10)
    machine = power(world)
    apply_wear(world.clock, world.network, world.recorder, store, machine, node="n0", left=100.0, rate=10.0,
               dies=True, at=0)  # fmt: skip
    apply_power_cut(world.clock, [machine], at=5 * SECOND, duration=20 * SECOND)
    world.clock.run(100 * SECOND)
    (worn_out,) = [row[0] for row in world.rows("events") if row[1] == "DiskWornOut"]
    assert worn_out == 30 * SECOND
    assert not machine.runs


def test_a_read_only_store_neither_takes_nor_loses_anything() -> None:
    store = ImageStore(100)
    image = Image.equal("i", compressed=10, unpacked=20, layers=2)
    assert store.preload(image)
    store.read_only = True
    assert (store.occupy(5), store.prune(), store.refusal, store.free_bytes) == (0, 0, READ_ONLY, 80)
    assert not store.add_archive(Image.equal("j", compressed=1, unpacked=1, layers=1).layers[0])
    with pytest.raises(ValueError, match=READ_ONLY):
        store.remove("i")
    assert store.used_bytes == store.written_bytes == 20


def test_every_machine_that_boots_from_a_card_or_emmc_says_what_it_endures() -> None:
    catalogue = Catalogue()
    pages = [catalogue.model("nodes", name) for name in catalogue.names("nodes")]
    flash = [page for page in pages if page.has("disk_kind") and page.text("disk_kind") in ("microSD", "eMMC")]
    assert len(flash) == 9
    for page in flash:
        writes = page.quantity("disk_endurance") / page.quantity("disk")  # of the whole of it
        assert writes == pytest.approx(160 if page.text("disk_kind") == "microSD" else 750, rel=0.01)
