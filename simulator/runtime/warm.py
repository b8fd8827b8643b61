"""Warm starts of one node: what it keeps ready, so that an instance need not come up from nothing.

A page says which (`starts`). Its numbers make the stack's `Prepared` or `Pool` (`simulator.runtime.stack`).

- *snapshot*: the first instance of an image boots, and is stopped once it answers until its machine is written to the
  disk: all of its RAM. Later ones restore it, application and all, for the source's law: base + vCPUs + network devices
  + disks + RAM. The pages that a restored guest then touches are read from that file; those faults are not in the law.
- *cache*: the first instance of an image leaves compiled code on the disk.
- *template*: the first instance leaves a machine in RAM, from which those of all images are cloned.
- *pool*: machines without an application wait, and hold their memory. A pod takes one, if one is up, and another
  is begun in its place: it competes with other starts. Where none is up, the pod boots its own.

A node that loses power keeps what is on its disk. A snapshot goes with its image, and one that the disk has no room for
is not written. Whatever the pool holds, a control plane does not know of it: it is no pod's.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from math import ceil

from simulator.engine.clock import Timer
from simulator.runtime.host import Host
from simulator.runtime.memory import Memory
from simulator.runtime.pod_run import Container, PodRun
from simulator.runtime.settings import Pool, Prepared, RuntimeCosts, Steps
from simulator.runtime.starts import Start, Starts
from simulator.streams import key
from simulator.world.image import ImageStore, Layer
from simulator.world.pod import PodTemplate

_Key = tuple[str, str, int, int]  # stack, image, RAM and vCPUs of the guest; of a template the stack alone


class WarmStarts:
    """What one node has ready, by stack and image."""

    __slots__ = ("_host", "_memory", "_ready", "_starts", "_stocks", "_store", "_writing")

    def __init__(self, host: Host, memory: Memory, store: ImageStore, runtimes: Iterable[RuntimeCosts]) -> None:
        self._host, self._memory, self._store = host, memory, store
        self._starts: Starts | None = None
        self._ready: dict[_Key, Layer] = {}
        self._writing: dict[_Key, tuple[Layer, Timer]] = {}
        kinds = [costs.warm for costs in runtimes]
        self._stocks = {kind.stack: _Stock(kind) for kind in kinds if isinstance(kind, Pool)}
        if any(isinstance(kind, Prepared) for kind in kinds):
            store.after_change.append(self._forget)

    # The node's life.

    def start(self, starts: Starts, *, full: bool = False) -> None:
        """The node's agent runs: pools fill, or have been `full` since before time began."""
        self._starts = starts
        for stock in self._stocks.values():
            for _ in range(stock.pool.size):
                if full:
                    self._hold(stock.pool, 1)
                    stock.ready += 1
                    starts.settle(1)
                else:
                    self._make(stock)

    def stop(self) -> None:
        """The node loses power: RAM is lost, what is on the disk stays."""
        for stock in self._stocks.values():
            for start in stock.coming.values():
                start.cancel()
            stock.coming.clear()
            stock.ready = 0
        for layer, timer in self._writing.values():
            timer.cancel()
            self._store.unreserve(layer)
        self._writing.clear()
        self._ready = {name: layer for name, layer in self._ready.items() if name[1]}

    # What workers ask.

    def steps(
        self, costs: RuntimeCosts, stage: str, run: PodRun, container: Container | None = None
    ) -> tuple[Steps, bool]:
        """The steps of this stage of a start (sandbox, create, start), and whether the application comes up with it.
        Takes a machine from the pool, if that is how."""
        kind = costs.warm
        cold: Steps = getattr(costs, stage)
        if kind is None or kind.stage != stage:
            return cold, False
        if isinstance(kind, Pool):
            found = self._take(self._stocks[kind.stack])
        else:
            found = _key(kind, run.template, container or run.main) in self._ready
        if not found:
            return cold, False
        self._host.note("StartedWarm", run.name, "pool" if isinstance(kind, Pool) else kind.how)
        if isinstance(kind, Pool) or not kind.snapshot:
            return kind.steps, False
        return kind.with_vcpus(_vcpus(run.template)), True

    def write(self, costs: RuntimeCosts, run: PodRun, container: Container, answers_ns: int) -> int:
        """The container's process runs, and would answer after so long. For how long it is stopped then, in ns: it is
        the first that comes up, and what later ones start from is written. 0: it does not have to be."""
        kind = costs.warm
        if not isinstance(kind, Prepared):
            return 0
        name, ram = _key(kind, run.template, container), run.template.guest_bytes or kind.create_bytes
        if name in self._ready or name in self._writing:
            return 0
        layer = Layer(f"{kind.how} of {container.template.image}", 0, ram if kind.snapshot else 0)
        if not self._store.reserve(layer):
            self._host.note("SnapshotFailed", run.name, "no room on the disk")
            return 0
        takes = round(kind.create_ns + kind.create_per_byte_ns * (ram - kind.create_bytes)) if kind.snapshot else 0
        began = container.started_ns
        timer = self._host.clock.after(answers_ns + max(0, takes), self._written, name, run, container, began)
        self._writing[name] = layer, timer
        return max(0, takes)

    def _written(self, name: _Key, run: PodRun, container: Container, began: int) -> None:
        layer, _ = self._writing.pop(name)
        if container.state != "running" or container.started_ns != began:  # it has ended before
            self._store.unreserve(layer)
            return
        self._ready[name] = layer
        self._host.note("WarmStartReady", run.name, f"{layer.digest}, {layer.unpacked} B")

    def _forget(self) -> None:
        """What the disk holds has changed: a snapshot goes with its image."""
        for name in [name for name in self._ready if name[1] and name[1] not in self._store]:
            self._store.unreserve(self._ready.pop(name))

    # The pool.

    def _take(self, stock: _Stock) -> bool:
        if not stock.ready:
            return False
        assert self._starts is not None
        stock.ready -= 1
        self._starts.settle(-1)
        self._hold(stock.pool, -1)
        self._make(stock)
        return True

    def _make(self, stock: _Stock) -> None:
        """Begin a machine, whose memory is counted from now on."""
        assert self._starts is not None
        self._hold(stock.pool, 1)
        number, stock.made = stock.made, stock.made + 1
        identity = key(f"{self._host.name}/pool/{stock.pool.stack}")
        done = partial(self._up, stock, number)
        stock.coming[number] = self._starts.begin(stock.pool.make, identity, number, done)

    def _up(self, stock: _Stock, number: int) -> None:
        assert self._starts is not None
        del stock.coming[number]
        stock.ready += 1
        self._starts.settle(1)

    def _hold(self, pool: Pool, step: int) -> None:
        """A machine more (1) or fewer (-1) is there that no pod has."""
        self._memory.add(step * pool.ram_bytes + self._memory.share(pool.shared, step))


class _Stock:
    """The machines of one pool: those that are up, and those on their way, by number."""

    __slots__ = ("coming", "made", "pool", "ready")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.ready = 0
        self.made = 0
        self.coming: dict[int, Start] = {}


def _key(kind: Prepared, template: PodTemplate, container: Container) -> _Key:
    if not kind.of_image:
        return kind.stack, "", 0, 0
    return kind.stack, container.template.image, template.guest_bytes, _vcpus(template)


def _vcpus(template: PodTemplate) -> int:
    """Of a machine for this pod: the containers' limits, or what they ask for, in whole cores."""
    return max(1, ceil(sum(c.cpu_limit_m or c.cpu_m for c in template.containers) / 1000))
