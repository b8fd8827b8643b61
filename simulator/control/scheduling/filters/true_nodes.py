"""TrueNodes: with perfect knowledge, a node that is not there takes no pods, whatever is believed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.view import Bools, Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle

_GONE = "node is really down or cut off"


class TrueNodes(Filter):
    """The node is up, in reach, and has room beside what really runs there."""

    events = Event.NODE_ADDED | Event.NODE_TAINTS | Event.POD_REMOVED
    of_template = False

    def passes(self, cycle: Cycle) -> Bools | None:
        """Three comparisons of columns."""
        known, pod = cycle.known, cycle.profile
        if known is None:
            return None
        return known.up & _room(pod.cpu_m, known.free_cpu_m) & _room(pod.ram_bytes, known.free_ram_bytes)

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """Both may change."""
        assert cycle.known is not None
        text = "Really insufficient cpu or memory" if cycle.known.up[row] else _GONE
        return (self._because(cycle, row, text, "not now"),)


def _room(wanted: int, free: Ints) -> Bools:
    return (free >= wanted) | (wanted == 0)
