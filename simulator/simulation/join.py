"""Workloads that join a running simulation, as if somebody had applied them just now."""

from __future__ import annotations

from simulator.errors import Problem, UserError
from simulator.simulation.build import Parts, compiled
from simulator.simulation.demand import add_behaviours, add_flows
from simulator.spec.check import check_resolved, check_scenario
from simulator.spec.function import Function
from simulator.spec.look import Look
from simulator.spec.scenario import Scenario
from simulator.spec.workload import Manifest, Requests, Service, Telemetry, labels

Item = Manifest | Service | Requests | Telemetry | Function


def join(parts: Parts, item: Item) -> None:
    """Let a workload begin now. Raises UserError, and changes nothing, for what the scenario with it gets wrong."""
    if isinstance(item, Function):
        said = f"function {item.name} cannot join a running simulation"
        raise UserError(Problem(said, hint="write it into the scenario"))
    plan, world = parts.plan, parts.world
    known = plan.scenario
    item = item.model_copy(update={"name": labels((*known.workloads, item))[-1]})
    whole = _with(known, (*known.workloads, item))
    names = [node.name for node in plan.layout.nodes], [link.name for link in plan.layout.links]
    problems = dict.fromkeys((*check_scenario(Look(whole)), *check_resolved(whole, *names)))
    if problems:
        raise UserError(problems)
    alone = _with(known, (item,))
    plan.scenario = whole
    if isinstance(item, Requests | Telemetry):
        add_flows(parts.plane, alone, plan.layout, world.network, world.rng, catalogue=plan.catalogue)
        return
    more = compiled(alone, plan.catalogue, plan.layout)
    plan.workload = plan.workload.joined(more)
    world.registry.add(more.images.values())
    add_behaviours(parts.plane, list(more.wanted), more.behaviours, known.folder)
    parts.cluster.apply(more.objects)


def _with(scenario: Scenario, workloads: tuple[Item, ...]) -> Scenario:
    return scenario.model_copy(update={"workloads": workloads}).placed(scenario.folder, scenario.facts)
