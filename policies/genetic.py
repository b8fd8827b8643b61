"""A genetic algorithm: orders of the pods are crossed and mutated, each placed by best fit.

Idea: order-based crossover (Davis 1985) over first-come placements, as in genetic bin packing (Falkenauer 1996,
doi 10.1007/BF00226291): what is inherited is the order, so that every child is a placement that fits. The objective is
that of `optimum`. Complexity: O(generations · population · pods · nodes) numpy. Caveats: a heuristic without a bound;
its chance is the run's.
"""

from collections.abc import Sequence

import numpy as np

from simulator.policy import Batch, Bind, ClusterView, Decision, PodView, Wait


class Genetic(Batch):
    """All pods that came within `window_s` at once."""

    def __init__(self, window_s: float = 1.0, population: int = 16, generations: int = 15) -> None:
        self.window_s = window_s
        self.population = population
        self.generations = generations

    def place_all(self, pods: Sequence[PodView], cluster: ClusterView) -> list[Decision]:
        """The best placement of the last generation; the best of each lives on."""
        rng = np.random.default_rng(int(cluster.uniform("genetic")[0] * 2**53)) if len(cluster) else None
        if rng is None:
            return [Wait() for _ in pods]
        fits = [cluster.feasible(pod) for pod in pods]
        largest = np.argsort([-pod.ram_bytes - pod.cpu_m * 2**20 for pod in pods], kind="stable")
        orders = [largest, *(rng.permutation(len(pods)) for _ in range(self.population - 1))]
        scored = sorted(((*_place(pods, cluster, fits, order), order) for order in orders), key=lambda s: s[0])
        for _ in range(self.generations):
            half = scored[: self.population // 2]
            children = [_crossed(half[a][2], half[b][2], rng) for a, b in rng.integers(len(half), size=(len(half), 2))]
            scored = sorted(
                (*half, *((*_place(pods, cluster, fits, child), child) for child in children)), key=lambda s: s[0]
            )
        return [Bind(node) if node >= 0 else Wait() for node in scored[0][1]]


def _place(pods: Sequence[PodView], cluster: ClusterView, fits: list, order: np.ndarray) -> tuple[float, list[int]]:
    """Best fit in this order: what it costs, in nodes opened and pods left out; and the node of each pod, or -1."""
    cpu, ram, room = cluster.free_cpu_m.copy(), cluster.free_ram_bytes.copy(), cluster.max_pods - cluster.pods
    empty, placed = cluster.pods == 0, [-1] * len(pods)
    whole_cpu, whole_ram = np.maximum(cluster.allocatable_cpu_m, 1), np.maximum(cluster.allocatable_ram_bytes, 1)
    opened = np.zeros(len(cpu), np.bool_)
    for p in order:
        pod = pods[p]
        can = fits[p] & (cpu >= pod.cpu_m) & (ram >= pod.ram_bytes) & (room > 0)
        if not can.any():
            continue
        spare = cpu / whole_cpu + ram / whole_ram + 2 * (empty & ~opened)  # an empty node is worse than any other
        node = int(np.argmin(np.where(can, spare, np.inf)))
        cpu[node], ram[node], room[node] = cpu[node] - pod.cpu_m, ram[node] - pod.ram_bytes, room[node] - 1
        opened[node] = True
        placed[p] = node
    return np.count_nonzero(opened & empty) + (len(cluster) + 1.0) * placed.count(-1), placed


def _crossed(mother: np.ndarray, father: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The mother's up to a point, the rest in the father's order; two pods change places."""
    point = int(rng.integers(len(mother) + 1))
    head = mother[:point]
    child = np.concatenate((head, father[~np.isin(father, head)]))
    a, b = rng.integers(len(child), size=2)
    child[[a, b]] = child[[b, a]]
    return child
