"""Starts from a snapshot, a cache, a template and a pool: what they take, what is kept, and what a power cut leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from kubelets import COSTS, GI, IMAGE, MI, Kubelets, kubelets
from simulator.errors import UserError
from simulator.facts import Catalogue
from simulator.physics.distributions import Constant
from simulator.runtime.settings import Pool, Prepared, RuntimeCosts, Step
from simulator.runtime.stack import compose, costs
from simulator.units import MS, SECOND
from simulator.world.image import Image

BOOT = (Step("boot", Constant(2 * SECOND)),)
RESTORE = (
    Step("restoring-vmm", Constant(10 * MS)),
    Step("restore", Constant(5 * MS), per_byte_ns=MS / GI, at_bytes=128 * MI),
)
SNAPSHOT = Prepared(
    "snapshot", "vm", "start", RESTORE,
    per_vcpu_ns=2 * MS, create_ns=200 * MS, create_per_byte_ns=400 * MS / GI, create_bytes=256 * MI,
)  # fmt: skip
TEMPLATE = Prepared("template", "vm", "start", (Step("clone", Constant(300 * MS)),))
POOL = Pool("vm", "start", (Step("resume", Constant(MS)),), size=2, make=BOOT, ram_bytes=60 * MI, shared=(("vm", MI),))
VM = replace(COSTS, start=BOOT, ram_bytes=60 * MI, shared=(("vm", MI),))
OTHER = Image.equal("other", compressed=1, unpacked=1, layers=1)
BEFORE = 0.5  # s: the sandbox, and the container's create


def world(warm: Prepared | Pool, **more: Any) -> Kubelets:
    return kubelets(costs=replace(VM, warm=warm), images=(IMAGE, OTHER), **({"cores": 64} | more))


def answers(kit: Kubelets, uid: int) -> float:
    """When the pod began to answer, in s."""
    return next(time / SECOND for time, one, up, _ in kit.served if one == uid and up)


def takes(kit: Kubelets, **pod: Any) -> float:
    """A pod more: what it takes until it answers."""
    begun, uid = kit.clock.now / SECOND, kit.admit(**pod)
    kit.run(begun + 20)
    return answers(kit, uid) - begun


def power_cut(kit: Kubelets) -> None:
    kit.agent.crash()
    kit.agent.boot()


# Snapshots.


def test_the_first_of_an_image_boots_and_writes_and_the_next_restores_it_with_its_application() -> None:
    kit = world(SNAPSHOT)
    before = kit.agent.images.used_bytes
    pod = {"ram_bytes": 512 * MI, "cpu_m": 2500, "start_ns": 7 * SECOND}
    # 200 ms for 256 MiB, and 400 ms a GiB more.
    assert takes(kit, **pod) == pytest.approx(BEFORE + 2 + 7 + 0.3)
    assert kit.agent.images.used_bytes - before == 512 * MI
    # The process, the base, three vCPUs, 384 MiB: and not the 7 s.
    assert takes(kit, **pod) == pytest.approx(BEFORE + 0.010 + 0.005 + 2 * 0.002 + 0.384 / 1.024 * 0.001)
    assert kit.agent.images.used_bytes - before == 512 * MI


def test_a_snapshot_is_of_one_image_and_one_size() -> None:
    kit = world(SNAPSHOT)
    first = takes(kit, ram_bytes=256 * MI)
    assert takes(kit, ram_bytes=256 * MI) < BEFORE + 0.1
    for pod in (
        {"ram_bytes": 128 * MI},
        {"ram_bytes": 256 * MI, "cpu_m": 2000},
        {"ram_bytes": 256 * MI, "image": "other"},
    ):
        assert takes(kit, **pod) >= first - 0.1
        assert takes(kit, **pod) < BEFORE + 0.1


def test_of_two_that_boot_together_one_writes() -> None:
    kit = world(SNAPSHOT)
    one, other = kit.admit(ram_bytes=256 * MI), kit.admit(ram_bytes=256 * MI)
    kit.run(20)
    assert (answers(kit, one), answers(kit, other)) == pytest.approx((BEFORE + 2.2, BEFORE + 2))
    assert len(kit.events("WarmStartReady")) == 1


def test_what_ends_while_its_snapshot_is_written_leaves_none() -> None:
    kit = world(SNAPSHOT)
    before = kit.agent.images.used_bytes
    uid = kit.admit(ram_bytes=256 * MI)
    kit.run(BEFORE + 2.1)
    assert kit.agent.images.used_bytes == before + 256 * MI  # it is being written
    kit.agent.remove(uid, 0)
    kit.run(10)
    assert kit.agent.images.used_bytes == before
    assert takes(kit, ram_bytes=256 * MI) > 2  # boots again


def test_without_room_on_the_disk_nothing_is_written_and_nobody_waits_for_it() -> None:
    kit = world(SNAPSHOT)
    kit.agent.images.capacity_bytes = kit.agent.images.used_bytes + 200 * MI
    for _ in range(2):
        assert takes(kit, ram_bytes=256 * MI) == pytest.approx(BEFORE + 2)
    assert len(kit.events("SnapshotFailed")) == 2


def test_a_snapshot_survives_a_power_cut_and_goes_with_its_image() -> None:
    kit = world(SNAPSHOT)
    takes(kit, ram_bytes=256 * MI)
    power_cut(kit)
    assert takes(kit, ram_bytes=256 * MI) < BEFORE + 0.1
    used = kit.agent.images.used_bytes
    kit.agent.images.remove("app")
    assert kit.agent.images.used_bytes == used - 256 * MI - IMAGE.unpacked


def test_a_power_cut_while_it_is_written_leaves_none() -> None:
    kit = world(SNAPSHOT)
    before = kit.agent.images.used_bytes
    kit.admit(ram_bytes=256 * MI)
    kit.run(BEFORE + 2.1)
    power_cut(kit)
    assert kit.agent.images.used_bytes == before
    kit.run(5)
    assert not kit.events("WarmStartReady")


def test_one_that_comes_back_while_its_snapshot_is_written_is_not_the_one_that_was_written() -> None:
    kit = world(replace(SNAPSHOT, create_ns=60 * SECOND))
    pod = {"ram_limit_bytes": 256 * MI, "ram_idle_bytes": 200 * MI, "ram_per_request_bytes": 100 * MI}
    uid = kit.admit(**pod)
    kit.run(10)
    kit.agent.set_in_flight(uid, 1)
    kit.agent.set_in_flight(uid, 0)
    kit.run(90)
    run = kit.agent.find(uid)
    assert run is not None
    assert run.restarts == 1
    assert not kit.events("WarmStartReady")


def test_a_pod_that_was_there_before_time_began_writes_none() -> None:
    kit = world(SNAPSHOT)
    desired = kit.desired(ram_bytes=256 * MI)
    kit.agent.adopt(desired, [IMAGE])
    kit.run(5)
    assert answers(kit, desired.uid) == 0
    assert not kit.events("WarmStartReady")


# Templates.


def test_a_template_serves_all_images_until_the_power_goes() -> None:
    kit = world(TEMPLATE)
    assert takes(kit) == pytest.approx(BEFORE + 2)
    assert takes(kit, image="other", ram_bytes=MI) == pytest.approx(BEFORE + 0.3)
    power_cut(kit)
    assert takes(kit) == pytest.approx(BEFORE + 2)


# Pools.


def test_machines_wait_hold_their_memory_and_are_replaced_behind_the_pod_s_back() -> None:
    kit = world(POOL)
    limit = kit.agent.available_ram_bytes + 2 * 60 * MI + MI  # two that wait, and their shared page once
    start = kit.clock.now / SECOND
    uids = [kit.admit() for _ in range(3)]
    kit.run(start + 20)
    found = sorted(answers(kit, uid) - start for uid in uids)
    assert found[:2] == pytest.approx([BEFORE + 0.001] * 2)
    assert found[2] == pytest.approx(BEFORE + 2)  # none was left
    assert kit.agent.available_ram_bytes == limit - 5 * 60 * MI - MI
    assert takes(kit) == pytest.approx(BEFORE + 0.001)


def test_a_pool_that_is_asked_faster_than_machines_boot_runs_dry() -> None:
    """Two wait, and a new one takes 2 s: two pods take them at 0.5 and 1 s, the next at 1.5 s has to boot, and one at
    2.6 s has the machine that was begun at 0.5 s."""
    kit = world(POOL)
    orders = (0, 0.5, 1, 2.1)
    uids = [kit.admit() for at in orders if kit.run(at) is None]
    kit.run(30)
    took = [answers(kit, uid) - at for at, uid in zip(orders, uids, strict=True)]
    assert took == pytest.approx([BEFORE + 0.001, BEFORE + 0.001, BEFORE + 2, BEFORE + 0.001])


def test_machines_that_come_up_slow_the_starts_beside_them() -> None:
    busy = (Step("boot", Constant(2 * SECOND), contention=1.0),)
    machine = replace(VM, start=busy, warm=replace(POOL, make=busy, size=1))
    kit = kubelets(costs=machine, cores=1)
    taker, other = kit.admit(), kit.admit()
    kit.run(30)
    assert answers(kit, taker) == pytest.approx(BEFORE + 0.001)
    assert answers(kit, other) == pytest.approx(BEFORE + 2 * 2, abs=0.01)  # its own boot beside the new machine's


def test_machines_that_wait_crowd_the_node_as_pods_do_until_they_are_one() -> None:
    """Two at work on one core, each slowed by the node's three pods: four times as long."""
    crowded = (Step("boot", Constant(2 * SECOND), crowding=1.0),)
    machine = replace(VM, start=crowded, warm=replace(POOL, make=crowded, size=1))
    kit = kubelets(costs=machine, cores=1)
    kit.admit()
    kit.run(10)
    kit.admit()
    last = kit.admit()
    kit.run(60)
    assert answers(kit, last) - 10 == pytest.approx(BEFORE + 4 * 2, abs=0.02)


