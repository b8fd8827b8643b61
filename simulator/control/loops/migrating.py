"""Pods that move while they run: a twin is made, and takes its pod's place once it goes on with that one's memory."""

from __future__ import annotations

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Move, Pod
from simulator.control.api.server import ApiServer
from simulator.control.controllers.pods import Successors, delete_pod
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder

_ENDED = ("Succeeded", "Failed")


class Migrator:
    """What the memory does is the nodes' business (`simulator.runtime.migration`); here it is heard how it went.

    A twin has its pod's controller, and is no replica until its pod has ended on its node. It is bound where it is
    meant to go, or fails. Once it is ready, or its pod has left its node, it takes its pod's place, and that is
    deleted; where it fails, or its pod is deleted before, the twin goes.
    """

    __slots__ = ("_client", "_clock", "_recorder", "_server", "_successors", "_twins")

    def __init__(
        self, clock: Clock, recorder: Recorder, server: ApiServer, client: Client, successors: Successors
    ) -> None:
        self._successors = successors
        self._clock, self._recorder, self._server, self._client = clock, recorder, server, client
        self._twins: dict[int, Pod] = {}  # by the uid of the pod that moves
        server.watch(Pod, self._told)

    @property
    def moving(self) -> set[int]:
        """The uids of all pods that move, and of their twins."""
        return self._twins.keys() | {twin.uid for twin in self._twins.values()}

    # Made at the API server

    def begin(self, pod: Pod, node: str, how: str) -> None:
        """Make the twin."""
        if not pod.active or pod.uid in self._twins:
            return
        name, move = self._successors.name(pod), Move(pod, node, how)
        twin = Pod(name=name, template=pod.template, owner=pod.owner, hash=pod.hash, move=move)
        self._twins[pod.uid] = self._server.create(twin)
        self._recorder.events.add(self._clock.now, "Migrating", pod.name, pod.node, f"to {node}, {how}, as {name}")

    def _take_place(self, twin: Pod, source: Pod) -> None:
        if self._twins.pop(source.uid, None) is not None:
            twin.move = None
            self._server.changed(twin)
            delete_pod(self._server, source)

    def _give_up(self, twin: Pod, source: Pod) -> None:
        if source.phase == "Succeeded":
            self._take_place(twin, source)
        elif self._twins.pop(source.uid, None) is not None:
            if twin.reason != "MigrationFailed":  # its node has not said so
                why = f"{twin.name} is {twin.reason or 'deleted'}" if _gone(twin) else f"{source.name} is deleted"
                self._recorder.events.add(self._clock.now, "MigrationFailed", source.name, source.node, why)
            if not twin.deleted:
                delete_pod(self._server, twin)

    # What the watch tells

    def _told(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Pod)
        source = obj if obj.move is None else obj.move.source
        twin = self._twins.get(source.uid)
        if twin is None:
            if obj.reason == "Migrated" and not _gone(obj, finished=False):  # its twin was given up meanwhile
                self._client.call(delete_pod, self._server, obj)
        elif source.phase == "Succeeded" or (twin.ready and not _gone(twin)):
            self._client.call(self._take_place, twin, source)
        elif _gone(twin) or _gone(source):
            self._client.call(self._give_up, twin, source)


def _gone(pod: Pod, finished: bool = True) -> bool:
    """Deleted, being deleted, or ended."""
    return pod.deleted or pod.deletion_ns is not None or (finished and pod.phase in _ENDED)
