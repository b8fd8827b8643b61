"""The agent of one node (the kubelet): what it has stored, what runs, and nothing of what the control plane believes.

It needs the network for pulls and reports only: cut off, it keeps its pods, and restarts their containers. What comes
back after a power cut is the rule `AgentSettings.after_reboot`: `keep`, the container engine starts its containers
again, before the agent and without it; `restart`, the agent starts what it has stored; `static-pods`, the agent starts
those; with nothing, pods wait for a sync with the control plane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.runtime.admission import refusal
from simulator.runtime.backoff import Backoff
from simulator.runtime.bench import Bench, ServingHook
from simulator.runtime.boot import Boot
from simulator.runtime.disk_pressure import DiskPressure
from simulator.runtime.host import Host
from simulator.runtime.load import Load
from simulator.runtime.memory import Memory
from simulator.runtime.migration import Migrations
from simulator.runtime.pod_run import Container, PodRun
from simulator.runtime.puller import Puller
from simulator.runtime.settings import AgentSettings, RuntimeCosts
from simulator.runtime.starts import Starts
from simulator.runtime.status import DesiredPod, Nobody, Upstream
from simulator.runtime.warm import WarmStarts
from simulator.runtime.worker import PodWorker
from simulator.streams import Rng
from simulator.world.device import allot
from simulator.world.image import READ_ONLY, Image, ImageStore
from simulator.world.network import Network
from simulator.world.node import NodeTable
from simulator.world.pod import PodTemplate
from simulator.world.registry import Registry


class NodeAgent:
    """One node's agent, with everything that runs under it.

    `runtimes` maps a RuntimeClass handler to its costs; the first is the node's default. `system_bytes` is the RAM
    that the operating system and every component on this node hold. `serving_hooks` are called (pod, up, how) when a
    pod's main container runs and does not answer yet ("starting"), begins to ("started"), or stops ("killed",
    "exited", "oom", "node-dead"). `up_hooks` are called with True once the agent has started after a power cut, before
    it does anything, and with False when power goes; `speed_hooks` with each pod that answers, when its speed changes.
    Raises ValueError where there is no runtime.
    """

    __slots__ = (
        "_bench",
        "_boot",
        "_desired",
        "_disk",
        "_host",
        "_memory",
        "_migrations",
        "_networked_ns",
        "_nodes",
        "_past",
        "_powered",
        "_puller",
        "_runtimes",
        "_status_timer",
        "_upstream",
        "_warm",
        "_workers",
        "images",
        "serving_hooks",
        "settings",
        "speed_hooks",
        "up",
        "up_hooks",
    )

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        nodes: NodeTable,
        node: int,
        *,
        network: Network,
        registry: Registry,
        images: ImageStore,
        settings: AgentSettings,
        runtimes: Mapping[str, RuntimeCosts],
        upstream: Upstream | None = None,
        system_bytes: int = 0,
    ) -> None:
        if not runtimes:
            raise ValueError(f"node {nodes.names[node]} has an agent but no runtime")
        self.settings = settings
        self.images = images
        self.up = True
        self.serving_hooks: list[ServingHook] = []
        self.up_hooks: list[Callable[[bool], None]] = []
        self.speed_hooks: list[Callable[[PodRun], None]] = []
        self._powered = True
        self._networked_ns = 0  # when pods have a network
        self._upstream = upstream or Nobody()
        self._nodes = nodes
        self._runtimes = dict(runtimes)
        self._desired: dict[int, DesiredPod] = {}
        self._workers: dict[int, PodWorker] = {}
        self._past: dict[int, PodRun] = {}  # what the disk remembers of pods that a crash ended
        self._status_timer: Timer | None = None
        self._migrations: Migrations | None = None
        self._host = host = Host(clock, rng, recorder, nodes, node, settings=settings, upstream=self._upstream)
        self._memory = Memory(
            host, system_bytes, self._runs, kill=self._kernel_kills, evict=self._evict, changed=self._changed
        )
        self._puller = Puller(host, network, registry, images, stored=self._changed, in_use=self._images_in_use)
        self._disk = DiskPressure(host, images, self._puller.gc, self._runs, evict=self._evict, changed=self._changed)
        self._warm = WarmStarts(host, self._memory, images, runtimes.values())
        self._bench = self._new_bench()
        self._warm.start(self._bench.starts, full=True)
        engines = max(costs.daemon_start_ns for costs in runtimes.values())
        self._boot = Boot(host, engines, engine=self._engine_started, agent=self._started)

    def connect(self, upstream: Upstream) -> None:
        """Report to `upstream` from now on: the way to the control plane, which needs the agent to exist first."""
        self._upstream = self._host.upstream = upstream

    def moves_by(self, migrations: Migrations) -> None:
        """Its pods move to these nodes, and theirs come here."""
        self._bench.migrations = self._migrations = migrations

    def waits_by(self, reached: Callable[[Callable[[], None]], None]) -> None:
        """How it learns that its server answers: `reached(call)` calls `call` once it does."""
        self._boot.reached = reached

    # What others may know of it.

    @property
    def node(self) -> int:
        """Its node's index."""
        return self._host.index

    @property
    def name(self) -> str:
        """Its node's name."""
        return self._host.name

    @property
    def allocatable_ram_bytes(self) -> int:
        """Capacity − reservations − hard eviction threshold: what it tells its control plane."""
        return self._memory.allocatable

    @property
    def allocatable_cpu_m(self) -> int:
        """Capacity − reservations, in millicores."""
        return self.settings.allocatable_cpu_m(self._host.row.cores)

    @property
    def available_ram_bytes(self) -> int:
        """What pods may still take before the kernel kills."""
        return self._memory.available

    @property
    def pressure(self) -> bool:
        """Its MemoryPressure condition."""
        return self._memory.pressure

    @property
    def load(self) -> Load:
        """What keeps the cores of its node busy, beside requests."""
        return self._host.load

    def stored(self) -> Iterable[int]:
        """The uids of the pods that it has stored."""
        return self._desired.keys()

    def stored_pods(self) -> Iterable[DesiredPod]:
        """The same pods themselves, ended or not."""
        return self._desired.values()

    def running(self) -> Iterable[PodRun]:
        """The pods that have not ended."""
        return [worker.run for worker in self._workers.values() if not worker.over]

    def find(self, uid: int) -> PodRun | None:
        """The pod of that uid, if it is here, ended or not."""
        worker = self._workers.get(uid)
        return worker.run if worker is not None else None

    def worker(self, uid: int) -> PodWorker | None:
        """Whoever looks after the pod of that uid here."""
        return self._workers.get(uid)

    def costs(self, template: PodTemplate) -> RuntimeCosts | None:
        """What pods of this template cost here; None where there is no runtime for them."""
        named = template.runtime_class
        return self._runtimes.get(named) if named else next(iter(self._runtimes.values()))

    # What its control plane tells it.

    def admit(self, desired: DesiredPod) -> None:
        """Store a pod and start it. Nothing happens if it is stored already, or while the node is down."""
        if self.up and desired.uid not in self._desired:
            self._store(desired, "desired")
            self._start(desired)

    def adopt(self, desired: DesiredPod, images: Iterable[Image]) -> None:
        """A pod that was here, with its images, before time began, and runs."""
        for image in images:
            self.preload(image)
        self._store(desired, "desired")
        self._start(desired, adopted=True)

    def preload(self, image: Image) -> bool:
        """Have an image from the beginning. False, and nothing stored, where the disk has no room for it."""
        if not self.images.preload(image):
            return False
        self._puller.gc.look()
        return True

    def pull(self, image: str) -> None:
        """Somebody wants an image here that no pod has asked for. Nothing comes of it while the agent does not run."""
        if not self.up:
            return

        def done(error: str) -> None:
            self._host.note("Prepulled" if not error else "FailedToPrepull", image, error)

        self._puller.ensure(image, "IfNotPresent", done)

    def remove(self, uid: int, grace_ns: int | None) -> None:
        """A deletion has arrived: end the pod, then confirm. `grace_ns` None: the pod's own."""
        if not self.up:
            return
        worker = self._workers.get(uid)
        if worker is None:
            self._past.pop(uid, None)
            self._host.upstream.gone(uid)
            return
        worker.run.deleted = True
        if worker.over:
            self._forget(worker)
        else:
            worker.stop(worker.run.template.grace_ns if grace_ns is None else grace_ns)

    def sync(self, desired: Sequence[DesiredPod]) -> None:
        """The full list after a reconnection: unknown pods are started, those that are not in it ended."""
        if not self.up:
            return
        wanted = {pod.uid for pod in desired}
        for uid in [u for u, pod in self._desired.items() if u not in wanted and not pod.static]:
            self.remove(uid, None)
        for uid in [u for u in self._past if u not in wanted]:
            del self._past[uid]
        for pod in desired:
            self.admit(pod)

    # What happens to its node.

    def crash(self) -> None:
        """The node loses power: all that runs ends in silence; stored pods are lost unless a reboot brings them back.

        Disks survive: images, and what the container engine knows of its containers.
        """
        if not self._powered:
            return
        self._powered = self.up = False
        self._boot.cut()
        self._host.upstream = Nobody()
        for uid, worker in self._workers.items():
            worker.vanish()
            self._past[uid] = worker.run
        self._workers.clear()
        self._puller.stop()
        self._memory.stop()
        self._disk.stop()
        self._warm.stop()
        if self._status_timer is not None:
            self._status_timer.cancel()
        for pod in [p for p in self._desired.values() if not self._survives(p)]:
            self._store(pod, "removed")
        for hook in self.up_hooks:
            hook(False)

    def boot(self) -> None:
        """The operating system is up again: the container engine starts, then the agent."""
        if self._powered:
            return
        self._powered = True
        self._memory.start(int(self._nodes.boots[self.node]))
        self._bench = self._new_bench()
        self._boot.begin()

    def _engine_started(self) -> None:
        if "keep" in self.settings.after_reboot:
            for pod in tuple(self._desired.values()):
                self._start(pod)

    def _started(self) -> None:
        """The agent runs. Pods that it does not remember wait for a `sync`; those that run already it finds running."""
        self.up = True
        self._host.start(int(self._nodes.boots[self.node]))
        self._puller.gc.start(int(self._nodes.boots[self.node]))
        self._disk.start(int(self._nodes.boots[self.node]))
        self._host.upstream = self._upstream
        self._networked_ns = self._host.clock.now + self.settings.network_ns
        self._warm.start(self._bench.starts)
        for hook in self.up_hooks:
            hook(True)
        for worker in tuple(self._workers.values()):
            worker.say_again()
        for pod in [p for uid, p in self._desired.items() if uid not in self._workers]:
            self._start(pod)
        self._report_node()

    def set_in_flight(self, uid: int, count: int) -> None:
        """So many requests are in a pod now: its working set follows."""
        worker = self._workers.get(uid)
        if worker is not None and not worker.over and worker.run.in_flight != count:
            worker.run.in_flight = count
            worker.weigh()

    def set_speed(self, speed: float) -> None:
        """The node's cores have this speed from now on: starts, unpacking and processes that run follow."""
        self._host.speed = self._bench.starts.speed = speed
        for worker in self._workers.values():
            worker.run.speed = speed / worker.slowdown
            if worker.run.serving:  # whoever does not answer yet, or stands still, begins with its speed
                for hook in self.speed_hooks:
                    hook(worker.run)

    def hang(self, uid: int, kind: str, on: bool) -> None:
        """The pod's main process stops (or begins again) to answer its probes of this kind. A new process answers."""
        worker = self._workers.get(uid)
        if worker is not None:
            worker.hang(kind, on)

    # Inside.

    def _new_bench(self) -> Bench:
        """What the agent keeps in RAM for its workers: back-offs do not survive it."""
        pulls = self.settings.pulls
        return Bench(
            self._host,
            self._puller,
            self._memory,
            Starts(
                self._host.clock,
                self._host.rng,
                speed=self._host.speed,
                threads=self._host.row.cores,
                load=self._host.load,
            ),
            self._warm,
            Backoff(
                self.settings.crash_first_ns,
                self.settings.crash_cap_ns,
                self.settings.crash_factor,
                self.settings.crash_reset_ns,
            ),
            Backoff(pulls.backoff_first_ns, pulls.backoff_cap_ns, pulls.backoff_factor, pulls.backoff_reset_ns),
            self.serving_hooks,
            self._ended,
            self._migrations,
        )

    def _survives(self, pod: DesiredPod) -> bool:
        rules = self.settings.after_reboot
        return "keep" in rules or "restart" in rules or (pod.static and "static-pods" in rules)

    def _store(self, pod: DesiredPod, state: str) -> None:
        if state == "desired":
            self._desired[pod.uid] = pod
        else:
            del self._desired[pod.uid]
        self._host.record(pod.name, pod.template.workload, "stored", state)

    def _start(self, desired: DesiredPod, adopted: bool = False) -> None:
        template = desired.template
        costs = self.costs(template)
        known = costs or next(iter(self._runtimes.values()))
        run = PodRun(desired.uid, desired.name, template, self.node, self._host.speed / known.slowdown)
        run.freeze = known.freeze
        past = self._past.pop(desired.uid, None)
        here = past is not None and past.started_ns is not None  # whatever it came with, it has run here since
        worker = PodWorker(self._bench, run, known, None if here else desired.origin)
        if past is not None:
            run.remember(past)
        others = [run for run in self._runs() if not run.finished]
        self._workers[desired.uid] = worker
        row, held = self._host.row, ((other.template.extended, other.devices) for other in others)
        run.devices, short = allot(row.accelerators, held, template.extended, desired.devices)
        reason = refusal(template, others, row, self.settings, self._memory, disk_pressure=self._disk.holds)
        reason = reason or (f"OutOf{short}" if short else "")
        if run.finished:
            worker.stay_ended()
        elif reason:
            worker.fail(reason)
        elif costs is None:
            worker.wait_for("ContainerCreating", f"no runtime for {template.runtime_class}")
        elif self.images.read_only and not adopted:
            worker.wait_for("ContainerCreating", READ_ONLY)
        elif adopted:
            worker.adopt()
        else:
            # Static pods use the node's own network; an engine that starts containers by itself has its own.
            waits = self.up and not desired.static
            worker.begin(max(0, self._networked_ns - self._host.clock.now) if waits else 0)

    def _runs(self) -> Iterable[PodRun]:
        return (worker.run for worker in self._workers.values() if not worker.over)

    def _ended(self, worker: PodWorker) -> None:
        if worker.run.deleted:
            self._forget(worker)

    def _forget(self, worker: PodWorker) -> None:
        run = worker.run
        del self._workers[run.uid]
        self._store(self._desired[run.uid], "removed")
        for container in (*run.init_containers, *run.containers):
            self._bench.crashes.forget((run.uid, container.template.name))
            self._bench.pull_failures.forget((run.uid, container.template.image))
            self._puller.gc.released(container.template.image)
        self._host.upstream.gone(run.uid)

    def _images_in_use(self) -> set[str]:
        runs = [*self._past.values(), *(worker.run for worker in self._workers.values())]
        return {c.template.image for run in runs for c in (*run.init_containers, *run.containers)}

    def _kernel_kills(self, run: PodRun, container: Container) -> None:
        self._workers[run.uid].kernel_kills(container)

    def _evict(self, run: PodRun) -> None:
        self._workers[run.uid].fail("Evicted")

    def _changed(self) -> None:
        """Images or conditions have changed: the node's status goes out when it is computed next."""
        if self._status_timer is None or not self._status_timer.pending:
            self._status_timer = self._host.clock.at(self._host.next_status(), self._report_node)

    def _report_node(self) -> None:
        images = {image.name: image.unpacked for image in self.images}
        conditions = {"MemoryPressure": self._memory.pressure, "DiskPressure": self._disk.holds}
        self._host.upstream.node_status(conditions, images)
