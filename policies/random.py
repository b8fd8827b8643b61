"""Any node that will do, each with the same probability.

Idea: the baseline that every comparison should hold; what a policy gains, it gains over this one. Complexity:
O(nodes) numpy. Caveat: fixed by the run's seed, so a run is repeatable; another seed is another placement.
"""

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class Random(Placement):
    """Uniform over the feasible nodes."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The feasible node that drew the largest number."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        return Bind(cluster.argmax(cluster.uniform("random"), where=fits))
