"""ReplicaSets: so many pods of one template, created slowly at first, deleted in Kubernetes' order."""

from __future__ import annotations

from collections import defaultdict

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Pod, ReplicaSet
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.controllers.base import Controller, slow_start
from simulator.control.controllers.index import PodIndex
from simulator.control.controllers.pods import delete_pod, free_name, victims
from simulator.engine.clock import Clock


class ReplicaSetController(Controller[ReplicaSet]):
    """At most `burst` pods are created or deleted in one sync of one set."""

    __slots__ = ("_admission", "_burst", "_named", "_pods", "_siblings")

    def __init__(
        self,
        clock: Clock,
        server: ApiServer,
        client: Client,
        pods: PodIndex,
        admission: Admission,
        *,
        workers: int,
        burst: int,
        retry: RetrySettings,
    ) -> None:
        super().__init__(clock, server, client, workers=workers, retry=retry)
        self._pods = pods
        self._admission = admission
        self._burst = burst
        self._named: dict[str, int] = defaultdict(int)  # set -> pods named so far
        self._siblings: dict[int, dict[int, ReplicaSet]] = defaultdict(dict)  # owner uid -> its sets
        pods.hooks.append(self._pod_changed)
        server.watch(ReplicaSet, self._changed)

    def everything(self) -> list[ReplicaSet]:
        """Every set."""
        return list(self.server.list(ReplicaSet))

    def sync(self, key: ReplicaSet) -> Sync:
        """Create what is missing, delete what is too much, and write what is available."""
        wanted = 0 if key.deleted or key.deletion_ns is not None else key.replicas
        active = [pod for pod in self._pods.owned(key) if pod.active]
        missing = min(wanted - len(active), self._burst)
        if missing > 0:
            for batch in slow_start(missing):
                yield self.call_all([(self._create, (key,))] * batch)
        elif missing < 0:
            surplus = min(-missing, self._burst)
            doomed = victims(active, surplus, self._related(key, active), self.clock.now)
            yield self.call_all([(delete_pod, (self.server, pod)) for pod in doomed])
        if not key.deleted and key.available != self._available(key):
            yield self.call(self._write_status, key)
        return None

    def _available(self, key: ReplicaSet) -> int:
        return sum(pod.ready and pod.active for pod in self._pods.owned(key))

    def _related(self, key: ReplicaSet, own: list[Pod]) -> list[Pod]:
        """The pods of all sets of the same Deployment: nodes that carry many of them give one up first."""
        if key.owner is None:
            return own
        return [pod for each in self._siblings[key.owner.uid].values() for pod in self._pods.owned(each)]

    def _create(self, key: ReplicaSet) -> None:
        if key.deleted:
            return
        name = free_name(self.server, key.name, self._named)
        template = self._admission.admit(key.template)
        self._pods.add(self.server.create(Pod(name=name, template=template, owner=key, hash=key.hash)))

    def _write_status(self, key: ReplicaSet) -> None:
        available = self._available(key)
        if key.available != available:
            key.available = available
            self.server.changed(key)

    def _pod_changed(self, _event: str, pod: Pod) -> None:
        if isinstance(pod.owner, ReplicaSet):
            self.enqueue(pod.owner)

    def _changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, ReplicaSet)
        if obj.owner is not None:
            if event == "DELETED":
                self._siblings[obj.owner.uid].pop(obj.uid, None)
            else:
                self._siblings[obj.owner.uid][obj.uid] = obj
        self.enqueue(obj)
