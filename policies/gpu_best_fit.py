"""The node with least left over, of cpu and accelerators together.

Idea: best fit by a sum over resources, as in Protean (Hadary et al., OSDI 2020), and as a baseline of Weng et al.,
USENIX ATC 2023. Each resource counts as a share of the largest node's. Complexity: O(nodes · devices) numpy. Caveats:
memory, of which GPU servers have plenty, is left out; looks at requests, not at use.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait

_WHOLE = 1000  # thousandths


class GpuBestFit(Placement):
    """The feasible node with the smallest sum of what is free."""

    def __init__(self, resource: str = "nvidia.com/gpu") -> None:
        self.resource = resource

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The pod takes the same from every node, so what is free now decides."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        devices = cluster.free_devices.get(self.resource, np.zeros((len(cluster), 1), np.int64))
        free = cluster.free_cpu_m / max(1, cluster.allocatable_cpu_m.max())
        free += devices.sum(axis=1) / (devices.shape[1] * _WHOLE)
        return Bind(cluster.argmin(free, where=fits))
