"""Moves under way: which node the pod that comes in place of another is meant for."""

from __future__ import annotations

from collections import defaultdict, deque

import numpy as np

from simulator.control.api.objects import Pod
from simulator.control.scheduling.decision import Ask
from simulator.policy import Bind, Reason, Reject


class Moves:
    """By the controller that makes the new pod, or by that pod's name where it has none. Memory of the scheduler."""

    __slots__ = ("_wished",)

    def __init__(self) -> None:
        self._wished: dict[int | str, deque[str]] = defaultdict(deque)

    def wish(self, of: int | str, node: str) -> None:
        """The next pod of this controller (its uid), or the pod of this name, is meant for that node."""
        self._wished[of].append(node)

    def clear(self) -> None:
        """Forget what nobody has taken."""
        self._wished.clear()

    def bind(self, ask: Ask) -> Bind | Reject | None:
        """Where a pod goes that comes in place of another, if its node passes the filters; None: the policy says. The
        twin of a pod that still runs goes there or nowhere."""
        move = ask.cycle.pod.move
        if move is not None:
            row = ask.cycle.info.index.get(move.node)
            if row is None or not np.take(ask.cycle.passing(), row):
                return Reject((Reason("migration", f"{move.node} does not pass the filters"),))
            return Bind(row)
        wished = self._wished.get(wished_by(ask.cycle.pod)) if self._wished else None
        if not wished:
            return None
        row = ask.cycle.info.index.get(wished.popleft())
        return Bind(row) if row is not None and np.take(ask.cycle.passing(), row) else None


def wished_by(pod: Pod) -> int | str:
    """Under what a pod's move is known."""
    return pod.name if pod.owner is None else pod.owner.uid
