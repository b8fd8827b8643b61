"""Getting images onto a node: whose turn it is, and what all pulls of the node share: the way, the disk, the limits.

Model: kubelet/images (serial and parallel pullers, and their registry limiter).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from simulator.runtime.host import Host
from simulator.runtime.image_gc import ImageGc
from simulator.runtime.pull import Done, Fetch, Pull
from simulator.runtime.unpack import FULL, Unpacker
from simulator.spec.image import repository
from simulator.units import SECOND
from simulator.world.image import Image, ImageStore, Layer
from simulator.world.network import Network
from simulator.world.registry import Mirror, Registry


class Allowance:
    """A token bucket that says no instead of waiting, as the kubelet's registry limiter. Exact in integer ns."""

    __slots__ = ("_burst_ns", "_full_at", "_step_ns")

    def __init__(self, qps: float, burst: int) -> None:
        self._step_ns = round(SECOND / qps)
        self._burst_ns = burst * self._step_ns
        self._full_at = 0  # when the bucket would be full again

    def take(self, now: int) -> bool:
        """Take a token, if there is one."""
        full = max(now, self._full_at) + self._step_ns
        if full - now > self._burst_ns:
            return False
        self._full_at = full
        return True


class Puller:
    """All image pulls of one node. `stored()` is called when an image has been added to the store, or deleted from it;
    `in_use()` tells the images of the pods that are here."""

    __slots__ = (
        "_fetching",
        "_pulls",
        "_queue",
        "_running",
        "_stored",
        "allowance",
        "engine",
        "gc",
        "host",
        "layers_at_once",
        "network",
        "registry",
        "store",
        "unpacker",
    )

    def __init__(
        self,
        host: Host,
        network: Network,
        registry: Registry,
        store: ImageStore,
        *,
        stored: Callable[[], None],
        in_use: Callable[[], set[str]] = set,
    ) -> None:
        self.host = host
        self.network = network
        self.registry = registry
        self.store = store
        self._stored = stored
        settings = host.settings.pulls
        self.allowance = Allowance(settings.registry_qps, settings.registry_burst)
        self._pulls: dict[str, Pull] = {}  # by image name: queued and running
        self._queue: deque[Pull] = deque()
        self._running = 0
        self._fetching: dict[str, Fetch] = {}  # by digest
        self.engine = settings.engine
        self.layers_at_once = settings.engine.layers_at_once or settings.layers_at_once
        self.gc = ImageGc(host, store, settings.gc, in_use, stored)
        self.unpacker = Unpacker(host, store, settings.engine)
        network.after_change.append(self._network_changed)

    def needed(self, name: str, policy: str) -> bool:
        """Whether the registry has to be asked. `policy` is Kubernetes' imagePullPolicy."""
        return policy == "Always" or (policy != "Never" and name not in self.store)

    def runs_here(self, name: str) -> bool:
        """Whether an image that is here is built for this node's platform."""
        image = next((image for image in self.store if image.name == name), None)
        return image is None or image.runs_on(self.host.row.platform)

    def ensure(self, name: str, policy: str, done: Done) -> None:
        """Call `done` when the image is on the node, or with what went wrong; at once where no pull is needed."""
        if not self.needed(name, policy):
            done("" if name in self.store else "ErrImageNeverPull")
            return
        pull = self._pulls.get(name)
        if pull is None:
            pull = self._pulls[name] = Pull(self, name)
            self._queue.append(pull)
        pull.waiting.append(done)
        self._next()

    def stop(self) -> None:
        """The node loses power: what is on the disk stays, what is on its way is lost."""
        pulls, self._pulls = list(self._pulls.values()), {}
        self._queue.clear()
        for pull in pulls:
            pull.waiting.clear()
            pull.end("node lost power")
        for fetch in self._fetching.values():
            fetch.stop()
        self._fetching.clear()
        self.gc.stop()
        self._running = 0

    @property
    def sources(self) -> Sequence[Registry | Mirror]:
        """Whom this node asks for images, in turn."""
        return self.registry.sources(self.host.row.zone)

    def _next(self) -> None:
        settings = self.host.settings.pulls
        width = settings.at_once if settings.parallel else 1
        while self._queue and (width is None or self._running < width):
            self._running += 1
            self._queue.popleft().begin()

    # What pulls and fetches tell.

    def fetch(self, layer: Layer, pull: Pull) -> Fetch:
        """The layer's way here, one for all who want it."""
        found = self._fetching.get(layer.digest)
        if found is None:
            share = self._share(pull.name)
            found = self._send_for(layer, pull.sources, round(layer.compressed * share), whole=share == 1)
        found.pulls.append(pull)
        return found

    def is_here(self, layer: Layer) -> bool:
        """Whether all bytes of a layer have come, or what is in them."""
        return self.store.has_layer(layer) or self.store.has_archive(layer) or self.unpacker.has(layer)

    def store_image(self, image: Image, error: str) -> None:
        """A pull of this image is over. One that found the disk full leaves nothing there that no image has."""
        if not error:
            self.store.add(image)
            self.gc.pulled(image.name)
            if self.engine.lazy < 1:
                self._fetch_rest(image)
        self.store.release(image)
        if error == FULL:
            self.store.prune()

    def leave(self, fetch: Fetch, pull: Pull) -> None:
        """A pull that is over wants the layer no more."""
        fetch.pulls.remove(pull)
        if not fetch.pulls:
            fetch.stop()
            if self._fetching.get(fetch.layer.digest) is fetch:
                del self._fetching[fetch.layer.digest]

    def fetched(self, fetch: Fetch, error: str) -> None:
        """A layer has come, or will not come."""
        del self._fetching[fetch.layer.digest]
        if not error and fetch.whole and not self.store.add_archive(fetch.layer):
            error = FULL
        pulls = tuple(fetch.pulls)
        if not error:
            self.unpacker.came(fetch.layer)
        for pull in pulls:
            if error:
                pull.end(error)
            elif not pull.over:
                pull.layer_came(fetch.layer)

    def ended(self, pull: Pull, error: str) -> None:
        """A pull is over: tell all who wait, and let the next begin."""
        if self._pulls.pop(pull.name, None) is None:
            return  # the node has lost power
        self._running -= 1
        if not error:
            self._stored()
        waiting, pull.waiting = pull.waiting, []
        for done in waiting:
            done(error)
        self._next()

    def _share(self, name: str) -> float:
        """Of a layer's bytes, that have to travel before the image can be used."""
        if self.engine.lazy < 1:
            return self.engine.lazy
        if self.engine.delta < 1 and any(
            image.name != name and repository(image.name) == repository(name) for image in self.store
        ):
            return self.engine.delta
        return 1

    def _send_for(self, layer: Layer, sources: Sequence[Registry | Mirror], size: int, *, whole: bool) -> Fetch:
        fetch = self._fetching[layer.digest] = Fetch(self, layer, sources, size, whole=whole)
        fetch.begin()
        return fetch

    def _fetch_rest(self, image: Image) -> None:
        """What a lazy pull has left out comes behind the container's back."""
        rest = Layer(f"rest of {image.name}", round(image.compressed * (1 - self.engine.lazy)), 0)
        if rest.digest not in self._fetching:
            self._send_for(rest, self.sources, rest.compressed, whole=False)

    def _network_changed(self) -> None:
        for fetch in [fetch for fetch in self._fetching.values() if fetch.stalled]:
            if fetch.access() == "ok":
                fetch.go()
