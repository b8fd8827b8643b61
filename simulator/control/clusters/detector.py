"""From what was applied to the hub to bindings: one for each workload, as every policy selects everything."""

from __future__ import annotations

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject
from simulator.control.api.queue import RetrySettings, Sync
from simulator.control.api.server import ApiServer
from simulator.control.clusters.objects import Applied, Binding
from simulator.control.controllers.base import Controller
from simulator.engine.clock import Clock


class Detector(Controller[Applied]):
    """Karmada's resource detector, with one propagation policy for all workloads: the hub's cluster policy."""

    __slots__ = ()

    def __init__(self, clock: Clock, server: ApiServer, client: Client, *, workers: int, retry: RetrySettings) -> None:
        super().__init__(clock, server, client, workers=workers, retry=retry)
        server.watch(Applied, self._changed)

    def everything(self) -> list[Applied]:
        """All that was applied."""
        return list(self.server.list(Applied))

    def sync(self, key: Applied) -> Sync:
        """Its binding exists, and knows that it has changed; or is gone with it."""
        known = self.server.get(Binding, key.name)
        if key.deleted:
            if known is not None:
                yield self.call(self.server.remove, known)
        elif known is None:
            yield self.call(self._create, key)
        else:
            yield self.call(self._write, known)
        return True

    def _create(self, key: Applied) -> None:
        if self.server.get(Binding, key.name) is None:
            self.server.create(Binding(key.name, applied=key))

    def _write(self, known: Binding) -> None:
        known.generation += 1
        self.server.changed(known)

    def _changed(self, event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Applied)
        self.enqueue(obj)
