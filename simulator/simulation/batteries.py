"""What feeds a machine without a grid: its battery, the panel over it, and what they are told in each step."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.faults import Power
from simulator.physics.battery import BatteryLaw
from simulator.runtime.energy import Machine
from simulator.simulation.clusters.world import World
from simulator.simulation.light import Light, light, panel_w
from simulator.simulation.transmitters import PARTS, Transmitters
from simulator.spec.power import BatterySpec
from simulator.spec.series import Series, read_series
from simulator.spec.topology import NodeSpec
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND
from simulator.world.battery import Battery


class Supply:
    """The battery of one machine, told the load at each change, and light, requests and radios at each step."""

    __slots__ = ("_begins", "_clock", "_light", "_losses", "_machine", "_plane", "_power", "_requests", "_seen",
                 "_sends_w", "_sent_j", "_sky", "_spec", "_step", "_transmitters", "battery")  # fmt: skip

    def __init__(
        self, world: World, plane: RequestPlane, machine: Machine, spec: NodeSpec,
        *, power: Power, catalogue: Catalogue, transmitters: Transmitters, folder: Path, begins: datetime,
    ) -> None:  # fmt: skip
        """`folder` is where series are, `begins` the instant of t = 0, in UTC. Raises UserError where the battery
        cannot carry its machine, and where a series cannot be read."""
        assert spec.battery is not None
        name = world.nodes.names[machine.node]
        most_w = machine.model.max_w + transmitters.most_w(machine.node)
        law = battery_law(spec.battery, catalogue, name, most_w)
        self._clock, self._plane, self._machine, self._power = world.clock, plane, machine, power
        self._spec, self._begins, self._step = spec.solar, begins, int(spec.battery.step)
        self._light: Light | None = None
        self._sky: Series = ()
        self._losses = 0.0
        if spec.solar is not None:
            self._light = light(spec.solar, float(spec.latitude or 0.0), float(spec.longitude or 0.0))
            self._sky = read_series(spec.solar.sky, folder, "", "ratio")
            stated = spec.solar.losses
            page = None if stated is not None else catalogue.model("panels", spec.solar.model)
            self._losses = float(stated if page is None else page.quantity("losses"))  # type: ignore[arg-type]
        self._requests = 0.0  # cores that they kept busy in the step before
        self._seen = 0  # ns of their work so far
        self._transmitters, self._sent_j = transmitters, 0.0
        self._sends_w = transmitters.rest_w(machine.node)  # of radios and ports, likewise
        charge = law.capacity_j * float(spec.battery.charge)
        self.battery = Battery(world.clock, world.recorder, name, law, charge_j=charge, switch=self._switch)

    def start(self) -> None:
        """Time begins."""
        self._look()
        self.load_changed()
        self.battery.start()

    def load_changed(self) -> None:
        """The machine takes another power from now on."""
        sends_w = self._sends_w if self._machine.load.on else 0.0
        self.battery.set_load(self._machine.watts(self._requests) + sends_w)

    def _switch(self, on: bool) -> None:
        if on:
            self._power.on()
        else:
            self._power.off("BatteryEmpty")

    def _look(self) -> None:
        """A step begins."""
        now = self._clock.now
        if self._spec is not None and self._light is not None:
            watts = panel_w(
                self._spec, self._light, self._sky, self._losses, begins=self._begins, at=now + self._step // 2
            )
            self.battery.set_panel(watts)
        if now and self._plane.flows:
            self._plane.settle(now)
            seen = self._plane.worked_ns(self._machine.node)
            self._requests, self._seen = (seen - self._seen) / self._step, seen
        if now and self._transmitters.any:
            self._transmitters.look()
            sent = float(sum(self._transmitters.joules(part)[self._machine.node] for part in PARTS))
            self._sends_w, self._sent_j = (sent - self._sent_j) / (self._step / SECOND), sent
        if now:
            self.load_changed()
        self._clock.after(self._step, self._look)


def battery_law(spec: BatterySpec, catalogue: Catalogue, name: str, max_w: float) -> BatteryLaw:
    """What is written, over the facts of its page. Raises UserError where that contradicts itself, or where it cannot
    give what the machine `name` takes at most."""
    page = catalogue.model("batteries", spec.model)
    capacity = float(spec.capacity)

    def rate(given: float | None, fact: str) -> float:
        return float(given) if given is not None else float(page.quantity(fact)) * capacity

    restart = float(page.quantity("restart")) if spec.restart is None else float(spec.restart)
    if restart <= spec.empty:
        said = f"{name} would start again at {restart:.0%}, and stops at {float(spec.empty):.0%}"
        raise UserError(Problem(said, path="battery.restart", hint="write a restart above empty"))
    law = BatteryLaw(
        capacity_j=capacity,
        efficiency=float(page.quantity("efficiency")) if spec.efficiency is None else float(spec.efficiency),
        most_in_w=rate(spec.most_in, "charging"),
        most_out_w=rate(spec.most_out, "discharging"),
        empty_j=float(spec.empty) * capacity,
        restart_j=restart * capacity,
    )
    if law.most_out_w < max_w:
        said = f"the battery of {name} gives at most {law.most_out_w:g} W, and the machine takes up to {max_w:g} W"
        raise UserError(Problem(said, path="battery.most_out", hint="a larger capacity, or most_out"))
    return law
