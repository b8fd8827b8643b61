"""What nodes send to a hub waits there: what the page says of it."""

from __future__ import annotations

from simulator.control.delivery.station import StationSettings
from simulator.physics.distributions import Constant
from simulator.spec.mechanism import Server
from simulator.spec.orchestrator import Orchestrator


def station(page: Orchestrator) -> StationSettings | None:
    """The station of the control plane; None where the page has none, and nothing ever waits."""
    server = page.find(Server)
    of = server.station if server is not None else None
    if of is None:
        return None
    limit = (of.qps, of.burst or 1) if of.qps is not None else None
    return StationSettings(of.workers, Constant(of.service), of.queue, limit, of.heartbeat)
