"""A pod's worker: has one pod brought up on its node, keeps it as desired, and takes it down. One per pod, no loop.

A container that failed comes back after its back-off, at a sync of the pod. What happens to a container by itself
reaches the agent, and is reported and acted on, at the next relist.
"""

from __future__ import annotations

from functools import partial

from simulator.engine.clock import Timer
from simulator.runtime.bench import Bench
from simulator.runtime.bring_up import BringUp
from simulator.runtime.moving import Moving
from simulator.runtime.pod_run import Container, PodRun
from simulator.runtime.probes import Health
from simulator.runtime.settings import RuntimeCosts
from simulator.runtime.status import Origin, PodStatus
from simulator.world.pod import Probe

SIGKILL, SIGTERM = 128 + 9, 128 + 15  # exit codes of a process that these signals ended


class PodWorker:
    """One pod on one node."""

    __slots__ = (
        "_bench",
        "_costs",
        "_failures",
        "_notice",
        "_reported",
        "_shares",
        "_way_up",
        "moving",
        "over",
        "run",
        "sandbox",
        "stopping",
    )

    def __init__(self, bench: Bench, run: PodRun, costs: RuntimeCosts, origin: Origin | None = None) -> None:
        self._bench = bench
        self._costs = costs
        self.run = run
        self.stopping = False  # the whole pod is being ended
        self.over = False  # nothing runs, and nothing will
        self.sandbox = False  # is there
        self._way_up = BringUp(self, bench, costs)
        self.moving = Moving(self, bench, costs, origin)
        self._shares = False  # counted among those who have the runtime's shared pages
        self._failures = 0  # syncs that failed, to name their draws
        self._notice: Timer | None = None  # when the agent will see what has happened
        self._reported = PodStatus("Pending")

    @property
    def slowdown(self) -> float:
        """What its runtime divides the node's speed by."""
        return self._costs.slowdown

    # Coming up.

    def begin(self, wait_ns: int = 0) -> None:
        """Start the pod; its sandbox can be made only after `wait_ns`, when the node has a network for it."""
        self._watch_health()
        if self.moving.awaited:
            self._skip_init()
        if self.run.phase == "Running":  # it did before the node lost power
            self.report()
        self._way_up.begin(wait_ns)

    def adopt(self) -> None:
        """The pod came up before time began: no stage of its start is left, and its processes answer."""
        self.sandbox = True
        self._watch_health()
        self._skip_init()
        self.go_on()

    def _skip_init(self) -> None:
        for container in self.run.init_containers:
            container.state, container.ran, container.seen = "exited", True, True

    def go_on(self) -> None:
        """Its processes are there and answer, as they were."""
        for container in self.run.containers:
            self.started(container, adopted=True)
        self.see(at_once=True)

    def _watch_health(self) -> None:
        clock = self._bench.host.clock
        for container in self.run.containers:
            template = container.template
            if template.startup or template.liveness or template.readiness:
                origin = partial(self._probe_origin, container, clock.now)
                failed = partial(self._failed, container)
                container.health = Health(clock, template, origin, self.report, failed)

    def wait_for(self, reason: str, missing: str) -> None:
        """The sandbox cannot be made, and trying again does not help: the pod stays as it is, and says why."""
        self.run.reason = reason
        self._bench.host.note("FailedCreatePodSandBox", self.run.name, missing)
        self._post()

    def stay_ended(self) -> None:
        """The pod had finished before the node lost power."""
        self.over = True
        self._post()

    def _probe_origin(self, container: Container, begun: int, kind: str, probe: Probe) -> int:
        """Probes run at multiples of their period after the pod's start; after the agent's own start, spread."""
        host = self._bench.host
        if host.started_ns is None or begun - host.started_ns >= probe.period_ns:
            return begun
        return begun + int(probe.period_ns * host.rng.draw(f"probe-phase/{kind}", container.identity, begun))

    def sandboxed(self) -> None:
        """The sandbox is there, and takes its memory."""
        self.sandbox = True
        self.weigh()

    def started(self, container: Container, *, restored: bool = False, adopted: bool = False) -> None:
        """A container's process is there; `restored` from a snapshot, with the application, or `adopted`."""
        if self.moving.awaited:
            self.moving.prepared(container)
            return
        host, run, template = self._bench.host, self.run, container.template
        now = host.clock.now
        container.restarts += container.ran
        container.ran = True
        container.started_ns = now
        image = self._bench.puller.store.find(template.image)
        if image is not None and (refusal := self._costs.refuses(image, host.row.platform)):
            host.note("Failed", run.name, refusal)
            self._settle(container, 1, refusal, "exited")
            return
        container.state, container.reason, container.seen = "running", "", False
        self.take()
        host.note("Started", run.name, template.name)
        if container is run.main:
            if run.started_ns is None:
                run.started_ns = now
            host.record(run.name, run.template.workload, "running", "started")
        lasts = 0 if container.init and template.run_ns is None else template.run_ns
        if lasts is not None:
            reason = "Error" if template.exit_code else "Completed"
            container.timer = host.clock.after(lasts, self._exit, container, template.exit_code, reason, "exited")
        self.weigh()
        if container.state == "running" and not container.init:
            wait = 0 if adopted or restored else round(template.start_ns / run.speed)
            wait += 0 if adopted else self._bench.warm.write(self._costs, run, container, wait)
            if wait:
                if container is run.main:
                    self.serve(False, "starting")
                container.listen = host.clock.after(wait, self._listens, container)
            else:
                self._listens(container)
        self.see()

    def _listens(self, container: Container) -> None:
        container.answering = True
        if container.health is not None:
            container.health.answers(True)
        if container is self.run.main:
            self.serve(True, "started")

    def serve(self, up: bool, how: str) -> None:
        """Its main process begins to answer, or ceases to."""
        self.run.serving = up
        for hook in self._bench.serving_hooks:
            hook(self.run, up, how)

    # What happens to it.

    def weigh(self) -> None:
        """The pod holds more RAM, or less: see whether its own limits, and the node's, still hold."""
        run = self.run
        for container in (*run.init_containers, *run.containers):
            limit = container.template.ram_limit_bytes
            if limit is not None and container.working_set(run.in_flight) > limit:
                self.kernel_kills(container)
        held = self._costs.ram_bytes if self.sandbox else 0
        for container in (*run.init_containers, *run.containers):
            held += container.working_set(run.in_flight)
        more, run.ram_bytes = held - run.ram_bytes, held
        if self.sandbox is not self._shares:
            self._shares = self.sandbox
            self._bench.starts.settle(1 if self.sandbox else -1)
            more += self._bench.memory.share(self._costs.shared, 1 if self.sandbox else -1)
        if more:
            self._bench.memory.add(more)

    def take(self) -> None:
        """Its containers that run keep cores busy; while the main one does, the pod holds those that it asks for. One
        that is paused does neither."""
        run = self.run
        if run.paused:
            self._bench.host.load.take(run.name, 0.0)
            return
        busy = sum(c.template.background_m for c in self._runs())
        share = run.template.cpu_m if run.main.state == "running" else 0
        self._bench.host.load.take(run.name, busy / 1000, share / 1000)

    def kernel_kills(self, container: Container) -> None:
        """Out of memory: the container's, or the node's."""
        self._bench.host.note("OOMKilled", self.run.name, container.template.name)
        if self.moving.awaited:
            self.end("Failed", "OOMKilled")
        else:
            self._exit(container, SIGKILL, "OOMKilled", "oom")

    def _failed(self, container: Container, kind: str) -> None:
        """Its liveness or startup probe has failed."""
        self._bench.host.note("Unhealthy", self.run.name, kind)
        self._bench.host.note("Killing", self.run.name, container.template.name)
        self._terminate(container, self.run.template.grace_ns)

    def _terminate(self, container: Container, grace_ns: int) -> None:
        """SIGTERM; SIGKILL when the grace is over."""
        host = self._bench.host
        if container.health is not None:
            container.health.hold()
        heeds = self._costs.stop.tick(host.rng.draw("stop", container.identity, container.restarts))
        end = host.clock.now + min(heeds, grace_ns)
        if container.timer is not None and container.timer.pending and container.timer.time <= end:
            return  # it ends by itself before, or was told before
        _cancel(container.timer)
        code = SIGTERM if heeds <= grace_ns else SIGKILL
        if end == host.clock.now:
            self._exit(container, code, "Error", "killed")
        else:
            container.timer = host.clock.at(end, self._exit, container, code, "Error", "killed")

    def _exit(self, container: Container, code: int, reason: str, how: str) -> None:
        """The container's process has ended."""
        container.state = "exited"
        self._silence(container, how)
        self.weigh()
        self._settle(container, code, reason, how)

    def _silence(self, container: Container, how: str) -> None:
        """Its process is no more: no timer of it is left, and whoever talked to it is told."""
        run, host = self.run, self._bench.host
        self.moving.breaks(f"{container.template.name} of {run.name} has ended")
        self.take()
        _cancel(container.timer, container.listen)
        container.answering = False
        if container.health is not None:
            container.health.stop()
        if container is run.main:
            if not run.paused:
                host.record(run.name, run.template.workload, "running", "stopped")
            if run.serving:
                self.serve(False, how)

    def _settle(self, container: Container, code: int, reason: str, how: str) -> None:
        """A container has ended: for good, or to come back."""
        bench, run = self._bench, self.run
        container.state, container.exit_code, container.reason = "exited", code, reason
        container.finished_ns = bench.host.clock.now
        if self.stopping:
            if not self._runs():
                self._ended()
            return
        policy = run.template.restart_policy
        if (policy == "Always" and not container.init) or (policy != "Never" and code):
            container.state = "waiting"
            # What the agent itself has killed it restarts in the same sync; the rest it has to notice.
            seen = bench.host.clock.now if how == "killed" else bench.host.noticed()
            due = bench.crashes.due((run.uid, container.template.name), container.finished_ns)
            container.due_ns = self.synced(container, seen, due)
            if container.due_ns > seen:
                bench.host.note("BackOff", run.name, "CrashLoopBackOff")
        self.see(at_once=how == "killed")

    def synced(self, container: Container, first: int, due: int) -> int:
        """When a sync that failed at `first` is tried again, at or after `due`."""
        self._failures += 1
        return self._bench.host.synced(first, due, container.identity, self._failures)

    def see(self, at_once: bool = False) -> None:
        """The agent will notice what has happened."""
        if at_once:
            _cancel(self._notice)
            self._noticed()
        elif self._notice is None or not self._notice.pending:
            self._notice = self._bench.host.clock.at(self._bench.host.noticed(), self._noticed)

    def _noticed(self) -> None:
        for container in (*self.run.init_containers, *self.run.containers):
            if container.ran and not container.seen:
                container.seen = True
                if container.health is not None and container.state == "running":
                    container.health.begin(container.started_ns)
        self.report()
        self._way_up.advance()

    def report(self) -> None:
        """Tell the control plane how the pod is, if that has changed."""
        run = self.run
        if self.over or self.stopping:
            return
        run.observe(self._bench.host.clock.now)
        self._post()
        if run.finished:
            self._ended()

    def say_again(self) -> None:
        """The agent has started after its pods: what they said before went nowhere."""
        self._reported = PodStatus("Pending")
        self.report()

    def _post(self) -> None:
        run = self.run
        status = PodStatus(run.phase, run.ready, run.reason, run.restarts)
        if status != self._reported:
            self._reported = status
            self._bench.host.upstream.status(run.uid, status)

    # Going down.

    def stop(self, grace_ns: int) -> None:
        """End the pod: SIGTERM to all that runs, SIGKILL after the grace. May be called again with a shorter one."""
        running = self._runs()
        if not self.stopping:
            self.stopping = True
            self.moving.breaks(f"{self.run.name} is ended")
            self._way_up.cancel()
            _cancel(self._notice)
            self.moving.drop()
            if running:
                self._bench.host.note("Killing", self.run.name, f"grace {grace_ns / 1e9:g} s")
        for container in running:
            self._terminate(container, grace_ns)
        if not running:
            self._ended()

    def fail(self, reason: str) -> None:
        """The agent ends the pod for good, at once: Evicted, or refused."""
        self._bench.host.note(reason, self.run.name)
        self.end("Failed", reason)

    def end(self, phase: str, reason: str) -> None:
        """The pod has ended so, for good and at once."""
        self.run.phase, self.run.reason, self.run.ready = phase, reason, False
        self._post()
        self.stop(0)

    def vanish(self) -> None:
        """The node has lost power."""
        self.over = True
        self.moving.breaks(f"the node of {self.run.name} lost power")
        self._way_up.cancel()
        _cancel(self._notice)
        for container in self._runs():
            container.state = "waiting"
            container.finished_ns = self._bench.host.clock.now
            self._silence(container, "node-dead")
        self.run.ram_bytes = 0
        self.sandbox = False

    def hang(self, kind: str, on: bool) -> None:
        """The main container's process stops, or begins, to answer probes of this kind. A new process answers."""
        main = self.run.main
        if main.state == "running" and main.health is not None:
            main.health.hang(kind, on)

    def _runs(self) -> list[Container]:
        return [c for c in (*self.run.init_containers, *self.run.containers) if c.state == "running"]

    def _ended(self) -> None:
        """All containers have ended for good: the sandbox goes too."""
        if not self.over:
            self.over = True
            self.sandbox = False
            self.weigh()
            self._way_up.cancel()
            _cancel(self._notice)
            self._bench.ended(self)


def _cancel(*timers: Timer | None) -> None:
    for timer in timers:
        if timer is not None:
            timer.cancel()
