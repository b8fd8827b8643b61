"""Accelerators that are used already, then idle ones of nodes that are used, and untouched nodes last.

Idea: the packing of Weng et al., NSDI 2022 (MLaaS in the wild), one of the baselines of fragmentation gradient descent
(USENIX ATC 2023): whole nodes are kept for pods that want several devices. Complexity: O(nodes · devices) numpy.
Caveats: within a rank the fullest node is taken, by its devices. The texts say nothing of pods that want no
accelerator: none of these ranks is theirs, so they get the first node that fits, a reading taken with what openb's
simulator allocates in hand.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait

_WHOLE = 1000  # thousandths


class GpuPacking(Placement):
    """The feasible node of the best rank."""

    def __init__(self, resource: str = "nvidia.com/gpu") -> None:
        self.resource = resource

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """By rank, then by the thousandths that are free: fewest first. Who wants none: the first."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        share = pod.extended.get(f"{self.resource}-milli", 0)
        if not share and not pod.extended.get(self.resource, 0):
            return Bind(int(np.argmax(fits)))
        free = cluster.free_devices.get(self.resource, np.zeros((len(cluster), 0), np.int64))
        opened = ((free < _WHOLE) & (free >= max(share, 1))).any(axis=1)  # a device with others on it has room
        rank = np.where(opened & (share > 0), 0, np.where(cluster.pods > 0, 1, 2))
        return Bind(cluster.argmin(rank * (free.shape[1] + 1) * _WHOLE + free.sum(axis=1), where=fits))
