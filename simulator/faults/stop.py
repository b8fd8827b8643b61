"""A component of the control plane stops, and starts again."""

from __future__ import annotations

from typing import Protocol

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder


class Switch(Protocol):
    """What can be stopped and started."""

    def set_up(self, up: bool) -> None:
        """Stop (False) or start (True)."""


class Component:
    """A component under its name: stopped as long as one of its stops lasts."""

    __slots__ = ("_stops", "_switches", "name", "node")

    def __init__(self, name: str, *switches: Switch, node: str = "") -> None:
        self.name = name
        self.node = node  # where it runs
        self._switches = switches
        self._stops = 0

    def stop(self) -> None:
        """One more stop begins."""
        self._stops += 1
        if self._stops == 1:
            for switch in self._switches:
                switch.set_up(False)

    def start(self) -> None:
        """One stop ends."""
        self._stops -= 1
        if self._stops == 0:
            for switch in self._switches:
                switch.set_up(True)


def apply_stop(clock: Clock, recorder: Recorder, component: Component, *, at: int, duration: int | None) -> None:
    """Stop `component` at `at` (ns) for `duration` ns; None: for good. Stops may overlap."""

    def stop() -> None:
        recorder.events.add(clock.now, "ComponentStopped", component.name, component.node, "")
        component.stop()
        if duration is not None:
            clock.after(duration, start)

    def start() -> None:
        recorder.events.add(clock.now, "ComponentStarted", component.name, component.node, "")
        component.start()

    clock.at(at, stop)
