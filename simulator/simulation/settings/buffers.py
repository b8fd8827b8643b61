"""An orchestrator's page as the channels in which its edge nodes' messages wait for the cloud."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.spec.mechanism import HubChannel as Page
from simulator.spec.mechanism import Twin
from simulator.spec.orchestrator import Orchestrator
from simulator.traffic.buffers.channel import HubChannel, HubSettings
from simulator.units import SECOND


def hub_channels(page: Orchestrator, edge_nodes: Iterable[int], cloud: int) -> dict[int, HubChannel]:
    """A channel for each of these nodes to the machine `cloud`; none where the page has no such buffer."""
    of = page.find(Page)
    if of is None:
        return {}
    law = HubSettings(
        gap_ns=round(SECOND / of.rate),
        burst=of.burst,
        messages=of.messages,
        first_lost=of.first_lost,
        when_full=of.when_full,
        durable=of.store == "disk",
        twins=page.find(Twin) is not None,
    )
    return {node: HubChannel(node, cloud, law) for node in edge_nodes}
