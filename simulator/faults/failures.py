"""Machines, or whole sites, that fail and are repaired again and again: alternating renewal, with repairers.

A unit (one machine, or all of a zone) works for a time drawn from `up`, fails, waits for a repairer if all are busy,
first come, first served, and is repaired for a time drawn from `down`; then its power is back and its next time to
failure begins. Its machines boot after that, and a failure may come while they do. Draws are named by fault, unit and
number, so a unit's times are the same whatever the others do. Model: the machine repair problem; with a repairer for
each unit, independent alternating renewal processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.engine.clock import Clock
from simulator.faults.power import Power
from simulator.physics.distributions import Distribution
from simulator.streams import Rng, key


@dataclass(frozen=True, slots=True)
class Failing:
    """How units fail: distributions in ns, and how many can be repaired at once (None: all)."""

    name: str  # of the fault: names its draws
    up: Distribution
    down: Distribution
    repairers: int | None = None


class _Unit:
    """What fails as one."""

    __slots__ = ("failures", "identity", "machines", "name")

    def __init__(self, name: str, machines: Sequence[Power]) -> None:
        self.name, self.identity, self.machines = name, key(name), machines
        self.failures = 0


class Failures:
    """All units of one fault."""

    __slots__ = ("_busy", "_clock", "_how", "_repairers", "_rng", "_units", "_waiting", "_why")

    def __init__(
        self, clock: Clock, rng: Rng, how: Failing, units: Sequence[tuple[str, Sequence[Power]]], why: str
    ) -> None:
        self._clock, self._rng, self._how, self._why = clock, rng, how, why
        self._units = [_Unit(name, machines) for name, machines in units]
        self._repairers = how.repairers or len(units)
        self._busy = 0
        self._waiting: deque[_Unit] = deque()

    def begin(self) -> None:
        """All units work, as new, from now on."""
        for unit in self._units:
            self._work(unit)

    def _work(self, unit: _Unit) -> None:
        self._clock.after(self._drawn("up", self._how.up, unit), self._fail, unit)

    def _fail(self, unit: _Unit) -> None:
        for machine in unit.machines:
            machine.off(self._why)
        self._waiting.append(unit)
        self._repair()

    def _repair(self) -> None:
        while self._waiting and self._busy < self._repairers:
            unit = self._waiting.popleft()
            self._busy += 1
            self._clock.after(self._drawn("down", self._how.down, unit), self._repaired, unit)

    def _repaired(self, unit: _Unit) -> None:
        self._busy -= 1
        unit.failures += 1
        for machine in unit.machines:
            machine.on()
        self._work(unit)
        self._repair()

    def _drawn(self, what: str, times: Distribution, unit: _Unit) -> int:
        return times.tick(self._rng.draw(f"failures/{self._how.name}/{what}", unit.identity, unit.failures))


def apply_failures(
    clock: Clock,
    rng: Rng,
    how: Failing,
    units: Sequence[tuple[str, Sequence[Power]]],
    *,
    at: int,
    why: str = "NodeCrashed",
) -> None:
    """Let these units (a name and its machines) fail and be repaired from `at` (ns) on; `why` as in `Power.off`."""
    clock.at(at, Failures(clock, rng, how, units, why).begin)
