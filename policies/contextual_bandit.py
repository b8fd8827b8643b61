"""Learns, from how soon its own pods were ready, which nodes start pods soon: LinUCB.

Idea: the reward of a node is expected linear in what is known of it (`context`), a ridge regression over all that was
heard so far; taken is the highest upper confidence bound (Li, Chu, Langford, Schapire, WWW 2010, arXiv 1003.0146, with
one weight vector for all arms). The reward of a pod that is ready after t seconds is half / (half + t), of one that
ended before it was ready 0. Complexity: O(nodes d²) numpy, d = 5.
Caveats: begins knowing nothing; a start that is heard of late is learnt late; `alpha` trades trying for taking.
"""

from functools import cached_property

import numpy as np

from simulator.policy import Bind, ClusterView, Decision, Placement, PodView, Wait
from simulator.policy.view import Floats


class ContextualBandit(Placement):
    """The feasible node of the highest upper confidence bound. `half` in seconds."""

    def __init__(self, alpha: float = 0.5, half: float = 10.0) -> None:
        if alpha < 0 or half <= 0:
            raise ValueError("alpha is from 0 up, half above 0")
        self.alpha, self.half = alpha, half

    @cached_property
    def _tried(self) -> dict[str, Floats]:
        """The context in which each pod was placed, until it is heard of."""
        return {}

    @cached_property
    def _gram(self) -> Floats:
        return np.eye(5)

    @cached_property
    def _sum(self) -> Floats:
        return np.zeros(5)

    def place(self, pod: PodView, cluster: ClusterView) -> Decision:
        """The most promising that will do; the first of equals."""
        fits = cluster.feasible(pod)
        if not fits.any():
            return Wait()  # the reasons are the filters'
        x, inverse = context(pod, cluster), np.linalg.inv(self._gram)
        bound = x @ (inverse @ self._sum) + self.alpha * np.sqrt(np.einsum("nd,de,ne->n", x, inverse, x))
        node = cluster.argmax(bound, where=fits)
        self._tried[pod.name] = x[node]
        return Bind(node)

    def heard(self, pod: PodView, node: str, ready_after_s: float) -> None:
        """A reward for what was tried; where somebody else placed the pod, nothing was."""
        x = self._tried.pop(pod.name, None)
        if x is not None:
            self._gram += np.outer(x, x)
            self._sum += x * self.half / (self.half + ready_after_s)


def context(pod: PodView, cluster: ClusterView) -> Floats:
    """A row for each node: 1, whether it has any of the images, the shares of CPU and RAM that stay free, and the speed
    of a core against the fastest."""
    cpu, ram = np.maximum(cluster.allocatable_cpu_m, 1), np.maximum(cluster.allocatable_ram_bytes, 1)
    return np.column_stack(
        [
            np.ones(len(cluster)),
            cluster.image_bytes(pod) > 0,
            (cluster.free_cpu_m - pod.cpu_m) / cpu,
            (cluster.free_ram_bytes - pod.ram_bytes) / ram,
            cluster.speed / cluster.speed.max(initial=1.0),
        ]
    )
