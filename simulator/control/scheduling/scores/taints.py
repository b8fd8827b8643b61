"""TaintToleration, the score: fewer PreferNoSchedule taints that the pod does not tolerate are better."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.scores.base import Score, share_of_largest
from simulator.policy.view import Ints

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.control.scheduling.belief import NodeBelief
    from simulator.control.scheduling.cycle import Cycle
    from simulator.world.pod import PodTemplate, Toleration


class TaintToleration(Score):
    """100 less the node's share of the largest number of such taints."""

    def scores(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """O(changed nodes), and a column."""
        return share_of_largest(
            cycle.info.row_column(cycle.profile, "PreferNoSchedule", _make, np.int64)[rows], less_is_better=True
        )


def _make(template: PodTemplate) -> tuple[tuple[Toleration, ...], Callable[[NodeBelief], int]]:
    tolerations = tuple(t for t in template.tolerations if t.effect in ("", "PreferNoSchedule"))

    def intolerable(node: NodeBelief) -> int:
        return sum(
            taint[2] == "PreferNoSchedule" and not any(t.tolerates(taint) for t in tolerations) for taint in node.taints
        )

    return tolerations, intolerable
