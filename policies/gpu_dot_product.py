"""The node whose free resources have the smallest product with the pod's demand, over cpu and accelerators.

Idea: the dot product of Tetris (Grandl et al., SIGCOMM 2014) turned from the largest to the smallest, as a baseline of
Weng et al., USENIX ATC 2023: what the pod wants is left where it is plentiful. Each resource counts as a share of the
largest node's. Complexity: O(nodes · devices) numpy. Caveats: memory is left out; looks at requests, not at use.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait

_WHOLE = 1000  # thousandths


class GpuDotProduct(Placement):
    """The feasible node with the smallest demand · free."""

    def __init__(self, resource: str = "nvidia.com/gpu") -> None:
        self.resource = resource

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Smallest; the first of equals."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        devices = cluster.free_devices.get(self.resource, np.zeros((len(cluster), 1), np.int64))
        cpu, gpus = max(1, int(cluster.allocatable_cpu_m.max())), devices.shape[1] * _WHOLE
        wanted = pod.extended.get(f"{self.resource}-milli", 0) + _WHOLE * pod.extended.get(self.resource, 0)
        product = (pod.cpu_m / cpu) * (cluster.free_cpu_m / cpu)
        product += (wanted / gpus) * (devices.sum(axis=1) / gpus)
        return Bind(cluster.argmin(product, where=fits))
