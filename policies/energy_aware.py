"""The node on which a pod's work takes the least energy.

Idea: what a placement adds is the power of its busy cores for as long as its work takes there: watts of a core over
its speed, in joules a second of work on the reference core. It is the least increase of power of the power-aware best
fit (Beloglazov, Abawajy, Buyya, Future Generation Computer Systems 28(5), 2012, doi 10.1016/j.future.2011.04.017).
`keep`: the share of a node's CPU that stays free (a node past it is taken only where no other will do), so that the
thriftiest is not filled to the brim. Complexity: O(nodes) numpy.
Caveats: machines are never switched off, so what is idle costs the same wherever a pod goes.
"""

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait


class EnergyAware(Placement):
    """The feasible node with the fewest joules a unit of work."""

    def __init__(self, keep: float = 0.0) -> None:
        if not 0 <= keep < 1:
            raise ValueError("keep is a share of a node, from 0 to below 1")
        self.keep = keep

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The thriftiest that will do; the first of equals."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        roomy = fits & (cluster.free_cpu_m - pod.cpu_m >= self.keep * cluster.allocatable_cpu_m)
        joules = cluster.core_w / cluster.speed
        return Bind(cluster.argmin(joules, where=roomy if roomy.any() else fits))
