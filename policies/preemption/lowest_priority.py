"""Of each node's less important pods, the fewest and least important go; the node where that hurts least is taken.

Idea: kube-scheduler's dry run. On every node all pods of lower priority are thought away; if the pod fits then, they
are given back, the most important and oldest first, as long as it still fits. Of the nodes the one whose most important
victim is least important, then with the smallest sum of priorities, then the fewest victims, then whose most important
victims started last (https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption and its
pickOneNodeForPreemption). Complexity: O(placed) questions to the filters. Caveats: it looks at every node, where
Kubernetes samples; disruption budgets are not known; equal nodes go by their rows.
"""

from itertools import takewhile

import numpy as np

from simulator.policy import ClusterView, Evict, PlacedView, PodView, Preemption

_BASE = 1 << 31  # makes the sum of priorities count victims, as kube-scheduler's does


class LowestPriority(Preemption):
    """Minimal victims on each node, and the node by the least of them."""

    def victims(self, pod: PodView, cluster: ClusterView, placed: PlacedView) -> Evict | None:
        """The victims on the best node, least important last."""
        best, chosen = None, None
        for node in range(len(cluster)):
            rows = np.flatnonzero((placed.node == node) & (placed.priority < pod.priority))
            rows = rows[np.lexsort((placed.started_s[rows], -placed.priority[rows]))]  # most important, oldest first
            found = _minimal(node, [int(row) for row in rows], placed)
            if found is None:
                continue
            cost = _cost(found, placed)
            if best is None or cost < best:
                best, chosen = cost, Evict(node, tuple(placed.names[row] for row in found))
        return chosen


def _minimal(node: int, rows: list[int], placed: PlacedView) -> list[int] | None:
    """Who has to go of these, in their order; None where even all would not be enough."""
    gone = [placed.names[row] for row in rows]
    if not placed.fits(node, gone):
        return None
    for row in rows:
        without = [name for name in gone if name != placed.names[row]]
        if placed.fits(node, without):
            gone = without
    return [row for row in rows if placed.names[row] in gone]


def _cost(rows: list[int], placed: PlacedView) -> tuple[float, int, int, float]:
    priorities = [int(placed.priority[row]) for row in rows]
    top = list(takewhile(lambda row: placed.priority[row] == priorities[0], rows))
    first = min((float(placed.started_s[row]) for row in top), default=0.0)
    highest = float(priorities[0]) if rows else -float("inf")
    return highest, sum(priority + _BASE for priority in priorities), len(rows), -first
