"""The two verbs of a kube-scheduler extender, answered by a policy: `filter` and `prioritize`.

Kubernetes defines what is sent and what comes back (k8s.io/kube-scheduler/extender/v1): the candidates are the nodes
that the scheduler's own filters let pass, and a score is a number from 0 to 10. The policy sees the same view as in a
simulation, built by the same code; of pods that run already it knows what it is told, else every node seems empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from threading import Lock
from typing import Any, Final

import numpy as np

from simulator.control.api.objects import Pod
from simulator.control.scheduling.cycle import Cycle
from simulator.control.scheduling.decision import Ask, fault_in, fault_of, said
from simulator.control.scheduling.framework import Framework
from simulator.control.scheduling.info import NodeInfo
from simulator.control.scheduling.queue import Queued
from simulator.control.scheduling.settings import SchedulerSettings
from simulator.interop.extender.objects import Json, Unreadable, node_of, placed, template_of
from simulator.policy import Batch, Bind, Filter, Placement, Score
from simulator.policy.view import Bools, Floats
from simulator.streams import Rng, key

MOST: Final = 10  # MaxExtenderPriority
Listed = Callable[[], list[Json]]


class Extender:
    """One policy. `pods()` lists the pods of the cluster, as its API server does; `settings` are the scheduler's, whose
    own filters and scores the view answers by."""

    def __init__(self, policy: Any, settings: SchedulerSettings, *, seed: int = 1, pods: Listed | None = None) -> None:
        if isinstance(policy, Batch):
            raise TypeError("a batch places pods together, and an extender is asked about one")
        self._policy, self._settings, self._rng, self._pods = policy, settings, Rng(seed), pods
        self._lock = Lock()  # a policy is asked one question at a time

    @cached_property
    def _framework(self) -> Framework:
        return Framework(self._settings)

    def filter(self, args: Json) -> dict[str, Any]:
        """ExtenderFilterResult: the nodes that the policy lets pass, and why the others do not."""
        try:
            nodes, ask = self._ask(args)
            with self._lock:
                failed = self._failed(ask)
        except (Unreadable, PolicyFault) as error:
            return {"Error": str(error)}
        passing = [data for data in nodes if _name(data) not in failed]
        result: dict[str, Any] = {"FailedNodes": failed, "FailedAndUnresolvableNodes": {}, "Error": ""}
        return result | {"Nodes": {"items": passing}, "NodeNames": [_name(data) for data in passing]}

    def prioritize(self, args: Json) -> list[dict[str, Any]]:
        """HostPriorityList: 10 for the node of a placement, 0 for others; of a score plug-in a tenth of its scores.
        Raises Unreadable and PolicyFault."""
        _, ask = self._ask(args)
        with self._lock:
            column = self._scores(ask)
        return [
            {"Host": name, "Score": int(score)} for name, score in zip(ask.cluster.names, column.tolist(), strict=True)
        ]

    # What the policy says

    def _failed(self, ask: Ask) -> dict[str, str]:
        policy, pod, cluster = self._policy, ask.pod, ask.cluster
        if isinstance(policy, Score):
            return {}
        if isinstance(policy, Filter):
            passes: Bools = _asked(policy.passes, pod, cluster)
            rows = np.flatnonzero(~passes).tolist()
            return {cluster.names[row]: _asked(policy.why_not, pod, cluster, row).text for row in rows}
        decision = self._decision(ask)
        if isinstance(decision, Bind):
            return {}
        why = said(decision.reasons) or f"{type(decision).__name__} by {type(policy).__name__}"
        return dict.fromkeys(cluster.names, why)

    def _scores(self, ask: Ask) -> Floats:
        policy, cluster = self._policy, ask.cluster
        column = np.zeros(len(cluster))
        if isinstance(policy, Filter):
            return column
        if isinstance(policy, Score):
            everywhere = np.ones(len(cluster), np.bool_)
            found: Floats = _asked(policy.score, ask.pod, cluster, everywhere)
            return np.rint(np.clip(found, 0, 100) * MOST / 100)
        decision = self._decision(ask)
        if isinstance(decision, Bind):
            column[decision.node] = MOST
        return column

    def _decision(self, ask: Ask) -> Any:
        policy = self._policy
        decision = _asked(policy.place if isinstance(policy, Placement) else policy, ask.pod, ask.cluster)
        if fault := fault_of(decision, ask):
            raise PolicyFault(fault)
        return decision

    # What it sees

    def _ask(self, args: Json) -> tuple[list[Json], Ask]:
        """The candidates as they came, and the question. Raises Unreadable."""
        given = {name.lower(): value for name, value in args.items()}
        nodes, pod = (given.get("nodes") or {}).get("items"), given.get("pod")
        if not nodes:
            raise Unreadable("no nodes were sent: the extender's configuration needs nodeCacheCapable: false")
        if not pod:
            raise Unreadable("no pod was sent")
        info = NodeInfo(self._settings.unset_cpu_m, self._settings.unset_ram_bytes)
        for data in nodes:
            info.set_node(node_of(data))
        info.refresh()
        for uid, (node, other) in enumerate(placed(self._pods() if self._pods else []), start=1):
            info.place(uid, info.profile(other.template), node)
        asked = Pod((pod.get("metadata") or {}).get("name", ""), template=template_of(pod))
        keys, moment = info.keys, key(f"{asked.name}/1")
        cycle = Cycle(
            self._framework, info, asked, attempt=1, now=0, start=0,
            uniform=lambda name: self._rng.draws(f"policy/{name}", keys, moment),
        )  # fmt: skip
        return list(nodes), Ask(cycle, Queued(asked, 0))


class PolicyFault(RuntimeError):
    """The policy raised, or answered nonsense; one sentence."""


def _asked(decide: Callable[..., Any], *args: Any) -> Any:
    try:
        return decide(*args)
    except Exception as error:
        raise PolicyFault(fault_in(error)) from error


def _name(data: Mapping[str, Any]) -> str:
    return str(data["metadata"]["name"])
