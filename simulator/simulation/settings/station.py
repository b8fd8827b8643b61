"""What nodes send to a hub waits there: what the page says of it."""

from __future__ import annotations

from simulator.control.delivery.station import StationSettings
from simulator.physics.distributions import Constant
from simulator.spec.mechanism import Server
from simulator.spec.orchestrator import Orchestrator


def station(page: Orchestrator, name: str | None = None) -> StationSettings | None:
    """The station of the server of this name, or of the page's first; None where it has none, and nothing waits."""
    servers = [each for each in page.components if isinstance(each, Server) and name in (None, each.name)]
    of = servers[0].station if servers else None
    if of is None:
        return None
    limit = (of.qps, of.burst or 1) if of.qps is not None else None
    return StationSettings(of.workers, Constant(of.service), of.queue, limit, of.heartbeat, of.overtakes or 0)
