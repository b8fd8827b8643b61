"""The room that preemption has cleared is for the pod that it was cleared for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter
from simulator.control.scheduling.filters.fit import fits
from simulator.control.scheduling.supposing import supposing
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle


class NominatedPods(Filter):
    """Nominated pods of at least the same priority count as placed, in kube-scheduler's second run of its filters."""

    events = Event.NODE_ADDED | Event.NODE_ALLOCATABLE | Event.POD_REMOVED | Event.POD_PLACED
    of_template = False
    text = "Insufficient room beside nominated pods"

    def passes(self, cycle: Cycle) -> Bools | None:
        """None where nobody is nominated; else only the nodes of the nominated are looked at."""
        info, priority = cycle.info, cycle.template.priority
        coming = {
            uid: pod
            for uid, pod in info.nominated.items()
            if uid != cycle.pod.uid and pod.profile.template.priority >= priority and pod.node in info.index
        }
        if not coming:
            return None
        passes = np.ones(len(info.names), np.bool_)
        for name in dict.fromkeys(pod.node for pod in coming.values()):
            row = info.index[name]
            with supposing(info, row, come=[pod for pod in coming.values() if pod.node == name]):
                passes[row] = fits(info, cycle.profile, row)
        return passes

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """One for the whole node."""
        return (self._because(cycle, row, self.text, "not now"),)
