"""The carbon intensity of the grids that zones draw from."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.errors import Problem, UserError
from simulator.spec.scenario import Scenario
from simulator.spec.series import Series, read_series
from simulator.spec.topology import matching


def grids(scenario: Scenario, zones: Iterable[str]) -> dict[str, Series]:
    """The series (g a J) of each zone, by the first glob that matches it; none where the scenario gives no carbon.

    Raises UserError for a zone that no glob matches, and for a file that is wrong.
    """
    return {zone: _grid(scenario, zone) for zone in zones} if scenario.carbon else {}


def _grid(scenario: Scenario, zone: str) -> Series:
    for glob, written in scenario.carbon.items():
        if matching(glob, [zone]):
            return read_series(written, scenario.folder, "g/kWh", "carbon intensity")
    said = f"the grid of zone {zone} has no carbon intensity"
    raise UserError(Problem(said, path="carbon", hint='name it, or "*" at the end for all others'))
