"""The node that would have to fetch least, and then the one with most room.

Idea: Skippy (Rausch et al., FGCS 2021, doi 10.1016/j.future.2020.07.017): on the edge the way to the registry is what
makes a start slow, so images that are there already are worth more than balance. Complexity: O(nodes) numpy.
Caveats: knows what nodes last said that they hold; counts images, not the layers that they share; fills the nodes
that were used first.
"""

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class ImageLocality(Placement):
    """The feasible node with most bytes of the pod's images."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Most bytes there; among equals, the largest share of cpu free."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        there = cluster.image_bytes(pod)
        most = fits & (there == there[fits].max())
        return Bind(cluster.argmax(cluster.free_cpu_m / np.maximum(cluster.allocatable_cpu_m, 1), where=most))
