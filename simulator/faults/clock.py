"""Clocks that are set wrong, and clocks that stand still while there is no power."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.units import SECOND
from simulator.world.clocks import Clocks
from simulator.world.network import Network


class NodeClock:
    """The clock of one node: wrong or right, and an event for each change."""

    __slots__ = ("_clock", "_clocks", "_recorder", "name", "node")

    def __init__(self, clock: Clock, clocks: Clocks, recorder: Recorder, node: int, name: str) -> None:
        self._clock, self._clocks, self._recorder = clock, clocks, recorder
        self.node, self.name = node, name

    def said(self, time: int) -> int:
        """What it said at a time that has passed (ns)."""
        return time + int(self._clocks.errors(self.node, np.array([time]))[0])

    def put(self, ahead: int, drift: float = 0.0) -> int:
        """Set it wrong; the number returned is for `correct`."""
        self._recorder.events.add(self._clock.now, "ClockWrong", self.name, self.name, f"{ahead / SECOND:+g} s")
        return self._clocks.put(self.node, ahead, drift)

    def correct(self, setting: int) -> None:
        """NTP puts it right, if this setting is still the latest."""
        if setting == self._clocks.setting(self.node):
            self._recorder.events.add(self._clock.now, "ClockRight", self.name, self.name, "")
            self._clocks.put(self.node, 0)


def apply_clock_skew(
    clock: Clock, machine: NodeClock, *, ahead: int, drift: float = 0.0, at: int, duration: int | None
) -> None:
    """Set a clock `ahead` ns at `at` (ns), from which on it gains `drift` ns in each, for `duration` ns (None: for
    good)."""

    def begin() -> None:
        setting = machine.put(ahead, drift)
        if duration is not None:
            clock.after(duration, machine.correct, setting)

    clock.at(at, begin)


class _Saved:
    """What is left of the time on one machine's disk."""

    __slots__ = ("booted", "machine", "phase", "said", "setting", "up")

    def __init__(self, machine: NodeClock, phase: int, said: int) -> None:
        self.machine, self.phase, self.said = machine, phase, said
        self.booted = 0  # when the machine came up last
        self.setting = 0  # that NTP has not put right yet; 0: none
        self.up = True


class ClockLoss:
    """Machines whose clocks stand still without power: they boot with what was saved last.

    A machine that is up saves the time each `period` ns, at its own phase, so that at the beginning the last time is up
    to a period ago. The machine `ntp` has the right time for who reaches it.
    """

    __slots__ = ("_clock", "_network", "_ntp", "_period", "_saved")

    def __init__(
        self, clock: Clock, network: Network, machines: Sequence[tuple[NodeClock, int]], period: int, ntp: int
    ) -> None:
        """From now on; `machines` with their phases (ns)."""
        self._clock, self._network, self._period, self._ntp = clock, network, period, ntp
        self._saved = [_Saved(machine, phase, self._last(phase)) for machine, phase in machines]
        network.after_change.append(self._look)
        self._look()

    def _look(self) -> None:
        """Power has gone, or is back, or the way to the time has changed."""
        for saved in self._saved:
            machine, up = saved.machine, self._network.is_up(saved.machine.node)
            if saved.up and not up and (last := self._last(saved.phase)) > saved.booted:
                saved.said = machine.said(last)
            elif up and not saved.up:
                saved.booted = self._clock.now
                saved.setting = machine.put(saved.said - self._clock.now)
            saved.up = up
            if up and saved.setting and self._reached(machine.node):
                setting, saved.setting = saved.setting, 0
                machine.correct(setting)

    def _last(self, phase: int) -> int:
        return (self._clock.now - phase) // self._period * self._period + phase

    def _reached(self, node: int) -> bool:
        there = self._ntp
        return self._network.access(node, there) == "ok" and self._network.access(there, node) == "ok"
