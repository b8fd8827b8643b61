"""The faults of clocks that a scenario names, and the certificates that are held against them."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Final

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.faults import ClockLoss, NodeClock, apply_clock_skew
from simulator.simulation.clusters.world import World
from simulator.spec import failures as spec
from simulator.streams import key
from simulator.world.clocks import Shown, Validity

_SHOWN: Final[tuple[Shown, ...]] = ("cluster", "registry")


class ClockFaults:
    """Puts them on the clock of one simulation. Certificates are read with the first: without one, nobody asks."""

    __slots__ = ("_catalogue", "_lost", "_world")

    def __init__(self, world: World, catalogue: Catalogue) -> None:
        self._world, self._catalogue = world, catalogue
        self._lost: set[int] = set()  # nodes whose clocks a fault loses already

    def add(self, fault: spec.ClockSkew | spec.ClockLoss, at: int, nodes: Sequence[int]) -> float:
        """Schedule a fault of these nodes' clocks that begins at `at` (ns); when it ends (ns), or infinity. Raises
        UserError for a node whose clock nobody reads, runs without power, or is lost already."""
        self._read_certificates()
        machines = [self._machine(node) for node in nodes]
        if isinstance(fault, spec.ClockLoss):
            self._lose(fault, at, machines)
            return inf
        lasts = None if fault.duration is None else int(fault.duration)
        ahead = int(fault.ahead or 0) - int(fault.behind or 0)
        for machine in machines:
            apply_clock_skew(self._world.clock, machine, ahead=ahead, drift=fault.drift / 1e6, at=at, duration=lasts)
        return inf if lasts is None else at + lasts

    def _machine(self, node: int) -> NodeClock:
        world = self._world
        row = world.nodes.rows[node]
        mirrors = {mirror.node for mirror in world.registry.mirrors.values()}
        if row.role in ("router", "registry") and node not in mirrors:
            said = f"nothing reads the clock of {row.name}, a {row.role}"
            raise UserError(Problem(said, path="node", hint="name workers, control planes, devices or mirrors"))
        return NodeClock(world.clock, world.network.clocks, world.recorder, node, row.name)

    def _lose(self, fault: spec.ClockLoss, at: int, machines: Sequence[NodeClock]) -> None:
        world = self._world
        periods: dict[int, list[NodeClock]] = {}
        for machine in machines:
            model = self._catalogue.model("nodes", world.nodes.rows[machine.node].model)
            if not model.has("rtc") or model.flag("rtc"):
                said = f"the clock of {machine.name}, a {model.name}, runs on without power"
                raise UserError(Problem(said, path="node", hint="name machines whose model says rtc: false"))
            if machine.node in self._lost:
                said = f"the clock of {machine.name} is lost by another fault already"
                raise UserError(Problem(said, path="node", hint="one clock-loss for each node"))
            self._lost.add(machine.node)
            period = int(model.quantity("clock_saved") if fault.saved is None else fault.saved)
            periods.setdefault(period, []).append(machine)
        for period, same in periods.items():
            world.clock.at(at, self._begin, same, period)

    def _begin(self, machines: Sequence[NodeClock], period: int) -> None:
        world = self._world
        phases = (int(period * world.rng.draw("clock-saved", key(machine.name))) for machine in machines)
        with_phases = list(zip(machines, phases, strict=True))
        ClockLoss(world.clock, world.network, with_phases, period, world.registry.node)

    def _read_certificates(self) -> None:
        validity = self._world.network.clocks.validity
        if not validity:
            tls = self._catalogue.model("protocols", "tls")
            for shown in _SHOWN:
                age = int(tls.quantity(f"certificate.{shown}.age"))
                lifetime = int(tls.quantity(f"certificate.{shown}.lifetime"))
                if age >= lifetime:
                    said = f"the {shown}'s certificate has ended before the run begins"
                    hint = f"facts.protocols.tls.certificate.{shown}.age lies below its lifetime"
                    raise UserError(Problem(said, hint=hint))
                validity[shown] = Validity(-age, lifetime - age)
