"""The node that has most room left with the pod there, by the scarcer resource.

Idea: worst fit of bin packing (Johnson 1973), the opposite of best fit: remainders stay large enough for others, and a
node that fails takes little with it. Complexity: O(nodes) numpy. Caveats: looks at requests, not at use; a large pod
that comes late finds no whole node.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class WorstFit(Placement):
    """The feasible node with the largest remainder."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Largest by the smaller of the shares of cpu and memory that are left with the pod there."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        cpu = (cluster.free_cpu_m - pod.cpu_m) / np.maximum(cluster.allocatable_cpu_m, 1)
        ram = (cluster.free_ram_bytes - pod.ram_bytes) / np.maximum(cluster.allocatable_ram_bytes, 1)
        return Bind(cluster.argmax(np.minimum(cpu, ram), where=fits))
