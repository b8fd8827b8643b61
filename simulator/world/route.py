"""Routes: shortest by latency over what is up, cheap where the network is a tree."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """A way through the network: directed links in order, the sum of their latencies, the smallest of their rates.

    Directed link 2·i leads from `a` to `b` of link i, 2·i+1 back. Without hops (a node to itself) the latency is 0
    and the rate infinite.
    """

    hops: tuple[int, ...]
    latency_ns: int
    bottleneck_bps: float


@dataclass(frozen=True, slots=True)
class Retransmission:
    """How TCP repeats what was lost (RFC 6298): the first time-out is max(`first_ns`, 2 × round trip), each later
    one doubles up to `cap_ns`; after `tries` repetitions the message is lost."""

    first_ns: int
    cap_ns: int
    tries: int
