"""Messages that wait on edge nodes for the cloud: each node's channel hears what becomes of its session, and lets out
what the session itself sends in turn with the readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from simulator.control.delivery.session import Session
from simulator.engine.clock import Clock
from simulator.simulation.clusters.cluster import Cluster
from simulator.simulation.settings.buffers import hub_channels
from simulator.traffic.buffers.channel import HubChannel
from simulator.traffic.plane import RequestPlane


def add_buffers(plane: RequestPlane, clock: Clock, clusters: Iterable[Cluster]) -> None:
    """A channel for each session, where the orchestrator's page has a buffer."""
    for cluster in clusters:
        channels = hub_channels(cluster.page, cluster.sessions, cluster.reach.api_node)
        for node, channel in channels.items():
            plane.telemetry.attach(channel)
            _follow(channel, cluster.sessions[node], clock, plane)
            cluster.agents[node].up_hooks.append(partial(_started, channel, clock))


def _started(channel: HubChannel, clock: Clock, up: bool) -> None:
    if up:
        channel.restarted(clock.now)


def _follow(channel: HubChannel, session: Session, clock: Clock, plane: RequestPlane) -> None:
    words = {"opened": channel.opened, "broken": channel.broken, "noticed": channel.noticed}
    session.hooks.append(lambda word: words[word](clock.now))
    if not session.open:  # beyond the hub's limit: nobody reads what it sends
        channel.noticed(clock.now)
    session.leaves = channel.take
    session.sends_next = partial(_next, session.sends_next, channel.node, clock, plane)


def _next(before: Callable[[], int] | None, node: int, clock: Clock, plane: RequestPlane) -> int:
    """When the session sends something that is no keep-alive: what it knew of, or a message."""
    message = plane.telemetry.next_message(node, clock.now)
    return message if before is None else min(before(), message)
