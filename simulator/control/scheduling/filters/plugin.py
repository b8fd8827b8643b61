"""A user's filter among Kubernetes' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator import policy
from simulator.control.scheduling.events import ANYTHING
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle


class PluginFilter(Filter):
    """Asks the plug-in, and holds its answer to be a column. Any event may change its mind."""

    events = ANYTHING

    def __init__(self, plugin: policy.Filter) -> None:
        self._plugin = plugin

    @property
    def name(self) -> str:
        """The plug-in's class."""
        return type(self._plugin).__name__

    def passes(self, cycle: Cycle) -> Bools | None:
        """Raises TypeError for an answer that is no boolean column over the nodes."""
        answer = self._plugin.passes(cycle.pod_view, cycle.view())
        if not isinstance(answer, np.ndarray) or answer.dtype != np.bool_ or answer.shape != (len(cycle.info.names),):
            raise TypeError(f"filter {self.name} answered {answer!r}: it must be a boolean column, a row per node")
        return answer

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """The plug-in's own words."""
        return (self._plugin.why_not(cycle.pod_view, cycle.view(), row),)
