"""The first node that has room, in the order in which the nodes joined.

Idea: the oldest heuristic of bin packing; it never opens a bin that it does not need, and at worst needs 1.7 times as
many as the best packing (Johnson et al. 1974, doi 10.1137/0203025, one resource). Complexity: O(nodes) numpy. Caveats:
looks at requests, not at use; the first nodes carry everything.
"""

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class FirstFit(Placement):
    """The feasible node with the lowest row."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The first that will do."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        return Bind(cluster.argmax(fits, where=fits))