def test_a_power_cut_ends_what_is_on_its_way_to_the_pool() -> None:
    kit = world(POOL)
    free = kit.agent.available_ram_bytes
    kit.admit()
    kit.run(1)  # another has been begun at 0.5 s
    power_cut(kit)
    kit.run(30)
    assert kit.agent.available_ram_bytes == free


def test_a_power_cut_empties_the_pool_and_it_fills_again() -> None:
    kit = world(POOL)
    free = kit.agent.available_ram_bytes
    kit.agent.crash()
    assert kit.agent.available_ram_bytes == free + 121 * MI
    kit.agent.boot()
    kit.run(1)
    assert kit.agent.available_ram_bytes == free
    assert takes(kit) == pytest.approx(BEFORE + 2)  # at 1.5 s none is up
    assert takes(kit) == pytest.approx(BEFORE + 0.001)


# What pages say.


def warm_of(stack: str, changes: dict[str, Any] | None = None) -> tuple[RuntimeCosts, Prepared | Pool]:
    made = costs(compose(Catalogue(changes or {}), stack))
    assert made.warm is not None
    return made, made.warm


def ms(steps: tuple[Step, ...]) -> float:
    return float(sum(step.time.mean + step.fixed_ns for step in steps)) / MS


def test_a_pool_leaves_what_does_not_boot_the_machine() -> None:
    """Kata's own part of a pod's start is 797.4 ms, whichever VMM; Firecracker alone has no part beside its boot."""
    for stack in ("containerd/kata-cache", "containerd/kata-cache/qemu"):
        _, kata = warm_of(stack)
        assert isinstance(kata, Pool)
        assert (kata.stage, ms(kata.steps)) == ("sandbox", pytest.approx(797.4))
    plain = costs(compose(Catalogue({}), "cloud-hypervisor"))
    made, kata = warm_of("containerd/kata-cache")
    assert isinstance(kata, Pool)
    assert (kata.make, kata.ram_bytes) == (plain.start, plain.ram_bytes)  # not what Kata's shim holds
    assert made.ram_bytes == costs(compose(Catalogue({}), "containerd/kata")).ram_bytes
    _, alone = warm_of("firecracker-pool")
    assert (alone.stage, alone.steps) == ("start", ())


