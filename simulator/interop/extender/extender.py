"""The two verbs of a kube-scheduler extender, answered by a policy: `filter` and `prioritize`.

Kubernetes defines what is sent and what comes back (k8s.io/kube-scheduler/extender/v1): the candidates are the nodes
that the scheduler's own filters let pass, and a score is a number from 0 to 10. The policy sees the same view as in a
simulation, built by the same code; of pods that run already it knows what it is told, else every node seems empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
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
from simulator.policy import Batch, Bind, Filter, Placement, Reason, Reject, Score
from simulator.policy.api import MOST_SCORE, fault_of_column, fault_of_scores
from simulator.policy.points import point_for
from simulator.policy.view import Bools, Floats
from simulator.streams import Rng, key

# Filters that count pods on all nodes: of a kube-scheduler's candidates they hold already.
_OF_OTHERS: Final = ("PodTopologySpread", "InterPodAffinity")
MOST: Final = 10  # MaxExtenderPriority
_DID_NOT_PASS: Final = Reason("", "did not pass")
POINTS: Final = ("placement", "filter", "score")  # that an extender can answer for
Listed = Callable[[], list[Json]]


class Extender:
    """One policy. `pods()` lists the pods of the cluster, as its API server does, and `nodes()` its nodes, for a
    scheduler that sends only their names; `settings` are the scheduler's, whose own filters and scores the view answers
    by, but for those that look at other nodes: only candidates are known."""

    def __init__(
        self, policy: Any, settings: SchedulerSettings, *, seed: int = 1, pods: Listed | None = None,
        nodes: Listed | None = None,
    ) -> None:  # fmt: skip
        if isinstance(policy, Batch):
            raise TypeError("a batch places pods together, and an extender is asked about one")
        self._point = point_for(policy, type(policy).__name__)
        if self._point not in POINTS:
            raise TypeError(f"a kube-scheduler asks no policy for {self._point}")
        own = tuple(each for each in settings.filters if each not in _OF_OTHERS)
        everybody = replace(settings.sampling, percent=100)  # kube-scheduler has drawn its sample already
        self._settings = replace(settings, filters=own, sampling=everybody)
        self._policy, self._rng = policy, Rng(seed)
        self._pods, self._nodes = pods, nodes
        self._lock = Lock()  # a policy is asked one question at a time

    @cached_property
    def _framework(self) -> Framework:
        return Framework(self._settings)

    def filter(self, args: Json) -> dict[str, Any]:
        """ExtenderFilterResult: the nodes that the policy lets pass, and why the others do not. Those for which waiting
        does not help, nor preemption, are in FailedAndUnresolvableNodes."""
        try:
            candidates, ask = self._ask(args)
            with self._lock:
                failed = self._failed(ask)
        except (Unreadable, PolicyFault) as error:
            return {"Error": str(error)}
        passing = [name for name in candidates if name not in failed]
        told: dict[str, dict[str, str]] = {"not now": {}, "never": {}}
        for name, (text, when) in failed.items():
            told["never" if when == "never" else "not now"][name] = text
        full = [data for name in passing if (data := candidates[name]) is not None]
        return {
            "Nodes": {"items": full} if len(full) == len(passing) else None,
            "NodeNames": passing,
            "FailedNodes": told["not now"],
            "FailedAndUnresolvableNodes": told["never"],
            "Error": "",
        }

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

    def _failed(self, ask: Ask) -> dict[str, tuple[str, str]]:
        """Why a node does not pass, and whether it never will."""
        policy, pod, cluster = self._policy, ask.pod, ask.cluster
        if self._point == "score":
            return {}
        if self._point == "filter":
            passes: Bools = _asked(policy.passes if isinstance(policy, Filter) else policy, pod, cluster)
            if fault := fault_of_column(passes, len(cluster)):
                raise PolicyFault(fault)
            found: dict[str, tuple[str, str]] = {}
            for row in np.flatnonzero(~passes).tolist():
                why = _asked(policy.why_not, pod, cluster, row) if isinstance(policy, Filter) else _DID_NOT_PASS
                if not isinstance(why, Reason):
                    raise PolicyFault(f"answered {why!r}, asked why not: it must be a Reason")
                found[cluster.names[row]] = why.text, why.when
            return found
        decision = self._decision(ask)
        if isinstance(decision, Bind):
            return {}
        when = "never" if isinstance(decision, Reject) else "not now"
        otherwise = f"{type(decision).__name__} by {type(policy).__name__}"
        return {
            name: (said(tuple(r for r in decision.reasons if r.node in ("", name))) or otherwise, when)
            for name in cluster.names
        }

    def _scores(self, ask: Ask) -> Floats:
        policy, cluster = self._policy, ask.cluster
        column = np.zeros(len(cluster))
        if self._point == "filter":
            return column
        if self._point == "score":
            everywhere = np.ones(len(cluster), np.bool_)
            found: Floats = _asked(policy.score if isinstance(policy, Score) else policy, ask.pod, cluster, everywhere)
            if fault := fault_of_scores(found, np.ones(len(cluster), np.bool_)):
                raise PolicyFault(fault)
            return np.rint(found * (MOST / MOST_SCORE))
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

    def _ask(self, args: Json) -> tuple[dict[str, Json | None], Ask]:
        """The candidates by name, as they came (None: by its name alone), and the question. Raises Unreadable."""
        given = {name.lower(): value for name, value in args.items()}
        pod = given.get("pod")
        if not isinstance(pod, Mapping):
            raise Unreadable("no pod was sent")
        nodes, named = self._candidates(given)
        info = NodeInfo(self._settings.unset_cpu_m, self._settings.unset_ram_bytes)
        for data in nodes.values():
            info.set_node(node_of(data))
        info.refresh()
        for uid, (node, other) in enumerate(placed(self._pods() if self._pods else []), start=1):
            info.place(uid, info.profile(other.template), node)
        template = template_of(pod)
        asked = Pod(template.workload, template=template)
        keys, moment = info.keys, key(f"{asked.name}/1")
        cycle = Cycle(
            self._framework, info, asked, attempt=1, now=0, start=0,
            uniform=lambda name: self._rng.draws(f"policy/{name}", keys, moment),
        )  # fmt: skip
        return {name: None if named else data for name, data in nodes.items()}, Ask(cycle, Queued(asked, 0))

    def _candidates(self, given: Json) -> tuple[dict[str, Json], bool]:
        """The candidates by name, and whether only their names were sent. Raises Unreadable."""
        listed, names = given.get("nodes"), given.get("nodenames")
        items = listed.get("items") if isinstance(listed, Mapping) else None
        if isinstance(items, list) and items:
            return {_name(data): data for data in items}, False
        if not isinstance(names, list) or not names:
            raise Unreadable("no nodes were sent: the extender's configuration needs nodeCacheCapable: false")
        if self._nodes is None:
            hint = "serve the policy with --api, or set nodeCacheCapable: false in the extender's configuration"
            raise Unreadable(f"only names of nodes were sent: {hint}")
        known = {_name(data): data for data in self._nodes()}
        if unknown := [name for name in names if name not in known]:
            raise Unreadable(f"the API server has no node {unknown[0]}")
        return {name: known[name] for name in names}, True


class PolicyFault(RuntimeError):
    """The policy raised, or answered nonsense; one sentence."""


def _asked(decide: Callable[..., Any], *args: Any) -> Any:
    try:
        return decide(*args)
    except Exception as error:
        raise PolicyFault(fault_in(error)) from error


def _name(data: Any) -> str:
    try:
        return str(data["metadata"]["name"])
    except (TypeError, KeyError):
        raise Unreadable("a node has no name") from None
