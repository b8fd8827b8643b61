"""Which running pods move to other nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.policy.decision import Migrate
from simulator.policy.placed import PlacedView
from simulator.policy.view import ClusterView


class Rescheduling:
    """Moves pods that were placed well once. The constructor only stores its parameters.

    Asked every `every_s` simulated seconds, while the scheduler runs; Kubernetes' descheduler runs every 2 min as its
    Helm chart sets it (`schedule: "*/2 * * * *"`). The `ClusterView` answers about no pod: `placed.feasible` does.
    """

    every_s: float = 120.0

    def moves(self, cluster: ClusterView, placed: PlacedView) -> Sequence[Migrate]:
        """The moves of this round; empty: none. Each names a placed pod once, and a row other than its own that is
        feasible for it by itself, moved so. A pod of a DaemonSet, or of a function, cannot move; one that ends by
        itself moves cold alone. Anything else is a policy error, and nothing moves in this round."""
        raise NotImplementedError


ReschedulingFunction = Callable[[ClusterView, PlacedView], Sequence[Migrate]]
