"""A node's RAM: what is left, whom the kernel kills when it is exceeded, whom the agent evicts before that.

The eviction manager's passes are computed, never polled: one is planned only while the threshold is crossed, or to end
a pressure condition. Ranking and times: kubernetes pkg/kubelet/eviction; scores: pkg/kubelet/qos/policy.go and the
kernel's oom_badness (pages used + adjustment · pages / 1000).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from simulator.engine.clock import Timer
from simulator.runtime.host import Host
from simulator.runtime.pod_run import Container, PodRun
from simulator.runtime.ticks import last_tick, next_tick

CRITICAL = 2_000_000_000  # system-cluster-critical and above: scheduling/types.go


class Memory:
    """The RAM of one node. `used` counts what pods hold; the system's part is given and does not change.

    Pods together are bounded by capacity − max(system, reserved): the kernel sees the first, the pods' cgroup the
    second. The eviction manager watches the same margin, for it has a threshold for either.
    """

    __slots__ = (
        "_changed",
        "_crossed_ns",
        "_evict",
        "_host",
        "_kill",
        "_looking",
        "_observed_ns",
        "_origin",
        "_pods",
        "_shared",
        "_timer",
        "allocatable",
        "limit",
        "pressure",
        "used",
    )

    def __init__(
        self,
        host: Host,
        system_bytes: int,
        pods: Callable[[], Iterable[PodRun]],
        *,
        kill: Callable[[PodRun, Container], None],
        evict: Callable[[PodRun], None],
        changed: Callable[[], None],
    ) -> None:
        settings, capacity = host.settings.memory, host.row.ram_bytes
        self._host = host
        self._pods = pods
        self._kill = kill  # the kernel kills a container's process
        self._evict = evict  # the agent ends a pod, at once
        self._changed = changed  # MemoryPressure has changed
        self.limit = capacity - max(system_bytes, settings.reserved_bytes)
        self.allocatable = host.settings.allocatable_ram_bytes(capacity)
        self.start(0)

    def start(self, boot: int) -> None:
        """The node starts, empty."""
        check = self._host.settings.memory.check_ns
        self.used = 0
        self._shared: Counter[str] = Counter()  # pods that have pages of one name
        self.pressure = False
        self._looking = False
        self._timer: Timer | None = None
        self._crossed_ns: int | None = None  # since when the threshold is crossed
        self._observed_ns = 0  # when a pass last saw it crossed
        self._origin = self._host.clock.now + self._host.phase("eviction-phase", boot, check)

    def stop(self) -> None:
        """The node loses power."""
        self._plan(None)
        self.used = 0
        self._record()
        self._shared.clear()
        self.pressure = False

    def share(self, pages: Iterable[tuple[str, int]], step: int) -> int:
        """A pod more (1) or fewer (-1) has these pages (name, bytes): by how much what the node holds grows by it."""
        more = 0
        for name, size in pages:
            before, self._shared[name] = self._shared[name], self._shared[name] + step
            more += size * (bool(self._shared[name]) - bool(before))
        return more

    @property
    def available(self) -> int:
        """Bytes left to pods."""
        return self.limit - self.used

    def add(self, more: int) -> None:
        """Pods hold so many bytes more, or fewer."""
        self.used += more
        self._record()
        if not self._looking:
            self._looking = True
            while self.used > self.limit and self._kernel_kills():
                pass
            self._looking = False
            self._watch()

    def _record(self) -> None:
        self._host.recorder.memory.add(self._host.clock.now, self._host.name, self.used)

    def _kernel_kills(self) -> bool:
        """The kernel kills the container with the highest score; False when there is none."""
        victim: tuple[PodRun, Container] | None = None
        highest = 0.0
        for pod in self._pods():
            for container in (*pod.init_containers, *pod.containers):
                if container.in_memory:
                    score = badness(pod, container, self._host.row.ram_bytes)
                    if victim is None or score > highest:
                        victim, highest = (pod, container), score
        if victim is not None:
            self._kill(*victim)
        return victim is not None

    # The eviction manager.

    def _watch(self) -> None:
        """The margin has changed: plan the next pass that will do something, if one will."""
        memory, now = self._host.settings.memory, self._host.clock.now
        if memory.threshold_bytes is None:
            return
        if self.available < memory.threshold_bytes:
            if self._crossed_ns is None:
                self._crossed_ns = now
            self._plan(next_tick(self._origin, memory.check_ns, now))
            return
        if self._crossed_ns is not None:  # passes up to now saw it crossed, whether they could evict or not
            seen = last_tick(self._origin, memory.check_ns, now)
            if self.pressure and seen >= self._crossed_ns:
                self._observed_ns = max(self._observed_ns, seen)
            self._crossed_ns = None
        due = self._observed_ns + memory.transition_ns
        self._plan(next_tick(self._origin, memory.check_ns, due) if self.pressure else None)

    def _plan(self, at: int | None) -> None:
        if self._timer is not None and self._timer.pending:
            if self._timer.time == at:
                return
            self._timer.cancel()
        self._timer = self._host.clock.at(at, self._pass) if at is not None else None

    def _pass(self) -> None:
        """One pass of the eviction manager: at most one pod."""
        memory, now = self._host.settings.memory, self._host.clock.now
        if self._crossed_ns is None:
            if self.pressure and now >= self._observed_ns + memory.transition_ns:
                self.pressure = False
                self._changed()
            return
        self._observed_ns = now
        if not self.pressure:
            self.pressure = True
            self._changed()
        victim = min(filter(_evictable, self._pods()), key=_rank, default=None)
        if victim is None:
            return  # until something changes, later passes cannot either
        self._looking = True
        self._evict(victim)
        self._looking = False
        self._origin = now + memory.cleanup_ns  # it waits for the pod to go, then passes again at once
        self._watch()


def oom_score_adj(pod: PodRun, container: Container, capacity: int) -> int:
    """The kubelet's adjustment for a container, from −997 (Guaranteed, critical) to 1000 (BestEffort)."""
    if pod.template.qos == "Guaranteed" or pod.template.priority >= CRITICAL:
        return -997
    if pod.template.qos == "BestEffort":
        return 1000
    return min(999, max(3, 1000 - 1000 * container.template.ram_bytes // capacity))


def badness(pod: PodRun, container: Container, capacity: int) -> float:
    """The kernel's score of a container's process, in bytes."""
    return container.working_set(pod.in_flight) + oom_score_adj(pod, container, capacity) * capacity / 1000


def _evictable(pod: PodRun) -> bool:
    return pod.ram_bytes > 0 and not pod.finished and pod.template.priority < CRITICAL


def _rank(pod: PodRun) -> tuple[bool, int, int]:
    """First who uses more than was requested, then lower priority, then the larger excess."""
    excess = pod.ram_bytes - pod.template.ram_bytes
    return excess <= 0, pod.template.priority, -excess
