"""A user's filter among Kubernetes' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator import policy
from simulator.control.scheduling.events import ANYTHING
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.api import FilterFunction
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle


class PluginFilter(Filter):
    """Asks the plug-in, or the function, and holds its answer to be a column. Any event may change its mind."""

    events = ANYTHING

    def __init__(self, plugin: policy.Filter | FilterFunction) -> None:
        self._plugin = plugin
        self._passes: FilterFunction = plugin.passes if isinstance(plugin, policy.Filter) else plugin

    @property
    def name(self) -> str:
        """The plug-in's class, or the function's name."""
        return str(getattr(self._plugin, "__name__", type(self._plugin).__name__))

    def passes(self, cycle: Cycle) -> Bools | None:
        """Raises TypeError for an answer that is no boolean column over the nodes."""
        answer = self._passes(cycle.pod_view, cycle.view())
        if not isinstance(answer, np.ndarray) or answer.dtype != np.bool_ or answer.shape != (len(cycle.info.names),):
            raise TypeError(f"filter {self.name} answered {answer!r}: it must be a boolean column, a row per node")
        return answer

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """The plug-in's own words."""
        if isinstance(self._plugin, policy.Filter):
            return (self._plugin.why_not(cycle.pod_view, cycle.view(), row),)
        return (self._because(cycle, row, "did not pass", "not now"),)
