"""Any node that will do, and on it any accelerator that has the share free.

Idea: the baseline of the comparison of GPU-sharing policies in Weng et al., USENIX ATC 2023. Complexity: O(nodes)
numpy. Caveat: fixed by the run's seed, so a run is repeatable; another seed is another placement.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class GpuRandom(Placement):
    """Uniform over the feasible nodes, then over their devices with room."""

    def __init__(self, resource: str = "nvidia.com/gpu") -> None:
        self.resource = resource

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The feasible node that drew the largest number, and a device by another draw."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        node, share = cluster.argmax(cluster.uniform("node"), where=fits), pod.extended.get(f"{self.resource}-milli", 0)
        if not share:
            return Bind(node)
        devices = np.flatnonzero(cluster.free_devices[self.resource][node] >= share)
        return Bind(node, {self.resource: (int(devices[int(cluster.uniform("device")[node] * len(devices))]),)})
