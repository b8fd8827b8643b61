"""NodeUnschedulable: a cordoned node takes no new pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.control.scheduling.belief import NodeBelief
    from simulator.control.scheduling.cycle import Cycle
    from simulator.world.pod import PodTemplate

_TAINT = ("node.kubernetes.io/unschedulable", "", "NoSchedule")  # which a pod may tolerate (DaemonSets do)


class NodeUnschedulable(Filter):
    """spec.unschedulable, unless the pod tolerates the taint that stands for it."""

    events = Event.NODE_ADDED | Event.NODE_TAINTS
    text = "node(s) were unschedulable"

    def passes(self, cycle: Cycle) -> Bools | None:
        """O(changed nodes)."""
        return cycle.info.row_column(cycle.profile, self.name, _make, np.bool_)

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """The node may be uncordoned."""
        return (self._because(cycle, row, self.text, "not now"),)


def tolerated(template: PodTemplate) -> bool:
    """Whether the pod may go to a cordoned node."""
    return any(t.tolerates(_TAINT) for t in template.tolerations)


def _make(template: PodTemplate) -> tuple[bool, Callable[[NodeBelief], bool]]:
    goes = tolerated(template)
    return goes, lambda node: goes or not node.unschedulable
