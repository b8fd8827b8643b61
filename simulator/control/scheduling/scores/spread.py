"""PodTopologySpread, the score: soft constraints, the pod's own or the scheduler's defaults."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.belief import HOSTNAME
from simulator.control.scheduling.filters.affinity import allowed
from simulator.control.scheduling.filters.spread import has_keys, matching
from simulator.control.scheduling.scores.base import MOST, Score
from simulator.policy.view import Bools, Floats, Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.profile import Count

Constraint = tuple[str, int, "Count"]


class PodTopologySpread(Score):
    """Sum over constraints of (matching pods in the domain) * log(domains + 2) + maxSkew - 1; less is better.

    Normalised as (largest + least - own) * 100 / largest. With constraints of its own, a node without one of the
    keys gets 0; under the defaults it is judged by the keys that it has, as in Kubernetes.
    """

    def __init__(self, defaults: tuple[tuple[str, int], ...]) -> None:
        self._defaults = defaults

    def scores(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """A few columns for each constraint; nothing where there is none."""
        constraints = self._constraints(cycle)
        if not constraints:
            return None
        # Nodes without one of the keys are not judged, and their pods do not count; under the defaults all are.
        keyed = has_keys(cycle, [key for key, _, _ in constraints]) if cycle.template.spread else None
        judged = rows if keyed is None else rows[keyed[rows]]
        raw = np.zeros(len(judged))
        for constraint in constraints:
            raw += _crowding(cycle, constraint, judged, keyed)
        found = np.zeros(len(rows), np.int64)
        if len(judged):
            pods = np.floor(raw + 0.5).astype(np.int64)
            least, largest = pods.min(), pods.max()
            shares = MOST * (largest + least - pods) // largest if largest else MOST
            found[slice(None) if keyed is None else keyed[rows]] = shares
        return found

    def _constraints(self, cycle: Cycle) -> list[Constraint]:
        """Topology key, max skew, and the count of the pods that are spread."""
        spread = cycle.template.spread
        if spread:
            soft = [c for c in spread if c.when_unsatisfiable == "ScheduleAnyway"]
            return [(c.topology_key, c.max_skew, matching(cycle, c.selector)) for c in soft]
        siblings = cycle.siblings()
        return [(key, max_skew, siblings) for key, max_skew in self._defaults] if siblings is not None else []


def _crowding(cycle: Cycle, constraint: Constraint, judged: Ints, keyed: Bools | None) -> Floats:
    """What one constraint adds to the raw score of each judged node; 0 for one without the key."""
    key, max_skew, count = constraint
    domain = cycle.info.domains(key)
    if key == HOSTNAME:
        pods, domains = count.values[judged].astype(np.int64), len(judged)
    else:
        own, counted = allowed(cycle), count.values
        for eligible in (keyed, own):
            counted = counted if eligible is None else counted * eligible
        pods = np.bincount(domain, counted)[domain[judged]].astype(np.int64)
        domains = int(np.count_nonzero(np.bincount(domain[judged])))
    added = pods.astype(np.float64) * log(domains + 2) + float(max_skew - 1)
    if keyed is None:
        added[domain[judged] == 0] = 0
    return added
