"""The taint-eviction controller: NoExecute taints end the pods that do not, or no longer, tolerate them."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Node, Pod, Taint
from simulator.control.api.server import ApiServer
from simulator.control.controllers.index import PodIndex
from simulator.control.controllers.pods import delete_pod
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.units import SECOND
from simulator.world.pod import Toleration


def tolerated_ns(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> int | None:
    """How long a pod stays under these NoExecute taints (ns): 0 if one of them is not tolerated; None: for ever."""
    used = []
    for taint in taints:
        matching = [t for t in tolerations if t.tolerates(taint)]
        if not matching:
            return 0
        used += matching
    limits = [max(0, t.seconds) for t in used if t.seconds is not None]
    return min(limits) * SECOND if limits else None


class TaintEviction:
    """Starts a timer for each pod of a tainted node, stops it when the taint goes, deletes the pod when it ends.

    Timers live in the memory of the process that leads: a successor starts them anew.
    """

    __slots__ = ("_client", "_clock", "_due", "_leading", "_pods", "_recorder", "_server", "_taints", "_term")

    def __init__(self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, pods: PodIndex) -> None:
        self._clock = clock
        self._recorder = recorder
        self._server = server
        self._client = client
        self._pods = pods
        self._leading = False
        self._term = 0
        self._taints: dict[str, tuple[Taint, ...]] = {}  # node -> its NoExecute taints, as last seen
        self._due: dict[int, tuple[int, Timer]] = {}  # pod uid -> (when the taint was seen, the timer)
        server.watch(Node, self._node_changed)
        pods.hooks.append(self._pod_changed)

    def start(self) -> None:
        """Begin to lead: look at every node."""
        self._leading = True
        self._term += 1
        for node in self._server.list(Node):
            self._node_changed("ADDED", node)

    def stop(self) -> None:
        """Lead no longer."""
        self._leading = False
        for _seen, timer in self._due.values():
            timer.cancel()
        self._due.clear()
        self._taints.clear()

    def _node_changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Node)
        if not self._leading:
            return
        taints = () if obj.deleted else tuple(taint for taint in obj.taints if taint[2] == "NoExecute")
        if taints == self._taints.get(obj.name, ()):
            return
        self._taints[obj.name] = taints
        for pod in self._pods.on(obj.name):
            self._judge(pod, taints)

    def _pod_changed(self, event: str, pod: Pod) -> None:
        if not self._leading:
            return
        if event == "DELETED" or pod.deletion_ns is not None:
            self._cancel(pod, record=False)
        elif pod.node and (taints := self._taints.get(pod.node)):
            self._judge(pod, taints)

    def _judge(self, pod: Pod, taints: Sequence[Taint]) -> None:
        if pod.deletion_ns is not None or pod.deleted:
            return
        stays = tolerated_ns(taints, pod.template.tolerations) if taints else None
        if stays is None:
            self._cancel(pod, record=True)
            return
        now, found = self._clock.now, self._due.get(pod.uid)
        if found is not None:
            if stays and found[0] < now:
                return  # a timer that runs already stays as it is
            found[1].cancel()
        self._due[pod.uid] = (now, self._clock.at(now + stays, self._evict, pod))

    def _cancel(self, pod: Pod, record: bool) -> None:
        found = self._due.pop(pod.uid, None)
        if found is not None:
            found[1].cancel()
            if record:
                self._event("TaintManagerEviction", pod, "Cancelling deletion of Pod")

    def _evict(self, pod: Pod) -> None:
        del self._due[pod.uid]
        self._event("TaintManagerEviction", pod, "Marking for deletion Pod")
        self._client.call(self._delete, self._term, pod)

    def _delete(self, term: int, pod: Pod) -> None:
        if term == self._term and self._leading:
            delete_pod(self._server, pod)

    def _event(self, kind: str, pod: Pod, detail: str) -> None:
        self._recorder.events.add(self._clock.now, kind, pod.name, pod.node, detail)
