"""The extension points: one method each, and a plain function of the same signature serves as well."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, Literal

import numpy as np
from numpy.typing import NDArray

from simulator.policy.decision import Decision, Reason
from simulator.policy.view import ClusterView, PodView

MOST_SCORE: Final = 100


class Placement:
    """Chooses a node for one pod. The constructor only stores its parameters."""

    needs: ClassVar[tuple[Literal["carbon"], ...]] = ()  # of the scenario's keys: without them it cannot decide

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """Answer `Bind`, `Wait` or `Reject`. Must not change the view."""
        raise NotImplementedError

    def heard(self, pod: PodView, node: str, ready_after_s: float) -> None:
        """The control plane has heard that a pod which this policy bound to `node` is ready, so many seconds after the
        decision; infinite where it ended before that. For policies that learn; others leave it as it is."""


class Batch:
    """Chooses nodes for all pods that are due, at once. The constructor only stores its parameters.

    `window_s` is how long, in simulated seconds, the scheduler gathers pods from the first that is due.
    """

    window_s: float = 0.0

    def place_all(self, pods: Sequence[PodView], cluster: ClusterView) -> Sequence[Decision]:
        """An answer for each pod, in the order of the queue: `Bind`, `Wait` or `Reject`. Must not change the view,
        which answers about each of these pods as if it were alone: what the others take is for the policy to count.
        """
        raise NotImplementedError


class Order:
    """Says which of the pods that are due is tried first; instead of Kubernetes' PrioritySort."""

    def rank(self, pod: PodView) -> float:
        """The smallest is first; of equals the one that became due first. Asked whenever the pod becomes due."""
        raise NotImplementedError


OrderFunction = Callable[[PodView], float]
PlacementFunction = Callable[[PodView, ClusterView], Decision]


class Filter:
    """Adds a condition to the orchestrator's own filters."""

    def passes(self, pod: PodView, cluster: ClusterView) -> NDArray[np.bool_]:
        """A column: which nodes may take the pod."""
        raise NotImplementedError

    def why_not(self, pod: PodView, cluster: ClusterView, node: int) -> Reason:
        """Why this node did not pass."""
        return Reason(type(self).__name__, "did not pass", node=cluster.names[node])


FilterFunction = Callable[[PodView, ClusterView], NDArray[np.bool_]]


class Score:
    """Adds a weighted score to the orchestrator's own: 0 to 100 per node, as in Kubernetes."""

    def score(self, pod: PodView, cluster: ClusterView, where: NDArray[np.bool_]) -> NDArray[np.float64]:
        """A column of scores; only the rows in `where` are read."""
        raise NotImplementedError


ScoreFunction = Callable[[PodView, ClusterView, NDArray[np.bool_]], NDArray[np.float64]]


def fault_of_column(said: Any, n: int) -> str:
    """What is wrong with an answer of `Filter` about n nodes; empty if nothing is."""
    if isinstance(said, np.ndarray) and said.dtype == np.bool_ and said.shape == (n,):
        return ""
    return f"answered {said!r}: it must be a boolean column, a row per node"


def fault_of_scores(said: Any, where: NDArray[np.bool_]) -> str:
    """What is wrong with an answer of `Score`; empty if nothing is."""
    if not isinstance(said, np.ndarray) or said.dtype.kind not in "fiub" or said.shape != where.shape:
        return f"answered {said!r}: it must be a column of numbers, a row per node"
    found = said[where].astype(np.float64)
    if np.all((found >= 0) & (found <= MOST_SCORE)):
        return ""
    return f"answered {found.min()} to {found.max()}: it must be 0 to {MOST_SCORE}"
