"""What filters and scores promise that join the orchestrator's own, one promise in each check."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from simulator.policy.api import Filter, Score, fault_of_column, fault_of_scores
from simulator.policy.asked_checks import Asked, checks
from simulator.policy.decision import Reason
from simulator.policy.placement_checks import content_of
from simulator.policy.promises import Raised, answer
from simulator.policy.samples import sample_asks


def _filtering(policy: Any) -> Iterator[Asked]:
    decide = policy.passes if isinstance(policy, Filter) else policy
    for kind, pod, cluster in sample_asks():
        said = answer(decide, pod, cluster)
        fault = str(said) if isinstance(said, Raised) else fault_of_column(said, len(cluster))
        if not fault and isinstance(policy, Filter) and not said.all():
            why = answer(policy.why_not, pod, cluster, int(np.argmin(said)))
            fault = "" if isinstance(why, Reason) else f"asked why not, it answers {why}, which is no Reason"
        plain = str(said) if fault else said.tolist()
        yield Asked(f"{pod.name} in the {kind} cluster", plain, fault, content_of(pod, cluster))


def _scoring(policy: Any) -> Iterator[Asked]:
    decide = policy.score if isinstance(policy, Score) else policy
    for kind, pod, cluster in sample_asks():
        where = cluster.feasible(pod).copy()
        if not where.any():
            continue  # nobody asks for scores then
        said = answer(decide, pod, cluster, where)
        fault = str(said) if isinstance(said, Raised) else fault_of_scores(said, cluster.feasible(pod))
        shown = content_of(pod, cluster) | {"where": where.tobytes()}
        plain = str(said) if fault else said[where].tolist()  # nobody reads the other rows
        yield Asked(f"{pod.name} in the {kind} cluster", plain, fault, shown)


FILTER_CHECKS: Final = checks(_filtering, now="cluster.now_s", random="cluster.uniform(name)")
SCORE_CHECKS: Final = checks(_scoring, now="cluster.now_s", random="cluster.uniform(name)")
