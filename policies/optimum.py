"""As many pods as can be placed, on as few nodes as can hold them: an exact optimum of small cases.

Idea: vector bin packing as a mixed-integer programme, solved by HiGHS (Huangfu and Hall 2018,
doi 10.1007/s12532-017-0130-5): place most pods, then open fewest empty nodes. It is the bound that heuristics are held
against. Complexity: exponential; refuses more than `most` pairs of pod and feasible node. Caveats: optimal for the
pods that it is shown together, not for those that come later; looks at requests, not at use.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import coo_array

from simulator.policy import Batch, Bind, ClusterView, Decision, PodView, Wait


class Optimum(Batch):
    """All pods that came within `window_s` at once."""

    def __init__(self, window_s: float = 1.0, most: int = 2000) -> None:
        self.window_s = window_s
        self.most = most

    def place_all(self, pods: Sequence[PodView], cluster: ClusterView) -> list[Decision]:
        """Solve x[pod, node], y[node] ∈ {0, 1}: max n · Σ x - Σ y, where y = 1 for an empty node that is used."""
        pairs = [(p, int(n)) for p, pod in enumerate(pods) for n in np.flatnonzero(cluster.feasible(pod))]
        if not pairs:
            return [Wait() for _ in pods]
        if len(pairs) > self.most:
            raise ValueError(f"{len(pairs)} pairs of pod and node are too many for an exact optimum")
        pod, node = np.array(pairs).T
        n, nodes, empty = len(pairs), len(cluster), cluster.pods == 0
        each, at = np.arange(n), n + node

        def column(values: object, rows: np.ndarray, cols: np.ndarray, height: int) -> coo_array:
            return coo_array((np.broadcast_to(values, rows.shape), (rows, cols)), shape=(height, n + nodes))

        once = LinearConstraint(column(1.0, pod, each, len(pods)), ub=1)  # a pod goes to one node
        opened = column(1.0, each, each, n) - column(empty[node] * 1.0, each, at, n)  # x ≤ y on empty nodes
        opens = LinearConstraint(opened, ub=np.where(empty[node], 0, 1))
        needs = ([p.cpu_m / 1000 for p in pods], [p.ram_bytes / 2**20 for p in pods], [1.0] * len(pods))
        free = (cluster.free_cpu_m / 1000, cluster.free_ram_bytes / 2**20, cluster.max_pods - cluster.pods)
        fits = [
            LinearConstraint(column(np.array(need)[pod], node, each, nodes), ub=np.maximum(room, 0))
            for need, room in zip(needs, free, strict=True)
        ]
        worth = np.concatenate((np.full(n, -(nodes + 1.0)), empty * 1.0))
        found = milp(worth, integrality=1, bounds=(0, 1), constraints=[once, opens, *fits])
        chosen = {int(pod[i]): int(node[i]) for i in np.flatnonzero(found.x[:n] > 0.5)}
        return [Bind(chosen[p]) if p in chosen else Wait() for p in range(len(pods))]
