"""What every cluster of a simulation stands on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from simulator.control.scheduling.beliefs import Atlas
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.world.message import Retransmission
from simulator.world.network import Network
from simulator.world.node import NodeTable
from simulator.world.registry import Registry


@dataclass(slots=True)
class World:
    """What physically is, and the means to record and draw."""

    clock: Clock
    rng: Rng
    recorder: Recorder
    nodes: NodeTable
    network: Network
    registry: Registry
    tcp: Retransmission
    atlas: Atlas | None = None
    uids: Iterator[int] = field(default_factory=lambda: count(1))  # of all API objects: no two have one
