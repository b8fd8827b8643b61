"""Endpoints: which pods a service believes it can send to."""

from __future__ import annotations

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Endpoints, Pod, Service
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.controllers.base import Controller
from simulator.control.controllers.index import PodIndex
from simulator.engine.clock import Clock


class EndpointsController(Controller[Service]):
    """The ready pods of the selector that are not being deleted; a deletionTimestamp takes a pod out at once."""

    __slots__ = ("_members", "_services")

    def __init__(
        self, clock: Clock, server: ApiServer, client: Client, pods: PodIndex, *, workers: int, retry: RetrySettings
    ) -> None:
        super().__init__(clock, server, client, workers=workers, retry=retry)
        self._members: dict[int, dict[int, Pod]] = {}  # service uid -> the pods that its selector matches
        self._services: dict[int, tuple[dict[str, str], list[Service]]] = {}  # id(labels) -> (labels, matching)
        for service in server.list(Service):
            self._changed("ADDED", service)
        server.watch(Service, self._changed)
        pods.hooks.append(self._pod_changed)

    def everything(self) -> list[Service]:
        """Every service."""
        return list(self.server.list(Service))

    def sync(self, key: Service) -> Sync:
        """Write the endpoints, if they are others than before."""
        if self._differs(key):
            yield self.call(self._write, key)
        return None

    def _ready(self, key: Service) -> tuple[Pod, ...]:
        pods = self._members.get(key.uid, {}).values()
        return tuple(
            pod for pod in pods if pod.node and pod.active and (key.publish_not_ready or (pod.ready and _runs(pod)))
        )

    def _differs(self, key: Service) -> bool:
        known = self.server.get(Endpoints, key.name)
        if key.deleted:
            return known is not None and self.server.get(Service, key.name) is None
        return known is None or known.pods != self._ready(key)

    def _write(self, key: Service) -> None:
        if not self._differs(key):
            return
        known = self.server.get(Endpoints, key.name)
        if key.deleted:
            assert known is not None
            self.server.remove(known)
        elif known is None:
            self.server.create(Endpoints(name=key.name, pods=self._ready(key), version=1))
        else:
            known.pods, known.version = self._ready(key), known.version + 1
            self.server.changed(known)

    def _matching(self, pod: Pod) -> list[Service]:
        """Services whose selector meets the pod's labels. The pods of a template share their labels, and the answer."""
        labels = pod.template.labels
        found = self._services.get(id(labels))
        if found is None:
            matching = [each for each in self.server.list(Service) if _selects(each, labels)]
            found = self._services[id(labels)] = (labels, matching)
        return found[1]

    def _changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Service)
        if event == "DELETED":
            self._members.pop(obj.uid, None)
        else:
            found = (pod for pod in self.server.list(Pod) if _selects(obj, pod.template.labels))
            self._members[obj.uid] = {pod.uid: pod for pod in found}
        self._services.clear()
        self.enqueue(obj)

    def _pod_changed(self, event: str, pod: Pod) -> None:
        for service in self._matching(pod):
            members = self._members.setdefault(service.uid, {})
            if event == "DELETED":
                members.pop(pod.uid, None)
            elif not pod.deleted:
                members[pod.uid] = pod
            self.enqueue(service)


def _selects(service: Service, labels: dict[str, str]) -> bool:
    """A service without a selector selects nothing."""
    return bool(service.selector) and all(each.matches(labels) for each in service.selector)


def _runs(pod: Pod) -> bool:
    return pod.phase == "Running"