def test_a_pool_of_machines_that_wait_paused_resumes_them(tmp_path: Any) -> None:
    page = tmp_path / "paused.yaml"
    page.write_text(
        "name: paused\nkind: runtimes\nextends: firecracker-pool\ntitle: Paused\n"
        "facts:\n  resume: {value: 3, unit: ms, kind: assumed, source: agache2020}\n", "utf-8",
    )  # fmt: skip
    _, alone = warm_of(str(page))
    assert ms(alone.steps) == 3


def test_a_snapshot_and_a_cache_leave_what_stands_above_them() -> None:
    plain = costs(compose(Catalogue({}), "containerd/firecracker"))
    made, snapshot = warm_of(
        "containerd/firecracker-snapshot", {"facts.runtimes.firecracker-snapshot.snapshot.nics": 3}
    )
    assert (made.sandbox, made.create) == (plain.sandbox, plain.create)
    assert snapshot.stage == "start"
    assert [step.name for step in snapshot.steps] == ["restoring-vmm", "restore"]
    assert snapshot.steps[-1].fixed_ns == pytest.approx(2 * 0.675 * MS)
    made, cache = warm_of("containerd/runwasi/wasmtime-cache")
    assert (cache.stage, ms(cache.steps)) == ("start", pytest.approx(0.05))
    assert made.start[-1].by_size
    assert not cache.steps[-1].by_size  # a compiled module's start hardly grows with it


