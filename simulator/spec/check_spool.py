"""What flows that share a spool have to agree on."""

from __future__ import annotations

from collections.abc import Iterator

from simulator.errors import Problem
from simulator.spec.look import Look
from simulator.spec.workload import Telemetry


def check_spools(look: Look) -> Iterator[Problem]:
    """Flows that name one spool describe it alike, and send to one target: a gateway has one connection for it."""
    first: dict[str, Telemetry] = {}
    for number, item in enumerate(look.scenario.workloads):
        if not isinstance(item, Telemetry) or item.spool is None or item.spool.name is None:
            continue
        other = first.setdefault(item.spool.name, item)
        if other.spool != item.spool:
            said = f"spool {item.spool.name} is described in two ways"
            yield look.source.problem(("workloads", number, "spool"), said, "give every flow that shares it the same")
        elif other.target != item.target:
            said = f"flows that share spool {item.spool.name} send to {other.target} and to {item.target}"
            yield look.source.problem(("workloads", number, "target"), said, "give each target a spool of its own")
