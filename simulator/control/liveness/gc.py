"""Pod garbage collection: pods of nodes that are gone, and of owners that are gone, do not stay for ever."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.controllers.index import PodIndex
from simulator.engine.clock import Clock, Timer


@dataclass(frozen=True, slots=True)
class GcSettings:
    """Times in ns: of one round to the next, and how long a missing node must have been missing."""

    period_ns: int
    quarantine_ns: int


class PodGc:
    """Rounds are made only while there is something to find."""

    __slots__ = (
        "_client",
        "_clock",
        "_leading",
        "_missing",
        "_pods",
        "_server",
        "_settings",
        "_start",
        "_term",
        "_timer",
    )

    def __init__(self, clock: Clock, server: ApiServer, client: Client, pods: PodIndex, settings: GcSettings) -> None:
        self._clock = clock
        self._server = server
        self._client = client
        self._pods = pods
        self._settings = settings
        self._leading = False
        self._term = 0
        self._start = 0  # the rounds' phase
        self._missing: dict[str, int] = {}  # node -> the round that missed it first
        self._timer: Timer | None = None
        server.watch(Node, self._node_changed)
        pods.hooks.append(self._pod_changed)

    def start(self) -> None:
        """Begin to lead."""
        self._leading = True
        self._term += 1
        self._start = self._clock.now
        if any(self._gone(name) for name in self._pods.nodes()):
            self._plan()

    def stop(self) -> None:
        """Lead no longer."""
        self._leading = False
        self._missing.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _gone(self, name: str) -> bool:
        return self._server.get(Node, name) is None

    def _node_changed(self, event: str, obj: ApiObject) -> None:
        if event == "DELETED" and self._pods.on(obj.name):
            self._plan()

    def _pod_changed(self, event: str, pod: Pod) -> None:
        if event != "DELETED" and pod.node and self._gone(pod.node):
            self._plan()

    def _plan(self) -> None:
        if self._leading and self._timer is None:
            period = self._settings.period_ns
            passed = -(-(self._clock.now + 1 - self._start) // period)
            self._timer = self._clock.at(self._start + passed * period, self._round)

    def _round(self) -> None:
        self._timer = None
        now = self._clock.now
        gone = [name for name in self._pods.nodes() if self._gone(name)]
        self._missing = {name: self._missing.get(name, now) for name in gone}
        for name, since in self._missing.items():
            if now >= since + self._settings.quarantine_ns:
                for pod in self._pods.on(name):
                    self._client.call(self._remove, self._term, pod)
        if gone:
            self._plan()

    def _remove(self, term: int, pod: Pod) -> None:
        if term == self._term and self._leading:
            self._server.remove(pod)
