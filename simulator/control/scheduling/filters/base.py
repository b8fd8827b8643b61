"""What a filter is to the scheduler."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.policy import Reason
from simulator.policy.view import Bools, Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle


def all_of(columns: Sequence[Bools]) -> Bools:
    """The conjunction of one or more columns."""
    every: Bools = np.logical_and.reduce(columns)
    return every


class Filter:
    """One condition. Without state: what it caches lives in NodeInfo."""

    events: ClassVar[Event]  # which can turn its no into a yes
    by_node: ClassVar[bool] = False  # whether the node's own agent checks it too before it admits a pod
    of_template: ClassVar[bool] = True  # whether it reads nothing but the pod's template and NodeInfo
    text: ClassVar[str] = ""  # why not, where that is the same for every node

    @property
    def name(self) -> str:
        """As Kubernetes calls it."""
        return type(self).__name__

    def passes(self, cycle: Cycle) -> Bools | None:
        """A column, not to be written to; None where every node passes."""
        raise NotImplementedError

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """Why the node in this row, which does not pass, does not. Computed on demand."""
        raise NotImplementedError

    def tally(self, cycle: Cycle, rows: Ints) -> Counter[str]:
        """How many of these nodes, which it refuses, it refuses for which reason."""
        if self.text:
            return Counter({self.text: len(rows)})
        return Counter(reason.text for row in rows for reason in self.reasons(cycle, int(row)))

    def _because(self, cycle: Cycle, row: int, text: str, when: Literal["not now", "never"]) -> Reason:
        return Reason(self.name, text, when, cycle.info.names[row])
