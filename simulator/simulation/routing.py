"""The scenario's policy for requests, joined to the request plane."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.control.scheduling.asking import Asker
from simulator.control.scheduling.watchdog import LIMIT_S
from simulator.engine.clock import Clock
from simulator.policy import Split
from simulator.simulation.clusters.world import World
from simulator.simulation.deciders import read_deciders
from simulator.spec.scenario import Scenario
from simulator.traffic.plane import RequestPlane
from simulator.traffic.routing import Balancer, Outside, RouteAsk, Splitter


def add_routing(world: World, scenario: Scenario, plane: RequestPlane) -> None:
    """Every proxy of every cluster asks the same policy, made anew for this run: it may remember."""
    policy = read_deciders(scenario).routing if scenario.policies is not None else None
    if policy is None:
        return
    asker = _asker(world, scenario)
    if isinstance(policy, Split):
        plane.route_by(Splitter(policy, asker.ask, world.nodes, world.network, rng=world.rng))
    else:
        sample = float(scenario.record.routing)
        plane.route_by(Balancer(policy, asker.ask, world.nodes, world.network, recorder=world.recorder, sample=sample))


def ask_outside(world: World, scenario: Scenario, plane: RequestPlane) -> Outside:
    """Let somebody outside say which endpoint serves a request, from now on."""
    asker, sample = _asker(world, scenario), float(scenario.record.routing)
    router = Outside(asker.ask, world.nodes, world.network, recorder=world.recorder, sample=sample, before=plane.router)
    plane.route_by(router)
    return router


def routes(clock: Clock, plane: RequestPlane, to: int) -> Iterator[RouteAsk]:
    """Run up to `to` (ns), and yield each ask. Requests happen up to the next event, which may change their ways,
    before that does: as they would without anybody outside. Raises ValueError where an ask was not answered."""
    router = plane.router
    assert isinstance(router, Outside)
    while True:
        due = clock.next_time()
        if plane.ask(to if due is None else min(due, to)):
            ask = router.pending
            assert ask is not None
            clock.wait(plane.paused_ns)
            yield ask
            if router.pending is ask:
                raise ValueError(f"a request to {ask.request.service} was not answered")
            router.ended.clear()
        elif not clock.step(to):
            break
    clock.run(to)


def _asker(world: World, scenario: Scenario) -> Asker:
    return Asker(world.clock, world.recorder, stops=scenario.on_policy_error == "stop", limit_s=LIMIT_S)
