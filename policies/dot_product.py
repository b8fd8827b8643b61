"""The node whose free resources point where the pod's demand points.

Idea: Tetris (Grandl et al., SIGCOMM 2014, doi 10.1145/2619239.2626334): the dot product of demand and what is free,
both as shares of the node, so that a pod goes where the resource that it needs most is plentiful. Complexity:
O(nodes) numpy. Caveats: looks at requests, not at use; of nodes alike in shape the emptier wins, so it spreads.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class DotProduct(Placement):
    """The feasible node with the largest alignment."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Largest by demand · free, over cpu and memory in shares of what the node can give."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        cpu, ram = np.maximum(cluster.allocatable_cpu_m, 1), np.maximum(cluster.allocatable_ram_bytes, 1)
        aligned = (pod.cpu_m / cpu) * (cluster.free_cpu_m / cpu)
        aligned += (pod.ram_bytes / ram) * (cluster.free_ram_bytes / ram)
        return Bind(cluster.argmax(aligned, where=fits))
