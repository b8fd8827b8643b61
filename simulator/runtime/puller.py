"""Getting images onto a node: whose turn it is, and what all pulls of the node share: the way, the disk, the limits.

Model: kubelet/images (serial and parallel pullers, and their registry limiter).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from simulator.runtime.host import Host
from simulator.runtime.image_gc import ImageGc
from simulator.runtime.pull import Done, Fetch, Pull
from simulator.runtime.unpack import Unpacker
from simulator.spec.image import repository
from simulator.units import SECOND
from simulator.world.image import FULL, Image, ImageStore, Layer
from simulator.world.neighbours import Neighbours
from simulator.world.network import Network
from simulator.world.registry import Registry, Source


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
        "_left_out",
        "_neighbours",
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
        self._left_out: dict[str, int] = {}  # bytes of layers that a lazy pull has not fetched yet, by digest
        self.engine = settings.engine
        self.layers_at_once = settings.engine.layers_at_once or settings.layers_at_once
        self.gc = ImageGc(host, store, settings.gc, in_use, stored)
        self.unpacker = Unpacker(host, store, settings.engine)
        site = registry.sites.get(host.row.zone)
        self._neighbours = None if site is None else Neighbours(site, host.index, store, self._moves)
        network.after_change.append(self._network_changed)

    def needed(self, name: str, policy: str) -> bool:
        """Whether the registry has to be asked. `policy` is Kubernetes' imagePullPolicy."""
        return policy == "Always" or (policy != "Never" and name not in self.store)

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
        fetches, self._fetching = list(self._fetching.values()), {}
        for fetch in fetches:
            self._stop(fetch)
        self.gc.stop()
        self._running = 0

    def sources(self, name: str) -> Sequence[Source]:
        """Whom this node asks for an image, in turn."""
        others, near = self.registry.sources(self.host.row.zone), self._neighbours
        return (near, *others) if near is not None and near.keeper(name) is not None else others

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
            share, near = self._share(pull.name), self._neighbours
            sources = [source for source in pull.sources if source is not near]
            if near is not None and share == 1:  # neighbours have whole layers
                sources.insert(0, near)
            found = self._send_for(layer, sources, round(layer.compressed * share), whole=share == 1)
        found.pulls.append(pull)
        return found

    def is_here(self, layer: Layer) -> bool:
        """Whether all bytes of a layer have come, or what is in them."""
        return self.store.has_layer(layer) or self.store.has_archive(layer) or self.unpacker.has(layer)

    def store_image(self, image: Image, error: str) -> None:
        """A pull of this image is over. One that found the disk full leaves nothing there that no image has."""
        if not error and image.name not in self.store:
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
        if not fetch.pulls and self._fetching.get(fetch.layer.digest) is fetch:
            del self._fetching[fetch.layer.digest]
            self._stop(fetch)

    def fetched(self, fetch: Fetch, error: str) -> None:
        """A layer has come, or will not come."""
        del self._fetching[fetch.layer.digest]
        pulls = tuple(fetch.pulls)
        if not error:
            self._note_bytes(fetch, pulls)
            if self.engine.lazy < 1 and pulls:
                self._left_out[fetch.layer.digest] = fetch.layer.compressed - fetch.size
            if fetch.whole and not self.store.add_archive(fetch.layer):
                error = self.store.refusal
        if self._neighbours is not None:
            self._neighbours.over(fetch.layer)
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
        for way, size in pull.brought.items():
            self.host.note("Fetched", pull.name, f"{size} B, {way}")
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

    def _send_for(self, layer: Layer, sources: Sequence[Source], size: int, *, whole: bool) -> Fetch:
        fetch = self._fetching[layer.digest] = Fetch(self, layer, sources, size, whole=whole)
        fetch.begin()
        return fetch

    def _stop(self, fetch: Fetch) -> None:
        fetch.stop()
        if self._neighbours is not None:
            self._neighbours.over(fetch.layer)

    def _note_bytes(self, fetch: Fetch, pulls: Sequence[Pull]) -> None:
        """A layer has come: the pull that asked for it first says so when it is over."""
        if pulls:
            pulls[0].brought[fetch.way] += fetch.size
        else:
            self.host.note("Fetched", fetch.layer.digest, f"{fetch.size} B, {fetch.way}")

    def _moves(self, digest: str) -> bool:
        fetch = self._fetching.get(digest)
        return fetch is not None and fetch.moves

    def _fetch_rest(self, image: Image) -> None:
        """What a lazy pull has left out comes behind the container's back."""
        size = sum(self._left_out.pop(layer.digest, 0) for layer in image.layers)
        rest = Layer(f"rest of {image.name}", size, 0)
        if size and rest.digest not in self._fetching:
            self._send_for(rest, self.registry.sources(self.host.row.zone), size, whole=False)

    def _network_changed(self) -> None:
        for fetch in [fetch for fetch in self._fetching.values() if fetch.stalled]:
            if fetch.access() == "ok":
                fetch.go()
