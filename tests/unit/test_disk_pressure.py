"""A disk that runs short: what is deleted, who is evicted, who is refused, how long it lasts, what the cluster does.

Images are tenths of the disk, and archives of no weight. Numbers are the kubelet's defaults, or K3s's.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise

import polars as pl
import pytest

from kubelets import PULLS, SETTINGS, Kubelets, kubelets
from scenarios import cluster_of, simulation
from simulator.runtime.image_settings import DiskSettings, ImageGcSettings
from simulator.units import MINUTE, SECOND
from simulator.world.image import Image
from sitekit import SITES

GC = ImageGcSettings(0.85, 0.80, 2 * MINUTE, 5 * MINUTE)
DEFAULT = DiskSettings(0.15, 0.0, 10 * SECOND, SECOND, 5 * MINUTE)
K3S = replace(DEFAULT, least=0.05, reclaim=0.10)
TENTH = 10_000_000
IMAGES = [Image.equal(f"i{i}", compressed=1, unpacked=TENTH, layers=1) for i in range(11)]


def node(disk: DiskSettings | None = DEFAULT, gc: ImageGcSettings | None = GC, tenths: float = 10) -> Kubelets:
    settings = replace(SETTINGS, pulls=replace(PULLS, gc=gc), disk=disk)
    kit = kubelets(images=IMAGES, cached=False, settings=settings)
    kit.agent.images.capacity_bytes = round(tenths * TENTH) + 9
    return kit


def use(kit: Kubelets, *numbers: int, priority: int = 0) -> list[int]:
    """Run a pod of each image."""
    return [kit.admit(f"p{i}", image=f"i{i}", pod={"priority": priority}) for i in numbers]


def removed(kit: Kubelets) -> list[str]:
    return kit.recorder.events.frame().filter(kind="ImageRemoved")["detail"].to_list()


def pressure(kit: Kubelets) -> list[tuple[float, bool]]:
    """When the control plane has been told what of it."""
    told = [(when / SECOND, said["DiskPressure"]) for when, said in kit.upstream.conditions]
    return [told[0], *(later for before, later in pairwise(told) if before[1] != later[1])]


def test_unused_images_go_at_the_next_pass_and_nobody_is_evicted() -> None:
    kit = node()
    uids = use(kit, *range(8))
    kit.run(500)  # they are known, and old enough
    for uid in uids[:3]:
        kit.agent.remove(uid, 0)
    kit.run(510)
    use(kit, 8)  # nine tenths are full: less than 15 % is free
    kit.run(531)
    assert removed(kit) == ["i0", "i1", "i2"]  # whatever the shares of image garbage collection
    assert kit.events("Evicted") == []
    assert kit.events("NodeHasDiskPressure")[0] == pytest.approx(515, abs=7)


def test_the_condition_lasts_five_minutes_after_the_last_pass_that_found_the_disk_short() -> None:
    kit = node()
    uids = use(kit, *range(8))
    kit.run(500)
    kit.agent.remove(uids[0], 0)
    use(kit, 8)
    kit.run(1000)
    (begin,), (end,) = kit.events("NodeHasDiskPressure"), kit.events("NodeHasNoDiskPressure")
    assert end - begin == 300  # passes are ten seconds apart
    assert [on for _, on in pressure(kit)] == [False, True, False]


def test_an_image_that_the_agent_has_not_known_long_enough_stays_for_now() -> None:
    """It is known from the pass on that saw it; two minutes later it goes, and meanwhile pods are evicted."""
    kit = node(tenths=9.9)
    uids = use(kit, *range(9))
    kit.run(9)
    for uid in uids:
        kit.agent.remove(uid, 0)
    kit.run(100)
    assert removed(kit) == []
    kit.run(145)
    assert set(removed(kit)) == {f"i{i}" for i in range(9)}


def test_where_nothing_can_be_deleted_one_pod_is_evicted_at_a_pass_lower_priority_first() -> None:
    kit = node()
    use(kit, *range(6), priority=5)
    use(kit, 6, 7, priority=1)
    kit.run(500)
    assert kit.events("Evicted") == []
    use(kit, 8, priority=9)
    kit.run(560)
    evicted = kit.recorder.events.frame().filter(kind="Evicted")["subject"].to_list()
    assert evicted == ["p6"]  # its image goes at the pass after, a second later, and that is enough
    assert removed(kit) == ["i6"]
    assert kit.events("ImageRemoved")[0] - kit.events("Evicted")[0] == 1


def test_who_is_critical_is_never_evicted() -> None:
    kit = node()
    use(kit, *range(9), priority=2_000_000_000)
    kit.run(600)
    assert kit.events("NodeHasDiskPressure") != []
    assert kit.events("Evicted") == []


def test_new_pods_are_refused_whatever_their_class_but_critical_ones() -> None:
    kit = node()
    use(kit, *range(9), priority=2_000_000_000)
    kit.run(60)
    late = kit.admit("late", image="i0", ram_bytes=1 << 20, ram_limit_bytes=1 << 20, cpu_m=1)
    critical = kit.admit("critical", image="i0", pod={"priority": 2_000_000_000})
    kit.run(70)
    assert kit.upstream.of(late)[-1].reason == "Evicted"
    assert kit.upstream.of(critical)[-1].ready


@pytest.mark.parametrize(("disk", "short"), [(DEFAULT, True), (K3S, False), (None, False)])
def test_a_page_says_from_where_on_a_disk_is_short(disk: DiskSettings | None, short: bool) -> None:
    kit = node(disk)
    use(kit, *range(9))
    kit.run(60)
    assert bool(kit.events("NodeHasDiskPressure")) == short


def test_what_is_to_be_reclaimed_has_to_be_free_too() -> None:
    """K3s: short at less than 5 %, and until 15 % are free."""
    kit = node(K3S, tenths=9.2)
    use(kit, *range(8))
    kit.run(500)
    use(kit, 8, priority=9)  # 2 % are left
    kit.run(560)
    assert len(kit.events("Evicted")) == 2  # without one image 13 % are free, without two 24 %
    assert removed(kit) == ["i0", "i1"]


def test_a_disk_with_room_costs_no_event() -> None:
    fired = []
    for disk in (None, DEFAULT):
        kit = node(disk)
        use(kit, *range(8))
        kit.run(3600)
        fired.append(kit.clock.fired)
    assert fired[0] == fired[1]


def test_a_power_cut_ends_the_condition_and_the_agent_looks_again() -> None:
    kit = node()
    use(kit, *range(9), priority=2_000_000_000)
    kit.run(60)
    kit.network.set_node(1, False)
    kit.agent.crash()
    kit.run(120)
    assert len(kit.events("NodeHasDiskPressure")) == 1
    kit.network.set_node(1, True)
    kit.agent.boot()
    kit.run(140)
    assert len(kit.events("NodeHasDiskPressure")) == 2


def test_a_node_without_power_looks_at_nothing() -> None:
    kit = node()
    use(kit, *range(9))
    kit.run(2.4)  # all have been pulled, and the first pass is due
    kit.network.set_node(1, False)
    kit.agent.crash()
    kit.run(120)
    assert kit.events("NodeHasDiskPressure") == []


def test_a_cluster_taints_the_node_and_places_nothing_there_for_a_while() -> None:
    """V30's other half: the disk is filled by a pull, the agent says so, and the scheduler goes elsewhere."""
    data = deepcopy(SITES)
    data["duration"] = "10min"
    data["topology"]["nodes"][-1]["disk"] = "640MB"  # of b-*: 250 MB, their archive, and some of the engine's own
    data["images"]["app:1"] |= {"compressed": "250MB", "unpacked": "250MB"}
    here = {"kubernetes.io/hostname": "b-0"}
    data["workloads"] = [
        {"kind": "service", "name": "first", "image": "app:1", "node_selector": here},
        {"kind": "service", "name": "later", "image": "app:1", "node_selector": here, "at": "1min"},
    ]
    s = simulation(data)
    s.run(until="2min")
    (box,) = [n for n in cluster_of(s).node_objects.values() if n.name == "b-0"]
    assert box.conditions["DiskPressure"]
    assert ("node.kubernetes.io/disk-pressure", "", "NoSchedule") in box.taints
    run = s.finish()
    assert run.table("events").filter(pl.col("kind") == "Evicted").height >= 1
    answers = run.table("decisions").filter(pl.col("pod").str.starts_with("later"))["decision"].to_list()
    assert answers[0] == "Wait"
