"""A machine's power: whoever takes it away, it boots when all have given it back.

Crashes, power cuts, failures, worn disks and empty batteries all come through here, so that they overlap as causes do:
the first takes the machine down, the last to end brings it up. A machine whose power goes while it boots begins again.
Its stages leave events: Booting; FirmwareDone and KernelBooted, where somebody measured them; NodeBooted; then those of
what runs on it (`simulator.runtime.boot`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.world.network import Network
from simulator.world.node import NodeTable


class PowerCycled(Protocol):
    """What lives on a node: a node agent."""

    def crash(self) -> None:
        """Power is gone, at this instant."""

    def boot(self) -> None:
        """The node has booted."""


class Power:
    """The power of one machine. `agent` is told when it goes, and when the machine has booted; a router has none.

    The network goes down before the agent is told, and comes up before it is told of the boot.
    """

    __slots__ = ("_agent", "_boot", "_clock", "_network", "_node", "_nodes", "_recorder", "_without", "watch")

    def __init__(
        self,
        clock: Clock,
        network: Network,
        nodes: NodeTable,
        recorder: Recorder,
        node: int,
        *,
        agent: PowerCycled | None,
    ) -> None:
        self._clock, self._network, self._nodes, self._recorder = clock, network, nodes, recorder
        self._node, self._agent = node, agent
        self._without = 0  # causes that take it away now
        self._boot: Timer | None = None
        self.watch: Callable[[bool], object] | None = None  # told when power goes (False), and when it is back (True)

    @property
    def runs(self) -> bool:
        """Whether the machine is up, and not off or booting."""
        return self._network.is_up(self._node)

    def off(self, why: str = "PowerLost") -> None:
        """Take it away, at this instant; every call is one cause, and needs an `on`. `why` is the event's kind."""
        self._without += 1
        if self._without > 1:
            return
        self._note(why)
        if self.watch is not None:
            self.watch(False)
        if self._boot is not None:
            self._boot.cancel()
            self._boot = None
            return
        self._network.set_node(self._node, False)
        if self._agent is not None:
            self._agent.crash()

    def on(self) -> None:
        """A cause has ended: once none is left, the machine boots. Raises ValueError where there is none."""
        if not self._without:
            raise ValueError(f"{self._nodes.names[self._node]} has its power")
        self._without -= 1
        if not self._without:
            self._note("Booting")
            if self.watch is not None:
                self.watch(True)
            self._stage(0, 0)

    def _stage(self, number: int, since: int) -> None:
        """A stage of the boot begins, so long (ns) after power came."""
        row = self._nodes.rows[self._node]
        if number == len(row.boot_stages):
            self._boot = self._clock.after(row.boot_ns - since, self._booted)
        else:
            kind, ends = row.boot_stages[number]
            self._boot = self._clock.after(ends - since, self._passed, kind, number, ends)

    def _passed(self, kind: str, number: int, now: int) -> None:
        self._note(kind)
        self._stage(number + 1, now)

    def _booted(self) -> None:
        self._boot = None
        self._note("NodeBooted")
        self._network.set_node(self._node, True)
        if self._agent is not None:
            self._agent.boot()

    def _note(self, kind: str) -> None:
        name = self._nodes.names[self._node]
        self._recorder.events.add(self._clock.now, kind, name, name, "")


def apply_power_cut(clock: Clock, machines: Sequence[Power], *, at: int, duration: int | None) -> None:
    """Cut the power of all these machines at `at` (ns), at one instant, for `duration` ns (None: for good)."""

    def cut() -> None:
        for machine in machines:
            machine.off()
        if duration is not None:
            clock.after(duration, back)

    def back() -> None:
        for machine in machines:
            machine.on()

    clock.at(at, cut)
