"""A pod's way up on its node: its sandbox, then container after container.

As the kubelet's sync it does one thing at a time: the sandbox, then, for each container that should run and does
not, in order: image, create, start. What cannot be had now is tried again at a later sync of the pod.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from simulator.engine.clock import Timer
from simulator.runtime.bench import Bench
from simulator.runtime.pod_run import Container
from simulator.runtime.settings import RuntimeCosts
from simulator.runtime.starts import Start
from simulator.world.image import READ_ONLY

if TYPE_CHECKING:
    from simulator.runtime.worker import PodWorker


class BringUp:
    """What brings up one pod, for its worker."""

    __slots__ = ("_bench", "_busy", "_coming", "_costs", "_timer", "_worker")

    def __init__(self, worker: PodWorker, bench: Bench, costs: RuntimeCosts) -> None:
        self._worker = worker
        self._bench = bench
        self._costs = costs
        self._busy = False  # a container is being prepared
        self._timer: Timer | None = None  # when a container is due that is not yet
        self._coming: Start | None = None  # the sandbox or the container that is on its way

    def begin(self, wait_ns: int) -> None:
        """Make the sandbox, after `wait_ns`, and go on from there."""
        run = self._worker.run
        steps, _ = self._bench.warm.steps(self._costs, "sandbox", run)
        begin, ram, k = self._bench.starts.begin, run.template.guest_bytes, run.restarts + run.main.ran
        self._coming = begin(steps, run.identity, k, self._sandboxed, wait_ns=wait_ns, ram=ram)

    def advance(self) -> None:
        """Prepare the next container that is due, or wait until one is."""
        worker = self._worker
        if self._busy or worker.stopping or not worker.sandbox or worker.run.finished:
            return
        if self._timer is not None:
            self._timer.cancel()
        now, waiting = self._bench.host.clock.now, self._startable()
        for container in waiting:
            if container.due_ns <= now:
                self._prepare(container)
                return
        if waiting:
            self._timer = self._bench.host.clock.at(min(c.due_ns for c in waiting), self.advance)

    def cancel(self) -> None:
        """Give up, wherever it is."""
        for pending in (self._timer, self._coming):
            if pending is not None:
                pending.cancel()

    def _sandboxed(self) -> None:
        self._worker.sandboxed()
        self.advance()

    def _startable(self) -> list[Container]:
        run = self._worker.run
        for container in run.init_containers:
            if container.state != "exited":
                return [container] if container.state == "waiting" else []
            if container.exit_code:
                return []
        return [c for c in run.containers if c.state == "waiting"]

    def _prepare(self, container: Container) -> None:
        bench, run, image = self._bench, self._worker.run, container.template.image
        if bench.puller.store.read_only:
            self._cannot_be_made(container)
            return
        self._busy = True
        if container.ran:
            key = (run.uid, container.template.name)
            bench.crashes.lengthen(key, container.finished_ns, bench.host.clock.now)
        policy = container.template.pull_policy
        if bench.puller.needed(image, policy):
            bench.host.note("Pulling", run.name, image)
        bench.puller.ensure(image, policy, partial(self._pulled, container))

    def _cannot_be_made(self, container: Container) -> None:
        """The disk takes nothing for a container to write into: the agent tries again at each sync of the pod."""
        now = self._bench.host.clock.now
        container.due_ns = self._worker.synced(container, now, now + 1)
        container.reason = "CreateContainerError"
        self._bench.host.note("Failed", self._worker.run.name, READ_ONLY)
        self._worker.see()
        self.advance()

    def _pulled(self, container: Container, error: str) -> None:
        worker, host, image = self._worker, self._bench.host, container.template.image
        if not self._busy or worker.stopping:
            return  # it came too late for this pod
        if not error:
            host.note("Pulled", worker.run.name, image)
            self._come("create", container, self._created)
            return
        self._busy = False
        now, key = host.clock.now, (worker.run.uid, image)
        self._bench.pull_failures.lengthen(key, now, now)
        container.due_ns = worker.synced(container, now, self._bench.pull_failures.due(key, now))
        host.note("Failed", worker.run.name, error)
        container.reason = "ErrImageNeverPull" if error == "ErrImageNeverPull" else "ErrImagePull"
        worker.report()
        if container.reason == "ErrImagePull":
            container.reason = "ImagePullBackOff"
            host.note("BackOff", worker.run.name, container.reason)
        worker.see()
        self.advance()

    def _created(self, container: Container, _restored: bool) -> None:
        self._bench.host.note("Created", self._worker.run.name, container.template.name)
        self._come("start", container, self._started)

    def _started(self, container: Container, restored: bool) -> None:
        self._busy = False
        self._worker.started(container, restored=restored)
        self.advance()

    def _come(self, stage: str, container: Container, then: Callable[[Container, bool], None]) -> None:
        """Go through this stage of a container's start. `then` is told whether the application has come up with it,
        from the snapshot of a machine."""
        run, image = self._worker.run, self._bench.puller.store.find(container.template.image)
        steps, restored = self._bench.warm.steps(self._costs, stage, run, container)
        size, ram = image.unpacked if image is not None else 0, run.template.guest_bytes
        k, done = container.restarts + container.ran, partial(then, container, restored)
        self._coming = self._bench.starts.begin(steps, container.identity, k, done, size=size, ram=ram)
