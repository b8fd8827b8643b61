"""The least loaded node: the largest share of cpu and memory still free.

Idea: worst fit over two resources; spreads pods so that each node keeps room. Kubernetes' LeastAllocated score is
the same mean, rounded to a percentage. Complexity: O(nodes) numpy. Caveats: looks at requests, not at use; the first
of equals wins, so the order of nodes shows where all are equal.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class LeastLoaded(Placement):
    """Worst fit by the mean of the free shares of cpu and memory."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The emptiest feasible node."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        free = cluster.free_cpu_m / np.maximum(cluster.allocatable_cpu_m, 1)
        free += cluster.free_ram_bytes / np.maximum(cluster.allocatable_ram_bytes, 1)
        return Bind(cluster.argmax(free, where=fits))
