"""A node's disk runs short: the agent deletes what is not in use, then evicts pods, and takes no more for a while.

A pass of the eviction manager that finds less of the disk free than the threshold deletes all images that no container
uses and that it has known long enough. Where that is not enough it evicts one pod, lower priority first, and passes
again once the pod is gone. The condition holds until the threshold, with what is to be reclaimed above it, has not been
crossed for its transition period. Passes are timers only while it is crossed, or the condition holds. Model: kubelet
eviction, for one filesystem: what counts of the disk is images, so pods' own use of it does not rank them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from simulator.engine.clock import Timer
from simulator.runtime.host import Host
from simulator.runtime.image_gc import ImageGc
from simulator.runtime.image_settings import DiskSettings
from simulator.runtime.memory import CRITICAL
from simulator.runtime.pod_run import PodRun
from simulator.runtime.ticks import next_tick
from simulator.world.image import ImageStore


class DiskPressure:
    """The disk's part of one agent's eviction manager; without `settings` it does nothing, and `holds` is never true.

    `pods()` are those that have not ended, `evict` ends one at once, `changed()` is called when `holds` changes.
    """

    __slots__ = (
        "_changed",
        "_evict",
        "_gc",
        "_host",
        "_met",
        "_observed_ns",
        "_origin",
        "_pods",
        "_settings",
        "_store",
        "_timer",
        "holds",
    )

    def __init__(
        self,
        host: Host,
        store: ImageStore,
        gc: ImageGc,
        pods: Callable[[], Iterable[PodRun]],
        *,
        evict: Callable[[PodRun], None],
        changed: Callable[[], None],
    ) -> None:
        self._host = host
        self._store = store
        self._gc = gc
        self._pods = pods
        self._evict = evict
        self._changed = changed
        self._settings = host.settings.disk
        self._timer: Timer | None = None
        self.start(0)
        if self._settings is not None:
            store.after_change.append(self.look)

    def start(self, boot: int) -> None:
        """The agent starts, the so-manieth time: it remembers nothing."""
        self.holds = False
        self._met = False  # the last pass found it crossed
        self._observed_ns = 0  # when that was
        self._origin = self._host.clock.now
        if self._settings is not None:  # one eviction manager, one phase for memory and disk
            self._origin += self._host.phase("eviction-phase", boot, self._settings.check_ns)
            self.look()

    def stop(self) -> None:
        """The node loses power."""
        self.holds = self._met = False
        if self._timer is not None:
            self._timer.cancel()

    def look(self) -> None:
        """The disk holds more, or less: see that a pass comes if one has something to do."""
        settings = self._settings
        if settings is not None and self._crossed(settings) and not self._met:
            self._plan(settings, self._host.clock.now)

    def _crossed(self, settings: DiskSettings) -> bool:
        least = settings.least + (settings.reclaim if self._met else 0)
        return self._store.free_bytes < least * self._store.capacity_bytes

    def _plan(self, settings: DiskSettings, due: int) -> None:
        at = next_tick(self._origin, settings.check_ns, due)
        if self._timer is not None and self._timer.pending:
            if self._timer.time <= at:
                return
            self._timer.cancel()
        self._timer = self._host.clock.at(at, self._pass, settings)

    def _pass(self, settings: DiskSettings) -> None:
        now = self._host.clock.now
        self._met = self._crossed(settings)
        if not self._met:
            if self.holds and now >= self._observed_ns + settings.transition_ns:
                self._set(False)
            elif self.holds:
                self._plan(settings, self._observed_ns + settings.transition_ns)
            return
        self._observed_ns = now
        self._set(True)
        self._gc.free({c.template.image for run in self._pods() for c in (*run.init_containers, *run.containers)})
        if self._crossed(settings):  # with what is to be reclaimed
            victims = [run for run in self._pods() if not run.finished and run.template.priority < CRITICAL]
            if victims:
                self._evict(min(victims, key=lambda run: run.template.priority))
                self._origin = now + settings.cleanup_ns  # it waits for the pod to go, then passes again at once
        self._plan(settings, now + 1)

    def _set(self, holds: bool) -> None:
        if self.holds != holds:
            self.holds = holds
            self._host.note("NodeHasDiskPressure" if holds else "NodeHasNoDiskPressure", self._host.name)
            self._changed()
