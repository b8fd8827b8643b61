"""Jobs: so many pods that end well, some at a time, and not too many that do not."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from simulator.control.api.admission import Admission
from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Job, Pod
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.controllers.base import Controller, slow_start
from simulator.control.controllers.index import PodIndex
from simulator.control.controllers.pods import delete_pod, free_name
from simulator.engine.clock import Clock


@dataclass(frozen=True, slots=True)
class JobSettings:
    """The wait before a failed pod is replaced: first × 2ⁿ⁻¹ after n failures in a row, up to the cap (ns)."""

    backoff_first_ns: int
    backoff_cap_ns: int


class JobController(Controller[Job]):
    """Pods that succeed or fail are counted once and stay; a pod that is deleted while it runs counts as failed."""

    __slots__ = ("_admission", "_counted", "_in_a_row", "_named", "_pods", "_settings")

    def __init__(
        self,
        clock: Clock,
        server: ApiServer,
        client: Client,
        pods: PodIndex,
        admission: Admission,
        *,
        workers: int,
        settings: JobSettings,
        retry: RetrySettings,
    ) -> None:
        super().__init__(clock, server, client, workers=workers, retry=retry)
        self._pods = pods
        self._admission = admission
        self._settings = settings
        self._named: dict[str, int] = defaultdict(int)
        self._counted: dict[int, set[int]] = defaultdict(set)  # job uid -> pods that it has counted
        self._in_a_row: dict[int, tuple[int, int]] = {}  # job uid -> (failures since a success, time of the last)
        server.watch(Job, self._changed)
        pods.hooks.append(self._pod_changed)

    def everything(self) -> list[Job]:
        """Every job."""
        return list(self.server.list(Job))

    def sync(self, key: Job) -> Sync:
        """Count what has ended; start what is missing, or give up."""
        pods = self._pods.owned(key)
        active = [pod for pod in pods if pod.active]
        if key.deleted or key.deletion_ns is not None:
            yield self.call_all([(delete_pod, (self.server, pod)) for pod in pods if pod.deletion_ns is None])
            return None
        if key.complete or key.reason:
            return None
        if self._count(key, pods):
            yield self.call(self.server.changed, key)
        restarts = sum(pod.restarts for pod in active) if key.template.restart_policy == "OnFailure" else 0
        if key.failed > key.backoff_limit or (restarts and restarts >= key.backoff_limit):
            yield self.call(self._finish, key, "BackoffLimitExceeded")
            yield self.call_all([(delete_pod, (self.server, pod)) for pod in active])
        elif key.succeeded >= key.completions:
            yield self.call(self._finish, key, "")
        else:
            yield from self._start_missing(key, len(active))
        return None

    def _start_missing(self, key: Job, active: int) -> Sync:
        missing = min(key.parallelism, key.completions - key.succeeded) - active
        failures, last = self._in_a_row.get(key.uid, (0, 0))
        if missing > 0 and failures:
            s = self._settings
            due = last + min(s.backoff_first_ns << min(failures - 1, 60), s.backoff_cap_ns)
            if due > self.clock.now:
                self.queue.add_after(key, due - self.clock.now)
                return None
        for batch in slow_start(missing):
            yield self.call_all([(self._create, (key,))] * batch)
        return None

    def _count(self, key: Job, pods: list[Pod]) -> bool:
        """Enter the pods that have ended since the last look; whether there were any."""
        counted, before = self._counted[key.uid], (key.succeeded, key.failed)
        for pod in pods:
            if pod.uid in counted:
                continue
            if pod.phase == "Succeeded":
                key.succeeded += 1
                self._in_a_row.pop(key.uid, None)
            elif pod.phase == "Failed" or pod.deletion_ns is not None:
                key.failed += 1
                self._in_a_row[key.uid] = (self._in_a_row.get(key.uid, (0, 0))[0] + 1, self.clock.now)
            else:
                continue
            counted.add(pod.uid)
        return before != (key.succeeded, key.failed)

    def _finish(self, key: Job, reason: str) -> None:
        key.complete, key.reason = not reason, reason
        self.server.changed(key)

    def _create(self, key: Job) -> None:
        if not key.deleted:
            name = free_name(self.server, key.name, self._named)
            template = self._admission.admit(key.template)
            self._pods.add(self.server.create(Pod(name=name, template=template, owner=key)))

    def _changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Job)
        self.enqueue(obj)

    def _pod_changed(self, _event: str, pod: Pod) -> None:
        if isinstance(pod.owner, Job):
            self.enqueue(pod.owner)
