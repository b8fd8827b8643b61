"""The pods that a control plane believes to be on its nodes, as a policy sees them that moves or ends some."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from simulator.policy.decision import How
from simulator.policy.view import Bools, Floats, Ints


class PlacedKnowledge(Protocol):
    """What stands behind the view, and is computed when it is asked for; `PlacedView` says what each answers."""

    def fits(self, node: int, gone: Collection[str]) -> bool: ...

    def feasible(self, row: int, how: How) -> Bools: ...


@dataclass(frozen=True, slots=True)
class PlacedView:
    """A row for each pod that holds room on a node of the `ClusterView` beside it, in the order of binding. Those that
    are being deleted have none. Columns are copies, read-only.

    `node` is the row of its node, `cpu_m` (millicores) and `ram_bytes` are its requests, `started_s` is the simulated
    time at which it was bound.
    """

    names: tuple[str, ...]
    workloads: tuple[str, ...]
    node: Ints
    cpu_m: Ints
    ram_bytes: Ints
    priority: Ints
    started_s: Floats
    _knows: PlacedKnowledge

    def __len__(self) -> int:
        return len(self.names)

    def fits(self, node: int, gone: Collection[str] = ()) -> bool:
        """Whether the pod that found no node would pass all filters of the node in this row, were these pods of it
        gone, and those that are being deleted there anyway. Room that was cleared for others of at least its priority
        counts as taken. Raises ValueError where nobody asked for room, or a pod is not on that node."""
        return self._knows.fits(node, gone)

    def feasible(self, row: int, how: How = "cold") -> Bools:
        """A column over nodes: which of them pass all filters for a pod like the one in this row, were that gone; and,
        `live` or by its `state`, to which its runtime can move it so. None for an instance of a function, whose
        platform says where it runs."""
        return self._knows.feasible(row, how)
