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
from simulator.policy import Autoscaling, Decision, ServiceView
from simulator.policy.autoscaling import AutoscalingFunction
from simulator.record.buffer import Recorder
from simulator.units import duration


class ScaleAsk:
    """How many replicas? Answered once."""

    __slots__ = ("deployment", "service")

    def __init__(self, deployment: Deployment, service: ServiceView) -> None:
        self.deployment, self.service = deployment, service

    @property
    def subject(self) -> str:
        """Whom it is about, by name."""
        return self.service.name


class Autoscaler:
    """Part of the controller manager's process: works while that leads. Only changes are recorded.

    Without a policy (`set_policy(None)`) it stops at `pending` until `answer` is called, or the next round begins.
    """

    __slots__ = (
        "_asker", "_client", "_clock", "_due", "_manager", "_metrics", "_own", "_recorder", "_replicas", "_server",
        "pending",
    )  # fmt: skip

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, *,
        manager: ControllerManager, metrics: Metrics, policy: Autoscaling | AutoscalingFunction, asker: Asker,
    ) -> None:  # fmt: skip
        self._clock, self._recorder, self._server, self._client = clock, recorder, server, client
        self._manager, self._metrics, self._asker, self._own = manager, metrics, asker, policy
        self._due: list[Deployment] = []  # of this round, the next one last
        self.pending: ScaleAsk | None = None  # asked, and waiting for an answer from outside
        self._replicas: AutoscalingFunction | None = None
        self.release()
        Loop(clock, duration(float(getattr(policy, "every_s", Autoscaling.every_s))), self._look)

    def release(self) -> None:
        """Let the policy that it began with answer again, the pending ask included."""
        self.set_policy(self._own)

    def set_policy(self, policy: Autoscaling | AutoscalingFunction | None) -> None:
        """Let this policy answer from now on, the pending ask included; None: asks stay pending for `answer`."""
        self._replicas = policy.replicas if isinstance(policy, Autoscaling) else policy
        if self._replicas is not None and self.pending is not None:
            self._resume(self._asked(self.pending))

    def answer(self, decision: Decision | int) -> None:
        """Answer the pending ask. Raises ValueError if there is none."""
        if self.pending is None:
            raise ValueError("nothing has been asked")
        self._resume(self._asker.ask(self.pending.subject, _fault_of, lambda: decision))

    def _resume(self, answer: int | None) -> None:
        assert self.pending is not None
        ask, self.pending = self.pending, None
        self._set(ask.deployment, answer)
        self._next()

    def _look(self, _number: int) -> None:
        self.pending, self._due = None, []
        if not self._manager.deployments.leading or not self._server.up:
            return
        self._due = [each for each in self._server.list(Deployment) if each.deletion_ns is None][::-1]
        self._next()

    def _next(self) -> None:
        while self._due:
            deployment = self._due.pop()
            ask = ScaleAsk(deployment, self._metrics.view(deployment, self._clock.now))
            if self._replicas is None:
                self.pending = ask
                self._clock.pause()
                return
            self._set(deployment, self._asked(ask))

    def _asked(self, ask: ScaleAsk) -> int | None:
        """The policy's answer; None in the place of a wrong one."""
        assert self._replicas is not None
        answer: int | None = self._asker.ask(ask.subject, _fault_of, self._replicas, ask.service)
        return answer

    def _set(self, deployment: Deployment, replicas: int | None) -> None:
        if replicas is not None and int(replicas) != deployment.replicas:
            self._recorder.decisions.add(self._clock.now, deployment.name, "Scale", "", 0, 0, 0)
            self._client.call(self._scale, deployment, int(replicas))

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
