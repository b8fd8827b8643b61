"""A link between two nodes: what it is, and what its cuts have made of it."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.units import SECOND

# What a cut can do. Overlapping cuts of one link add up: silence hides a refusal, either hides loss.
MODES = ("silent", "refused", "lossy", "one-way")


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One link as it is built. Times in ns, rates in bit/s.

    `latency_ns` is one way and equal in both directions; `up_bps` is the rate from `a` to `b`, `down_bps` from `b`
    to `a`. A message's delay is drawn uniformly from latency ± `jitter_ns` (what `tc netem delay TIME JITTER`
    does), so the mean stays the latency. `loss` is the probability that a packet is lost while nothing is cut.
    """

    name: str
    a: int
    b: int
    latency_ns: int
    up_bps: float
    down_bps: float
    jitter_ns: int = 0
    loss: float = 0.0
    model: str = ""

    def __post_init__(self) -> None:
        if self.a == self.b:
            raise ValueError(f"link {self.name} joins a node to itself")
        if self.latency_ns < 0 or not 0 <= self.jitter_ns <= self.latency_ns:
            raise ValueError(f"link {self.name}: latency must not be negative, jitter not above latency")
        if not (self.up_bps > 0 and self.down_bps > 0):
            raise ValueError(f"link {self.name}: a rate must be positive")
        if not 0 <= self.loss < 1:
            raise ValueError(f"link {self.name}: loss is a probability below 1")


def transmission_ns(size_bytes: int, rate_bps: float) -> int:
    """Time to put a message on a link: rounded once, here."""
    return round(size_bytes * 8 * SECOND / rate_bps)
