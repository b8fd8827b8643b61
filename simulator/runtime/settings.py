"""What a node agent and a container runtime cost and wait: plain numbers that come from facts, never from here."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.physics.distributions import Distribution


@dataclass(frozen=True, slots=True)
class RuntimeCosts:
    """One container runtime. The first three are CPU-bound: times in ns on the reference core, which a node's speed
    divides. `slowdown` divides the speed of everything that runs inside."""

    sandbox: Distribution  # cgroup, pause process or guest, network: once per pod
    create: Distribution  # per container, once its image is there
    start: Distribution  # per container, until its process runs
    stop: Distribution  # ns from SIGTERM until a process that heeds it has ended
    slowdown: float = 1.0
    ram_bytes: int = 0  # per pod: pause process, shim, guest kernel
    daemon_start_ns: int = 0  # of its engine's daemon, once the operating system is up


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
