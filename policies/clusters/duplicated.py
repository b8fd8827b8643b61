"""Karmada's Duplicated: every feasible member runs all copies.

Idea: one whole service at each site, which asks nobody for anything when it is cut off. Complexity: O(members).
Caveat: costs as many copies as there are members, whether they fit or not.
"""

import numpy as np

from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Wait, WorkloadView


class Duplicated(ClusterPolicy):
    """All copies everywhere."""

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """The wanted number for each."""
        if not members.feasible.any():
            return Wait()
        return Divide(np.where(members.feasible, workload.replicas, 0), duplicated=True)
