"""Autoscaling of Deployments: the loop that asks, and sets their replicas."""

from __future__ import annotations

from operator import index
from typing import Any

from simulator.control.api.client import Client
from simulator.control.api.objects import Deployment
from simulator.control.api.server import ApiServer
from simulator.control.controllers.manager import ControllerManager
from simulator.control.loops.loop import Loop
from simulator.control.loops.metrics import Metrics
from simulator.control.scheduling.asking import Asker
from simulator.engine.clock import Clock
from simulator.policy import Autoscaling
from simulator.policy.autoscaling import AutoscalingFunction
from simulator.record.buffer import Recorder
from simulator.units import duration


class Autoscaler:
    """Part of the controller manager's process: works while that leads. Only changes are recorded."""

    __slots__ = ("_asker", "_client", "_clock", "_manager", "_metrics", "_recorder", "_replicas", "_server")

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, *,
        manager: ControllerManager, metrics: Metrics, policy: Autoscaling | AutoscalingFunction, asker: Asker,
    ) -> None:  # fmt: skip
        self._clock, self._recorder, self._server, self._client = clock, recorder, server, client
        self._manager, self._metrics, self._asker = manager, metrics, asker
        self._replicas = policy.replicas if isinstance(policy, Autoscaling) else policy
        Loop(clock, duration(float(getattr(policy, "every_s", Autoscaling.every_s))), self._look)

    def _look(self, _number: int) -> None:
        if not self._manager.deployments.leading or not self._server.up:
            return
        for deployment in list(self._server.list(Deployment)):
            if deployment.deletion_ns is not None:
                continue
            view = self._metrics.view(deployment, self._clock.now)
            answer = self._asker.ask(deployment.name, _fault_of, self._replicas, view)
            if answer is not None and int(answer) != deployment.replicas:
                self._recorder.decisions.add(self._clock.now, deployment.name, "Scale", "", 0, 0, 0)
                self._client.call(self._scale, deployment, int(answer))

    def _scale(self, deployment: Deployment, replicas: int) -> None:
        """Made at the API server."""
        if not deployment.deleted and deployment.deletion_ns is None and deployment.replicas != replicas:
            change = f"{deployment.replicas} to {replicas}"
            self._recorder.events.add(self._clock.now, "ScalingReplicaSet", deployment.name, "", change)
            self._manager.deployments.scale(deployment, replicas)


def _fault_of(answer: Any) -> str:
    if answer is None or isinstance(answer, bool):
        return f"answered {answer!r}: autoscaling answers a number of replicas"
    return "" if index(answer) >= 0 else f"answered {answer!r} replicas"
