"""One image on its way to a node, layer by layer.

A pull asks the registry for the manifest (one round trip), fetches the lacking layers over the network, a few at once,
and unpacks each at the disk's write speed. A layer that two pulls want travels once. Model: containerd.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from simpy.events import Event

from simulator.engine.activity import Activity
from simulator.engine.clock import Timer
from simulator.world.image import Image, Layer

if TYPE_CHECKING:
    from simulator.runtime.puller import Puller

Done = Callable[[str], None]  # called with what went wrong, or with "" when the image is there


class Fetch:
    """One layer on its way. Cut off in silence, it waits for the way to come back, but not for ever."""

    __slots__ = ("_left", "_puller", "_timer", "_transfer", "layer", "pulls")

    def __init__(self, puller: Puller, layer: Layer) -> None:
        self._puller = puller
        self.layer = layer
        self.pulls: list[Pull] = []
        self._left = layer.compressed
        self._timer: Timer | None = None  # set while it stalls
        self._transfer: Activity | None = None
        self.go()

    def go(self) -> None:
        """Begin, or go on after a silence."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._transfer = self._puller.network.transfer(self._puller.registry.node, self._puller.host.index, self._left)
        assert self._transfer.done.callbacks is not None  # made just now, so not yet processed
        self._transfer.done.callbacks.append(self._ended)

    @property
    def stalled(self) -> bool:
        """Whether no byte comes because the way is silent."""
        return self._timer is not None

    def stop(self) -> None:
        """Nobody wants it any more."""
        transfer, self._transfer = self._transfer, None
        if transfer is not None:
            transfer.cancel()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ended(self, event: Event) -> None:
        transfer = self._transfer
        if transfer is None or transfer.done is not event:
            return
        self._transfer = None
        if event.value:
            self._puller.fetched(self, "")
            return
        self._left = round(transfer.remaining())
        if self._puller.access() == "silent":
            settings = self._puller.host.settings.pulls
            self._timer = self._puller.host.clock.after(settings.stall_ns, self._give_up)
        else:
            self._puller.fetched(self, "connection reset")

    def _give_up(self) -> None:
        self._timer = None
        self._puller.fetched(self, "no progress")


class Pull:
    """One image on its way, for everybody on the node who wants it."""

    __slots__ = ("_fetches", "_lacking", "_puller", "_ready_ns", "_timer", "image", "name", "over", "waiting")

    def __init__(self, puller: Puller, name: str) -> None:
        self._puller = puller
        self.name = name
        self.waiting: list[Done] = []
        self.image: Image | None = None
        self.over = False
        self._lacking: deque[Layer] = deque()
        self._fetches: dict[str, Fetch] = {}  # by digest
        self._ready_ns = 0  # when the disk will have unpacked what has come
        self._timer: Timer | None = None

    def begin(self) -> None:
        """Its turn has come: ask for the manifest."""
        puller, clock = self._puller, self._puller.host.clock
        if not puller.allowance.take(clock.now):
            self.end("pull QPS exceeded")
            return
        self._timer = clock.after(puller.host.settings.pulls.dial_timeout_ns, self.end, "registry does not answer")
        puller.network.send(puller.host.index, puller.registry.node, 0, self._asked, failed=self._refused)

    def _asked(self) -> None:
        """The registry has been reached."""
        puller = self._puller
        puller.network.send(puller.registry.node, puller.host.index, 0, self._answered)

    def _refused(self) -> None:
        self.end("registry refuses")

    def _answered(self) -> None:
        if self.over:
            return
        self._drop_timer()
        puller = self._puller
        self.image = puller.registry.find(self.name)
        if self.image is None:
            self.end("not found")
            return
        self._lacking.extend(puller.store.missing(self.image))
        self._ready_ns = puller.host.clock.now
        self._fill()

    def _fill(self) -> None:
        """Keep as many layers on their way as is allowed; when the last has come, wait for the disk."""
        puller = self._puller
        assert self.image is not None
        while self._lacking and len(self._fetches) < puller.host.settings.pulls.layers_at_once:
            layer = self._lacking.popleft()
            if layer in puller.store.missing(self.image):
                self._fetches[layer.digest] = puller.fetch(layer, self)
            else:  # another pull has brought it meanwhile
                self._ready_ns = max(self._ready_ns, puller.disk_free_ns)
        if not self._fetches:
            self._timer = puller.host.clock.at(max(self._ready_ns, puller.host.clock.now), self.end, "")

    def layer_came(self, layer: Layer, unpacked_ns: int) -> None:
        """A layer is here and will be unpacked then."""
        del self._fetches[layer.digest]
        self._ready_ns = max(self._ready_ns, unpacked_ns)
        self._fill()

    def end(self, error: str) -> None:
        """It is over, well (no error) or not. What has come stays on the disk."""
        if self.over:
            return
        self.over = True
        self._drop_timer()
        for fetch in self._fetches.values():
            self._puller.leave(fetch, self)
        self._fetches.clear()
        if not error:
            assert self.image is not None
            self._puller.store.add(self.image)
        self._puller.ended(self, error)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
