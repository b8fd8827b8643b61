"""NodeName: a pod that names its node."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle


class NodeName(Filter):
    """The template's `node_name`, where it is set: a DaemonSet's pods name theirs."""

    events = Event.NODE_ADDED
    by_node = True
    text = "node(s) didn't match the requested node name"

    def passes(self, cycle: Cycle) -> Bools | None:
        """O(1), and one column."""
        wanted = cycle.template.node_name
        if not wanted:
            return None
        passes = np.zeros(len(cycle.info.names), np.bool_)
        row = cycle.info.index.get(wanted)
        if row is not None:
            passes[row] = True
        return passes

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """A name does not change."""
        return (self._because(cycle, row, self.text, "never"),)
