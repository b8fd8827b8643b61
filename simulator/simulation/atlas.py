"""What is known of nodes without hearing from them: where they are, what their models take, what their grids emit."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

import numpy as np

from simulator.facts import Catalogue
from simulator.policy.view import Floats
from simulator.simulation.energy import power_model
from simulator.simulation.grid import grids
from simulator.simulation.layout import Layout
from simulator.spec.scenario import Scenario
from simulator.units import parse
from simulator.world.distances import Distances
from simulator.world.node import NodeRow

_GRAM_PER_KWH = float(parse("1g/kWh", "carbon intensity"))


class Atlas:
    """`simulator.control.scheduling.beliefs.Atlas`; each column is computed when it is first asked for."""

    __slots__ = ("_catalogue", "_columns", "_distances", "_grids", "_layout", "_rows")

    def __init__(self, layout: Layout, distances: Distances, scenario: Scenario, catalogue: Catalogue) -> None:
        self._layout, self._distances, self._catalogue = layout, distances, catalogue
        nodes = layout.nodes
        self._rows = {row.name: row for row in nodes}
        zones = dict.fromkeys(row.zone for i, row in enumerate(nodes) if i not in layout.batteries)
        self._grids = grids(scenario, zones)
        self._columns: dict[tuple[str, tuple[str, ...]], Floats] = {}

    def latency_s(self, to: str, names: tuple[str, ...]) -> Floats:
        return self._distances(to, names)

    def idle_w(self, names: tuple[str, ...]) -> Floats:
        return self._column("idle", names, lambda row: power_model(self._catalogue, row).idle_w)

    def core_w(self, names: tuple[str, ...]) -> Floats:
        return self._column("core", names, lambda row: power_model(self._catalogue, row).core_w)

    def carbon_g_per_kwh(self, names: tuple[str, ...], now: int) -> Floats:
        if not self._grids:
            raise LookupError("the scenario gives no carbon intensity, which this policy asks for")
        batteries = {self._layout.nodes[i].name for i in self._layout.batteries}
        rates = {zone: _at(series, now) / _GRAM_PER_KWH for zone, series in self._grids.items()}
        return np.array([0.0 if name in batteries else rates[self._rows[name].zone] for name in names])

    def _column(self, what: str, names: tuple[str, ...], of: Callable[[NodeRow], float]) -> Floats:
        column = self._columns.get((what, names))
        if column is None:
            column = self._columns[what, names] = np.array([of(self._rows[name]) for name in names], np.float64)
            column.flags.writeable = False
        return column


def _at(series: tuple[tuple[int, float], ...], now: int) -> float:
    return series[bisect_right(series, now, key=lambda step: step[0]) - 1][1]
