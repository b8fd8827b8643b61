"""Simulated annealing: moves single pods at random, and takes worse placements less and less often.

Idea: Kirkpatrick et al. 1983, doi 10.1126/science.220.4598.671, on the same objective as `optimum`: place most pods,
then open fewest nodes; `steps` moves for each pod, a temperature that falls geometrically from 2 to 0.02 nodes.
Complexity: O(steps · pods) Python. Caveats: a heuristic without a bound; its chance is the run's.
"""

from collections.abc import Sequence

import numpy as np

from simulator.policy import Batch, Bind, ClusterView, Decision, PodView, Wait

_NOWHERE = -1


class Annealing(Batch):
    """All pods that came within `window_s` at once."""

    def __init__(self, window_s: float = 1.0, steps: int = 200) -> None:
        self.window_s = window_s
        self.steps = steps

    def place_all(self, pods: Sequence[PodView], cluster: ClusterView) -> list[Decision]:
        """Start with nobody placed; keep the last state, which a cold chain does not leave."""
        choices = [np.flatnonzero(cluster.feasible(pod)).tolist() for pod in pods]
        if not any(choices):
            return [Wait() for _ in pods]
        rng = np.random.default_rng(int(cluster.uniform("annealing")[0] * 2**53))
        needs = [np.array((pod.cpu_m, pod.ram_bytes, 1)) for pod in pods]
        free = np.stack((cluster.free_cpu_m, cluster.free_ram_bytes, cluster.max_pods - cluster.pods), axis=1)
        held, placed = cluster.pods.copy(), [_NOWHERE] * len(pods)
        moves = self.steps * len(pods)
        heat, which = 2 * 0.01 ** (np.arange(moves) / moves), rng.integers(len(pods), size=moves)
        for t, p, u, v in zip(heat, which, rng.random(moves), rng.random(moves), strict=True):
            old, options = placed[p], choices[p]
            if not options:
                continue
            new = options[int(u * len(options))]
            if new == old or (free[new] < needs[p]).any():
                continue
            # In nodes: a node that empties is won, one that opens is lost; a pod that gets a place outweighs all.
            gain = -1.0 * (held[new] == 0)
            gain += (held[old] == 1) if old != _NOWHERE else len(cluster) + 1
            if gain >= 0 or v < np.exp(gain / t):
                if old != _NOWHERE:
                    free[old] += needs[p]
                    held[old] -= 1
                free[new] -= needs[p]
                held[new] += 1
                placed[p] = new
        return [Bind(node) if node != _NOWHERE else Wait() for node in placed]
