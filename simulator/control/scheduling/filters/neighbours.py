"""InterPodAffinity, the filter: required affinity and anti-affinity, the pod's own and that of pods already there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.base import Filter, all_of
from simulator.policy import Reason
from simulator.policy.view import Bools, Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.info import NodeInfo
    from simulator.control.scheduling.profile import Count, Profile
    from simulator.world.pod import Term


class InterPodAffinity(Filter):
    """Three conditions, in Kubernetes' order: its affinity, its anti-affinity, the anti-affinity of others."""

    events = Event.NODE_ADDED | Event.NODE_LABELS | Event.POD_PLACED | Event.POD_REMOVED

    def passes(self, cycle: Cycle) -> Bools | None:
        """A few columns for each term; none where nobody has one."""
        template, columns = cycle.template, [self._others(cycle)]
        if template.pod_affinity or template.pod_anti_affinity:
            columns += [self._near(cycle), self._away(cycle)]
        said = [column for column in columns if column is not None]
        return all_of(said) if said else None

    def reasons(self, cycle: Cycle, row: int) -> tuple[Reason, ...]:
        """The first of the three that does not hold; pods come and go."""
        for column, text in (
            (self._near(cycle), "node(s) didn't match pod affinity rules"),
            (self._away(cycle), "node(s) didn't match pod anti-affinity rules"),
            (self._others(cycle), "node(s) didn't satisfy existing pods anti-affinity rules"),
        ):
            if column is not None and not column[row]:
                return (self._because(cycle, row, text, "not now"),)
        return ()

    @staticmethod
    def _near(cycle: Cycle) -> Bools | None:
        terms = [t for t in cycle.template.pod_affinity if t.weight == 0]
        if not terms:
            return None
        selectors = tuple(t.selector for t in terms)
        count = matching_all(cycle.info, selectors)
        labelled = all_of([cycle.info.domains(t.topology_key) > 0 for t in terms])
        near = np.array([in_domain(cycle.info, count, t.topology_key) > 0 for t in terms])
        if not near.any() and meets(cycle.profile, selectors):
            return labelled  # the first of a series that wants to be near itself
        return labelled & all_of(list(near))

    @staticmethod
    def _away(cycle: Cycle) -> Bools | None:
        terms = [t for t in cycle.template.pod_anti_affinity if t.weight == 0]
        if not terms:
            return None
        counts = [in_domain(cycle.info, matching_all(cycle.info, (t.selector,)), t.topology_key) for t in terms]
        return all_of([count == 0 for count in counts])

    @staticmethod
    def _others(cycle: Cycle) -> Bools | None:
        aimed = cycle.plan("existing anti-affinity", _aimed)
        held = [(key, count) for key, count in aimed if count.values.any()] if aimed else None
        if not held:
            return None
        return all_of([in_domain(cycle.info, count, key) == 0 for key, count in held])


def matching_all(info: NodeInfo, selectors: tuple[Term, ...]) -> Count:
    """The count of pods whose labels meet every selector."""
    return info.count(("affinity", selectors), lambda profile: meets(profile, selectors))


def meets(profile: Profile, selectors: tuple[Term, ...]) -> bool:
    """Whether the template's labels meet every selector."""
    return all(r.matches(profile.labels) for selector in selectors for r in selector)


def _aimed(cycle: Cycle) -> list[tuple[str, Count]]:
    """Topology key and holders of each required anti-affinity term, of whatever pods, that means this pod."""
    terms = cycle.info.terms("anti")
    return [(t.topology_key, count) for t, count in terms if t.weight == 0 and meets(cycle.profile, (t.selector,))]


def in_domain(info: NodeInfo, count: Count, topology_key: str) -> Ints:
    """A column: the count over the node's whole domain; 0 where the node is in none."""
    domain = info.domains(topology_key)
    total = np.bincount(domain, count.values, 1).astype(np.int64)
    total[0] = 0
    return total[domain]
