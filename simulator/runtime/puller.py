"""Getting images onto a node: whose turn it is, and what all pulls of the node share: the way, the disk, the limits.

Model: kubelet/images (serial and parallel pullers, and their registry limiter); the disk unpacks one layer after
another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from simulator.runtime.host import Host
from simulator.runtime.pull import Done, Fetch, Pull
from simulator.units import SECOND
from simulator.world.image import ImageStore, Layer
from simulator.world.network import Network
from simulator.world.registry import Registry


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
    """All image pulls of one node. `stored()` is called when an image has been added to the store."""

    __slots__ = (
        "_fetching",
        "_pulls",
        "_queue",
        "_running",
        "_stored",
        "allowance",
        "disk_free_ns",
        "host",
        "network",
        "registry",
        "store",
    )

    def __init__(
        self, host: Host, network: Network, registry: Registry, store: ImageStore, stored: Callable[[], None]
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
        self.disk_free_ns = 0
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
        self._running = 0

    def access(self) -> str:
        """What a connection between this node and the registry meets now: ok, silent or refused."""
        there = self.network.access(self.host.index, self.registry.node)
        return there if there != "ok" else self.network.access(self.registry.node, self.host.index)

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
            found = self._fetching[layer.digest] = Fetch(self, layer)
        found.pulls.append(pull)
        return found

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
        if not error and not self.store.add_layer(fetch.layer):
            error = "no space left on device"
        if error:
            for pull in tuple(fetch.pulls):
                pull.end(error)
            return
        now, rate = self.host.clock.now, self.host.row.disk_write_bytes_per_s
        self.disk_free_ns = max(now, self.disk_free_ns) + round(fetch.layer.unpacked * SECOND / rate)
        for pull in fetch.pulls:
            pull.layer_came(fetch.layer, self.disk_free_ns)

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

    def _network_changed(self) -> None:
        stalled = [fetch for fetch in self._fetching.values() if fetch.stalled]
        if stalled and self.access() == "ok":
            for fetch in stalled:
                fetch.go()
