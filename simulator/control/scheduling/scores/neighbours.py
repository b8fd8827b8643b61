"""InterPodAffinity, the score: preferred terms of this pod about others, and of others about this pod."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.filters.neighbours import in_domain, matching_all, meets
from simulator.control.scheduling.scores.base import MOST, Score
from simulator.policy.view import Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.profile import Count


class InterPodAffinity(Score):
    """Weights times pods in the node's domain, affinity for and anti-affinity against; scaled from least to largest.

    A required affinity term of a pod already there counts for, with a weight of its own.
    """

    def __init__(self, hard_weight: int) -> None:
        self._hard_weight = hard_weight

    def scores(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """A few columns for each term; nothing where nobody has one."""
        terms = [part for part in cycle.plan("neighbours", self._compile) if part[1].values.any()]
        if not terms:
            return None
        total = np.zeros(len(cycle.info.names), np.int64)
        for key, count, weight in terms:
            total += weight * in_domain(cycle.info, count, key)
        wanted = total[rows]
        least, largest = wanted.min(), wanted.max()
        if least == largest:
            return np.zeros(len(rows), np.int64)
        shares: Ints = (MOST * ((wanted - least) / (largest - least))).astype(np.int64)
        return shares

    def _compile(self, cycle: Cycle) -> list[tuple[str, Count, int]]:
        """Topology key, count and signed weight of every term that concerns this pod."""
        info, template, found = cycle.info, cycle.template, []
        for sign, terms in ((1, template.pod_affinity), (-1, template.pod_anti_affinity)):
            found += [
                (t.topology_key, matching_all(info, (t.selector,)), sign * t.weight) for t in terms if t.weight > 0
            ]
        for sign, kind in ((1, "near"), (-1, "anti")):
            hard = self._hard_weight if kind == "near" else 0
            found += [
                (term.topology_key, count, sign * (term.weight or hard))
                for term, count in info.terms(kind)
                if (term.weight or hard) and meets(cycle.profile, (term.selector,))
            ]
        return found
