"""NodeResourcesFit, the filter: integers of requests against integers of allocatable, never usage."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.view import Bools, Ints
from simulator.world.device import MEMORY, MILLI, DeviceNeed

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.info import NodeInfo
    from simulator.control.scheduling.profile import Profile


class NodeResourcesFit(Filter):
    """One more pod is allowed, and what is requested is free. What is not requested is not looked at."""

    events = Event.NODE_ADDED | Event.NODE_ALLOCATABLE | Event.POD_REMOVED
    by_node = True

    def passes(self, cycle: Cycle) -> Bools | None:
        """A comparison of columns for each resource requested."""
        info, pod = cycle.info, cycle.profile
        passes: Bools = info.pods < info.max_pods
        if pod.cpu_m > 0:
            passes &= info.free_cpu_m >= pod.cpu_m
        if pod.ram_bytes > 0:
            passes &= info.free_ram_bytes >= pod.ram_bytes
        for kind, amount in pod.extended:
            free = info.free_extended.get(kind)
            if free is None:
                passes[:] = False
            else:
                passes &= free >= amount
        for need in pod.shares:
            passes &= _free(info, need)
        return passes

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """Each resource that is short; never, where the empty node has too little."""
        info, pod = cycle.info, cycle.profile
        found = []
        if info.pods[row] >= info.max_pods[row]:
            found.append(self._because(cycle, row, "Too many pods", "not now" if info.max_pods[row] else "never"))
        for text, wanted, free, whole in needs(info, pod, row):
            if wanted > free:
                found.append(
                    self._because(cycle, row, f"Insufficient {text}", "never" if wanted > whole else "not now")
                )
        for need in pod.shares:
            if not _free(info, need)[row]:
                text = f"Insufficient {_said(need)}"
                found.append(self._because(cycle, row, text, "not now" if _has(info, need, row) else "never"))
        return tuple(found)

    def tally(self, cycle: Cycle, rows: Ints) -> Counter[str]:
        """Counted in columns: in a full cluster every pod that waits has it counted."""
        info, pod = cycle.info, cycle.profile
        short = {"Too many pods": info.pods >= info.max_pods}
        if pod.cpu_m > 0:
            short["Insufficient cpu"] = info.free_cpu_m < pod.cpu_m
        if pod.ram_bytes > 0:
            short["Insufficient memory"] = info.free_ram_bytes < pod.ram_bytes
        for kind, amount in pod.extended:
            short[f"Insufficient {kind}"] = info.free_extended.get(kind, np.zeros_like(info.pods)) < amount
        for need in pod.shares:
            short[f"Insufficient {_said(need)}"] = ~_free(info, need)
        counts = {text: int(np.count_nonzero(column[rows])) for text, column in short.items()}
        return Counter({text: count for text, count in counts.items() if count})


def needs(info: NodeInfo, pod: Profile, row: int) -> list[tuple[str, int, int, int]]:
    """Of each resource that the pod requests: its name, wanted, free on the node, and the node's whole."""
    found = []
    if pod.cpu_m > 0:
        found.append(("cpu", pod.cpu_m, int(info.free_cpu_m[row]), int(info.allocatable_cpu_m[row])))
    if pod.ram_bytes > 0:
        found.append(("memory", pod.ram_bytes, int(info.free_ram_bytes[row]), int(info.allocatable_ram_bytes[row])))
    for kind, amount in pod.extended:
        free = int(info.free_extended[kind][row]) if kind in info.free_extended else 0
        found.append((kind, amount, free, info.nodes[row].extended.get(kind, 0)))
    return found


def fits(info: NodeInfo, pod: Profile, row: int) -> bool:
    """The filter for one node, in O(1)."""
    if (
        info.pods[row] >= info.max_pods[row]
        or 0 < pod.cpu_m > info.free_cpu_m[row]
        or 0 < pod.ram_bytes > info.free_ram_bytes[row]
    ):
        return False
    for kind, amount in pod.extended:
        if kind not in info.free_extended or amount > info.free_extended[kind][row]:
            return False
    return all(info.devices.choose(row, [need]) for need in pod.shares)


def _free(info: NodeInfo, need: DeviceNeed) -> Bools:
    return info.devices.fits(need) if need.resource in info.devices.share else np.zeros(len(info.names), np.bool_)


def _has(info: NodeInfo, need: DeviceNeed, row: int) -> bool:
    """Whether a device of the node, with nobody else on it, would do."""
    there = info.nodes[row].accelerators.get(need.resource)
    return there is not None and need.ram_bytes <= there.ram_bytes


def _said(need: DeviceNeed) -> str:
    return need.resource + (MILLI if need.share else MEMORY)
