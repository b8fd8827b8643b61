"""TaintToleration, the filter: NoSchedule and NoExecute taints that the pod does not tolerate."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.control.api.objects import Taint
    from simulator.control.scheduling.belief import NodeBelief
    from simulator.control.scheduling.cycle import Cycle
    from simulator.world.pod import PodTemplate, Toleration

_CONDITIONS = "node.kubernetes.io/"  # taints that the control plane sets and takes away by itself


class TaintToleration(Filter):
    """Every such taint must be tolerated."""

    events = Event.NODE_ADDED | Event.NODE_TAINTS

    def passes(self, cycle: Cycle) -> Bools | None:
        """O(changed nodes)."""
        return cycle.info.row_column(cycle.profile, self.name, _make, np.bool_)

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """The first taint that stands in the way; a condition's taint will go with the condition."""
        taint = untolerated(cycle.info.nodes[row].taints, cycle.template.tolerations)
        if taint is None:
            return ()
        key, value, _ = taint
        text = f"node(s) had untolerated taint {{{key}: {value}}}"
        return (self._because(cycle, row, text, "not now" if key.startswith(_CONDITIONS) else "never"),)


def _make(template: PodTemplate) -> tuple[tuple[Toleration, ...], Callable[[NodeBelief], bool]]:
    return template.tolerations, lambda node: untolerated(node.taints, template.tolerations) is None


def untolerated(taints: tuple[Taint, ...], tolerations: tuple[Toleration, ...]) -> Taint | None:
    """The first taint that keeps the pod away."""
    for taint in taints:
        if taint[2] in ("NoSchedule", "NoExecute") and not any(t.tolerates(taint) for t in tolerations):
            return taint
    return None
