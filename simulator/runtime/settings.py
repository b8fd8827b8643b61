"""What a node agent and a container runtime cost and wait: plain numbers that come from facts, never from here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, exp, inf, log

import numpy as np

from simulator.facts.platforms import WASM
from simulator.physics.distributions import Distribution
from simulator.runtime.image_settings import PLAIN, DiskSettings, EnginePull, ImageGcSettings
from simulator.world.image import Image


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a start, as it was measured: alone, on a host of cores of this `speed`.

    Of its time the part `cpu` goes with the speed of a node's cores. Of k starts at work on a node with n pods, each
    takes 1 + (contention + crowding · n) · (k − 1) / cores times as long; but for `hold_ns` it has the engine's one
    `lock`, and waits for it.
    """

    name: str  # names its draws
    time: Distribution  # ns
    speed: float = 1.0
    cpu: float = 1.0
    contention: float = 0.0
    crowding: float = 0.0
    lock: str = ""
    hold_ns: float = 0.0
    by_size: tuple[tuple[int, float], ...] = ()  # bytes of a Wasm module -> how many times `time`, sizes rising
    fixed_ns: float = 0.0  # what a guest takes beside `time`: its network devices, its mounts
    per_byte_ns: float = 0.0  # of a guest's RAM, beyond (or below) what it was measured with
    at_bytes: int = 0

    def factor(self, speed: float) -> float:
        """How many times as long it takes, alone, on cores of this speed."""
        return 1.0 + self.cpu * (self.speed / speed - 1.0)

    def sized(self, size: int) -> float:
        """How many times `time` a module of so many bytes takes: a power law between two sizes that were measured, in
        proportion to the largest above it, as the smallest below it."""
        if not self.by_size or not size:
            return 1.0
        sizes, times = zip(*self.by_size, strict=True)
        if size >= sizes[-1]:
            return float(times[-1] * size / sizes[-1])
        return exp(float(np.interp(log(size), [log(s) for s in sizes], [log(t) for t in times])))

    def work(self, p: float, speed: float, *, size: int, ram: int) -> int:
        """How long it takes alone, in ns: `p` draws its time, `size` is a module's and `ram` a guest's, in bytes; 0:
        as measured."""
        more = self.fixed_ns + (self.per_byte_ns * (ram - self.at_bytes) if ram else 0.0)
        return max(0, round((float(self.time.sample(p)) * self.sized(size) + more) * self.factor(speed)))


