"""A pod's part in a migration, for its worker: as the one that goes, and as the twin that comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.runtime.bench import Bench
from simulator.runtime.migration import Migration
from simulator.runtime.pod_run import Container
from simulator.runtime.settings import MigrationRules, RuntimeCosts
from simulator.runtime.status import Origin

if TYPE_CHECKING:
    from simulator.runtime.worker import PodWorker


class Moving:
    """What stops and starts one pod where its memory moves."""

    __slots__ = ("_bench", "_costs", "_origin", "_worker", "migration")

    def __init__(self, worker: PodWorker, bench: Bench, costs: RuntimeCosts, origin: Origin | None) -> None:
        self._worker = worker
        self._bench = bench
        self._costs = costs
        self._origin = origin  # what it is to go on with, until it does
        self.migration: Migration | None = None  # that it is part of

    @property
    def host(self) -> str:
        """Its node's name."""
        return self._bench.host.name

    @property
    def rules(self) -> MigrationRules:
        """How its runtime has it move."""
        return self._costs.migration

    @property
    def dirty(self) -> float:
        """Bytes of its memory that it writes anew each second."""
        said = self._worker.run.main.template.ram_dirty
        return self._costs.migration.dirty if said is None else said

    def breaks(self, why: str) -> None:
        """It cannot move any more, if it was about to."""
        if self.migration is not None:
            self.migration.abort(why)

    # The one that goes.

    @property
    def able(self) -> bool:
        """Whether it can be sent: all of its processes answer, and it neither moves already nor is being ended."""
        worker = self._worker
        free = self.migration is None and not (worker.over or worker.stopping)
        return free and all(container.answering for container in worker.run.containers)

    def pause(self) -> None:
        """Its processes stand still: it answers nobody."""
        self._answer(False, "migrating")

    def resume(self) -> None:
        """They go on: its memory did not get to the other node."""
        self._answer(True, "resumed")

    def leave(self) -> None:
        """It goes on elsewhere: nothing of it runs here any more, nor will."""
        self._worker.end("Succeeded", "Migrated")

    def _answer(self, yes: bool, how: str) -> None:
        run = self._worker.run
        run.paused = not yes
        for container in run.containers:
            if container.state == "running":
                container.answering = yes
                if container.health is not None:
                    container.health.answers(yes)
        self._bench.host.record(run.name, run.template.workload, "running", "started" if yes else "stopped")
        self._worker.take()
        self._worker.serve(yes, how)

    # The twin that comes.

    @property
    def awaited(self) -> bool:
        """Whether its memory is to come from another node, and has not."""
        return self._origin is not None

    def prepared(self, container: Container) -> None:
        """All of a container is there but its process; when all are, the memory can come."""
        worker, origin, host = self._worker, self._origin, self._bench.host
        image = self._bench.puller.store.find(container.template.image)
        if image is not None and (refusal := self._costs.refuses(image, host.row.platform)):
            host.note("Failed", worker.run.name, refusal)
            worker.end("Failed", refusal)
            return
        container.state = "prepared"
        worker.weigh()
        if not worker.stopping and all(each.state == "prepared" for each in worker.run.containers):
            assert origin is not None
            assert self._bench.migrations is not None
            self._bench.migrations.ask(worker, origin)

    def go_on(self) -> None:
        """Its memory is here: its processes go on as they were."""
        self._origin = None
        self._worker.go_on()

    def drop(self) -> None:
        """What was prepared for its processes goes."""
        for container in self._worker.run.containers:
            if container.state == "prepared":
                container.state = "waiting"
