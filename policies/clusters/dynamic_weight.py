"""Karmada's dynamic weight: in proportion to the copies that still fit.

Idea: Divided, Weighted by AvailableReplicas; what is there stays, only what is missing is divided. Complexity:
O(replicas · members) numpy. Caveats: what fits is the last reported sum of each member, which is old behind a bad link,
and hides that no single node may have that room.
"""

from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Wait, WorkloadView
from simulator.policy.division import dynamic_weight


class DynamicWeight(ClusterPolicy):
    """By available replicas."""

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """Webster's method over what fits."""
        room = members.available(workload)
        found = dynamic_weight(workload.replicas, room, members.replicas, backwards=workload.backwards)
        return Wait() if found is None else Divide(found)
