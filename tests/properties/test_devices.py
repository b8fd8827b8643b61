"""No accelerator is ever given twice: in what the scheduler believes, and on the machine, whatever it is told."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.control.api.objects import Node
from simulator.control.scheduling.filters.fit import fits
from simulator.control.scheduling.info import NodeInfo
from simulator.world.device import WHOLE, Accelerators, Held, allot, asked
from simulator.world.pod import PodTemplate

GPU = "nvidia.com/gpu"
RAM = 16
SHARES = st.builds(
    lambda milli, ram: {k: n for k, n in ((f"{GPU}-milli", milli), (f"{GPU}-memory", ram)) if n},
    st.integers(0, WHOLE), st.integers(0, RAM),
).filter(bool)  # fmt: skip
WANTED = st.one_of(SHARES, st.builds(lambda n: {GPU: n}, st.integers(1, 4)))
STEPS = st.lists(st.one_of(WANTED, st.integers(0, 20)), max_size=40)  # a pod comes, or one of them goes


def slow_free(count: int, pods: list[tuple[dict[str, int], Held]]) -> list[tuple[int, int]]:
    """What is left of each device, thousandths and bytes, added up anew; nothing is split or shared beyond one."""
    free = [(WHOLE, RAM)] * count
    for wanted, held in pods:
        for need in asked(wanted):
            devices = held.get(need.resource, ())
            assert len(set(devices)) == len(devices) == need.count  # a share: on one device alone
            for i in devices:
                share, ram = free[i]
                free[i] = share - need.share, ram - (RAM if need.share == WHOLE else need.ram_bytes)
    return free


def node(name: str, count: int) -> Node:
    accelerators = (Accelerators(GPU, "T4", count, RAM),) if count else ()
    return Node(name, allocatable_cpu_m=1000, allocatable_ram_bytes=1000, max_pods=99, extended={GPU: count},
                accelerators=accelerators)  # fmt: skip


@given(STEPS, st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_the_scheduler_gives_no_device_twice_and_finds_room_where_there_is_some(
    steps: list[Any], counts: list[int]
) -> None:
    info, placed = NodeInfo(0, 0), dict[int, tuple[int, dict[str, int]]]()
    for row, count in enumerate(counts):
        info.set_node(node(f"n{row}", count))
    info.refresh()
    for uid, step in enumerate(steps):
        if isinstance(step, int):
            if placed:
                gone = list(placed)[step % len(placed)]
                info.release(gone)
                del placed[gone]
            continue
        profile = info.profile(PodTemplate("w", {}, (), extended=step))
        free = [slow_free(n, [(w, info.placed[u].devices) for u, (at, w) in placed.items() if at == row])
                for row, n in enumerate(counts)]  # fmt: skip
        (need,) = asked(step)
        least = RAM if need.share == WHOLE else need.ram_bytes
        room = [sum(s >= need.share and r >= least for s, r in each) >= need.count for each in free]
        assert [fits(info, profile, row) for row in range(len(counts))] == room
        if any(room):
            row = room.index(True)
            info.place(uid, profile, f"n{row}")
            placed[uid] = row, step
    info.stale = True
    before = info.devices.share.get(GPU, np.zeros(0)).copy()
    info.refresh()  # the columns made anew are the same, for a pod keeps its devices
    assert np.array_equal(before, info.devices.share.get(GPU, np.zeros(0)))
    for row, count in enumerate(counts):
        free = slow_free(count, [(w, info.placed[u].devices) for u, (at, w) in placed.items() if at == row])
        assert all(share >= 0 and ram >= 0 for share, ram in free)
        if count:
            assert info.devices.share[GPU][row, :count].tolist() == [share for share, _ in free]
            assert info.free_extended[GPU][row] == free.count((WHOLE, RAM))


TOLD = st.lists(st.integers(0, 5), max_size=4, unique=True)


@given(st.lists(st.tuples(WANTED, TOLD), max_size=20), st.integers(0, 4))
def test_a_machine_gives_no_device_twice_whatever_devices_it_is_told(
    pods: list[tuple[dict[str, int], list[int]]], count: int
) -> None:
    machine = (Accelerators(GPU, "T4", count, RAM),) if count else ()
    held: list[tuple[dict[str, int], Held]] = []
    for wanted, told in pods:
        got, short = allot(machine, held, wanted, {GPU: tuple(told)} if told else {})
        if not short and got:
            assert not told or got[GPU] == tuple(told)
            held.append((wanted, got))
    assert all(share >= 0 and ram >= 0 for share, ram in slow_free(count, held))
