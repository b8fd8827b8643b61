"""What nodes really are, for a scheduler that is to know it: a bound, which no controller of a real system reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator.control.delivery.reach import OK, Reach
from simulator.control.scheduling.info import NodeInfo
from simulator.policy.view import Bools, Ints
from simulator.runtime.agent import NodeAgent


@dataclass(frozen=True, slots=True)
class Known:
    """Columns over the nodes of a `NodeInfo`, read-only. `up`: there is power, the agent runs, and the way between it
    and the API server is open. Free: allocatable less what is asked for by pods that are counted there and have not
    ended, and by those that run there though nobody counts them any more."""

    up: Bools
    free_cpu_m: Ints
    free_ram_bytes: Ints


class Truth:
    """The machines and agents of one cluster. O(nodes + pods) Python for each look."""

    __slots__ = ("_agents", "_reach", "_rows")

    def __init__(self, reach: Reach, agents: Mapping[int, NodeAgent]) -> None:
        self._reach = reach
        self._agents = {agent.name: agent for agent in agents.values()}
        self._rows = {agents[index].name: row for row, index in enumerate(reach.rows)}

    def tell(self, changed: Callable[[], None]) -> None:
        """Call this after nodes have come or gone, or their ways have."""
        self._reach.tell(lambda _rows, _booted: changed())

    def look(self, info: NodeInfo) -> Known:
        """How it is now."""
        up = self._reach.state[[self._rows[name] for name in info.names]] == OK
        cpu, ram = info.free_cpu_m.copy(), info.free_ram_bytes.copy()
        for row, name in enumerate(info.names):
            for run in self._agents[name].running():
                counted = info.placed.get(run.uid)
                if counted is None or counted.node != name:
                    cpu[row] -= run.template.cpu_m
                    ram[row] -= run.template.ram_bytes
        for uid, pod in info.placed.items():
            run_of = self._agents[pod.node].find(uid) if pod.node in info.index else None
            if run_of is not None and run_of.finished:
                cpu[info.index[pod.node]] += pod.profile.cpu_m
                ram[info.index[pod.node]] += pod.profile.ram_bytes
        for column in (up, cpu, ram):
            column.flags.writeable = False
        return Known(up, cpu, ram)
