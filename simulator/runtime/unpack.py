"""The last stage of a pull: layers that have come are verified, decompressed and written, one after another.

Model: a layer takes the time of its CPU work and of its writing, one after the other; an engine that is pipelined does
both, and the download of the layer, at once, so that the slowest of them counts. The page cache and the writing of the
archives are not in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from simulator.engine.clock import Timer
from simulator.runtime.host import Host
from simulator.runtime.image_settings import EnginePull
from simulator.runtime.load import UNPACKING
from simulator.units import SECOND
from simulator.world.image import ImageStore, Layer

Done = Callable[[Layer, str], object]  # called with the layer and what went wrong, or ""
Key = tuple[str, Done | None]  # digest, and for whom: None, for all


class Unpacking:
    """One layer in turn, or being unpacked, for all pulls that want it; or for one, where each does it by itself."""

    __slots__ = ("came", "done", "key", "layer", "reserved", "timer")

    def __init__(self, key: Key, layer: Layer, came: bool) -> None:
        self.key = key
        self.layer = layer
        self.came = came  # its last byte is here
        self.done: list[Done] = []
        self.reserved = False
        self.timer: Timer | None = None


class Unpacker:
    """The layers of one node that wait to be unpacked, first come, first served."""

    __slots__ = ("_engine", "_host", "_jobs", "_queue", "_store")

    def __init__(self, host: Host, store: ImageStore, engine: EnginePull) -> None:
        self._host = host
        self._store = store
        self._engine = engine
        self._jobs: dict[Key, Unpacking] = {}
        self._queue: deque[Unpacking] = deque()  # the first is being unpacked

    def add(self, layer: Layer, came: bool, done: Done) -> None:
        """Unpack a layer in its turn, whose bytes are here, or still come."""
        key = self._key(layer, done)
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = Unpacking(key, layer, came)
            self._queue.append(job)
        job.done.append(done)
        if len(self._queue) == 1 and job.timer is None:
            self._begin(job)

    def has(self, layer: Layer) -> bool:
        """Whether the layer is in turn already, with all of its bytes."""
        return any(job.came for job in self._of(layer))

    def came(self, layer: Layer) -> None:
        """The last byte of a layer is here."""
        for job in self._of(layer):
            if not job.came:
                job.came = True
                if job.timer is not None and not job.timer.pending:
                    self._finish(job)

    def leave(self, layer: Layer, done: Done) -> None:
        """Somebody wants the layer no more."""
        job = self._jobs.get(self._key(layer, done))
        if job is None or done not in job.done:
            return
        job.done.remove(done)
        if not job.done:
            self._drop(job)

    def duration_ns(self, layer: Layer) -> int:
        """How long it takes by itself."""
        engine, row = self._engine, self._host.row
        if engine.lazy < 1:
            return engine.mount_ns  # it is mounted, and unpacked bit by bit as it comes
        disk = layer.unpacked / row.disk_write_bytes_per_s
        cpu = sum(self._cpu(layer))
        return engine.mount_ns + round((max(cpu, disk) if engine.pipelined else cpu + disk) * SECOND)

    def _cpu(self, layer: Layer) -> tuple[float, float]:
        """Seconds of verifying, on one core, and of decompressing, on as many as the engine has threads for."""
        engine, speed = self._engine, self._host.speed
        verify, unpack = engine.verify_bytes_per_s, engine.unpack_bytes_per_s
        return (
            0.0 if verify is None else layer.compressed / (verify * speed),
            0.0 if unpack is None else layer.unpacked / (unpack * speed * self._threads),
        )

    @property
    def _threads(self) -> int:
        return min(self._engine.threads, self._host.row.cores)

    def _take(self, layer: Layer, duration_ns: int) -> None:
        """Its work keeps cores busy, evenly over its time."""
        verify, unpack = self._cpu(layer) if self._engine.lazy >= 1 else (0.0, 0.0)
        busy = verify + unpack * self._threads
        self._host.load.take(UNPACKING, busy * SECOND / duration_ns if duration_ns else 0.0)

    def _key(self, layer: Layer, done: Done) -> Key:
        return layer.digest, None if self._engine.unpacks_once else done

    def _of(self, layer: Layer) -> list[Unpacking]:
        return [job for (digest, _), job in self._jobs.items() if digest == layer.digest]

    def _begin(self, job: Unpacking) -> None:
        if not self._store.reserve(job.layer):
            self._end(job, self._store.refusal)
            return
        job.reserved = True
        duration = self.duration_ns(job.layer)
        self._take(job.layer, duration)
        job.timer = self._host.clock.after(duration, self._worked, job)

    def _worked(self, job: Unpacking) -> None:
        self._host.load.take(UNPACKING, 0.0)
        if job.came:
            self._finish(job)

    def _finish(self, job: Unpacking) -> None:
        job.reserved = False
        if self._store.read_only:
            self._end(job, self._store.refusal)
            return
        if self._store.has_layer(job.layer):  # another pull's work came first
            self._store.unreserve(job.layer)
        else:
            self._store.unpacked(job.layer)
        self._end(job, "")

    def _end(self, job: Unpacking, error: str) -> None:
        """It is over: tell who waits, then let the next begin."""
        del self._jobs[job.key]
        done, job.done = job.done, []
        for call in done:
            call(job.layer, error)
        self._leave_queue(job)

    def _drop(self, job: Unpacking) -> None:
        """Nobody wants it any more."""
        if job.timer is not None:
            if job.timer.pending:
                self._host.load.take(UNPACKING, 0.0)
            job.timer.cancel()
        if job.reserved:
            self._store.unreserve(job.layer)
        del self._jobs[job.key]
        self._leave_queue(job)

    def _leave_queue(self, job: Unpacking) -> None:
        first = self._queue[0] is job
        self._queue.remove(job)
        if first and self._queue:
            self._begin(self._queue[0])
