"""NodePorts: a host port can be had once per node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter, all_of
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.info import NodeInfo
    from simulator.control.scheduling.profile import Count


class NodePorts(Filter):
    """None of the pod's host ports is taken. Protocols and host addresses are not told apart."""

    events = Event.NODE_ADDED | Event.POD_REMOVED
    by_node = True
    text = "node(s) didn't have free ports for the requested pod ports"

    def passes(self, cycle: Cycle) -> Bools | None:
        """A column for each of the pod's ports."""
        ports = cycle.profile.ports
        if not ports:
            return None
        return all_of([takers(cycle.info, port).values == 0 for port in ports])

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """Another pod has the port, and may go."""
        return (self._because(cycle, row, self.text, "not now"),)


def takers(info: NodeInfo, port: int) -> Count:
    """The count of pods that have the host port."""
    return info.count(("port", port), lambda profile: port in profile.ports)
