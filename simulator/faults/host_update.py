"""The operating system of a machine is replaced as a whole, and comes back to the old one where the new one is bad.

An update is downloaded, written beside what runs, and booted. A system that rolls back has the new image on trial: it
stays once it has been healthy for `commits_after_ns` in a row; unhealthy for `gives_up_after_ns` in a row, the machine
reboots into the old one. Healthy means that the image is good and, where the system asks for it, that the machine
from which the image came is in reach. That one stands for the controller, as long as no fleet manager is modelled. A
system without a trial keeps whatever it boots. Model: EVE's baseimage update, balenaOS's rollback-health, Pantavisor's
try-boot, k3OS's upgrade plan.

A power cut during download or write leaves the old image whole, unless the system is one that writes over itself. In
the trial the next boot is of the old image, or of the new one for another trial. One while a machine boots lets it
begin its boot again. Shutting down takes no time of its own beyond `reboot_delay_ns`, and a download's round trip is
not in it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from simpy.events import Event

from simulator.engine.activity import Activity
from simulator.engine.clock import Clock, Timer
from simulator.faults.power import PowerCycled
from simulator.record.buffer import Recorder
from simulator.units import SECOND
from simulator.world.network import Network
from simulator.world.node import NodeTable


@dataclass(frozen=True, slots=True)
class HostSettings:
    """How an operating system updates itself. Times in ns."""

    rolls_back: bool
    commits_after_ns: int  # both of a system that rolls back
    gives_up_after_ns: int
    needs_contact: bool  # in the trial
    tries_again: bool  # after a power cut in the trial
    resumes: bool  # a download that broke off
    retry_ns: int  # of a download that broke off
    reboot_delay_ns: int  # from the decision to reboot until it does
    delta: float = 1.0  # of the download's bytes
    whole: bool = True  # whether a power cut while it writes leaves something that boots


@dataclass(frozen=True, slots=True)
class HostImage:
    """An image of an operating system: bytes that travel, bytes that are written."""

    name: str
    compressed: int
    unpacked: int
    good: bool = True


class HostSystem:
    """The operating system of one machine, between its power and its node agent (a device has none).

    `source` is the machine that images come from. `runs` is the image that has booted last: None for the one of the
    beginning. `kept` is the one that it comes back to.
    """

    __slots__ = (
        "_agent", "_clock", "_done", "_healthy", "_left", "_network", "_new", "_node", "_nodes", "_phase", "_queue",
        "_recorder", "_serves", "_settings", "_source", "_timer", "_transfer", "_why", "kept", "runs",
    )  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        network: Network,
        nodes: NodeTable,
        recorder: Recorder,
        node: int,
        *,
        source: int,
        settings: HostSettings,
        agent: PowerCycled | None,
    ) -> None:
        self._clock, self._network, self._nodes, self._recorder = clock, network, nodes, recorder
        self._node, self._source, self._settings, self._agent = node, source, settings, agent
        self.kept: HostImage | None = None
        self.runs: HostImage | None = None
        self._new: HostImage | None = None
        self._serves = True  # whether the agent has been told that it is up
        # fetching, writing, written (booted next), trial, returning (the old one is booted next), stuck, broken
        self._phase = "idle"
        self._left = 0  # bytes to be downloaded
        self._healthy: bool | None = None  # in the trial; None: not yet known
        self._why = ""  # it goes back
        self._timer: Timer | None = None
        self._transfer: Activity | None = None
        self._queue: deque[tuple[HostImage, Callable[[], object]]] = deque()
        self._done: Callable[[], object] = _nothing
        network.after_change.append(self._network_changed)

    def update(self, image: HostImage, done: Callable[[], object]) -> None:
        """Somebody wants this image here; `done` is called once it stays and is good, or is given up. Updates wait
        for each other, and for power."""
        self._queue.append((image, done))
        self._begin()

    # Power.

    def crash(self) -> None:
        """Power is gone."""
        self._stop_agent()
        self._drop_timer()
        if self._transfer is not None:
            self._broke_off()
        if self._phase == "writing" and not self._settings.whole:
            self._phase = "broken"

    def boot(self) -> None:
        """The firmware has done its part: one image or the other is up."""
        match self._phase:
            case "broken":
                self._note("HostBroken", self._name_of(self._new))
                self._network.set_node(self._node, False)
            case "written":
                self._boot(self._new)
                if self._settings.rolls_back:
                    self._try()
                else:
                    self._keep()
            case "trial" if self._settings.tries_again:
                self._boot(self._new)
                self._try()
            case "trial" | "returning":
                self._boot(self.kept)
                self._note("HostRolledBack", self._why if self._phase == "returning" else "power cut")
                self._over()
            case "fetching" | "writing":
                self._boot(self.kept)
                self._fetch()
            case _:
                self._boot(self.kept)
                self._begin()

    def _boot(self, image: HostImage | None) -> None:
        self.runs = image
        self._serves = image is None or image.good
        if self._agent is not None and self._serves:
            self._agent.boot()

    def _stop_agent(self) -> None:
        if self._agent is not None and self._serves:  # those that a bad image did not start are down already
            self._agent.crash()
        self._serves = False

    def _reboot(self, phase: str) -> None:
        """Reboot, after the system's delay, into what `phase` says."""
        self._phase = phase
        self._timer = self._clock.after(self._settings.reboot_delay_ns, self._go_down)

    def _go_down(self) -> None:
        self._note("Booting")
        self._network.set_node(self._node, False)
        self._stop_agent()
        self._timer = self._clock.after(self._nodes.rows[self._node].boot_ns, self._come_up)

    def _come_up(self) -> None:
        self._note("NodeBooted")
        self._network.set_node(self._node, True)
        self.boot()

    # Until the new image is on the disk.

    def _begin(self) -> None:
        if self._phase != "idle" or not self._queue or not self._network.is_up(self._node):
            return
        self._new, self._done = self._queue.popleft()
        self._left = self._size(self._new)
        self._note("HostUpdateStarted", self._new.name)
        self._fetch()

    def _size(self, image: HostImage) -> int:
        return round(image.compressed * self._settings.delta)

    def _fetch(self) -> None:
        if not self._left:
            self._write()
            return
        self._phase = "fetching"
        transfer = self._network.transfer(self._source, self._node, self._left)
        self._transfer = transfer
        assert transfer.done.callbacks is not None  # made just now, so not yet processed
        transfer.done.callbacks.append(self._ended)

    def _ended(self, event: Event) -> None:
        if self._transfer is None or self._transfer.done is not event:
            return  # power went meanwhile
        if event.value:
            self._transfer, self._left = None, 0
            self._write()
        else:
            self._broke_off()
            self._timer = self._clock.after(self._settings.retry_ns, self._fetch)

    def _broke_off(self) -> None:
        assert self._transfer is not None
        assert self._new is not None
        left = round(self._transfer.remaining())
        self._transfer.cancel()
        self._transfer = None
        self._left = left if self._settings.resumes else self._size(self._new)

    def _write(self) -> None:
        assert self._new is not None
        self._phase = "writing"
        rate = self._nodes.rows[self._node].disk_write_bytes_per_s
        self._timer = self._clock.after(ceil(self._new.unpacked * SECOND / rate), self._written)

    def _written(self) -> None:
        self._note("HostUpdateWritten", self._name_of(self._new))
        self._reboot("written")

    # The new image has booted.

    def _try(self) -> None:
        self._phase, self._healthy = "trial", None
        self._look()

    def _look(self) -> None:
        """Health may have changed: count its time, or that of its lack, from now."""
        assert self._new is not None
        healthy = self._new.good and (not self._settings.needs_contact or self._in_contact())
        if healthy == self._healthy:
            return
        self._drop_timer()
        self._healthy = healthy
        if healthy:
            self._timer = self._clock.after(self._settings.commits_after_ns, self._keep)
        else:
            why = "no contact" if self._new.good else "unhealthy"
            self._timer = self._clock.after(self._settings.gives_up_after_ns, self._go_back, why)

    def _in_contact(self) -> bool:
        here, there, network = self._node, self._source, self._network
        return network.access(here, there) == "ok" and network.access(there, here) == "ok"

    def _network_changed(self) -> None:
        if self._phase == "trial" and self._network.is_up(self._node):
            self._look()

    def _keep(self) -> None:
        assert self._new is not None
        self.kept = self._new
        self._note("HostUpdateCommitted", self._new.name)
        if self._new.good:
            self._over()
        else:
            self._phase = "stuck"  # nobody goes back

    def _go_back(self, why: str) -> None:
        self._why = why
        self._reboot("returning")

    def _over(self) -> None:
        self._phase, self._new = "idle", None
        self._drop_timer()
        done, self._done = self._done, _nothing
        done()
        self._begin()

    def _name_of(self, image: HostImage | None) -> str:
        return "" if image is None else image.name

    def _note(self, kind: str, detail: str = "") -> None:
        name = self._nodes.names[self._node]
        self._recorder.events.add(self._clock.now, kind, name, name, detail)

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Rollout:
    """One image for several machines, so many `at_once` as the system's operator allows (None: all)."""

    __slots__ = ("_at_once", "_image", "_waiting")

    def __init__(self, image: HostImage, systems: Sequence[HostSystem], at_once: int | None) -> None:
        self._image = image
        self._waiting = deque(systems)
        self._at_once = len(systems) if at_once is None else at_once

    def begin(self) -> None:
        """Its time has come."""
        for _ in range(min(self._at_once, len(self._waiting))):
            self._next()

    def _next(self) -> None:
        if self._waiting:
            self._waiting.popleft().update(self._image, self._next)


def apply_host_update(clock: Clock, rollouts: Sequence[Rollout], *, at: int) -> None:
    """Begin these at `at` (ns)."""
    for rollout in rollouts:
        clock.at(at, rollout.begin)


def _nothing() -> None:
    pass
