"""Something fills a disk for a while."""

from __future__ import annotations

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.world.image import ImageStore


def apply_disk_fill(
    clock: Clock, recorder: Recorder, disk: ImageStore, size: int, *, node: str, at: int, duration: int | None
) -> None:
    """Write `size` bytes, or as many as there is room for, to the disk of the node of this name at `at` (ns), and
    delete them `duration` ns later (None: never). The event DiskFilled says how many they are."""

    def fill() -> None:
        taken = disk.occupy(size)
        recorder.events.add(clock.now, "DiskFilled", node, node, f"{taken} B")
        if duration is not None:
            clock.after(duration, free, taken)

    def free(taken: int) -> None:
        recorder.events.add(clock.now, "DiskFreed", node, node, f"{taken} B")
        disk.vacate(taken)

    clock.at(at, fill)
