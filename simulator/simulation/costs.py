"""What a run costs after the warm-up: machines by time, bytes by where they pass, energy from the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from simulator.errors import Problem, UserError
from simulator.physics.power import Floats
from simulator.simulation.clusters.world import World
from simulator.spec.power import Prices
from simulator.spec.scenario import Scenario
from simulator.spec.topology import matching
from simulator.traffic.busy import Busy
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND


class Costs:
    """Counts bytes from the end of the warm-up on: of control messages, bulk transfers, requests and telemetry.

    Those of requests and telemetry follow from how long they occupy a link, at the rates that hold meanwhile.
    """

    def __init__(self, world: World, plane: RequestPlane, busy: Busy, scenario: Scenario) -> None:
        """Raises UserError for a price that never counts, for all that it would be of has an earlier one."""
        self._world, self._plane, self._busy = world, plane, busy
        self._prices = scenario.prices or Prices()
        self._nodes = _first(self._prices.nodes, world.nodes.names, "nodes")
        self._data = _first(self._prices.data, [link.name for link in world.network.links], "data")
        self._from = int(scenario.warm_up)
        self._before = [0.0] * len(world.network.rate_bps)
        self._ns = [0] * len(self._before)  # up to the last change of rates, by directed link
        self._sent = [0.0] * len(self._before)  # bytes in that time
        if self._prices.egress or self._prices.data:
            world.network.before_rates.append(self._look)
        if self._from and (self._prices.egress or self._prices.data):
            world.clock.at(self._from, self._begin)

    def record(self, grid_j: Floats, edges: Floats) -> None:
        """Write the table; `grid_j` is what came from the grid in each interval that `edges` (s) bound."""
        world, prices, table = self._world, self._prices, self._world.recorder.costs
        names, links = world.nodes.names, world.network.links
        span = (world.clock.now - self._from) / SECOND
        for node, price in self._nodes.items():
            table.add("node", names[node], price * span)
        carried = [now - before for now, before in zip(self._bytes(), self._before, strict=True)]
        for glob, price in prices.egress.items():
            mine = set(matching(glob, names))
            for i, link in enumerate(links):
                out = (link.a in mine) * carried[2 * i] * (link.b not in mine)
                out += (link.b in mine) * carried[2 * i + 1] * (link.a not in mine)
                if link.a in mine or link.b in mine:
                    table.add("egress", link.name, float(price) * out)
        for i, price in self._data.items():
            table.add("data", links[i].name, price * (carried[2 * i] + carried[2 * i + 1]))
        if prices.energy is not None:
            after = grid_j[edges[:-1] >= self._from / SECOND].sum()
            table.add("energy", "", float(prices.energy) * float(after))

    def _begin(self) -> None:
        self._plane.settle(self._world.clock.now)
        self._plane.telemetry.advance(self._world.clock.now)
        self._before = self._bytes()

    def _bytes(self) -> list[float]:
        """By directed link, so far."""
        bits = self._plane.telemetry.sent_bits()
        sent = zip(self._world.network.bytes_carried, self._sent, self._since(), strict=True)
        return [carried + (before + now) + bits.get(hop, 0) / 8 for hop, (carried, before, now) in enumerate(sent)]

    def _since(self) -> list[float]:
        """Bytes of requests and telemetry since the last change of rates, at the present ones."""
        telemetry, rates = self._plane.telemetry.sent_ns(), self._world.network.rate_bps
        return [
            (self._busy.total[hop] + telemetry.get(hop, 0) - self._ns[hop]) * rate / (8 * SECOND)
            for hop, rate in enumerate(rates)
        ]

    def _look(self) -> None:
        """Rates change: count what was sent at those that held."""
        self._plane.settle(self._world.clock.now)
        telemetry = self._plane.telemetry.sent_ns()
        self._sent = [before + now for before, now in zip(self._sent, self._since(), strict=True)]
        self._ns = [self._busy.total[hop] + telemetry.get(hop, 0) for hop in range(len(self._ns))]


def _first(prices: Mapping[str, float], names: Sequence[str], of: str) -> dict[int, float]:
    """The price of each whose name some glob matches, by position: that of the first one."""
    found: dict[int, float] = {}
    for glob, price in prices.items():
        mine = [i for i in matching(glob, names) if i not in found]
        if not mine:
            said = f"the price of {glob} never counts: those before it match all of that"
            raise UserError(Problem(said, path=f"prices.{of}.{glob}", hint="write it before them"))
        found |= dict.fromkeys(mine, float(price))
    return found
