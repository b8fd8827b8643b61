"""Energy of one simulation: loads are watched, batteries live, and at the end the tables are written.

What it costs when nobody asks: nothing is measured, and no fact of power is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from functools import partial

import numpy as np

from simulator.control.scaling.functions import FunctionPlatform
from simulator.facts import Catalogue
from simulator.physics.power import Floats, PowerModel, until
from simulator.runtime.energy import Machine, energy_rows, whole_joules
from simulator.runtime.load import Load
from simulator.runtime.pod_run import PodRun
from simulator.simulation.batteries import Supply
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.clusters.world import World
from simulator.simulation.costs import Costs
from simulator.simulation.grid import grids
from simulator.simulation.layout import Layout, components_on
from simulator.simulation.powers import Powers
from simulator.simulation.transmitters import PARTS, Transmitters
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.scenario import Scenario
from simulator.traffic.busy import Busy
from simulator.traffic.functions.pool import NEVER
from simulator.traffic.plane import RequestPlane
from simulator.units import SECOND
from simulator.world.node import NodeRow


def wanted(scenario: Scenario, layout: Layout) -> bool:
    """Whether energy is to be recorded."""
    return bool(scenario.record.energy or layout.batteries or scenario.carbon or scenario.prices)


def power_model(catalogue: Catalogue, row: NodeRow) -> PowerModel:
    """What a machine takes, by its page."""
    page = catalogue.model("nodes", row.model)
    return PowerModel(float(page.quantity("power.idle")), float(page.quantity("power.max")), row.cores)


class Energy:
    """Watches from now, t = 0, on. `of` maps the clusters' names to their pages."""

    def __init__(
        self, world: World, layout: Layout, scenario: Scenario, catalogue: Catalogue, plane: RequestPlane,
        *, clusters: Mapping[str, Cluster], pages: Mapping[str, Orchestrator], powers: Powers,
    ) -> None:  # fmt: skip
        """Raises UserError where a machine's grid has no intensity, and where a battery or a series is wrong."""
        self._world, self._scenario, self._plane = world, scenario, plane
        self._interval = int(scenario.record.interval)
        self._pods: dict[int, str] = {}  # by uid
        self._instances: dict[tuple[str, int], tuple[int, str]] = {}  # node and pod, by function and number
        self.platform: FunctionPlatform | None = None
        busy = plane.measure(self._interval)
        self._costs = Costs(world, plane, busy, scenario)
        agents = {node: agent for cluster in clusters.values() for node, agent in cluster.agents.items()}
        system = {
            node: sum(c.cpu for c in components_on(pages[name], share, node)) / 1000
            for name, share in layout.clusters.items()
            for node in share.members
        }
        self._machines, self._supplies = list[Machine](), dict[int, Supply]()
        self._taken: list[Floats] = []  # by radios and ports: by end of an interval, part and machine
        zones = dict.fromkeys(zone for node, zone in enumerate(world.nodes.zone) if node not in layout.batteries)
        self._carbon = grids(scenario, zones)
        loads = [agents[node].load if node in agents else Load(world.clock) for node in range(len(world.nodes.rows))]
        self._transmitters = Transmitters(world, plane, busy, catalogue, loads=loads, batteries=layout.batteries)
        for node, row in enumerate(world.nodes.rows):
            model, load = power_model(catalogue, row), loads[node]
            machine, power = Machine(node, model, load, system.get(node, 0.0)), powers.of(node)
            self._machines.append(machine)
            if node in agents:
                agents[node].serving_hooks.append(partial(self._serving, node))
            if node in layout.batteries:
                supply = self._supplies[node] = Supply(
                    world, plane, machine, layout.batteries[node], power=power, catalogue=catalogue,
                    transmitters=self._transmitters, folder=scenario.folder, begins=scenario.begins.astimezone(UTC),
                )  # fmt: skip
                load.watch(supply.load_changed)
            else:
                load.watch()
            power.watch = partial(self._powered, load)
        if self._transmitters.any:
            world.clock.after(self._interval, self._step)
        for supply in self._supplies.values():
            supply.start()

    def _powered(self, load: Load, on: bool) -> None:
        self._transmitters.look()
        load.powered(on)

    def _step(self) -> None:
        """An interval ends."""
        self._look()
        self._world.clock.after(self._interval, self._step)

    def _look(self) -> None:
        self._transmitters.look()
        self._taken.append(np.array([self._transmitters.joules(part) for part in PARTS]))

    def record(self) -> None:
        """Write the tables `energy` and `costs`, at the end of the run; the plane is settled."""
        end = self._world.clock.now
        edges = np.append(np.arange(0, end, self._interval), end) / SECOND
        requests = self._requests(len(edges) - 1)
        table, names, grid = self._world.recorder.energy, self._world.nodes.names, np.zeros(len(edges) - 1)
        sent = self._sent(len(edges) - 1)
        grams = {zone: _means(series, edges) for zone, series in self._carbon.items()}
        for machine in self._machines:
            node = machine.node
            supply = "battery" if node in self._supplies else "grid"
            rate = grams.get(self._world.nodes.zone[node]) if supply == "grid" else np.zeros(len(edges) - 1)
            own = [
                (pod, "cores", core_s, joules)
                for pod, core_s, joules in energy_rows(machine, requests.get(node, {}), edges)
            ]
            more = [("", part, np.zeros(len(edges) - 1), sent[:, i, node]) for i, part in enumerate(PARTS)]
            for pod, part, core_s, joules in (*own, *more):
                carbon = np.full(len(joules), np.nan) if rate is None or not self._scenario.carbon else joules * rate
                if supply == "grid":
                    grid += joules
                for i in np.flatnonzero((joules != 0) | ((pod, part) == ("", "cores"))).tolist():
                    table.add(i * self._interval, names[node], pod, part, supply, core_s[i], joules[i], carbon[i])
        self._costs.record(grid, edges)

    def _sent(self, intervals: int) -> Floats:
        """J of radios and ports by interval, part and machine."""
        taken = self._taken[: intervals - 1]
        self._look()
        if not self._transmitters.any:
            return np.zeros((intervals, *self._taken[-1].shape))
        late = np.cumsum(list(self._transmitters.late(intervals)), axis=0)
        found: Floats = whole_joules(np.array([*taken, self._taken[-1]]) + late)
        return np.diff(found, axis=0, prepend=0.0)

    def _serving(self, node: int, run: PodRun, up: bool, how: str) -> None:
        self._pods[run.uid] = run.name
        if up and self.platform is not None and (instance := self.platform.instance(run.uid)) is not None:
            self._instances[instance] = node, run.name

    def _requests(self, bins: int) -> dict[int, dict[str, Floats]]:
        """Core seconds of requests, and of functions, by node, pod and interval."""
        found: dict[int, dict[str, Floats]] = {}

        def add(busy: Busy, of: Mapping[int, tuple[int, str]]) -> None:
            for stage, interval, ns in busy.rows().tolist():
                if stage in of:
                    node, pod = of[stage]
                    mine = found.setdefault(node, {}).setdefault(pod, np.zeros(bins))
                    mine[min(interval, bins - 1)] += ns / SECOND

        stations = self._plane.stations.values()
        assert self._plane.loop.busy is not None
        add(self._plane.loop.busy, {s.stage: (s.node, self._pods[s.uid]) for s in stations if s.uid in self._pods})
        for name, pool in self.platform.pools.items() if self.platform is not None else ():
            outcome, spans = pool.outcome(), Busy(self._interval)
            begun = outcome.begin != NEVER
            columns = outcome.instance[begun], outcome.begin[begun], outcome.end[begun]
            spans.arrays.append(np.stack(columns, axis=1))
            spans.settle(self._world.clock.now)
            add(spans, {number: where for (of, number), where in self._instances.items() if of == name})
        return found


def _means(series: tuple[tuple[int, float], ...], edges: Floats) -> Floats:
    """The mean of a series in each interval."""
    times, values = np.array(series, np.float64).T
    found: Floats = np.diff(until(times / SECOND, values, edges)) / np.diff(edges)
    return found
