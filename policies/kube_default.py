"""The default kube-scheduler: the feasible node with the highest weighted score, ties broken uniformly.

Idea: filter and score as the orchestrator's page says, as in kube-scheduler's schedule_one.go (selectHost).
Complexity: O(nodes) numpy. Caveat: where a cluster is large, only a sample of its nodes is examined.
"""

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class KubeDefault(Placement):
    """Where Kubernetes would put it."""

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The best by score; among equals, by lot."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        scores = cluster.scores(pod, fits)
        best = fits & (scores == scores[fits].max())
        return Bind(cluster.argmax(cluster.uniform("tie"), where=best))
