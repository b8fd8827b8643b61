"""Images that nothing uses are deleted when the disk fills up.

Model: kubelet/images, image_gc_manager. At a tick of its loop at which the disk is used to the upper share or more, the
agent deletes images, the longest unused first, until what it takes them to be worth comes down to the lower share: it
counts an image's size, even where other images have some of its layers. An image that a pod uses is never deleted, nor
one that the agent has not known long enough; it knows an image from the first tick after its pull. Of the disk, images
are all that counts. Under disk pressure all that may be deleted is, whatever the shares.
"""

from __future__ import annotations

from collections.abc import Callable

from simulator.engine.clock import Timer
from simulator.runtime.host import Host
from simulator.runtime.image_settings import ImageGcSettings
from simulator.runtime.ticks import next_tick
from simulator.world.image import Image, ImageStore

_LONG_AGO = -(1 << 62)  # what was there when the agent started is old enough, and was not used


class ImageGc:
    """The loop of one agent; without `settings` it never deletes anything. Costs nothing while the disk has room.

    `in_use()` tells the images of the pods that are here; `removed()` is called when an image has been deleted.
    """

    __slots__ = ("_host", "_in_use", "_origin", "_removed", "_seen", "_settings", "_store", "_timer", "_used")

    def __init__(
        self,
        host: Host,
        store: ImageStore,
        settings: ImageGcSettings | None,
        in_use: Callable[[], set[str]],
        removed: Callable[[], None],
    ) -> None:
        self._host = host
        self._store = store
        self._settings = settings
        self._in_use = in_use
        self._removed = removed
        self._seen: dict[str, int] = {}  # when the agent saw an image first
        self._used: dict[str, int] = {}  # when an image was used last
        self._timer: Timer | None = None
        self.start(0)

    def start(self, boot: int) -> None:
        """The agent starts, the so-manieth time: it remembers nothing."""
        self._seen.clear()
        self._used.clear()
        if self._settings is not None:
            self._origin = self._host.clock.now + self._host.phase("image-gc-phase", boot, self._settings.check_ns)
            self.look()

    def stop(self) -> None:
        """The node loses power."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pulled(self, name: str) -> None:
        """An image has come."""
        if self._settings is not None:
            self._seen[name] = next_tick(self._origin, self._settings.check_ns, self._host.clock.now)
            self.look()

    def released(self, name: str) -> None:
        """A pod that used this image has gone."""
        self._used[name] = self._host.clock.now

    def look(self) -> None:
        """Wait for the next tick if there is something to do at it."""
        settings = self._settings
        if settings is not None and self._full(settings) and (self._timer is None or not self._timer.pending):
            tick = next_tick(self._origin, settings.check_ns, self._host.clock.now + 1)
            self._timer = self._host.clock.at(tick, self._collect, settings)

    def _full(self, settings: ImageGcSettings) -> bool:
        return self._store.used_bytes >= settings.high * self._store.capacity_bytes

    def _collect(self, settings: ImageGcSettings) -> None:
        self._timer = None
        if not self._full(settings):
            return
        now, wanted, found = self._host.clock.now, self._store.used_bytes - settings.low * self._store.capacity_bytes, 0
        for image in self._idle(now - settings.least_age_ns, self._in_use()):
            self._remove(image)
            found += image.unpacked
            if found >= wanted:
                break
        if found:
            self._removed()
        if found < wanted:
            said = f"attempted to free {wanted:.0f} bytes, but only found {found} bytes eligible to free"
            self._host.note("FreeDiskSpaceFailed", self._host.name, said)
        self.look()

    def free(self, used: set[str]) -> None:
        """Under disk pressure: delete every image that is not among the used, and known long enough."""
        if self._settings is None:
            return
        now = self._host.clock.now
        for image in self._store:  # it looks at what is there, so it knows it from now on
            self._seen[image.name] = min(now, self._seen.get(image.name, _LONG_AGO))
        idle = self._idle(now - self._settings.least_age_ns, used)
        for image in idle:
            self._remove(image)
        if idle:
            self._removed()

    def _remove(self, image: Image) -> None:
        self._store.remove(image.name)
        self._seen.pop(image.name, None)
        self._used.pop(image.name, None)
        self._host.note("ImageRemoved", self._host.name, image.name)

    def _idle(self, known_since: int, used: set[str]) -> list[Image]:
        """What may be deleted, in the order in which it is."""
        if self._store.read_only:
            return []
        old = [
            image
            for image in self._store
            if image.name not in used and self._seen.get(image.name, _LONG_AGO) <= known_since
        ]
        return sorted(old, key=lambda i: (self._used.get(i.name, _LONG_AGO), self._seen.get(i.name, _LONG_AGO)))
