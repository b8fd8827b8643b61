"""The node nearest to who will ask: the shortest way, by the map of the network.

Idea: place a service where its requests come from, as network-aware schedulers do (Santos et al., NetSoft 2019,
doi 10.1109/NETSOFT.2019.8806671). `to` is a node or a zone. Complexity: O(nodes) numpy, and once O(nodes) routes.
Caveats: knows the map, not the queues or cuts of the moment; fills the nearest nodes first.
"""

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class LatencyAware(Placement):
    """The feasible node with the least latency."""

    def __init__(self, to: str) -> None:
        self.to = to

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The nearest that will do; the first of equals."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        return Bind(cluster.argmin(cluster.latency_s(self.to), where=fits))
