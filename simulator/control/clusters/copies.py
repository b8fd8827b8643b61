"""A member's copies of what the hub was given: made, changed and deleted by orders, counted for reports."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from simulator.control.api.objects import ApiObject, DaemonSet, Deployment, Job, Pod, ReplicaSet, Service
from simulator.control.api.server import ApiServer
from simulator.control.clusters.objects import Order, Report
from simulator.control.controllers.pods import delete_pod


class Copies:
    """Of one member. A copy is called `member/name`, so that its pods' names are unique in the tables of a run; a
    Service keeps its name, by which it is called.

    `changed(work)` is called when the report about a copy has changed, as late as the server's watch tells.
    """

    __slots__ = ("_by_work", "_changed", "_ready", "_server", "_work_of")

    def __init__(self, server: ApiServer, changed: Callable[[str], None]) -> None:
        self._server = server
        self._changed = changed
        self._by_work: dict[str, ApiObject] = {}
        self._work_of: dict[int, str] = {}  # uid of a copy -> its work
        self._ready: dict[str, set[int]] = {}  # work -> uids of its ready pods
        server.watch(Pod, self._pod_changed)
        server.watch(Job, self._job_changed)

    def carry_out(self, order: Order) -> None:
        """Write what an order says. Twice does no harm."""
        known = self._by_work.get(order.work)
        if order.delete:
            if known is not None:
                del self._by_work[order.work]
                self._delete(known)
        elif known is None or known.deleted:
            made = _copy(order)
            if isinstance(made, Service) and (same := self._server.get(Service, made.name)) is not None:
                made = same
            else:
                self._server.create(made)
            self._by_work[order.work], self._work_of[made.uid] = made, order.work
        elif _adjust(known, order):
            self._server.changed(known)

    def report(self, work: str) -> Report:
        """What there is to say about a copy."""
        made, ready = self._by_work.get(work), len(self._ready.get(work, ()))
        if isinstance(made, Job):
            return Report(ready, made.succeeded, made.complete)
        return Report(ready)

    def works(self) -> list[str]:
        """The works of which there is a copy."""
        return list(self._by_work)

    def _delete(self, known: ApiObject) -> None:
        if isinstance(known, Pod):
            delete_pod(self._server, known)
        else:
            self._server.remove(known)

    def _pod_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Pod)
        top: ApiObject = obj
        while (owner := getattr(top, "owner", None)) is not None:
            top = owner
        work = self._work_of.get(top.uid)
        if work is None:
            return
        ready = self._ready.setdefault(work, set())
        is_ready = event != "DELETED" and obj.ready and obj.active
        if is_ready != (obj.uid in ready):
            (ready.add if is_ready else ready.discard)(obj.uid)
            self._changed(work)

    def _job_changed(self, _event: str, obj: ApiObject) -> None:
        work = self._work_of.get(obj.uid)
        if work is not None:
            self._changed(work)


def _copy(order: Order) -> ApiObject:
    made = copy(order.workload)
    made.uid, made.created_ns, made.deletion_ns, made.deleted = 0, 0, None, False
    if not isinstance(made, Service):
        made.name = f"{order.member}/{made.name}"
    _adjust(made, order)
    return made


def _adjust(made: ApiObject, order: Order) -> bool:
    """Bring a copy to what its order says; whether anything changed."""
    before = _state(made)
    match made, order.workload:
        case Deployment(), Deployment():
            made.replicas = order.replicas
            if made.template is not order.workload.template:
                made.template, made.generation = order.workload.template, made.generation + 1
        case ReplicaSet(), _:
            made.replicas = order.replicas
        case Job(), _:
            made.parallelism, made.completions = order.replicas, order.completions
        case DaemonSet(), DaemonSet():
            made.template = order.workload.template
    return _state(made) != before


def _state(made: ApiObject) -> tuple[object, ...]:
    names = ("replicas", "parallelism", "completions")
    return (id(getattr(made, "template", None)), *(getattr(made, name, None) for name in names))
