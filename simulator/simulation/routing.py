"""The scenario's policy for requests, joined to the request plane."""

from __future__ import annotations

from simulator.control.scheduling.asking import Asker
from simulator.control.scheduling.watchdog import LIMIT_S
from simulator.policy import Split
from simulator.simulation.clusters.world import World
from simulator.simulation.deciders import read_deciders
from simulator.spec.scenario import Scenario
from simulator.traffic.plane import RequestPlane
from simulator.traffic.routing import Balancer, Splitter


def add_routing(world: World, scenario: Scenario, plane: RequestPlane) -> None:
    """Every proxy of every cluster asks the same policy, made anew for this run: it may remember."""
    policy = read_deciders(scenario).routing if scenario.policies is not None else None
    if policy is None:
        return
    stops = scenario.on_policy_error == "stop"
    asker = Asker(world.clock, world.recorder, stops=stops, limit_s=LIMIT_S)
    if isinstance(policy, Split):
        plane.route_by(Splitter(policy, asker.ask, world.nodes, world.network, rng=world.rng))
    else:
        sample = float(scenario.record.routing)
        plane.route_by(Balancer(policy, asker.ask, world.nodes, world.network, recorder=world.recorder, sample=sample))
