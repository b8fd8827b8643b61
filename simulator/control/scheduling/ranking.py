"""In which order the pods that are due are tried, where a policy says so."""

from __future__ import annotations

from math import isfinite

from simulator.control.scheduling.cycle import pod_view
from simulator.control.scheduling.decision import fault_in
from simulator.control.scheduling.info import NodeInfo
from simulator.control.scheduling.queue import Queued
from simulator.engine.clock import Clock
from simulator.errors import RunFailed
from simulator.policy import Order
from simulator.policy.api import OrderFunction
from simulator.record.buffer import Recorder
from simulator.units import seconds


class Ranking:
    """Asks the policy; where it raises, or answers no number, the pod counts by its priority, as in Kubernetes."""

    __slots__ = ("_clock", "_info", "_rank", "_recorder", "_stops")

    def __init__(
        self, clock: Clock, recorder: Recorder, info: NodeInfo, order: Order | OrderFunction, *, stops: bool
    ) -> None:
        self._clock, self._recorder, self._info = clock, recorder, info
        self._rank = order.rank if isinstance(order, Order) else order
        self._stops = stops

    def __call__(self, item: Queued) -> float:
        """The rank of a pod that becomes due. Raises RunFailed where an error of the policy is to stop the run."""
        pod = item.pod
        try:
            rank = float(
                self._rank(pod_view(pod, self._info.profile(pod.template), item.attempts + 1, self._clock.now))
            )
            fault = "" if isfinite(rank) else f"ranked a pod {rank}"
        except (Exception, SystemExit) as error:
            rank, fault = 0.0, fault_in(error)
        if not fault:
            return rank
        self._recorder.events.add(self._clock.now, "PolicyError", pod.name, "", fault)
        if self._stops:
            raise RunFailed(f"policy error at {seconds(self._clock.now):g} s, pod {pod.name}: {fault}")
        return -float(pod.template.priority)
