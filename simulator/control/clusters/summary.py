"""What there is and what is taken in a member, as its nodes and pods say: the resource summary of its status.

The sums are kept up to date and their changes remembered, so that a status of any moment is looked up, never collected:
a healthy member's statuses cost no events.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
from numpy.typing import NDArray

from simulator.control.api.objects import ApiObject, Node, Pod
from simulator.control.api.server import ApiServer
from simulator.engine.clock import Clock

# The columns of a summary.
CPU, RAM, PODS, USED_CPU, USED_RAM, USED_PODS = range(6)


class Summary:
    """Sums over all registered nodes of one member, whatever their state, and over its pods that have not ended, bound
    or not: what Karmada calls allocatable, and allocated with allocating. cpu in millicores, ram in bytes."""

    __slots__ = ("_clock", "_nodes", "_now", "_pods", "_rows", "_times")

    def __init__(self, clock: Clock, server: ApiServer) -> None:
        self._clock = clock
        self._nodes: dict[str, tuple[int, int, int]] = {}
        self._pods: dict[int, tuple[int, int]] = {}
        self._now = [0] * 6
        self._times: list[int] = []
        self._rows: list[tuple[int, ...]] = []
        for node in server.list(Node):
            self._node_changed("ADDED", node)
        for pod in server.list(Pod):
            self._pod_changed("ADDED", pod)
        server.watch(Node, self._node_changed)
        server.watch(Pod, self._pod_changed)
        self._remember()

    def at(self, time: int) -> NDArray[np.int64]:
        """The summary as it was at `time` (ns): six sums, see the columns above."""
        return np.array(self._rows[max(0, bisect_right(self._times, time) - 1)], np.int64)

    def _node_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Node)
        new = (0, 0, 0)
        if event != "DELETED":
            new = (obj.allocatable_cpu_m, obj.allocatable_ram_bytes, obj.max_pods)
        old = self._nodes.get(obj.name, (0, 0, 0))
        if new != old:
            self._nodes[obj.name] = new
            self._add(CPU, *(b - a for a, b in zip(old, new, strict=True)))

    def _pod_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Pod)
        ended = event == "DELETED" or obj.phase in ("Succeeded", "Failed")
        known = self._pods.get(obj.uid)
        if ended and known is not None:
            del self._pods[obj.uid]
            self._add(USED_CPU, -known[0], -known[1], -1)
        elif not ended and known is None:
            asks = self._pods[obj.uid] = (obj.template.cpu_m, obj.template.ram_bytes)
            self._add(USED_CPU, *asks, 1)

    def _add(self, first: int, cpu: int, ram: int, pods: int) -> None:
        for column, change in enumerate((cpu, ram, pods), first):
            self._now[column] += change
        self._remember()

    def _remember(self) -> None:
        now = self._clock.now
        if self._times and self._times[-1] == now:
            self._rows[-1] = tuple(self._now)
        else:
            self._times.append(now)
            self._rows.append(tuple(self._now))
