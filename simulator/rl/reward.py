"""Rewards: named terms with weights. Dense ones come with every step; a metric of the glossary once, at the end.

Dense terms of placement, of the step from one ask to the next:

- `placed`: 1 if the pod was bound.
- `masked`: 1 if the action was one that the mask forbids, so that the pod was left waiting.
- `wait_s`: if the pod was bound, the seconds from its creation to this answer.
- `pending_pod_s`: seconds that passed until the next ask, times the pods that have been asked about and have no node.
- `cpu_imbalance`, `ram_imbalance`: the standard deviation over the nodes of the share that is requested of them, at
  the next ask.
- `used_nodes`: the share of the nodes that have a pod, at the next ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from simulator.errors import Problem, UserError
from simulator.policy import ClusterView
from simulator.record.glossary import GLOSSARY
from simulator.spec.near import did_you_mean

DENSE: Final = ("placed", "masked", "wait_s", "pending_pod_s", "cpu_imbalance", "ram_imbalance", "used_nodes")
DEFAULT: Final[Mapping[str, float]] = {"pending_pod_s": -1.0, "masked": -1.0}


@dataclass(slots=True)
class Step:
    """What happened between two asks. Times in seconds."""

    placed: bool
    masked: bool
    waited_s: float  # from the pod's creation to the answer
    pending_pod_s: float


class Reward:
    """A weighted sum. Raises UserError for a term that is neither dense nor a metric."""

    __slots__ = ("_dense", "metrics")

    def __init__(self, weights: Mapping[str, float], dense: Sequence[str] = DENSE) -> None:
        for name in weights:
            if name not in dense and name not in GLOSSARY:
                hint = did_you_mean(name, [*dense, *GLOSSARY], "terms are")
                raise UserError(Problem(f"no reward is named {name}", path=f"reward.{name}", hint=hint))
        self._dense = {name: float(weight) for name, weight in weights.items() if name in dense}
        self.metrics = {name: float(weight) for name, weight in weights.items() if name not in dense}

    def of(self, term: Callable[..., float], *step: Any) -> float:
        """The reward of a step; `term(name, *step)` is the value of one dense term."""
        return sum([weight * term(name, *step) for name, weight in self._dense.items()])

    def at_end(self, summary: Mapping[str, float]) -> float:
        """What the metrics add when the scenario is over. One that is undefined (NaN) adds nothing."""
        return sum(weight * value for name, weight in self.metrics.items() if (value := summary[name]) == value)


def term(name: str, step: Step, cluster: ClusterView) -> float:
    """A dense term of placement; `cluster` is what is believed at the step's end."""
    match name:
        case "placed":
            return float(step.placed)
        case "masked":
            return float(step.masked)
        case "wait_s":
            return step.waited_s if step.placed else 0.0
        case "pending_pod_s":
            return step.pending_pod_s
        case "cpu_imbalance":
            return float(np.std(cluster.free_cpu_m / np.maximum(cluster.allocatable_cpu_m, 1)))
        case "ram_imbalance":
            return float(np.std(cluster.free_ram_bytes / np.maximum(cluster.allocatable_ram_bytes, 1)))
        case _:
            return float(np.count_nonzero(cluster.pods)) / max(1, len(cluster))
