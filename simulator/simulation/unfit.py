"""Machines that cannot run what is named for them, where that is an outcome and no mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from simulator.errors import Problem
from simulator.facts import Catalogue
from simulator.simulation.layout import Layout, check_machines
from simulator.simulation.runtimes import check_stacks
from simulator.simulation.systems import check_systems
from simulator.spec.orchestrator import Orchestrator
from simulator.spec.problems import UNKNOWN
from simulator.spec.scenario import Scenario


def leave_out(
    scenario: Scenario, catalogue: Catalogue, pages: Mapping[str, Orchestrator], layout: Layout
) -> tuple[Layout, dict[str, str]]:
    """The place with only those members that nothing refuses, and why each other one is none: it stays as a device,
    without an agent and a system. Control planes are never left out: what is wrong with them is a mistake."""
    refused: dict[int, str] = {}
    for index in range(len(layout.nodes)):
        if index not in layout.control_planes and (
            why := "; ".join(problem.message for problem in _refuses(scenario, catalogue, pages, layout, index))
        ):
            refused[index] = why
    nodes = tuple(
        replace(node, role="device", system="") if index in refused else node for index, node in enumerate(layout.nodes)
    )
    return _without(replace(layout, nodes=nodes), refused), {nodes[i].name: why for i, why in refused.items()}


def _refuses(
    scenario: Scenario, catalogue: Catalogue, pages: Mapping[str, Orchestrator], layout: Layout, index: int
) -> Iterator[Problem]:
    """What is said against one machine."""
    shares = {name: share for name, share in layout.clusters.items() if index in share.members}
    alone = {name: replace(share, members=(index,)) for name, share in shares.items()}
    for name, share in alone.items():
        yield from check_machines(pages[name], share, scenario.world)
    yield from check_stacks(scenario, catalogue, [layout.nodes[index]], UNKNOWN)
    yield from check_systems(scenario, catalogue, pages, replace(layout, clusters=alone), UNKNOWN, only=index)


def _without(layout: Layout, refused: Mapping[int, str]) -> Layout:
    clusters = {name: replace(_without(share, refused), nodes=layout.nodes) for name, share in layout.clusters.items()}
    return replace(layout, members=tuple(i for i in layout.members if i not in refused), clusters=clusters)
