"""NodeAffinity, the filter: the nodeSelector and the required node affinity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter
from simulator.policy import Reason
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from simulator.control.scheduling.belief import NodeBelief
    from simulator.control.scheduling.cycle import Cycle
    from simulator.world.pod import PodTemplate


class NodeAffinity(Filter):
    """All of the selector's labels, and one of the affinity's terms."""

    events = Event.NODE_ADDED | Event.NODE_LABELS
    by_node = True
    text = "node(s) didn't match Pod's node affinity/selector"

    def passes(self, cycle: Cycle) -> Bools | None:
        """O(changed nodes)."""
        return allowed(cycle)

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """Labels do not change by themselves."""
        return (self._because(cycle, row, self.text, "never"),)


def allowed(cycle: Cycle) -> Bools | None:
    """A column: which nodes the pod's selector and required affinity allow; None where it has neither."""
    if not cycle.template.node_selector and not cycle.template.node_affinity:
        return None
    return cycle.info.row_column(cycle.profile, "NodeAffinity", _make, np.bool_)


def _make(template: PodTemplate) -> tuple[Hashable, Callable[[NodeBelief], bool]]:
    def passes(node: NodeBelief) -> bool:
        return matches(template, node.labels)

    return (tuple(sorted(template.node_selector.items())), template.node_affinity), passes


def matches(template: PodTemplate, labels: Mapping[str, str]) -> bool:
    """Whether a node's labels meet the pod's selector and required affinity."""
    if any(labels.get(key) != value for key, value in template.node_selector.items()):
        return False
    terms = template.node_affinity
    return not terms or any(bool(term) and all(r.matches(labels) for r in term) for term in terms)
