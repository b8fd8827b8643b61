"""NodeAffinity, the score: the weights of the preferred terms that the node meets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.scores.base import Score, share_of_largest
from simulator.policy.view import Ints

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from simulator.control.scheduling.belief import NodeBelief
    from simulator.control.scheduling.cycle import Cycle
    from simulator.world.pod import PodTemplate


class NodeAffinity(Score):
    """The node's share of the largest sum of weights."""

    def scores(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """O(changed nodes), and a column; nothing where the pod prefers nothing."""
        if not cycle.template.node_preferences:
            return None
        return share_of_largest(cycle.info.row_column(cycle.profile, "preferences", _make, np.int64)[rows])


def _make(template: PodTemplate) -> tuple[Hashable, Callable[[NodeBelief], int]]:
    def weight(node: NodeBelief) -> int:
        return sum(
            weight
            for weight, term in template.node_preferences
            if term and all(requirement.matches(node.labels) for requirement in term)
        )

    return template.node_preferences, weight
