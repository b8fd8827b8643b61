"""Tiers in an order of preference: the edge first, and the cloud for what does not fit; or the reverse.

Idea: the rule that edge deployments start from, and that iFogSim calls edge-ward placement (Gupta et al., SPE 2017,
doi 10.1002/spe.2509). `tiers` are patterns of zones, the preferred first; what none matches comes last. Complexity:
O(nodes · tiers). Caveat: within a tier the emptiest node is taken, whoever asks.
"""

from fnmatch import fnmatchcase

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class TierAffinity(Placement):
    """The emptiest feasible node of the best tier that has one."""

    def __init__(self, tiers: tuple[str, ...] = ("edge*", "*")) -> None:
        self.tiers = tiers

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The first tier with a feasible node; in it, the largest share of cpu free."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        rank = np.array([self._rank(zone) for zone in cluster.zones])
        best = fits & (rank == rank[fits].min())
        return Bind(cluster.argmax(cluster.free_cpu_m / np.maximum(cluster.allocatable_cpu_m, 1), where=best))

    def _rank(self, zone: str) -> int:
        return next((i for i, tier in enumerate(self.tiers) if fnmatchcase(zone, tier)), len(self.tiers))
