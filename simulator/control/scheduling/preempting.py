"""Preemption: pods of lower priority are deleted so that one that found no node gets room, which is kept for it."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index
from typing import Any

import numpy as np

from simulator.control.api.client import Client
from simulator.control.api.objects import Pod
from simulator.control.api.server import ApiServer
from simulator.control.controllers.pods import delete_pod
from simulator.control.scheduling.asking import Asker
from simulator.control.scheduling.decision import Ask
from simulator.control.scheduling.info import NodeInfo, Placed
from simulator.control.scheduling.placed import PlacedPods
from simulator.engine.clock import Clock
from simulator.policy import Evict, Preemption
from simulator.policy.preemption import PreemptionFunction
from simulator.record.buffer import Recorder


class Preemptor:
    """One life of a scheduler's. Whom it nominates is in `NodeInfo.nominated`."""

    __slots__ = ("_asker", "_client", "_clock", "_doomed", "_info", "_lives", "_recorder", "_server", "_victims")

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, *,
        info: NodeInfo, policy: Preemption | PreemptionFunction, asker: Asker,
    ) -> None:  # fmt: skip
        self._clock, self._recorder, self._server, self._client = clock, recorder, server, client
        self._info, self._asker = info, asker
        self._victims = policy.victims if isinstance(policy, Preemption) else policy
        self._doomed: set[int] = set()  # uids: to be deleted, and not seen so yet
        self._lives = True

    def clear(self, ask: Ask) -> list[Pod]:
        """Whom to delete for a pod that found no node, which is nominated if the policy finds room for it."""
        info, cycle = self._info, ask.cycle
        uid, priority = cycle.pod.uid, cycle.template.priority
        self._doomed &= info.placed.keys()
        lower = [pod for pod in info.placed.values() if pod.profile.template.priority < priority]
        if not cycle.template.preempts or not lower or cycle.feasible().any() or self._waits(uid, priority):
            return []
        placed = PlacedPods(info, self._clock.now, doomed=self._doomed, asking=cycle)

        def fault(answer: Any) -> str:
            return _fault_of(answer, placed, priority, info.names)

        pod = ask.pod
        answer = self._asker.ask(
            pod.name, fault, self._victims, pod, ask.cluster, placed.view, attempt=pod.attempt
        )  # fmt: skip
        info.nominated.pop(uid, None)
        if answer is None:
            return []
        node = info.names[answer.node]
        info.nominated[uid] = Placed(cycle.profile, node, {})
        found = [each.pod for name in answer.pods if (each := placed.find(name)) is not None and each.pod is not None]
        self._doomed.update(victim.uid for victim in found)
        self._recorder.decisions.add(
            self._clock.now, pod.name, "Evict", node, pod.attempt, cycle.examined, cycle.found
        )  # fmt: skip
        return found

    def delete(self, victims: Sequence[Pod], by: str) -> None:
        """Have them deleted, each with its own grace."""
        for pod in victims:
            self._client.call(self._delete, pod, by)

    def die(self) -> None:
        """The scheduler has died: what it has not written it never will."""
        self._lives = False

    def _waits(self, uid: int, priority: int) -> bool:
        """Whether room is being made for it already."""
        mine = self._info.nominated.get(uid)
        return mine is not None and any(
            pod.node == mine.node and pod.profile.template.priority < priority and (pod.leaving or of in self._doomed)
            for of, pod in self._info.placed.items()
        )

    def _delete(self, pod: Pod, by: str) -> None:
        if self._lives and not pod.deleted and pod.deletion_ns is None:
            self._recorder.events.add(self._clock.now, "Preempted", pod.name, pod.node, f"by {by}")
            delete_pod(self._server, pod)


def _fault_of(answer: Any, placed: PlacedPods, priority: int, nodes: tuple[str, ...]) -> str:
    """What is wrong with an answer; empty if nothing is."""
    if answer is None:
        return ""
    if not isinstance(answer, Evict):
        return f"answered {answer!r}, a {type(answer).__name__}: preemption answers Evict or None"
    row = -1 if isinstance(answer.node, bool | np.bool_) else index(answer.node)
    if not 0 <= row < len(nodes):
        return f"evicts from row {answer.node!r} of {len(nodes)}"
    for name in answer.pods:
        pod = placed.find(name)
        if pod is None or pod.node != nodes[row]:
            return f"evicts {name}, which is not on {nodes[row]}"
        if pod.profile.template.priority >= priority:
            return f"evicts {name} of priority {pod.profile.template.priority} for a pod of {priority}"
    if not placed.fits(row, answer.pods):
        return f"evicts from {nodes[row]}, where the pod does not fit even then"
    return ""
