"""Accelerators of a machine, one by one: taken whole, or in thousandths, of which no pod's lie on two of them.

A machine offers equal devices as one extended resource of Kubernetes, `nvidia.com/gpu`. A pod asks for whole ones by
its name, or for a share of one by the names with `-milli` (thousandths, as `gpu_milli` of the openb trace) and
`-memory` (bytes of the device's own).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

WHOLE: Final = 1000
MILLI: Final = "-milli"
MEMORY: Final = "-memory"

Ints = NDArray[np.int64]
Held = Mapping[str, tuple[int, ...]]  # which devices of each resource


@dataclass(frozen=True, slots=True)
class Accelerators:
    """Equal devices of one machine."""

    resource: str
    model: str  # as a label's value: Tesla-T4
    count: int
    ram_bytes: int = 0  # of each; 0: it has none of its own, or nobody says


@dataclass(frozen=True, slots=True)
class DeviceNeed:
    """So many devices, and of each so many thousandths and bytes; a whole one is taken with all of its memory."""

    resource: str
    count: int
    share: int = WHOLE
    ram_bytes: int = 0

    @property
    def whole(self) -> bool:
        """Whether nobody else may have a share of the device."""
        return self.share == WHOLE


def asked(extended: Mapping[str, int]) -> tuple[DeviceNeed, ...]:
    """What a pod's extended resources mean where they are devices: whole ones, and shares of one."""
    shared = dict.fromkeys(shared_of(name) for name, n in extended.items() if n and shared_of(name))
    shares = (DeviceNeed(r, 1, extended.get(r + MILLI, 0), extended.get(r + MEMORY, 0)) for r in shared)
    wholes = (DeviceNeed(name, n) for name, n in extended.items() if n and not shared_of(name))
    return (*shares, *wholes)


def shared_of(name: str) -> str:
    """The resource of which this name means a share; empty: none."""
    return next((name.removesuffix(end) for end in (MILLI, MEMORY) if name.endswith(end)), "")


def fitting(share: Ints, ram: Ints, full_ram: Ints, need: DeviceNeed) -> NDArray[np.bool_]:
    """Which devices have what is needed free. A device that is not there has 0 of both. Any shape, one for all."""
    if need.whole:
        free: NDArray[np.bool_] = (share == WHOLE) & (ram >= np.maximum(full_ram, need.ram_bytes))
        return free
    return (share >= need.share) & (ram >= need.ram_bytes)


def choose(share: Ints, ram: Ints, full_ram: Ints, need: DeviceNeed) -> tuple[int, ...] | None:
    """The devices of one machine that the pod gets: the fullest that have it free, the first of equals; None: too few.

    So whole ones are left as long as can be (best fit, by which GPU-sharing extenders and openb's simulator choose).
    """
    rows = np.flatnonzero(fitting(share, ram, full_ram, need))
    if len(rows) < need.count:
        return None
    order = np.lexsort((rows, ram[rows], share[rows]))
    return tuple(sorted(int(row) for row in rows[order[: need.count]]))


def take(share: Ints, ram: Ints, full_ram: Ints, need: DeviceNeed, devices: Sequence[int], *, sign: int = 1) -> None:
    """Take what is needed from these devices, or with sign -1 give it back."""
    for i in devices:
        share[i] -= sign * need.share
        ram[i] -= sign * (int(full_ram[i]) if need.whole else need.ram_bytes)


def allot(
    machine: Sequence[Accelerators],
    held: Iterable[tuple[Mapping[str, int], Held]],
    extended: Mapping[str, int],
    given: Held,
) -> tuple[dict[str, tuple[int, ...]], str]:
    """What a machine gives a pod that asks for these extended resources, beside those that others ask for and hold:
    the `given` devices if they are free, any if none are given. And the resource that is short; empty: none is.
    """
    offers = {each.resource: each for each in machine}
    free = {r: (np.full(a.count, WHOLE, np.int64), np.full(a.count, a.ram_bytes, np.int64)) for r, a in offers.items()}
    full = {r: ram.copy() for r, (_, ram) in free.items()}
    for theirs, devices in held:
        for need in asked(theirs):
            if need.resource in devices:
                take(*free[need.resource], full[need.resource], need, devices[need.resource])
    got: dict[str, tuple[int, ...]] = {}
    for need in asked(extended):
        if need.resource not in offers:
            continue  # counted, if at all
        state = (*free[need.resource], full[need.resource])
        chosen = given.get(need.resource) or choose(*state, need)
        fits = fitting(*state, need)
        if chosen is None or len(chosen) != need.count or not all(i < len(fits) and fits[i] for i in chosen):
            return {}, need.resource
        take(*state, need, chosen)
        got[need.resource] = (*got.get(need.resource, ()), *chosen)
    return got, ""
