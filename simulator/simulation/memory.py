"""The working set of pods follows the requests in them, as often as a kubelet looks at its memory."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from simulator.engine.clock import Clock
from simulator.runtime.agent import NodeAgent
from simulator.runtime.pod_run import PodRun
from simulator.traffic.plane import RequestPlane


class RequestMemory:
    """Looks each `period_ns` at the pods whose processes hold memory for each request, and only at those.

    Between two looks a working set stays what it was: a peak shorter than the period can be missed, as it can be by
    the kubelet's own statistics.
    """

    __slots__ = ("_clock", "_period_ns", "_plane", "_pods", "_ticking")

    def __init__(self, clock: Clock, agents: Iterable[NodeAgent], plane: RequestPlane, period_ns: int) -> None:
        self._clock, self._plane, self._period_ns = clock, plane, period_ns
        self._pods: dict[int, NodeAgent] = {}
        self._ticking = False
        for agent in agents:
            agent.serving_hooks.append(partial(self._serving, agent))

    def _serving(self, agent: NodeAgent, run: PodRun, up: bool, _how: str) -> None:
        if not up:
            self._pods.pop(run.uid, None)
        elif any(c.ram_per_request_bytes for c in run.template.containers):
            self._pods[run.uid] = agent
            if not self._ticking:
                self._ticking = True
                self._clock.after(self._period_ns, self._look)

    def _look(self) -> None:
        self._ticking = bool(self._pods)
        for uid, agent in tuple(self._pods.items()):
            agent.set_in_flight(uid, self._plane.in_flight(uid))
        if self._ticking:
            self._clock.after(self._period_ns, self._look)
