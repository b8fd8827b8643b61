"""Who sends commands, and over what they do not go."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.errors import Problem
from simulator.spec.commands import Commands
from simulator.spec.look import Look
from simulator.spec.near import did_you_mean
from simulator.spec.topology import matching


def check_commands(look: Look) -> Iterator[Problem]:
    """A service sends them, or one machine, to others."""
    for number, item in enumerate(look.scenario.workloads):
        if not isinstance(item, Commands) or look.nodes is None or not look.complete:
            continue
        if item.source not in look.targets and item.source not in look.nodes:
            hint = did_you_mean(item.source, [*look.targets, *look.nodes], "services and machines are")
            said = f"no service and no machine is named {item.source}"
            yield look.source.problem(("workloads", number, "source"), said, hint)
        elif item.source in look.targets and item.source in look.nodes:
            said = f"{item.source} is a service and a machine, so nobody knows who sends commands"
            yield look.source.problem(("workloads", number, "source"), said, "give one of them another name")
        elif item.source in look.nodes and matching(item.target, [item.source]):
            said = f"{item.source} sends commands to itself"
            yield look.source.problem(("workloads", number, "target"), said, "match other machines")
