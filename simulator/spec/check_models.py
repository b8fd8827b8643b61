"""Whether the models that a scenario names are in the catalogue, and who has the runtimes that it asks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simulator.errors import Problem, UserError
from simulator.facts import Catalogue
from simulator.facts.stack import handlers, pages_of
from simulator.facts.yaml import Path as Place
from simulator.spec.look import Look
from simulator.spec.near import did_you_mean
from simulator.spec.scenario import Scenario
from simulator.spec.system import runtimes_of
from simulator.spec.topology import DEFAULT_RUNTIME


def check_models(look: Look) -> Iterator[Problem]:
    """Every model that is named is in the catalogue, and so is every fact that is set."""
    named = list(named_models(look.scenario))
    catalogue = Catalogue(folder=look.scenario.folder)
    for place, kind, name in named:
        if (kind, name) not in look.shelf.models:
            look.shelf.models[kind, name] = tuple(_unreadable(catalogue, kind, name))
        for problem in look.shelf.models[kind, name]:
            # What is wrong in a model's own page stands there.
            yield problem if problem.file else look.source.problem(place, problem.message, problem.hint)
    if look.scenario.facts:
        over = Catalogue(look.scenario.facts, folder=look.scenario.folder)
        for problem in over.check_overrides((kind, name) for _, kind, name in named):
            yield look.source.problem((problem.path,), problem.message, problem.hint)


def named_models(scenario: Scenario) -> Iterator[tuple[Place, str, str]]:
    """Every model that the scenario names: where, its kind, its name."""
    for name, cluster in scenario.family.items():
        where: Place = ("clusters", name, "orchestrator") if name else ("orchestrator",)
        yield where, "orchestrators", cluster.orchestrator
    for number, node in enumerate(scenario.world.nodes):
        yield ("topology", "nodes", number, "model"), "nodes", node.model
        if node.system is not None:
            yield ("topology", "nodes", number, "system"), "systems", node.system
        if node.battery is not None:
            yield ("topology", "nodes", number, "battery", "model"), "batteries", node.battery.model
        if node.solar is not None:
            yield ("topology", "nodes", number, "solar", "model"), "panels", node.solar.model
        for index, runtime in enumerate(node.runtimes):
            for page in pages_of(runtime):
                yield ("topology", "nodes", number, "runtimes", index), "runtimes", page
    for number, link in enumerate(scenario.world.links):
        if link.model is not None:
            yield ("topology", "links", number, "model"), "links", link.model
    for number, cover in enumerate(scenario.coverage):
        yield ("coverage", number, "model"), "links", cover.model


def _unreadable(catalogue: Catalogue, kind: str, name: str) -> Iterable[Problem]:
    try:
        catalogue.model(kind, name)
    except UserError as error:
        return error.problems
    return ()


def check_runtimes(look: Look) -> Iterator[Problem]:
    """Some node that is written out has the runtime that is asked for, by its whole name or an end of it."""
    if look.nodes is None:
        return
    workers = [node for node in look.scenario.world.nodes if node.role in ("worker", "control-plane")]
    catalogue = Catalogue(look.scenario.facts, folder=look.scenario.folder)
    try:
        written = {name for node in workers for name in runtimes_of(catalogue, node) or (DEFAULT_RUNTIME,)}
    except UserError:  # of a system that is not there: told where models are checked
        return
    known = {handler for name in written for handler in handlers(name)}
    asked = [(number, item.runtime) for number, item in look.services]
    asked += [(number, item.runtime) for number, item in look.functions]
    places: list[tuple[Place, str | None]] = [(("workloads", number, "runtime"), runtime) for number, runtime in asked]
    places += [
        (("workloads", number, "variants", row, "runtime"), variant.runtime)
        for number, item in look.functions
        for row, variant in enumerate(item.variants)
    ]
    for place, runtime in places:
        if runtime is not None and runtime not in known:
            yield look.source.problem(place, f"no node has the runtime {runtime}", did_you_mean(runtime, known))
