"""Model objects (MMS): published in the cloud, fetched by the sync service of each node, chunk by chunk.

A node's sync service polls that of the cloud; what it finds it asks for in chunks, one after another, a few objects at
once. A chunk that fails is asked for again, for ever. Polls that find nothing cost no event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from simpy.events import Event

from simulator.control.agreements.settings import ModelSettings
from simulator.control.delivery.reach import DOWN, OK, Reach
from simulator.engine.activity import Activity
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.runtime.ticks import next_tick
from simulator.streams import Rng, key
from simulator.world.image import ImageStore
from simulator.world.network import Network


@dataclass(slots=True, eq=False)
class _Object:
    """One object on its way to one node: so many bytes are still missing."""

    name: str
    size: int
    left: int
    found: bool = False  # a poll has brought its metadata
    timer: Timer | None = None
    transfer: Activity | None = None


class _SyncService:
    """The sync service of one node."""

    __slots__ = ("_models", "_name", "_node", "_objects", "_origin", "_poll", "_row", "_store")

    def __init__(self, models: Models, row: int, name: str, store: ImageStore) -> None:
        self._models, self._row, self._name, self._store = models, row, name, store
        self._node = models.reach.rows[row]
        self._objects: list[_Object] = []
        self._poll: Timer | None = None
        self._origin = models.clock.now + int(models.settings.poll_ns * models.rng.draw("model-poll", key(name)))

    def offer(self, name: str, size_bytes: int) -> None:
        """There is an object for this node."""
        self._objects.append(_Object(name, size_bytes, size_bytes))
        self._note(name, "sent", size_bytes)
        self._plan_poll()

    def path_changed(self, booted: bool) -> None:
        """The way to the cloud, or the node, has failed or come back. What is on the disk stays there."""
        if booted:
            self._origin = self._models.clock.now
            for each in self._objects:
                self._stop(each)
        if self._state != DOWN:
            self._plan_poll()
            self._fill()

    @property
    def _state(self) -> int:
        return int(self._models.reach.state[self._row])

    def _plan_poll(self) -> None:
        """The next poll finds something if there is something and the way is whole."""
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        if self._state == OK and any(not each.found for each in self._objects):
            clock, period = self._models.clock, self._models.settings.poll_ns
            self._poll = clock.at(next_tick(self._origin, period, clock.now), self._find)

    def _find(self) -> None:
        self._poll = None
        size, here, there = self._models.settings.bytes, self._node, self._models.reach.api_node
        back = tuple(each for each in self._objects if not each.found)
        network = self._models.network
        network.send(here, there, size, network.send, there, here, size, self._found, back)
        # Nobody knows yet whether it gets through: the next poll asks again.
        clock, period = self._models.clock, self._models.settings.poll_ns
        self._poll = clock.at(next_tick(self._origin, period, clock.now + 1), self._plan_poll)

    def _found(self, objects: tuple[_Object, ...]) -> None:
        for each in objects:
            if not each.found:
                each.found = True
                kept = self._models.settings.copies * each.left
                if kept > self._store.free_bytes:
                    self._objects.remove(each)
                    self._note(each.name, "dropped", each.left)
                else:
                    self._store.capacity_bytes -= kept
        self._fill()

    def _fill(self) -> None:
        """Keep as many objects on their way as is allowed."""
        found = [each for each in self._objects if each.found]
        for each in found[: self._models.settings.at_once]:
            if self._state == OK and each.transfer is None and each.timer is None:
                self._ask(each)

    def _ask(self, each: _Object) -> None:
        """Ask for the next chunk: a request there, the chunk back."""
        each.timer = self._models.clock.after(self._models.settings.resend_ns, self._again, each)
        here, there, size = self._node, self._models.reach.api_node, self._models.settings.bytes
        self._models.network.send(here, there, size, self._asked, each, each.left)

    def _asked(self, each: _Object, left: int) -> None:
        """At the cloud: the chunk sets out, and its first bit is there after the way's latency."""
        if each.timer is None or each.left != left or each.transfer is not None:
            return
        here, there = self._node, self._models.reach.api_node
        self._models.network.send(there, here, 0, self._flows, each, left)

    def _flows(self, each: _Object, left: int) -> None:
        if each.timer is None or each.left != left or each.transfer is not None:
            return
        self._stop(each)
        chunk = min(left, self._models.settings.chunk_bytes)
        here, there = self._node, self._models.reach.api_node
        transfer = each.transfer = self._models.network.transfer(there, here, chunk)
        assert transfer.done.callbacks is not None  # made just now, so not yet processed
        transfer.done.callbacks.append(lambda event: self._ended(each, chunk, event))

    def _ended(self, each: _Object, chunk: int, event: Event) -> None:
        if each.transfer is None or each.transfer.done is not event:
            return
        each.transfer = None
        if not event.value:
            each.timer = self._models.clock.after(self._models.settings.resend_ns, self._again, each)
            return
        each.left -= chunk
        if each.left:
            self._ask(each)
        else:
            self._objects.remove(each)
            self._models.arrived[each.name, self._node] = self._models.clock.now
            self._note(each.name, "delivered", each.size)
            self._fill()

    def _again(self, each: _Object) -> None:
        """The chunk did not come; while the way is broken nothing is asked for."""
        each.timer = None
        self._fill()

    def _stop(self, each: _Object) -> None:
        if each.timer is not None:
            each.timer.cancel()
        transfer, each.timer, each.transfer = each.transfer, None, None
        if transfer is not None:
            transfer.cancel()

    def _note(self, name: str, event: str, size_bytes: int) -> None:
        self._models.recorder.deliveries.add(
            self._models.clock.now, self._name, "down", "model", name, event, "change", size_bytes
        )


class Models:
    """The sync service of the cloud, and those of the nodes. `arrived`: (object, node) -> when it was complete (ns)."""

    __slots__ = ("_services", "arrived", "clock", "network", "reach", "recorder", "rng", "settings")

    def __init__(
        self, clock: Clock, rng: Rng, recorder: Recorder, network: Network, *, reach: Reach, settings: ModelSettings
    ) -> None:
        self.clock, self.rng, self.recorder, self.network, self.reach = clock, rng, recorder, network, reach
        self.settings = settings
        self.arrived: dict[tuple[str, int], int] = {}
        self._services: dict[int, _SyncService] = {}
        reach.tell(self._paths_changed)

    def attach(self, row: int, name: str, store: ImageStore) -> None:
        """The node of this row of `reach`, by its name; `store` is its disk."""
        self._services[self.reach.rows[row]] = _SyncService(self, row, name, store)

    def publish(self, name: str, size_bytes: int, nodes: Iterable[int]) -> None:
        """Publish an object of this size to these nodes. Raises ValueError for a size below one byte."""
        if size_bytes < 1:
            raise ValueError(f"object {name} has no bytes")
        for node in nodes:
            self._services[node].offer(name, size_bytes)

    def _paths_changed(self, rows: list[int], booted: list[int]) -> None:
        for row in rows:
            service = self._services.get(self.reach.rows[row])
            if service is not None:
                service.path_changed(row in booted)
