"""NodePorts: a host port can be had once per node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter, all_of
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.profile import Count


class NodePorts(Filter):
    """None of the pod's host ports is taken. Protocols and host addresses are not told apart."""

    events = Event.NODE_ADDED | Event.POD_REMOVED
    by_node = True

    def passes(self, cycle: Cycle) -> Bools | None:
        """A column for each of the pod's ports."""
        ports = cycle.profile.ports
        if not ports:
            return None
        return all_of([_takers(cycle, port).values == 0 for port in ports])

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """Another pod has the port, and may go."""
        return (self._because(cycle, row, "node(s) didn't have free ports for the requested pod ports", "not now"),)


def _takers(cycle: Cycle, port: int) -> Count:
    return cycle.info.count(("port", port), lambda profile: port in profile.ports)
