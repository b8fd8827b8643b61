"""The node that the pod fills best: least is left over of its scarcer resource.

Idea: best fit of bin packing (Johnson et al. 1974, doi 10.1137/0203025), here over cpu and memory: what counts is the
larger of the two shares that stay free. Complexity: O(nodes) numpy. Caveats: looks at requests, not at use; many small
remainders are left that nothing fits in.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class BestFit(Placement):
    """The feasible node with the smallest remainder."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Smallest by the larger of the shares of cpu and memory that are left with the pod there."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        cpu = (cluster.free_cpu_m - pod.cpu_m) / np.maximum(cluster.allocatable_cpu_m, 1)
        ram = (cluster.free_ram_bytes - pod.ram_bytes) / np.maximum(cluster.allocatable_ram_bytes, 1)
        return Bind(cluster.argmin(np.maximum(cpu, ram), where=fits))
