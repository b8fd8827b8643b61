"""Accelerators as the scheduler believes them to be: for each resource a row per node and a column per device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from simulator.control.scheduling.columns import read_only
from simulator.policy.view import Bools, Ints
from simulator.world.device import WHOLE, Accelerators, DeviceNeed, Held, choose, fitting, take

_ANY: Final[Held] = MappingProxyType({})


class DeviceColumns:
    """`share` is what is free of each device, in thousandths, and `ram` in bytes. A node with fewer devices than the
    one with most has zeros in the places of those that it lacks.
    """

    __slots__ = ("_full", "ram", "share", "shown", "shown_bytes")

    def __init__(self, nodes: Sequence[Mapping[str, Accelerators]]) -> None:
        most: dict[str, int] = {}
        for offers in nodes:
            for resource, each in offers.items():
                most[resource] = max(most.get(resource, 0), each.count)
        shapes = {resource: (len(nodes), most[resource]) for resource in sorted(most)}
        self.share = {resource: np.zeros(shape, np.int64) for resource, shape in shapes.items()}
        self._full = {resource: np.zeros(shape, np.int64) for resource, shape in shapes.items()}
        for row, offers in enumerate(nodes):
            for resource, each in offers.items():
                self.share[resource][row, : each.count] = WHOLE
                self._full[resource][row, : each.count] = each.ram_bytes
        self.ram = {resource: full.copy() for resource, full in self._full.items()}
        self.shown = {resource: read_only(column) for resource, column in self.share.items()}
        self.shown_bytes = {resource: read_only(column) for resource, column in self.ram.items()}

    def fits(self, need: DeviceNeed) -> Bools:
        """A column: which nodes have enough devices with this free. Raises KeyError where no node has any."""
        of = need.resource
        passes: Bools = fitting(self.share[of], self.ram[of], self._full[of], need).sum(axis=1) >= need.count
        return passes

    def choose(self, row: int, needs: Sequence[DeviceNeed], wished: Held = _ANY) -> dict[str, tuple[int, ...]]:
        """The devices that a pod gets on this node, the `wished` where they are told; of a resource that is short, or
        no device there, none."""
        offered = [need for need in needs if need.resource in self.share]
        found = {n.resource: wished.get(n.resource) or choose(*self._row(n.resource, row), n) for n in offered}
        return {resource: devices for resource, devices in found.items() if devices}

    def can_give(self, row: int, needs: Sequence[DeviceNeed], wished: Held) -> bool:
        """Whether a pod may have exactly the wished devices of this node: it asks for so many, and they are free."""
        known = {need.resource: need for need in needs if need.resource in self.share}
        for resource, devices in wished.items():
            if resource not in known or not len(set(devices)) == len(devices) == known[resource].count:
                return False
            free = fitting(*self._row(resource, row), known[resource])
            if not all(0 <= i < len(free) and free[i] for i in devices):
                return False
        return True

    def account(self, row: int, needs: Sequence[DeviceNeed], devices: Held, sign: int) -> None:
        """A pod has got these devices, or with sign -1 gives them back."""
        for need in needs:
            if need.resource in devices:
                take(*self._row(need.resource, row), need, devices[need.resource], sign=sign)

    def whole(self, resource: str, row: int) -> int:
        """How many devices of the node nobody uses."""
        return int(np.count_nonzero(fitting(*self._row(resource, row), DeviceNeed(resource, 1))))

    def _row(self, resource: str, row: int) -> tuple[Ints, Ints, Ints]:
        return self.share[resource][row], self.ram[resource][row], self._full[resource][row]
