"""Each copy to the member with the largest share of cpu still free.

Idea: worst fit, one copy after the other, as least-loaded does it with nodes. Complexity: O(replicas · members) numpy.
Caveats: what is free is what was last reported; copies that are there stay where they are.
"""

import numpy as np

from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Wait, WorkloadView
from simulator.policy.division import dynamic_weight


class LeastLoaded(ClusterPolicy):
    """Worst fit by the free share of cpu."""

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """Fill up the emptiest member, again and again."""
        given, room = members.replicas.copy(), members.available(workload)
        if given.sum() > workload.replicas:
            shrunk = dynamic_weight(workload.replicas, room, given)
            return Wait() if shrunk is None else Divide(shrunk)
        if room.sum() < workload.replicas - given.sum():
            return Wait()
        free, whole = members.free_cpu_m.astype(float), np.maximum(members.allocatable_cpu_m, 1)
        for _ in range(workload.replicas - int(given.sum())):
            row = np.argmax(np.where(room > 0, free / whole, -np.inf))
            given[row], room[row] = given[row] + 1, room[row] - 1
            free[row] -= max(workload.cpu_m, 1)
        return Divide(given)
