"""The node whose most used resource is used least.

Idea: dominant shares as in DRF (Ghodsi et al., NSDI 2011), turned from users to nodes: a node's load is its fullest
resource, and the pod goes where that stays lowest, so that no resource runs out long before the others. Complexity:
O(nodes · resources) numpy. Caveat: looks at requests, not at use.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class DominantResource(Placement):
    """The feasible node with the smallest dominant share."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Smallest by the larger of the shares of cpu, memory and pods that are taken with the pod there."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        cpu = 1 - (cluster.free_cpu_m - pod.cpu_m) / np.maximum(cluster.allocatable_cpu_m, 1)
        ram = 1 - (cluster.free_ram_bytes - pod.ram_bytes) / np.maximum(cluster.allocatable_ram_bytes, 1)
        places = (cluster.pods + 1) / np.maximum(cluster.max_pods, 1)
        return Bind(cluster.argmin(np.maximum(np.maximum(cpu, ram), places), where=fits))
