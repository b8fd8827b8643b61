"""Workloads, and updates of them, that join a running simulation, as if somebody had thought of them just now."""

from __future__ import annotations

from simulator.control.api.patient import once_up
from simulator.errors import Problem, UserError
from simulator.simulation.build import Parts
from simulator.simulation.demand import add_behaviours, add_flows
from simulator.simulation.mischief import moment
from simulator.simulation.models import add_model, check_models
from simulator.simulation.plan import compiled
from simulator.simulation.rebuild import check_linked
from simulator.spec.check import check_resolved, check_scenario, check_updates
from simulator.spec.commands import Commands
from simulator.spec.faults import Update
from simulator.spec.function import Function
from simulator.spec.look import Look
from simulator.spec.pods import Pods
from simulator.spec.quantity import Duration
from simulator.spec.scenario import Scenario
from simulator.spec.workload import Manifest, Model, Requests, Service, Telemetry, labels

Item = Manifest | Service | Model | Requests | Telemetry | Commands | Function | Pods

_Flow = Requests | Telemetry | Commands


def join(parts: Parts, item: Item) -> None:
    """Let a workload begin at its own time or now. Raises UserError, and changes nothing, for what the scenario with
    it gets wrong."""
    if isinstance(item, Function | Pods):
        said = f"{item.kind} {item.name} cannot join a running simulation"
        raise UserError(Problem(said, hint="write it into the scenario"))
    plan, world = parts.plan, parts.world
    known = plan.scenario
    item = item.model_copy(update={"name": labels((*known.workloads, item))[-1]})
    at = (
        world.clock.now
        if isinstance(item, Requests | Telemetry | Commands)
        else moment(world.clock, item.at, item.kind)
    )
    whole = _with(known, (*known.workloads, item))
    names = [node.name for node in plan.layout.nodes], [link.name for link in plan.layout.links]
    problems = dict.fromkeys(
        (
            *check_scenario(Look(whole)),
            *check_resolved(whole, *names),
            *check_models(Look(whole), plan.page, plan.share),
        )
    )
    if problems:
        raise UserError(problems)
    alone = _with(known, (item,))
    plan.scenario = whole
    if isinstance(item, _Flow):
        add_flows(
            parts.plane, alone, plan.layout, world.network, world.rng,
            catalogue=plan.catalogue, first=len(known.workloads),
        )  # fmt: skip
        return
    if isinstance(item, Model):
        add_model(world, parts.cluster, item, at)
        return
    more = compiled(alone, plan.catalogue, plan.layout)
    plan.workload = plan.workload.joined(more)
    world.registry.add(more.images.values())
    add_behaviours(parts.plane, list(more.wanted), more.behaviours, known.folder)
    if item.at is None:
        parts.cluster.apply(more.objects)
    else:
        once_up(world.clock, parts.cluster.server, at, lambda: parts.cluster.apply(more.objects))


def update(parts: Parts, fault: Update) -> None:
    """Let somebody give a workload another image now, or at the update's own time. Raises UserError, and changes
    nothing, for a workload that is not there; an image that is described nowhere takes the default, with a note."""
    plan, clock = parts.plan, parts.world.clock
    known = plan.scenario
    nameless = fault.model_copy(update={"name": None, "at": Duration(f"{moment(clock, fault.at, fault.kind)}ns")})
    alone = known.model_copy(update={"faults": (nameless,)}).placed(known.folder, known.facts)
    machines = [plan.layout.nodes[i] for i in plan.layout.members]
    problems = [
        *check_updates(Look(alone)),
        *check_linked(Look(alone), plan.catalogue, plan.workload.objects, machines),
    ]
    if problems:
        raise UserError(problems)
    more = compiled(_with(alone, ()), plan.catalogue, plan.layout)
    plan.scenario = known.model_copy(update={"faults": (*known.faults, nameless)}).placed(known.folder, known.facts)
    plan.workload = plan.workload.joined(more)
    parts.world.registry.add(more.images.values())
    parts.mischief.add(fault)


def _with(scenario: Scenario, workloads: tuple[Item, ...]) -> Scenario:
    return scenario.model_copy(update={"workloads": workloads}).placed(scenario.folder, scenario.facts)
