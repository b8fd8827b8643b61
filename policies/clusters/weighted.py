"""Karmada's default: by fixed weights, equal where none are given.

Idea: Divided, Weighted with a static weight list; Webster's method hands out the remainders. All copies are divided
anew whenever their number changes. Complexity: O(replicas · members) numpy. Caveats: looks neither at what fits nor at
how old the belief is; a member that is not feasible loses its share to the others.
"""

from collections.abc import Mapping

import numpy as np

from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Wait, WorkloadView
from simulator.policy.division import static_weight


class Weighted(ClusterPolicy):
    """`weights` by member; who is not named gets nothing. Without any, all are equal."""

    def __init__(self, weights: Mapping[str, int] | None = None) -> None:
        self.weights = weights

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """Webster's method over the feasible members."""
        given = self.weights or dict.fromkeys(members.names, 1)
        weights = np.array([given.get(name, 0) for name in members.names], np.int64) * members.feasible
        if not weights.any():
            return Wait()
        return Divide(static_weight(workload.replicas, weights, backwards=workload.backwards))
