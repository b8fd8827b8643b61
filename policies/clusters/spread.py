"""Spread constraints: over at least `least` and at most `most` members, those with copies and with room first.

Idea: Karmada's spreadConstraints by cluster, then a division by what fits in the chosen members. Complexity:
O(replicas · members) numpy. Caveat: with too few feasible members nothing is placed at all, however much fits.
"""

import numpy as np

from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Wait, WorkloadView
from simulator.policy.division import dynamic_weight, select


class Spread(ClusterPolicy):
    """minGroups and maxGroups; without a maximum, all that are feasible."""

    def __init__(self, least: int = 2, most: int | None = None) -> None:
        self.least = least
        self.most = most

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """Choose the members, then divide over them: one copy each, and the rest by what fits."""
        room, now = members.available(workload), members.replicas
        hold = room + now
        chosen = select(
            workload.replicas, members.feasible & (hold > 0), hold, 100.0 * (now > 0), least=self.least, most=self.most
        )
        if chosen is None:
            return Wait()
        kept = np.where(chosen, now, 0)
        first = np.where(chosen & (kept == 0), 1, 0)
        if kept.sum() + first.sum() <= workload.replicas:
            kept = kept + first
        found = dynamic_weight(workload.replicas, np.where(chosen, hold - kept, 0), kept, backwards=workload.backwards)
        return Wait() if found is None else Divide(found)
