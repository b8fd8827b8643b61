"""A machine's battery in time: what flows as long as nothing changes, and the instants at which it is empty or full.

Power is constant between two changes of the load or of the light, so the charge is a straight line, and the instant at
which it meets a mark (empty, full, enough to start again) is known exactly: it is an event, set again at each change.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Final

from simulator.engine.clock import Clock, Timer
from simulator.physics.battery import BatteryLaw, Flow, flow, holds
from simulator.record.buffer import Recorder
from simulator.units import SECOND

_NEVER: Final = 1e18  # ns: thirty years


class Battery:
    """The only power of the machine called `name`. `switch(on)` takes its power away, or gives it back: then the load
    is told anew by `set_load`, perhaps within the call."""

    __slots__ = ("_clock", "_name", "_recorder", "_since", "_switch", "_timer", "_told", "charge_j", "flow", "law",
                 "load_w", "on", "panel_w")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        recorder: Recorder,
        name: str,
        law: BatteryLaw,
        *,
        charge_j: float,
        switch: Callable[[bool], object],
    ) -> None:
        self._clock, self._recorder, self._name, self._switch = clock, recorder, name, switch
        self.law = law
        self.charge_j = charge_j
        self.panel_w = self.load_w = 0.0
        self.on = True
        self.flow = Flow(0.0, 0.0, 0.0, 0.0)
        self._since = clock.now
        self._told: tuple[bool, float, Flow] | None = None
        self._timer: Timer | None = None

    def set_panel(self, watts: float) -> None:
        """The panel gives so much from now on."""
        if watts != self.panel_w:
            self._settle()
            self.panel_w = watts
            self._renew()

    def set_load(self, watts: float) -> None:
        """The machine takes so much from now on."""
        if watts != self.load_w:
            self._settle()
            self.load_w = watts
            self._renew()

    def start(self) -> None:
        """Time begins, with the panel and the load that were told."""
        self._renew()

    def _settle(self) -> None:
        now = self._clock.now
        charge = self.charge_j + self.flow.charge_w * (now - self._since) / SECOND
        self.charge_j, self._since = min(max(charge, 0.0), self.law.capacity_j), now

    def _renew(self) -> None:
        """Something has changed now: switch the machine if that is due, and work out what flows from here."""
        law = self.law
        if self.on and not holds(law, self.charge_j, self.panel_w, self.load_w):
            self.on = False
            self._switch(False)
        elif not self.on and self.charge_j >= law.restart_j:
            self.on = True
            self._switch(True)
        self.flow = flow(law, self.charge_j, self.panel_w, self.load_w)
        if (told := (self.on, self.panel_w, self.flow)) == self._told:  # within the switch
            return
        self._told = told
        self._recorder.batteries.add(
            self._clock.now, self._name, "on" if self.on else "off", self.charge_j, self.panel_w, self.flow.used_w,
            self.flow.curtailed_w, self.flow.loss_w,
        )  # fmt: skip
        self._plan()

    def _plan(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rate = self.flow.charge_w
        if rate < 0:
            mark = self.law.empty_j
        elif rate > 0:
            mark = self.law.capacity_j if self.on else self.law.restart_j
        else:
            return
        after = (mark - self.charge_j) / rate * SECOND
        if after < _NEVER:
            self._timer = self._clock.after(max(0, ceil(after)), self._reach, mark)

    def _reach(self, mark: float) -> None:
        self._timer = None
        self._settle()
        self.charge_j = mark  # within the last nanosecond
        self._renew()
