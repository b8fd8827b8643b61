"""The scheduler's numbers. All come from the orchestrator's page; none has a default here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.control.scheduling.watchdog import LIMIT_S
from simulator.policy import Filter, Order, Preemption, Score
from simulator.policy.api import FilterFunction, OrderFunction, ScoreFunction
from simulator.policy.preemption import PreemptionFunction


class Draws(Protocol):
    """A distribution of simulated time, in ns (`simulator.physics.distributions`)."""

    def sample(self, u: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values for uniforms in [0, 1)."""
        ...


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many feasible nodes a cycle looks for: Kubernetes' percentageOfNodesToScore.

    With fewer than `least_nodes` nodes all are examined. Else `percent`, or if that is 0, `base_percent` less one for
    every `nodes_per_percent` nodes, but not under `least_percent`; never fewer than `least_nodes`.
    """

    least_nodes: int
    base_percent: int
    nodes_per_percent: int
    least_percent: int
    percent: int = 0  # 0: by the formula, Kubernetes' own default

    def wanted(self, nodes: int) -> int:
        """Feasible nodes after which a cycle stops to look."""
        if nodes < self.least_nodes or self.percent >= 100:
            return nodes
        percent = self.percent or max(self.least_percent, self.base_percent - nodes // self.nodes_per_percent)
        return max(self.least_nodes, nodes * percent // 100)


@dataclass(frozen=True, slots=True)
class SchedulerSettings:
    """One scheduler, as its orchestrator's page and the scenario describe it. Times in ns, sizes in bytes."""

    filters: tuple[str | Filter | FilterFunction, ...]  # Kubernetes' names in their order, or plug-ins
    scores: tuple[tuple[str | Score | ScoreFunction, float], ...]  # Kubernetes' names, or plug-ins, with weights
    sampling: Sampling
    cycle_ns: int  # one scheduling cycle, from the queue to the reservation
    backoff_first_ns: int  # after the first failed attempt; doubles with each
    backoff_cap_ns: int
    backoff_flush_ns: int  # how often completed backoffs are looked for
    leftover_age_ns: int  # a pod that no event wakes is tried again when it has waited longer than this
    leftover_flush_ns: int  # how often such pods are looked for
    unset_cpu_m: int  # what a container without a request counts as, for scoring only
    unset_ram_bytes: int
    image_least_bytes: int  # ImageLocality: 0 below this
    image_most_bytes: int  # 100 above this, times the number of containers
    default_spread: tuple[tuple[str, int], ...]  # (topology key, max skew): soft, for pods that set none themselves
    hard_affinity_weight: int  # what an existing pod's required affinity counts in the InterPodAffinity score
    order: Order | OrderFunction | None = None  # of the pods that are due; None: by priority, then age
    preemption: Preemption | PreemptionFunction | None = None  # None: nobody goes for anybody
    perfect_knowledge: bool = False  # who decides sees how nodes really are (`truth`): a bound
    thinking: Draws | None = None  # simulated time that the policy takes for one answer, besides the cycle
    on_policy_error: Literal["fallback", "stop"] = "fallback"
    answer_limit_s: float = LIMIT_S  # wall clock for one answer; it ends the run and never enters simulated time
