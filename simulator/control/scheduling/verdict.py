"""What filters say of one template: of all its pods the same, for as long as belief does not change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import ANYTHING, NOTHING, Event
from simulator.policy.view import Bools

if TYPE_CHECKING:
    from simulator.control.scheduling.filters import Filter

Refused = tuple[tuple[str, int], ...]


class Verdict:
    """`answers`: the column of each filter that has something to say. `passing`: a read-only column, the nodes that
    pass all of them; `found` is their number."""

    __slots__ = ("_refusals", "answers", "found", "passing")

    def __init__(self, answers: Sequence[tuple[Filter, Bools]], nodes: int) -> None:
        self.answers = answers
        self.passing: Bools = answers[0][1].copy() if answers else np.ones(nodes, np.bool_)
        for _, column in answers[1:]:
            self.passing &= column
        self.passing.flags.writeable = False
        self.found = int(np.count_nonzero(self.passing))
        self._refusals: tuple[Refused, Event] | None = None

    def refusals(self) -> tuple[Refused, Event]:
        """How many nodes each filter was the first to refuse, and the events that may change that."""
        if self._refusals is None:
            nodes = before = len(self.passing)
            left, refused, events = np.ones(nodes, np.bool_), [], NOTHING
            for each, column in self.answers:
                left &= column
                after = int(np.count_nonzero(left))
                if after < before:
                    refused.append((each.name, before - after))
                    events |= each.events
                before = after
            self._refusals = tuple(refused), events if nodes and not self.found else ANYTHING
        return self._refusals
