"""What a scenario asks for that its fidelity leaves out."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.errors import Problem
from simulator.spec.look import Look
from simulator.spec.pods import Pods

_HINT = "fidelity: full has it"
_LOOPS = ("rescheduling", "autoscaling", "caching")


def check_fidelity(look: Look) -> Iterator[Problem]:
    """`fidelity: scheduling` knows one cluster, bare pods, and no faults: nodes have no agents."""
    scenario = look.scenario
    if scenario.fidelity == "full":
        return
    for number, item in enumerate(scenario.workloads):
        if not isinstance(item, Pods):
            said = f"fidelity: scheduling has no workloads of kind {item.kind}, only pods"
            yield look.source.problem(("workloads", number, "kind"), said, _HINT)
    for number, fault in enumerate(scenario.faults):
        said = f"fidelity: scheduling has no faults, and so no {fault.kind}"
        yield look.source.problem(("faults", number, "kind"), said, _HINT)
    if scenario.policies is not None and scenario.policies.perfect_knowledge:
        said = "fidelity: scheduling has nothing that is otherwise than believed"
        yield look.source.problem(("policies", "perfect_knowledge"), said, _HINT)
    for point in _LOOPS:
        if getattr(scenario.policies, point, None) is not None:
            said = f"fidelity: scheduling has no loop that asks for {point}"
            yield look.source.problem(("policies", point), said, _HINT)
    if scenario.clusters is not None:
        yield look.source.problem(("clusters",), "fidelity: scheduling has one cluster", _HINT)
    if scenario.start == "placed":
        yield look.source.problem(("start",), "fidelity: scheduling begins with empty nodes", _HINT)
    for name, image in scenario.images.items():
        if image.prepulled:
            said = "fidelity: scheduling pulls no images, so none is prepulled"
            yield look.source.problem(("images", name, "prepulled"), said, _HINT)
