"""What filter and score plug-ins promise, one promise in each check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

from simulator.policy.api import Filter, Score
from simulator.policy.asked_checks import Asked, checks
from simulator.policy.plugins import fault_of_filter, fault_of_score
from simulator.policy.promises import Raised, answer
from simulator.policy.samples import sample_asks
from simulator.policy.view import Bools

_SEEN: Final = ("free_cpu_m", "free_ram_bytes", "allocatable_cpu_m", "allocatable_ram_bytes", "pods", "ready", "speed")


def _checks(ask: Callable[..., Any], fault_of: Callable[..., str]) -> tuple[Callable[[Any], None], ...]:
    def asked(policy: Any) -> Iterator[Asked]:
        for kind, pod, cluster in sample_asks():
            where = cluster.feasible(pod)
            said, more = ask(policy, pod, cluster, where)
            fault = str(said) if isinstance(said, Raised) else fault_of(said, more)
            told = said.tolist() if isinstance(said, np.ndarray) else said
            shown = [getattr(cluster, name).tobytes() for name in _SEEN], where.tobytes(), dict(pod.labels)
            yield Asked(f"{pod.name} in the {kind} cluster", told, fault, shown)

    return checks(asked, now="cluster.now_s", random="cluster.uniform(name)")


def _filter(policy: Any, pod: Any, cluster: Any, _where: Bools) -> tuple[Any, int]:
    return answer(policy.passes if isinstance(policy, Filter) else policy, pod, cluster), len(cluster)


def _score(policy: Any, pod: Any, cluster: Any, where: Bools) -> tuple[Any, Bools]:
    return answer(policy.score if isinstance(policy, Score) else policy, pod, cluster, where), where


PLUGIN_CHECKS: Final = {"filter": _checks(_filter, fault_of_filter), "score": _checks(_score, fault_of_score)}
