"""The one decision point: the scheduler asks, a policy, an agent or a notebook answers."""

from __future__ import annotations

import traceback
from collections import Counter
from operator import index
from typing import Any, Final

import numpy as np

from simulator.control.scheduling.cycle import Cycle
from simulator.control.scheduling.filters import FILTERS
from simulator.control.scheduling.queue import Queued
from simulator.policy import Bind, ClusterView, Decision, PodView, Reason, Reject, Wait
from simulator.policy.view import Bools

_NOWHERE: Final = (Wait, Reject)
_NO_ROWS: Final = (bool, np.bool_)
_AGENTS_FILTERS: Final = tuple(kind() for kind in FILTERS.values() if kind.by_node)


class Ask:
    """Where does this pod go? Answered once."""

    __slots__ = ("_cluster", "cycle", "item", "of_policy", "withdrawn")

    def __init__(self, cycle: Cycle, item: Queued, cluster: ClusterView | None = None, withdrawn: int = 0) -> None:
        self.cycle = cycle
        self.item = item
        self.of_policy = True  # whether the answer is, and neither that of a move nor the default's in its place
        self.withdrawn = withdrawn  # pods that have left the queue without an answer so far: deleted, or bound so
        self._cluster = cluster

    @property
    def cluster(self) -> ClusterView:
        """The nodes as they are believed at this moment. Made when it is first looked at, before the answer."""
        if self._cluster is None:
            self._cluster = self.cycle.view()
        return self._cluster

    @property
    def pod(self) -> PodView:
        """The pod that is to be placed."""
        return self.cycle.pod_view

    @property
    def subject(self) -> str:
        """Whom it is about, by name."""
        return self.cycle.pod.name

    def feasible(self) -> Bools:
        """`cluster.feasible(pod)`: a read-only column, which of the examined nodes pass the orchestrator's filters."""
        return self.cycle.feasible()

    def without_plugins(self) -> None:
        """Ask again, by the orchestrator's own filters and scores."""
        self.cycle, self.of_policy = self.cycle.without_plugins(), False
        self._cluster = None


def fault_of(answer: Any, ask: Ask) -> str:
    """What is wrong with an answer; empty if nothing is.

    A pod may be bound only where the node's own agent would admit it: with room (NodeResourcesFit), and by its name,
    its node affinity and its ports. Taints, spread and the affinity of pods are the policy's own choice.
    """
    if isinstance(answer, _NOWHERE):
        return ""
    if not isinstance(answer, Bind):
        known = "a decision is Bind, Wait or Reject"
        if isinstance(answer, Decision):
            return f"answered {type(answer).__name__}, which this orchestrator does not offer: {known}"
        return f"answered {answer!r}, a {type(answer).__name__}: {known}"
    try:
        row = -1 if isinstance(answer.node, _NO_ROWS) else index(answer.node)
    except TypeError:
        row = -1
    if not 0 <= row < len(ask.cluster):
        return f"bound to row {answer.node!r} of {len(ask.cluster)}"
    reasons = _refused_by_agent(ask.cycle, row)
    if reasons:
        return f"bound to {ask.cluster.names[row]}, which would not admit it: {'; '.join(reasons)}"
    info, needs = ask.cycle.info, ask.cycle.profile.needs
    if answer.devices and not info.devices.can_give(row, needs, answer.devices):
        return f"bound to {ask.cluster.names[row]} with devices that it cannot have there: {dict(answer.devices)}"
    return ""


def _refused_by_agent(cycle: Cycle, row: int) -> list[str]:
    """Why the node's agent would refuse the pod."""
    if cycle.knows_feasible(row):
        return []
    refusing = [each for each in _AGENTS_FILTERS if (column := each.passes(cycle)) is not None and not column[row]]
    return [reason.text for each in refusing for reason in each.reasons(cycle, row)]


def fault_in(error: BaseException) -> str:
    """An exception in a policy as one line: what it is, and in which function and line it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return f"raised {type(error).__name__}: {error}{where}"


def said(reasons: tuple[Reason, ...]) -> str:
    """Reasons as one line, equal ones counted."""
    counts = Counter(reason.text for reason in reasons)
    return "; ".join(f"{n} {text}" if n > 1 else text for text, n in counts.items())


def counted(cycle: Cycle) -> str:
    """Kubernetes' words: 0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu."""
    left, counts = np.ones(len(cycle.info.names), np.bool_), Counter[str]()
    for each, column in cycle.verdict().answers:
        rows = np.flatnonzero(left & ~column)
        if len(rows):
            counts += each.tally(cycle, rows)
        left &= column
    text = ", ".join(sorted(f"{n} {text}" for text, n in counts.items()))
    return f"{int(np.count_nonzero(left))}/{len(left)} nodes are available" + (f": {text}" if text else "")