Steps = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the first instance leaves on its node for later ones: of its image, on disk (a snapshot, compiled code), or
    of the runtime, in RAM (a template). Times in ns.
    """

    how: str  # snapshot, cache, template
    stack: str
    stage: str  # of a start that it changes: sandbox, create, start
    steps: Steps  # what is left of that stage
    per_vcpu_ns: float = 0.0  # of a snapshot, for each beyond the first
    create_ns: float = 0.0  # that its first instance is stopped for while it is written, with `create_bytes` of RAM
    create_per_byte_ns: float = 0.0
    create_bytes: int = 0

    @property
    def snapshot(self) -> bool:
        """Whether it is a whole machine with the application in it."""
        return self.how == "snapshot"

    def with_vcpus(self, count: int) -> Steps:
        """The steps for a guest with so many: the last of them restores it."""
        *others, last = self.steps
        return *others, replace(last, fixed_ns=last.fixed_ns + self.per_vcpu_ns * (count - 1))

    @property
    def of_image(self) -> bool:
        """Whether it serves the instances of one image, and survives a power cut."""
        return self.how != "template"


@dataclass(frozen=True, slots=True)
class Pool:
    """Machines that wait on a node, without an application, each for a pod that takes it."""

    stack: str
    stage: str  # of a start that it changes: sandbox, create, start
    steps: Steps  # what is left of that stage
    size: int
    make: Steps  # how such a machine comes up
    ram_bytes: int  # that each holds while it waits
    shared: tuple[tuple[str, int], ...]  # as in `RuntimeCosts`


@dataclass(frozen=True, slots=True)
class MigrationRules:
    """How a running instance of one stack moves to a node that has the same (`simulator.runtime.migration`). Sizes in
    bytes, rates in byte/s."""

    stack: str = ""
    ways: frozenset[str] = frozenset()  # live, state
    portable: bool = False  # to a node of another platform, too
    guest_bytes: int = 0  # sent beside the containers' working sets: kernel and machine, or instance
    downtime_ns: int = 0  # that pre-copy may stop the instance for
    rounds: int = 1  # of pre-copy at most
    dirty: float = 0.0  # that an instance writes of which nobody says it
    bandwidth: float = inf
    timeout_ns: int = 0  # and for each GiB, begun or whole, so much more
    timeout_per_gib_ns: int = 0
    snapshot: tuple[float, float, int] = (0.0, 0.0, 0)  # ns to save a state of so many bytes (third), ns per byte more
    load_ns: int = 0

    def patience_ns(self, size: int) -> int:
        """After which it is given up."""
        return self.timeout_ns + self.timeout_per_gib_ns * ceil(size / 2**30)

    def save_ns(self, size: float) -> int:
        """How long a state of so many bytes takes to be saved before it can be sent."""
        base, per_byte, at = self.snapshot
        return max(0, round(base + per_byte * (size - at)))


@dataclass(frozen=True, slots=True)
class RuntimeCosts:
    """One stack of runtimes. `slowdown` divides the speed of everything that runs inside. A Wasm module runs wherever
    the runtime does, whatever platforms its image names, if that has what of WASI it imports; any other image has to be
    built for the node.
    """

    sandbox: Steps  # cgroup, pause process or virtual machine, network: once per pod
    create: Steps  # per container, once its image is there
    start: Steps  # per container, until its process runs: virtual machine, unikernel, module
    stop: Distribution  # ns from SIGTERM until a process that heeds it has ended
    freeze: tuple[int, int] = (0, 0)  # ns to pause an instance, and to resume it, where it can
    slowdown: float = 1.0
    ram_bytes: int = 0  # per pod: pause process, shim, guest kernel
    shared: tuple[tuple[str, int], ...] = ()  # bytes of RAM that all pods on the node with this page have once
    daemon_start_ns: int = 0  # of its engine's daemon, once the operating system is up
    wasm: bool = False
    wasi: frozenset[str] = frozenset()  # features of WASI, where it is a Wasm runtime
    formats: frozenset[str] = frozenset()  # of images that it can unpack; empty: any
    warm: Prepared | Pool | None = None  # None: every start is one from nothing
    migration: MigrationRules = MigrationRules()

    def refuses(self, image: Image, platform: str) -> str:
        """Why this image does not run on a node of this platform; empty when it does."""
        if self.formats and image.format not in self.formats:
            return f"image format {image.format} is none of {', '.join(sorted(self.formats))}"
        if self.wasm:
            runs = image.format == "wasm" or not image.platforms or bool(image.platforms & WASM)
            if runs and (lacks := sorted(image.wasi - self.wasi)):
                return f"unknown import: the runtime has no WASI {', '.join(lacks)}"
        else:
            runs = image.runs_on(platform)
        return "" if runs else "exec format error"


@dataclass(frozen=True, slots=True)
class PullSettings:
    """How a node gets images. Times in ns, sizes in bytes."""

    parallel: bool  # the opposite of the kubelet's serialize-image-pulls
    at_once: int | None  # max-parallel-image-pulls, when parallel; None: without limit
    layers_at_once: int  # max_concurrent_downloads of containerd, per image
    registry_qps: float  # tokens of the kubelet's registry limiter
    registry_burst: int
    dial_timeout_ns: int  # how long a registry that is silent is waited for
    stall_ns: int  # image_pull_progress_timeout of containerd
    backoff_first_ns: int
    backoff_cap_ns: int
    backoff_factor: float = 2.0
    backoff_reset_ns: int | None = None  # None: twice the cap
    engine: EnginePull = PLAIN
    gc: ImageGcSettings | None = None  # None: images are never deleted


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """How a node's RAM is divided and defended. `threshold_bytes` None: no eviction, as in K3s."""

    reserved_bytes: int  # kube-reserved and system-reserved
    threshold_bytes: int | None  # eviction-hard memory.available
    check_ns: int  # period of the eviction manager
    cleanup_ns: int  # how often it looks whether an evicted pod has gone (1 s, not the 30 s after which it gives up)
    transition_ns: int  # eviction-pressure-transition-period


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One node agent. Times in ns."""

    pulls: PullSettings
    memory: MemorySettings
    reserved_cpu_m: int
    crash_first_ns: int
    crash_cap_ns: int
    relist_ns: int  # PLEG: how often the containers' states are read
    resync_ns: int  # after a failed sync of a pod, the next comes after resync · (1 … 1 + jitter)
    resync_jitter: float
    status_ns: int  # how often the node's own status is computed
    crash_factor: float = 2.0
    crash_reset_ns: int | None = None  # None: twice the cap
    after_reboot: tuple[str, ...] = ()  # what a reboot without the control plane brings back: keep restart static-pods
    start_ns: int = 0  # from its own start, once the engine runs, until it can start pods
    network_ns: int = 0  # after a reboot, from then until pods that are not static have a network
    waits_for_server: bool = False  # whether it starts only once its server answers
    disk: DiskSettings | None = None  # None: it does not look whether the disk is short

    def allocatable_cpu_m(self, cores: int) -> int:
        """Capacity − reservations, in millicores."""
        return max(0, cores * 1000 - self.reserved_cpu_m)

    def allocatable_ram_bytes(self, capacity: int) -> int:
        """Capacity − reservations − hard eviction threshold."""
        return max(0, capacity - self.memory.reserved_bytes - (self.memory.threshold_bytes or 0))
