"""What every controller does with pods: create them under a name, delete them, choose which to delete first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cmp_to_key
from math import log2

from simulator.control.api.objects import Pod
from simulator.control.api.server import ApiServer
from simulator.streams import key

_PHASES = {"Pending": 0, "Unknown": 1, "Running": 2}


def delete_pod(server: ApiServer, pod: Pod) -> None:
    """Delete as the API does: a pod on a node stays, Terminating, until its agent confirms; others go at once."""
    if pod.node:
        server.mark_deleted(pod)
    else:
        server.remove(pod)


def free_name(server: ApiServer, stem: str, named: dict[str, int]) -> str:
    """`stem-1`, `stem-2`, …: the next that no pod ever had. `named` counts them by stem."""
    while True:
        named[stem] += 1
        name = f"{stem}-{named[stem]}"
        if not server.named(Pod, name):
            return name


class Successors:
    """Names for pods that take the place of others: of one that a controller made, as the controller names them."""

    __slots__ = ("_named", "_server", "_stems")

    def __init__(self, server: ApiServer) -> None:
        self._server = server
        self._named: dict[str, int] = {}
        self._stems: dict[str, str] = {}  # by the names that were given here: whose they begin with

    def name(self, pod: Pod) -> str:
        """`web-7-1` after `web-7`, then `web-7-2`: whoever makes bare pods has numbers of its own after their name."""
        stem = self._stems.pop(pod.name, pod.name) if pod.owner is None else pod.owner.name
        self._named.setdefault(stem, 0)
        name = free_name(self._server, stem, self._named)
        if pod.owner is None:
            self._stems[name] = stem
        return name


def victims(pods: Sequence[Pod], count: int, related: Iterable[Pod], now: int) -> list[Pod]:
    """The `count` pods that a ReplicaSet deletes first (Kubernetes' ActivePodsWithRanks).

    In this order: not bound; Pending before Unknown before Running; not ready; more active pods of `related` on the
    same node; ready for less time, by powers of two; more restarts; younger, by powers of two. Within one power
    Kubernetes compares random uids; here hashes of the names, which are as arbitrary and repeat.
    """
    if count >= len(pods):
        return list(pods)
    on_node = Counter(pod.node for pod in related if pod.active)

    def compare(a: Pod, b: Pod) -> int:
        if bool(a.node) != bool(b.node):
            return -1 if not a.node else 1
        if _PHASES[a.phase] != _PHASES[b.phase]:
            return _PHASES[a.phase] - _PHASES[b.phase]
        if a.ready != b.ready:
            return 1 if a.ready else -1
        if on_node[a.node] != on_node[b.node]:
            return on_node[b.node] - on_node[a.node]
        if a.ready and a.ready_ns != b.ready_ns:
            return _younger(a, b, a.ready_ns, b.ready_ns, now)
        if a.restarts != b.restarts:
            return b.restarts - a.restarts
        if a.created_ns != b.created_ns:
            return _younger(a, b, a.created_ns, b.created_ns, now)
        return key(a.name) - key(b.name)

    return sorted(pods, key=cmp_to_key(compare))[:count]


def _younger(a: Pod, b: Pod, since_a: int | None, since_b: int | None, now: int) -> int:
    rank_a, rank_b = (_rank(now - since) if since is not None else -2 for since in (since_a, since_b))
    return rank_a - rank_b if rank_a != rank_b else key(a.name) - key(b.name)


def _rank(age_ns: int) -> int:
    return int(log2(age_ns)) if age_ns > 0 else -1