def test_a_template_makes_a_pod_as_much_faster_as_its_source_says_and_saves_its_pages() -> None:
    made, template = warm_of("containerd/kata-template")
    assert ms(template.steps) == pytest.approx(899.9 * (1 - 0.3868), rel=1e-3)
    plain = costs(compose(Catalogue({}), "containerd/kata"))
    saved = 100 * (plain.ram_bytes - made.ram_bytes)
    assert saved == 9_000_000_000


@pytest.mark.parametrize(
    ("stack", "changes", "said"),
    [
        ("containerd/kata-template/qemu", {}, "no start that the template of kata-template replaces"),
        ("containerd/kata-template", {"starts": "snapshot"}, "has no fact snapshot.restore"),
        ("containerd/kata-template", {"starts": "pool"}, "has no fact pool.size"),
    ],
)
def test_what_nobody_has_measured_is_refused(stack: str, changes: dict[str, str], said: str) -> None:
    overrides = {f"facts.runtimes.kata-template.{field}": value for field, value in changes.items()}
    with pytest.raises(UserError, match=said):
        compose(Catalogue(overrides), stack)


def test_a_page_that_does_not_say_what_its_way_to_start_needs_is_refused_at_its_line(tmp_path: Any) -> None:
    page = tmp_path / "mine.yaml"
    page.write_text(
        "name: mine\nkind: runtimes\nextends: firecracker\ntitle: Mine\n"
        "facts:\n  starts: {value: pool, kind: assumed, source: agache2020}\n", "utf-8",
    )  # fmt: skip
    with pytest.raises(UserError, match=r"mine has no fact pool\.size") as told:
        compose(Catalogue({}), str(page))
    assert told.value.problems[0].file == str(page)
    assert told.value.problems[0].line is not None
