"""The fullest node that still has room: the smallest share of cpu and memory left free.

Idea: best fit over two resources, which keeps whole nodes empty (to be switched off, or for large pods); Kubernetes
offers it as the MostAllocated scoring strategy. Complexity: O(nodes) numpy. Caveats: looks at requests, not at use;
a failing node takes more with it than under a policy that spreads.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class MostAllocated(Placement):
    """Best fit by the mean of the free shares of cpu and memory."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The fullest feasible node."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        free = cluster.free_cpu_m / np.maximum(cluster.allocatable_cpu_m, 1)
        free += cluster.free_ram_bytes / np.maximum(cluster.allocatable_ram_bytes, 1)
        return Bind(cluster.argmin(free, where=fits))
