"""The controller manager: all controllers in one process, one copy of which leads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.queue import RetrySettings
from simulator.control.api.server import ApiServer
from simulator.control.controllers.base import Controller
from simulator.control.controllers.daemonset import DaemonSetController, DaemonSettings
from simulator.control.controllers.deployment import DeploymentController
from simulator.control.controllers.endpoints import EndpointsController
from simulator.control.controllers.index import PodIndex
from simulator.control.controllers.job import JobController, JobSettings
from simulator.control.controllers.replicaset import ReplicaSetController
from simulator.control.liveness.eviction import TaintEviction
from simulator.control.liveness.gc import GcSettings, PodGc
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.control.liveness.leader import LeaderSettings, Leadership
from simulator.control.liveness.monitor import MonitorSettings, NodeLifecycle, first_pass
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng


@dataclass(frozen=True, slots=True)
class ManagerSettings:
    """Each controller has a client of its own: `qps`, `burst`, and `latency_ns` from a token to the write."""

    qps: float
    burst: int
    latency_ns: int
    retry: RetrySettings
    workers: int  # of ReplicaSets, Deployments, Jobs and Endpoints
    daemon_workers: int
    create_burst: int  # of a ReplicaSet's sync
    history: int  # old ReplicaSets of a Deployment
    daemon: DaemonSettings
    job: JobSettings
    gc: GcSettings
    monitor: MonitorSettings
    leader: LeaderSettings


class ControllerManager:
    """A component that can be stopped. `heartbeats` are the agents' and outlive it."""

    __slots__ = ("_clock", "_controllers", "_rng", "_settings", "deployments", "eviction", "gc", "leadership",
                 "lifecycle", "pods", "replica_sets")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        server: ApiServer,
        *,
        heartbeats: Heartbeats,
        admission: Admission,
        settings: ManagerSettings,
    ) -> None:
        s = settings
        self._clock = clock
        self._rng = rng
        self._settings = settings

        def client() -> Client:
            return Client(clock, server, s.qps, s.burst, s.latency_ns)

        # The index first: who hears of a pod after it finds it there.
        pods = self.pods = PodIndex(server)
        self.lifecycle = NodeLifecycle(
            clock, rng, recorder, server, client(), beats=heartbeats, pods=pods, settings=s.monitor
        )
        self.eviction = TaintEviction(clock, recorder, server, client(), pods)
        self.gc = PodGc(clock, server, client(), pods, s.gc)
        self.replica_sets = ReplicaSetController(
            clock, server, client(), pods, admission, workers=s.workers, burst=s.create_burst, retry=s.retry
        )
        self.deployments = DeploymentController(
            clock, server, client(), pods, workers=s.workers, history=s.history, retry=s.retry
        )
        self._controllers: Sequence[Controller[Any]] = (
            self.replica_sets,
            self.deployments,
            DaemonSetController(
                clock, server, client(), pods, admission, workers=s.daemon_workers, settings=s.daemon, retry=s.retry
            ),
            JobController(clock, server, client(), pods, admission, workers=s.workers, settings=s.job, retry=s.retry),
            EndpointsController(clock, server, client(), pods, workers=s.workers, retry=s.retry),
        )
        self.leadership = Leadership(
            clock, rng, recorder, server, "controller-manager", settings=s.leader, begin=self._begin, end=self._end
        )

    def start(self) -> None:
        """At the beginning of time, once the first objects are stored."""
        self.leadership.start()

    def set_up(self, up: bool, leader: bool = False) -> None:
        """Stop or start the component; `leader`: only the copy that leads."""
        self.leadership.set_up(up, leader)

    def _begin(self) -> None:
        now = self._clock.now
        at = first_pass(self._rng, now, self._settings.monitor.monitor_ns) if now == 0 else now
        self.lifecycle.start(at)
        for part in self._parts():
            part.start()

    def _end(self) -> None:
        self.lifecycle.stop()
        for part in self._parts():
            part.stop()

    def _parts(self) -> Sequence[TaintEviction | PodGc | Controller[Any]]:
        return (self.eviction, self.gc, *self._controllers)
