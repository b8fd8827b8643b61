"""Karmada's Aggregated: over as few members as possible.

Idea: members with copies first, then the largest, until they hold what is missing. Complexity: O(replicas · members)
numpy. Caveats: what a member loses when it is lost is most of a workload; sums hide fragments.
"""

from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Wait, WorkloadView
from simulator.policy.division import aggregated


class Aggregated(ClusterPolicy):
    """Fewest members."""

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """The shortest list of members that holds it."""
        room = members.available(workload)
        found = aggregated(workload.replicas, room, members.replicas, backwards=workload.backwards)
        return Wait() if found is None else Divide(found)
