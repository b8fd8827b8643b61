"""What the node lifecycle controller writes at the API server, each write once at a time, in its turn."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from simulator.control.api.client import Client
from simulator.control.api.objects import Node, Pod, Taint
from simulator.control.api.server import ApiServer
from simulator.control.liveness import taints
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder


class NodeWriter:
    """Writes of conditions and taints through one client. `close` forgets those that are under way.

    Where more nodes are Unknown than the client may write of at once, a pass of Kubernetes' controller takes as long as
    its writes, and it looks at each node only when it gets there. So here: a node that has been heard of before its
    turn comes, by `silent`, is not written of, and `heard` is told; its pods neither. What is written is never older
    than the latency of a write. (The API server would not refuse it: a renewed lease changes no Node.)
    """

    __slots__ = ("_client", "_clock", "_heard", "_missed", "_recorder", "_server", "_silent", "_term", "_timer",
                 "_under_way", "_waiting")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        server: ApiServer,
        client: Client,
        *,
        missed: Callable[[Node], None],
        silent: Callable[[Node], bool],
        heard: Callable[[Node], None],
    ) -> None:
        self._clock = clock
        self._recorder = recorder
        self._server = server
        self._client = client
        self._missed = missed  # told when a node has become Unknown
        self._silent = silent
        self._heard = heard
        self._term = 0
        self._under_way: set[tuple[str, str]] = set()
        self._waiting: deque[tuple[Node, Pod | None]] = deque()  # nodes that are Unknown and their pods, in turn
        self._timer: Timer | None = None
        server.up_hooks.append(lambda _up: self._go_on())

    def close(self) -> None:
        """The process has ended, and its calls with it."""
        self._term += 1
        self._under_way.clear()
        self._waiting.clear()
        self._drop_timer()

    def writes(self, node: Node, what: str) -> bool:
        """Whether a write of this kind to this node is under way: "Ready", "NoExecute" or "NoSchedule"."""
        return (node.name, what) in self._under_way

    def unknown(self, node: Node, pods: Iterable[Pod]) -> None:
        """Write that nothing is known of the node, and that these pods of it are not ready; each in its turn."""
        if self.writes(node, "Ready"):
            return
        self._under_way.add((node.name, "Ready"))
        self._waiting.append((node, None))
        self._waiting.extend((node, pod) for pod in pods if pod.ready)
        self._go_on()

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

    def _go_on(self) -> None:
        """Write what waits, as far as the client may now."""
        self._drop_timer()
        while self._waiting and self._server.up:
            if self._client.next_ns > self._clock.now:
                self._timer = self._clock.at(self._client.next_ns, self._go_on)
                return
            node, pod = self._waiting.popleft()
            if pod is not None:
                if pod.ready and (node.ready != "True" or self.writes(node, "Ready")):
                    self._write(pod.name, "Pod", self._set_not_ready, pod)
            elif self._silent(node):
                self._event("NodeNotReady", node, "NodeStatusUnknown")
                self._client.call(self._do, self._term, (node.name, "Ready"), self._set_unknown, (node,))
            else:
                self._under_way.discard((node.name, "Ready"))
                self._heard(node)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

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
