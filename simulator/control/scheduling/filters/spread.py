"""PodTopologySpread, the filter: constraints with whenUnsatisfiable DoNotSchedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.affinity import allowed
from simulator.control.scheduling.filters.base import Filter, all_of
from simulator.policy import Reason
from simulator.policy.view import Bools, Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.profile import Count
    from simulator.world.pod import SpreadConstraint, Term


class PodTopologySpread(Filter):
    """matching pods in the domain + this one - least of any eligible domain <= maxSkew, for every constraint.

    Eligible are the domains of nodes that have every constraint's key and that the pod's own selector and node
    affinity allow (nodeAffinityPolicy Honor; nodeTaintsPolicy Ignore, both defaults). Pods being deleted do not count.
    """

    events = Event.NODE_ADDED | Event.NODE_REMOVED | Event.NODE_LABELS | Event.POD_PLACED | Event.POD_REMOVED

    def passes(self, cycle: Cycle) -> Bools | None:
        """A few columns for each constraint."""
        constraints = [c for c in cycle.template.spread if c.when_unsatisfiable == "DoNotSchedule"]
        if not constraints:
            return None
        keyed = has_keys(cycle, [c.topology_key for c in constraints])
        own = allowed(cycle)
        eligible = keyed if own is None else keyed & own
        passes = keyed.copy()
        for constraint in constraints:
            domain = cycle.info.domains(constraint.topology_key)
            passes &= skew(cycle, constraint, domain, eligible) <= constraint.max_skew
        return passes

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """A missing label stays missing; a skew may change."""
        text = "node(s) didn't match pod topology spread constraints"
        hard = [c for c in cycle.template.spread if c.when_unsatisfiable == "DoNotSchedule"]
        if not has_keys(cycle, [c.topology_key for c in hard])[row]:
            return (self._because(cycle, row, f"{text} (missing required label)", "never"),)
        return (self._because(cycle, row, text, "not now"),)


def has_keys(cycle: Cycle, keys: list[str]) -> Bools:
    """A column: which nodes have a label for each of the topology keys."""
    return all_of([cycle.info.domains(key) > 0 for key in keys])


def matching(cycle: Cycle, selector: Term) -> Count:
    """The count of pods whose labels meet the selector, and that are not being deleted."""
    return cycle.info.count(
        ("spread", selector), lambda profile: all(r.matches(profile.labels) for r in selector), leaves_early=True
    )


def skew(cycle: Cycle, constraint: SpreadConstraint, domain: Ints, eligible: Bools) -> Ints:
    """A column: by how much the node's domain would exceed the emptiest eligible one with this pod in it."""
    counts = matching(cycle, constraint.selector).values
    inside, size = domain[eligible], int(domain.max(initial=0)) + 1
    total = np.bincount(inside, counts[eligible], size).astype(np.int64)
    least = total[np.bincount(inside, minlength=size) > 0].min(initial=len(cycle.info.placed))
    own = int(all(r.matches(cycle.profile.labels) for r in constraint.selector))
    found: Ints = total[domain] + own - least
    return found
