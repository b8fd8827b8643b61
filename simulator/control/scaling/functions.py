"""A function platform on a cluster: its controller makes a pod for each instance, and deletes it when it is to go.

As platforms do that manage pods themselves (OpenWhisk's container factory, Fission's executors), without a ReplicaSet
in between: only so can it choose which instance goes. It writes through a client of its own, and learns through its
watch that a pod is ready; so a cold start is what the orchestrator needs to write, schedule, pull, start and report a
pod. That an instance has ended it knows at once, from its broken connections. What it knows survives anything: the
platform itself does not fail.
"""

from __future__ import annotations

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Pod
from simulator.control.api.server import ApiServer
from simulator.control.controllers.pods import delete_pod, free_name
from simulator.engine.clock import Clock
from simulator.runtime.pod_run import PodRun
from simulator.traffic.functions.live import LivePool
from simulator.traffic.functions.pool import Book, Freeze, Limits
from simulator.world.pod import PodTemplate


class FunctionPlatform:
    """All functions of one cluster."""

    __slots__ = (
        "_admission",
        "_client",
        "_clock",
        "_found",
        "_freezes",
        "_named",
        "_pods",
        "_server",
        "_speeds",
        "pools",
    )

    def __init__(self, clock: Clock, server: ApiServer, client: Client, admission: Admission) -> None:
        self._clock, self._server, self._client, self._admission = clock, server, client, admission
        self._named: dict[str, int] = {}
        self._pods: dict[tuple[str, int], Pod | None] = {}  # by function and instance; None: not wanted any more
        self._found: dict[int, tuple[str, int]] = {}  # the same, by the pod's uid
        self._speeds: dict[int, float] = {}  # of the pods that run, by uid
        self._freezes: dict[int, Freeze] = {}  # likewise
        self.pools: dict[str, LivePool] = {}
        server.watch(Pod, self._pod_changed)

    def add(self, name: str, template: PodTemplate, book: Book, limits: Limits, end: int) -> None:
        """A function; its requests come from now on."""
        self._named[name] = 0

        def start(number: int) -> None:
            self._client.call(self._create, name, number, template)

        def stop(number: int) -> None:
            self._let_go(name, number)

        self.pools[name] = LivePool(self._clock, book, limits, end, start=start, stop=stop)

    def serving(self, run: PodRun, up: bool, how: str) -> None:
        """A pod of the cluster begins to answer, or ends: called by its node's agent."""
        if up:
            self._speeds[run.uid], self._freezes[run.uid] = run.speed, run.freeze
            found = self._found.get(run.uid)
            pod = None if found is None else self._pods.get(found)
            if pod is not None and pod.ready:  # without a probe a pod is ready before it listens
                self._up(run.uid)
        elif how != "starting":
            self._speeds.pop(run.uid, None)
            self._freezes.pop(run.uid, None)
            self._lose(run.uid)

    def paced(self, run: PodRun) -> None:
        """A pod of the cluster that runs has another speed from now on."""
        if run.uid in self._speeds:
            self._speeds[run.uid] = run.speed
            if run.uid in self._found:
                name, number = self._found[run.uid]
                self.pools[name].pace(number, run.speed)

    def instance(self, uid: int) -> tuple[str, int] | None:
        """The function and the number of the instance that a pod is; None for one that is not wanted any more."""
        return self._found.get(uid)

    def _create(self, name: str, number: int, template: PodTemplate) -> None:
        if (name, number) in self._pods:  # it was given up before it was written
            return
        pod_name = free_name(self._server, name, self._named)
        pod = self._server.create(Pod(name=pod_name, template=self._admission.admit(template)))
        self._pods[name, number] = pod
        self._found[pod.uid] = (name, number)

    def _let_go(self, name: str, number: int) -> None:
        """Delete the pod of an instance that is gone."""
        pod = self._pods.get((name, number))
        self._pods[name, number] = None
        if pod is not None:
            self._found.pop(pod.uid)
            if pod.active or pod.phase == "Failed":
                self._client.call(delete_pod, self._server, pod)

    def _lose(self, uid: int) -> None:
        found = self._found.get(uid)
        if found is not None:
            name, number = found
            self._let_go(name, number)
            self.pools[name].fail(number)

    def _pod_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Pod)
        if obj.uid not in self._found:
            return
        if event == "DELETED" or not obj.active:
            self._lose(obj.uid)
        elif obj.ready and obj.uid in self._speeds:
            self._up(obj.uid)

    def _up(self, uid: int) -> None:
        name, number = self._found[uid]
        self.pools[name].up(number, self._speeds[uid], self._freezes[uid])
