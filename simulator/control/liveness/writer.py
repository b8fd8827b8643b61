"""What the node lifecycle controller writes at the API server, each write once at a time, in its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from simulator.control.api.client import Client
from simulator.control.api.objects import Node, Pod, Taint
from simulator.control.api.server import ApiServer
from simulator.control.liveness import taints
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder


class NodeWriter:
    """Writes of conditions and taints through one client. `close` forgets those that are under way."""

    __slots__ = ("_client", "_clock", "_missed", "_recorder", "_server", "_term", "_under_way")

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, missed: Callable[[Node], None]
    ) -> None:
        self._clock = clock
        self._recorder = recorder
        self._server = server
        self._client = client
        self._missed = missed  # told when a node has become Unknown
        self._term = 0
        self._under_way: set[tuple[str, str]] = set()

    def close(self) -> None:
        """The process has ended, and its calls with it."""
        self._term += 1
        self._under_way.clear()

    def writes(self, node: Node, what: str) -> bool:
        """Whether a write of this kind to this node is under way: "Ready", "NoExecute" or "NoSchedule"."""
        return (node.name, what) in self._under_way

    def unknown(self, node: Node, pods: Iterable[Pod]) -> None:
        """Write that nothing is known of the node, and that these pods of it are not ready."""
        self._event("NodeNotReady", node, "NodeStatusUnknown")
        self._write(node.name, "Ready", self._set_unknown, node)
        for pod in pods:
            if pod.ready:
                self._write(pod.name, "Pod", self._set_not_ready, pod)

    def no_execute(self, node: Node, taint: Taint | None) -> None:
        """Write the NoExecute taint of the node's Ready condition; None: it has none any more."""
        wanted = set() if taint is None else {taint}
        if set(taints.condition_no_execute(node)) != wanted:
            self._write(node.name, "NoExecute", self._set_taints, node, taints.condition_no_execute, lambda _: wanted)

    def no_schedule(self, node: Node) -> None:
        """Write the NoSchedule taints that the node's conditions ask for, where it has others."""
        if taints.owned_no_schedule(node) != taints.wanted_no_schedule(node):
            has, wants = taints.owned_no_schedule, taints.wanted_no_schedule
            self._write(node.name, "NoSchedule", self._set_taints, node, has, wants)

    def _write(self, name: str, what: str, write: Callable[..., object], *args: Any) -> None:
        if (name, what) not in self._under_way:
            self._under_way.add((name, what))
            self._client.call(self._do, self._term, (name, what), write, args)

    def _do(self, term: int, what: tuple[str, str], write: Callable[..., object], args: tuple[Any, ...]) -> None:
        if term == self._term:
            self._under_way.discard(what)
            write(*args)

    def _set_unknown(self, node: Node) -> None:
        if not node.deleted and node.ready != "Unknown":
            node.ready = "Unknown"
            node.conditions = dict.fromkeys(node.conditions, False)  # the others are Unknown too, which taints nothing
            self._server.changed(node)
            self._missed(node)

    def _set_not_ready(self, pod: Pod) -> None:
        if not pod.deleted and pod.ready:
            pod.ready = False
            self._server.changed(pod)

    def _set_taints(
        self, node: Node, has: Callable[[Node], Iterable[Taint]], wants: Callable[[Node], set[Taint]]
    ) -> None:
        present, wanted = set(has(node)), wants(node)
        if node.deleted or present == wanted:
            return
        node.taints = [t for t in node.taints if t not in present - wanted] + sorted(wanted - present)
        for kind, changed in (("TaintRemoved", present - wanted), ("TaintAdded", wanted - present)):
            for key, _value, effect in sorted(changed):
                self._event(kind, node, f"{key}:{effect}")
        self._server.changed(node)

    def _event(self, kind: str, node: Node, detail: str) -> None:
        self._recorder.events.add(self._clock.now, kind, node.name, node.name, detail)
