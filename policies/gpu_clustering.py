"""Pods that ask for the same share of an accelerator on the same nodes.

Idea: the affinity of Gandiva (Xiao et al., OSDI 2018), as a baseline of Weng et al., USENIX ATC 2023: what fits
together today fits together tomorrow, for who leaves makes room for the like. Complexity: O(nodes) numpy. Caveats:
remembers what it has placed itself, and not who has left. The texts say nothing of pods that want no accelerator:
they are no kind and get the first node that fits, a reading taken with what openb's simulator allocates in hand.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class GpuClustering(Placement):
    """A feasible node that has pods of the same kind, if there is one; among equals the fullest by its devices."""

    def __init__(self, resource: str = "nvidia.com/gpu") -> None:
        self.resource = resource

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Nodes of the same kind first, then any. Who wants none: the first."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        kind = pod.extended.get(self.resource, 0), pod.extended.get(f"{self.resource}-milli", 0)
        if not any(kind):
            return Bind(int(np.argmax(fits)))
        alike = self._placed().setdefault(kind, set())
        same = fits & np.array([name in alike for name in cluster.names])
        free = cluster.free_devices.get(self.resource, np.zeros((len(cluster), 0), np.int64)).sum(axis=1)
        node = cluster.argmin(free, where=same if same.any() else fits)
        alike.add(cluster.names[node])
        return Bind(node)

    def _placed(self) -> dict[tuple[int, int], set[str]]:
        if not hasattr(self, "_own"):
            self._own: dict[tuple[int, int], set[str]] = {}
        return self._own
