"""From bindings to works: one for each member that is to have a copy, as long as it is to have it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Job
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.clusters.objects import Binding, Work
from simulator.control.controllers.base import Controller
from simulator.engine.clock import Clock
from simulator.policy.division import webster


class WorkController(Controller[Binding]):
    """Karmada's binding controller. A work that is no longer wanted is marked, and stays until its member is done."""

    __slots__ = ("_works",)

    def __init__(self, clock: Clock, server: ApiServer, client: Client, *, workers: int, retry: RetrySettings) -> None:
        super().__init__(clock, server, client, workers=workers, retry=retry)
        self._works: dict[int, dict[str, Work]] = defaultdict(dict)  # uid of a binding -> member -> its work
        server.watch(Binding, self._changed)
        server.watch(Work, self._work_changed)

    def everything(self) -> list[Binding]:
        """Every binding."""
        return list(self.server.list(Binding))

    def of(self, binding: Binding) -> dict[str, Work]:
        """The works of a binding, by member."""
        return self._works[binding.uid]

    def sync(self, key: Binding) -> Sync:
        """A work for each target and for each old copy that may still stay; none for anybody else."""
        has, wants = self._works[key.uid], {} if key.deleted else _wanted(key)
        stay = {} if key.deleted else key.leaving
        calls: list[tuple[object, tuple[object, ...]]] = []
        for member, (replicas, completions) in wants.items():
            work = has.get(member)
            if work is None:
                calls.append((self._create, (key, member, replicas, completions)))
            elif work.deletion_ns is None and _spec(work) != (replicas, completions, key.generation):
                calls.append((self._write, (work, replicas, completions, key.generation)))
        calls += [
            (self.server.mark_deleted, (work,))
            for member, work in has.items()
            if member not in wants and member not in stay and work.deletion_ns is None
        ]
        yield self.call_all(calls)  # type: ignore[arg-type]  # bound methods with their own arguments
        return True

    def _create(self, key: Binding, member: str, replicas: int, completions: int) -> None:
        if member not in self._works[key.uid] and not key.deleted:
            name = f"{member}/{key.name}"
            made = Work(
                name, member=member, binding=key, replicas=replicas, completions=completions, generation=key.generation
            )
            self._works[key.uid][member] = self.server.create(made)

    def _write(self, work: Work, replicas: int, completions: int, generation: int) -> None:
        work.replicas, work.completions, work.generation = replicas, completions, generation
        self.server.changed(work)

    def _changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Binding)
        self.enqueue(obj)

    def _work_changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Work)
        if event == "DELETED":
            self._works[obj.binding.uid].pop(obj.member, None)
            self.enqueue(obj.binding)


def _spec(work: Work) -> tuple[int, int, int]:
    return work.replicas, work.completions, work.generation


def _wanted(binding: Binding) -> dict[str, tuple[int, int]]:
    """Copies and completions of each member; a job's completions follow its copies."""
    copies, job = binding.replicas, binding.workload
    completions = dict.fromkeys(copies, 0)
    if isinstance(job, Job) and copies:
        completions = dict.fromkeys(copies, job.completions)
        if not binding.duplicated:
            shares = webster(job.completions, np.array(list(copies.values()), np.int64))
            completions = dict(zip(copies, shares.tolist(), strict=True))
    return {member: (copies[member], completions[member]) for member in copies}
