"""The node on which a pod's work emits the least carbon now; pods that can wait, wait for a cleaner hour.

Idea: joules of the work there (watts of a core over its speed) times the intensity of the node's grid. Who has
`patience` waits, since it was created, for an intensity of at most `below` (Wiesner et al., "Let's wait awhile",
Middleware 2021, doi 10.1145/3464298.3493399). Complexity: O(nodes) numpy.
Caveats: knows the present, no forecast; a node on a battery counts as free of carbon, whatever charged it. A pod that
waits is asked about again when the scheduler retries it: in Kubernetes, after five minutes.
"""

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Reason, Wait


class CarbonAware(Placement):
    """The feasible node with the fewest grams a unit of work. `below` in g/kWh, `patience` in seconds."""

    needs = ("carbon",)

    def __init__(self, below: float = 0.0, patience: float = 0.0) -> None:
        if below < 0 or patience < 0:
            raise ValueError("below and patience are from 0 up")
        self.below, self.patience = below, patience

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The cleanest that will do, the first of equals, if it is clean enough or the pod's patience is over."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        intensity = cluster.carbon_g_per_kwh
        if pod.waiting_s < self.patience:
            if not (fits & (intensity <= self.below)).any():
                return Wait((Reason("CarbonAware", f"no grid is at or below {self.below:g} g/kWh"),))
            fits = fits & (intensity <= self.below)
        grams = intensity * cluster.core_w / cluster.speed
        return Bind(cluster.argmin(grams, where=fits))
