"""A disk wears out: flash memory takes so many bytes, and no more.

Model: an endurance in bytes written by the host (a vendor's TBW), of which a share is used when time begins. What is
written to the image store counts when its room is taken, all else comes at a steady rate; controllers' write
amplification is in the endurance. A card that is worn out keeps what it has and refuses to write, or fails as a whole.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from simulator.engine.clock import Clock, Timer
from simulator.faults.power import Power
from simulator.record.buffer import Recorder
from simulator.units import SECOND
from simulator.world.image import ImageStore
from simulator.world.network import Network

_SLACK_BYTES = 1e-3  # of float sums: far below a byte, far above what they lose in a run


class Wear:
    """The wear of one disk from now on: `left` bytes, of which `rate` a second go by themselves while the machine runs.
    `worn_out()` is called once, when nothing is left."""

    __slots__ = ("_base", "_clock", "_disk", "_left", "_machine", "_rate", "_since", "_timer", "_worn_out")

    def __init__(
        self,
        clock: Clock,
        disk: ImageStore,
        machine: Power,
        *,
        left: float,
        rate: float,
        worn_out: Callable[[], object],
    ) -> None:
        self._clock, self._disk, self._machine, self._left, self._rate = clock, disk, machine, left, rate
        self._worn_out: Callable[[], object] | None = worn_out
        self._base = disk.written_bytes
        self._since = clock.now if machine.runs else None
        self._timer: Timer | None = None

    def look(self) -> None:
        """Something was written, or the machine has gone down or come up: see how long the rest lasts."""
        if self._worn_out is None:
            return
        now = self._clock.now
        self._left -= self._disk.written_bytes - self._base
        self._base = self._disk.written_bytes
        if self._since is not None:
            self._left -= self._rate * (now - self._since) / SECOND
        self._since = now if self._machine.runs else None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._left <= _SLACK_BYTES:
            end, self._worn_out = self._worn_out, None
            self._clock.after(0, end)  # whoever writes now finishes first
        elif self._since is not None and self._rate:
            self._timer = self._clock.after(ceil(self._left * SECOND / self._rate), self.look)


def apply_wear(
    clock: Clock,
    network: Network,
    recorder: Recorder,
    disk: ImageStore,
    machine: Power,
    *,
    node: str,
    left: float,
    rate: float,
    dies: bool,
    at: int,
) -> None:
    """Let the disk of the node of this name wear from `at` (ns) on: it takes `left` bytes more, of which `rate` a
    second go by themselves. Then it is read-only, or, where it `dies`, its machine goes down for good."""

    def begin() -> None:
        wear = Wear(clock, disk, machine, left=left, rate=rate, worn_out=end)
        disk.after_change.append(wear.look)
        network.after_change.append(wear.look)
        wear.look()

    def end() -> None:
        recorder.events.add(clock.now, "DiskWornOut", node, node, "dead" if dies else "read-only")
        disk.read_only = True
        if dies:
            machine.off("NodeCrashed")

    clock.at(at, begin)
