"""A gateway's own connection to the endpoint of its messages, as the network lets it be now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from simulator.physics.capacity import Traced
from simulator.traffic.flows import TelemetryFlow
from simulator.traffic.sources import Session


@dataclass(frozen=True, slots=True)
class Connection:
    """Over `hops` to the endpoint `uid` (-1: a node) and over `back`; shut without a way, or where nobody listens.
    `odd`: jitter (ns) and loss of each hop there; empty where all are plain.

    `ways` is what each flow's messages meet on it, by name; `sends` how long the gateway is busy with one (ns), at the
    slowest link or at the one that has to be silent for longest; `acks` how long a packet of its protocol that carries
    no message takes back and there (ns). Those wait in no queue, and jitter, loss and traces leave them alone. Links
    that follow a trace are not in `sends`, but in `traced`: what each can send, and the bits of a message there.
    """

    open: bool = False
    uid: int = -1
    hops: tuple[int, ...] = ()
    back: tuple[int, ...] = ()
    odd: tuple[tuple[int, float], ...] = ()
    ways: Mapping[str, Session] = field(default_factory=dict, compare=False)
    sends: Mapping[str, int] = field(default_factory=dict, compare=False)
    acks: Mapping[str, tuple[int, int]] = field(default_factory=dict, compare=False)
    traced: Mapping[str, tuple[Traced, ...]] = field(default_factory=dict, compare=False)

    def arrives_ns(self, flow: TelemetryFlow) -> int:
        """From leaving the gateway to arrival, where nothing jitters: with quality of service 2 once the receiver has
        acknowledged the message (PUBREC) and been told to release it (PUBREL)."""
        way = self.ways[flow.name].delay_ns
        return way + sum(self.acks[flow.name]) if flow.qos == 2 else way

    def known_ns(self, flow: TelemetryFlow) -> int:
        """From arrival until the gateway knows of it, and forgets the message."""
        return self.acks[flow.name][0] if flow.qos else 0


NOWHERE: Final = Connection()
