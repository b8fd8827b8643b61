"""Reservations: a pod counts on its node from the decision on, and no more if the binding is refused."""

from __future__ import annotations

from simulator.control.api.client import Client
from simulator.control.api.objects import Node, Pod
from simulator.control.api.server import ApiServer
from simulator.control.scheduling.events import Event
from simulator.control.scheduling.filters.fit import fits
from simulator.control.scheduling.info import NodeInfo
from simulator.control.scheduling.queue import Queued, SchedulingQueue
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.world.device import Held


class Bindings:
    """The pods that one life of a scheduler has decided about; when it dies, what is not written never will be."""

    __slots__ = ("_client", "_clock", "_decided", "_info", "_lives", "_queue", "_recorder", "_server")

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, *, info: NodeInfo,
        queue: SchedulingQueue,
    ) -> None:  # fmt: skip
        self._clock, self._recorder, self._server, self._client = clock, recorder, server, client
        self._info, self._queue = info, queue
        self._decided: set[int] = set()  # uids: reserved or rejected, and not seen bound or failed yet
        self._lives = True

    def __contains__(self, uid: int) -> bool:
        return uid in self._decided

    def reserve(self, item: Queued, node: str, wished: Held) -> None:
        """Count the pod on the node, and on its `wished` accelerators, and have it bound; back off, if belief has
        changed since the decision."""
        info = self._info
        info.refresh()
        pod, row = item.pod, info.index.get(node)
        profile = info.profile(pod.template)
        if row is None or not fits(info, profile, row) or not info.devices.can_give(row, profile.needs, wished):
            self._queue.retry(item)
            return
        self._queue.done(item)
        devices = info.place(pod.uid, profile, node, wished, pod)
        self._decided.add(pod.uid)
        self._client.call(self._bind, item, node, devices)

    def reject(self, item: Queued, why: str) -> None:
        """Have the pod marked as failed."""
        self._queue.done(item)
        self._decided.add(item.pod.uid)
        self._client.call(self._fail, item.pod, why)

    def confirm(self, uid: int) -> bool:
        """The watch told of the pod: bound, or gone. Whether this was still awaited."""
        if uid not in self._decided:
            return False
        self._decided.remove(uid)
        return True

    def die(self) -> None:
        """The scheduler has died."""
        self._lives = False

    # Made at the API server

    def _bind(self, item: Queued, node: str, devices: Held) -> None:
        pod = item.pod
        if not self._lives:
            return
        if pod.deleted or pod.deletion_ns is not None or pod.node or self._server.get(Node, node) is None:
            self._unreserve(item)
            return
        pod.node, pod.devices = node, devices
        pod.scheduled_ns = self._clock.now
        self._recorder.events.add(self._clock.now, "Scheduled", pod.name, node, "")
        self._server.changed(pod)

    def _fail(self, pod: Pod, why: str) -> None:
        if self._lives and not pod.deleted and not pod.node:
            pod.phase, pod.reason = "Failed", "Rejected"
            self._recorder.events.add(self._clock.now, "Rejected", pod.name, "", why)
            self._server.changed(pod)

    def _unreserve(self, item: Queued) -> None:
        """Idempotent: the watch may have told of the pod's end before."""
        pod = item.pod
        if not self.confirm(pod.uid):
            return
        self._info.release(pod.uid)
        self._queue.happened(Event.POD_REMOVED)
        if not (pod.deleted or pod.deletion_ns is not None or pod.node):
            self._queue.retry(item)
