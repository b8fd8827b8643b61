"""Rescheduling: pods that run are deleted here and made anew there, or move there as they are."""

from __future__ import annotations

from collections.abc import Collection
from operator import index
from typing import Any

import numpy as np

from simulator.control.api.client import Client
from simulator.control.api.objects import DaemonSet, Pod
from simulator.control.api.server import ApiServer
from simulator.control.controllers.pods import Successors, delete_pod
from simulator.control.loops.loop import Loop
from simulator.control.loops.migrating import Migrator
from simulator.control.scheduling.moves import wished_by
from simulator.control.scheduling.placed import PlacedPods, Refuses
from simulator.control.scheduling.scheduler import Scheduler
from simulator.engine.clock import Clock
from simulator.policy import Migrate, Rescheduling
from simulator.policy.rescheduling import ReschedulingFunction
from simulator.record.buffer import Recorder
from simulator.units import duration

_NAME = "rescheduling"


class Rescheduler:
    """Sees what the scheduler believes, and is up while that is. A move that no pod has taken by the next round is
    forgotten. `functions` are workloads whose pods their platform makes: they stay. `refuses(pod, node, how)` says why
    a pod cannot move to a node while it runs; empty: it can. Policies do not see those that do, and such a move goes on
    while the scheduler is down.
    """

    __slots__ = ("_asker", "_client", "_clock", "_functions", "_migrator", "_moves", "_recorder", "_refuses",
                 "_scheduler", "_server", "_successors")  # fmt: skip

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, *,
        scheduler: Scheduler, policy: Rescheduling | ReschedulingFunction, refuses: Refuses,
        functions: Collection[str] = (),
    ) -> None:  # fmt: skip
        self._clock, self._recorder, self._server, self._client = clock, recorder, server, client
        self._scheduler, self._functions, self._refuses = scheduler, functions, refuses
        self._successors = Successors(server)
        self._migrator = Migrator(clock, recorder, server, client, self._successors)
        self._asker = scheduler.asker()
        self._moves = policy.moves if isinstance(policy, Rescheduling) else policy
        Loop(clock, duration(float(getattr(policy, "every_s", Rescheduling.every_s))), self._look)

    def _look(self, number: int) -> None:
        seen = self._scheduler.look(
            f"{_NAME}/{number}", self._migrator.moving, fixed=self._functions, refuses=self._refuses
        )
        if seen is None or not self._server.up:
            return
        cluster, placed = seen
        self._scheduler.moves.clear()

        def fault(answer: Any) -> str:
            return _fault_of(answer, placed, cluster.names, functions=self._functions, refuses=self._refuses)

        answer = self._asker.ask(_NAME, fault, self._moves, cluster, placed.view)
        for move in answer or ():
            pod, node = placed.find(move.pod), cluster.names[move.node]
            assert pod is not None
            assert pod.pod is not None
            self._recorder.decisions.add(self._clock.now, move.pod, "Migrate", node, 0, 0, 0)
            if move.how == "cold":
                self._client.call(self._move, pod.pod, node)
            else:
                self._client.call(self._migrator.begin, pod.pod, node, move.how)

    def _move(self, pod: Pod, node: str) -> None:
        """Made at the API server. Nobody else makes a pod without a controller anew."""
        if pod.deleted or pod.deletion_ns is not None:
            return
        self._recorder.events.add(self._clock.now, "Migrating", pod.name, pod.node, f"to {node}")
        if pod.owner is not None:
            self._scheduler.moves.wish(wished_by(pod), node)
            delete_pod(self._server, pod)
            return
        twin = Pod(name=self._successors.name(pod), template=pod.template, run_ns=pod.run_ns)
        self._scheduler.moves.wish(wished_by(twin), node)
        delete_pod(self._server, pod)
        self._server.create(twin)


def _fault_of(
    answer: Any, placed: PlacedPods, nodes: tuple[str, ...], *, functions: Collection[str],
    refuses: Refuses,
) -> str:  # fmt: skip
    """What is wrong with the answer of a round; empty if nothing is."""
    seen = set[str]()
    if not isinstance(answer, list | tuple):  # an iterator would be at its end when it is carried out
        return f"answered a {type(answer).__name__}: rescheduling answers a list of Migrate"
    for move in answer:
        if not isinstance(move, Migrate):
            return f"answered {move!r}, a {type(move).__name__}: rescheduling answers a list of Migrate"
        pod, name = placed.find(move.pod), move.pod
        row = -1 if isinstance(move.node, bool | np.bool_) else index(move.node)
        if move.how not in ("cold", "live", "state"):
            return f"moves {name} in the way {move.how!r}: there are cold, live and state"
        if pod is None or pod.pod is None:
            return f"moves {name}, which is on no node"
        if name in seen:
            return f"moves {name} twice"
        seen.add(name)
        if not 0 <= row < len(nodes):
            return f"moves {name} to row {move.node!r} of {len(nodes)}"
        if isinstance(pod.pod.owner, DaemonSet):
            return f"moves {name}, which belongs to its node as the pod of a DaemonSet"
        if pod.pod.template.workload in functions:
            return f"moves {name}, which is an instance of a function: its platform says where it runs"
        if nodes[row] == pod.node:
            return f"moves {name} to {pod.node}, where it is"
        if not placed.feasible(placed.pods.index(pod))[row]:
            return f"moves {name} to {nodes[row]}, which does not pass the filters"
        if move.how != "cold" and (why := refuses(pod.pod, nodes[row], move.how)):
            return f"moves {name} in the way {move.how!r}: {why}"
    return ""
