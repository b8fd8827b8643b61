"""In which order the pods that are due are tried, where a policy says so."""

from __future__ import annotations

from math import isfinite
from typing import Any

from simulator.control.scheduling.asking import Asker
from simulator.control.scheduling.cycle import pod_view
from simulator.control.scheduling.info import NodeInfo
from simulator.control.scheduling.queue import Queued
from simulator.engine.clock import Clock
from simulator.policy import Order
from simulator.policy.api import OrderFunction


class Ranking:
    """Asks the policy; where it raises, or answers no number, the pod counts by its priority, as in Kubernetes."""

    __slots__ = ("_asker", "_clock", "_info", "_rank")

    def __init__(self, clock: Clock, info: NodeInfo, order: Order | OrderFunction, asker: Asker) -> None:
        self._clock, self._info, self._asker = clock, info, asker
        self._rank = order.rank if isinstance(order, Order) else order

    def __call__(self, item: Queued) -> float:
        """The rank of a pod that becomes due. Raises RunFailed as `Asker.ask` does."""
        pod, attempt = item.pod, item.attempts + 1
        view = pod_view(pod, self._info.profile(pod.template), attempt, self._clock.now)
        rank = self._asker.ask(pod.name, _fault_of, self._rank, view, attempt=attempt)
        return -float(pod.template.priority) if rank is None else float(rank)


def _fault_of(rank: Any) -> str:
    try:
        return "" if isfinite(float(rank)) else f"ranked a pod {rank}"
    except (TypeError, ValueError):
        return f"ranked a pod {rank!r}: a rank is a number"
