"""Pods move from nodes that are fuller than the rest to emptier ones: what an outage has pushed together spreads again.

Idea: the descheduler's LowNodeUtilization (https://github.com/kubernetes-sigs/descheduler): a scheduler never moves
what runs, so nodes that come back stay empty. Here the mean requested share of the ready nodes is the measure: pods of
the node furthest above it go to the node furthest below it, while that lowers the larger of the two shares. Small pods
first, at most `most` in a round. Complexity: O(most × placed). Caveats: requests, not use; a cold move is a restart,
and a replica that is alone is away meanwhile; pods of equal size on equal nodes move in the order of their binding.
"""

from typing import Literal

import numpy as np

from simulator.policy import ClusterView, Migrate, PlacedView, Rescheduling


class SpreadAfterRecovery(Rescheduling):
    """`gap`: how far above the mean share (0 to 1) a node must be; `most`: moves in a round; `every_s`: seconds; `how`
    pods move: cold, live or state."""

    def __init__(
        self, gap: float = 0.1, most: int = 1, every_s: float = 120.0, how: Literal["cold", "live", "state"] = "cold"
    ) -> None:
        self.gap, self.most, self.every_s = gap, most, every_s
        self.how = how

    def moves(self, cluster: ClusterView, placed: PlacedView) -> list[Migrate]:
        """From the fullest to the emptiest, as long as it helps."""
        whole = np.stack((cluster.allocatable_cpu_m, cluster.allocatable_ram_bytes)).astype(float)
        free = np.stack((cluster.free_cpu_m, cluster.free_ram_bytes)).astype(float)
        nodes = cluster.ready & (whole > 0).all(axis=0)
        used, found, moved = whole - free, list[Migrate](), set[int]()
        while len(found) < self.most and nodes.any():
            share = np.where(nodes, used / np.maximum(whole, 1), 0.0).max(axis=0)
            full = cluster.argmax(share, where=nodes)
            if share[full] <= share[nodes].mean() + self.gap:
                break
            row, node = self._best(full, share, used=used, whole=whole, nodes=nodes, placed=placed, moved=moved)
            if row < 0:
                break
            size = np.array([placed.cpu_m[row], placed.ram_bytes[row]])
            used[:, full] -= size
            used[:, node] += size
            moved.add(row)
            found.append(Migrate(placed.names[row], node, self.how))
        return found

    def _best(
        self, full: int, share: np.ndarray, *, used: np.ndarray, whole: np.ndarray, nodes: np.ndarray,
        placed: PlacedView, moved: set[int],
    ) -> tuple[int, int]:  # fmt: skip
        """The smallest pod of the full node that has somewhere better to go, and where; -1 if there is none."""
        rows = [int(row) for row in np.flatnonzero(placed.node == full) if int(row) not in moved]
        for row in sorted(rows, key=lambda row: (placed.cpu_m[row], placed.ram_bytes[row])):
            size = np.array([placed.cpu_m[row], placed.ram_bytes[row]])
            after = ((used + size[:, None]) / np.maximum(whole, 1)).max(axis=0)
            if not size.any():
                continue
            better = nodes & (after < share[full]) & placed.feasible(row, self.how)
            better[full] = False
            if better.any():
                return row, int(np.flatnonzero(better)[np.argmin(after[better])])
        return -1, -1
