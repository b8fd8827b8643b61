"""One scheduling cycle: one pod, the nodes as they are believed at this moment, and what can be asked about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.control.api.objects import Pod, ReplicaSet
from simulator.control.scheduling.beliefs import Atlas, Beliefs
from simulator.control.scheduling.filters.spread import matching
from simulator.control.scheduling.info import NodeInfo
from simulator.control.scheduling.profile import Count, Profile
from simulator.control.scheduling.truth import Known
from simulator.control.scheduling.verdict import Verdict
from simulator.policy import ClusterView, PodView, Reason
from simulator.policy.view import Bools, Floats, Ints
from simulator.units import seconds

if TYPE_CHECKING:
    from simulator.control.scheduling.framework import Framework


class Cycle:
    """What filters, scores and the policy read. Nothing is computed before it is asked for."""

    __slots__ = (
        "_feasible",
        "_framework",
        "_made_of",
        "_pod_view",
        "_verdict",
        "examined",
        "found",
        "info",
        "known",
        "pod",
        "profile",
        "start",
        "template",
    )

    def __init__(
        self,
        framework: Framework,
        info: NodeInfo,
        pod: Pod,
        *,
        attempt: int,
        now: int,
        start: int,
        uniform: Callable[[str], Floats],
        atlas: Atlas | None = None,
        known: Known | None = None,
    ) -> None:
        self.known = known  # how nodes really are, where that is to be known
        self._framework = framework
        self._made_of = (attempt, now, uniform, atlas)
        self.info = info
        self.pod = pod
        self.template = t = pod.template
        self.profile: Profile = info.profile(t)
        self.start = start  # where in the order of nodes the search begins
        self.examined = 0  # nodes looked at; 0 if nobody asked which are feasible
        self.found = 0  # of them, feasible
        self._verdict: Verdict | None = None
        self._feasible: Bools | None = None
        self._pod_view: PodView | None = None

    @property
    def pod_view(self) -> PodView:
        """What a policy sees of the pod."""
        if self._pod_view is None:
            attempt, now, *_ = self._made_of
            self._pod_view = pod_view(self.pod, self.profile, attempt, now)
        return self._pod_view

    def view(self, others: Sequence[Cycle] = ()) -> ClusterView:
        """What a policy or a plug-in sees; it answers about the pods of the other cycles too. Made when asked for: the
        view keeps the cycle, never the other way round."""
        info, (_, now, uniform, atlas) = self.info, self._made_of
        return cluster_view(info, now, Beliefs(info, (self, *others), now, uniform, atlas, known=self.known))

    def without_plugins(self) -> Cycle:
        """The same question, by the orchestrator's own filters and scores."""
        return self._by(self._framework.without_plugins())

    def again(self) -> Cycle:
        """The same question about what is believed now."""
        return self._by(self._framework)

    def _by(self, framework: Framework) -> Cycle:
        attempt, now, uniform, atlas = self._made_of
        return Cycle(
            framework, self.info, self.pod, attempt=attempt, now=now, start=self.start, uniform=uniform,
            atlas=atlas, known=self.known,
        )  # fmt: skip

    # What filters and scores ask

    def plan(self, user: str, make: Callable[[Cycle], Any]) -> Any:
        """What a filter or score has compiled for this pod's template."""
        return self.info.plan(self.profile, user, lambda: make(self))

    def siblings(self) -> Count | None:
        """The count of pods that the default spread keeps apart: those of the owner, or of the services, if known."""
        count: Count | None = self.plan("siblings", _siblings)
        return count

    # Filtering

    def verdict(self) -> Verdict:
        """What the filters say; of another pod of this template the same, where none of them reads more than that."""
        if self._verdict is None:
            own = self._framework
            shared = own.of_template
            self._verdict = self.info.verdict(self.profile, own, self._judge) if shared else self._judge()
        return self._verdict

    def _judge(self) -> Verdict:
        columns = [(each, column) for each in self._framework.filters if (column := each.passes(self)) is not None]
        return Verdict(columns, len(self.info.names))

    def passing(self) -> Bools:
        """A read-only column: which nodes pass every filter, examined or not."""
        return self.verdict().passing

    def feasible(self) -> Bools:
        """A read-only column: the nodes that pass, of those examined until enough were found."""
        if self._feasible is None:
            verdict, sampling = self.verdict(), self._framework.sampling
            passing = verdict.passing
            self.examined, self.found = len(passing), verdict.found
            if self.found >= sampling.least_nodes and (wanted := sampling.wanted(len(passing))) < len(passing):
                passing, self.examined = first_of(passing, self.info.order, self.start, wanted)
                passing.flags.writeable = False
                self.found = min(self.found, wanted)
            self._feasible = passing
        return self._feasible

    def finds_any(self) -> bool:
        """Whether a node is feasible."""
        self.feasible()
        return self.found > 0

    def knows_feasible(self, row: int) -> bool:
        """Whether this cycle has found the node feasible."""
        return self._feasible is not None and bool(self._feasible[row])

    def reasons(self, row: int) -> tuple[Reason, ...]:
        """Why the node in this row does not pass: the words of the first filter that refuses it; empty if none does."""
        for each, column in self.verdict().answers:
            if not column[row]:
                return each.reasons(self, row)
        return ()

    # Scoring

    def scores(self, rows: Ints) -> list[tuple[str, float, Any]]:
        """Name, weight, and column over `rows` of each score that has something to say."""
        if not len(rows):
            return []
        return [
            (each.name, weight, column)
            for each, weight in self._framework.scores
            if (column := each.scores(self, rows)) is not None
        ]


def cluster_view(info: NodeInfo, now: int, beliefs: Beliefs) -> ClusterView:
    """The nodes as this control plane believes in them at `now` (ns), or knows them to be."""
    shown, known = info.shown, beliefs.known
    if known is not None:
        real = {"ready": known.up, "free_cpu_m": known.free_cpu_m, "free_ram_bytes": known.free_ram_bytes}
        shown = {**shown, **real}
    return ClusterView(now_s=seconds(now), _knows=beliefs, **shown)


def pod_view(pod: Pod, profile: Profile, attempt: int, now: int) -> PodView:
    """What a policy sees of a pod that has no node yet."""
    t = pod.template
    return PodView(
        pod.name, t.workload, t.cpu_m, t.ram_bytes, profile.labels, t.extended, t.platforms, t.runtime_class,
        t.priority, attempt, seconds(now - pod.created_ns), seconds(pod.created_ns),
    )  # fmt: skip


def _siblings(cycle: Cycle) -> Count | None:
    if isinstance(cycle.pod.owner, ReplicaSet):
        profile = cycle.profile
        return cycle.info.count(("siblings", id(profile)), lambda other: other is profile, leaves_early=True)
    selectors = cycle.info.services_of(cycle.profile)
    return matching(cycle, tuple(r for selector in selectors for r in selector)) if selectors else None


def first_of(passing: Bools, order: Ints, start: int, wanted: int) -> tuple[Bools, int]:
    """The first `wanted` passing nodes in the order from `start` around, and how many were looked at for them."""
    around = np.concatenate((order[start:], order[:start]))
    found = np.flatnonzero(passing[around])
    if len(found) < wanted:
        return passing, len(passing)
    chosen = np.zeros(len(passing), np.bool_)
    chosen[around[found[:wanted]]] = True
    return chosen, int(found[wanted - 1]) + 1
