"""Why this node, and why not the others: one verdict per node, at the moment of the ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.control.scheduling.decision import Ask
from simulator.policy import Reason


@dataclass(frozen=True, slots=True)
class NodeVerdict:
    """What the orchestrator's own filters and scores say of one node. `scores` are weighted, in its order."""

    node: str
    verdict: Literal["feasible", "not examined", "not now", "never"]
    reasons: tuple[Reason, ...] = ()
    scores: tuple[tuple[str, float], ...] = ()

    @property
    def total(self) -> float:
        """The sum of the weighted scores."""
        return sum(value for _, value in self.scores)

    def __str__(self) -> str:
        if self.verdict == "feasible":
            parts = " + ".join(f"{name} {value:g}" for name, value in self.scores)
            return f"{self.node}: {self.total:g} = {parts}" if parts else f"{self.node}: feasible"
        return f"{self.node}: {self.verdict}" + "".join(f", {r.who}: {r.text}" for r in self.reasons)


def explain(ask: Ask) -> list[NodeVerdict]:
    """A verdict for each node: the feasible by falling total, then the others by name. Changes nothing."""
    cycle = ask.cycle
    feasible = cycle.feasible()
    rows = np.flatnonzero(feasible)
    scores = cycle.scores(rows)
    found = [
        NodeVerdict(
            cycle.info.names[row],
            "feasible",
            scores=tuple((name, weight * float(column[i])) for name, weight, column in scores),
        )
        for i, row in enumerate(rows)
    ]
    others = []
    for row in np.flatnonzero(~feasible):
        reasons = cycle.reasons(int(row))
        if not reasons:
            others.append(NodeVerdict(cycle.info.names[row], "not examined"))
        else:
            when: Literal["never", "not now"] = "never" if any(r.when == "never" for r in reasons) else "not now"
            others.append(NodeVerdict(cycle.info.names[row], when, reasons))
    return sorted(found, key=lambda v: (-v.total, v.node)) + sorted(others, key=lambda v: v.node)
