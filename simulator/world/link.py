"""A link between two nodes: what it is, and what its cuts make of it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from math import prod
from typing import Final

from simulator.physics.capacity import Capacity

SILENT: Final = "silent"  # nothing passes, and nobody is told
REFUSED: Final = "refused"  # the router before the cut answers that there is no way
ONE_WAY: Final = "one-way"  # silent in one direction only
LOSSY: Final = "lossy"  # packets pass, or are lost, each by chance
APART: Final = "apart"  # a radio's link to a cell that does not serve it: as silent, and nothing has failed
# Where cuts of several modes overlap, the first of these names the link's state.
MODES: Final = (SILENT, REFUSED, ONE_WAY, LOSSY, APART)

Rates = tuple[tuple[int, float], ...]  # from each time (ns) on, a rate (bit/s)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One link as it is built. Times in ns, rates in bit/s.

    `latency_ns` is one way and equal in both directions; `up_bps` is the rate from `a` to `b`, `down_bps` from `b`
    to `a`. A message's delay is drawn uniformly from latency ± `jitter_ns` (what `tc netem delay TIME JITTER`
    does), so the mean stays the latency. `loss` is the probability that a packet is lost while nothing is cut.
    `traces` are rates that take the place of up_bps and down_bps, each from its time on: the last one stays, or, after
    `period_ns`, they come again. At a rate of 0 nothing is sent, and what waits is kept.
    `duty_cycle` is the share of the time in which a sender may send: who has sent for a time T is silent for
    T · (1 / duty_cycle - 1) after it, where T is the whole airtime, latency and serialisation.
    Where `promotion_ns` is not 0, its radio sleeps after `idle_ns` without traffic in either direction, and takes that
    long to wake (`simulator.world.promotion`).
    `radio` names the radio of `a` whose link it is, if it is one: of one radio's links at most one is whole.
    Raises ValueError for a link from a node to itself and for values that no link has.
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
    radio: str = ""
    duty_cycle: float = 1.0
    idle_ns: int = 0
    promotion_ns: int = 0
    traces: tuple[Rates, Rates] = ((), ())
    period_ns: int = 0

    def __post_init__(self) -> None:
        if self.a == self.b:
            raise ValueError(f"link {self.name} joins a node to itself")
        if not 0 <= self.jitter_ns <= self.latency_ns:
            raise ValueError(f"link {self.name}: its jitter must lie between 0 and its latency")
        if not (self.up_bps > 0 and self.down_bps > 0):
            raise ValueError(f"link {self.name}: a rate must be positive")
        if not 0 < self.duty_cycle <= 1:
            raise ValueError(f"link {self.name}: its duty cycle lies above 0 and is at most 1")
        if self.idle_ns < 0 or self.promotion_ns < 0:
            raise ValueError(f"link {self.name}: its radio neither sleeps nor wakes before it has been told to")
        if not 0 <= self.loss < 1:
            raise ValueError(f"link {self.name}: its loss is a probability below 1")
        try:
            self.capacities()
        except ValueError as error:
            raise ValueError(f"link {self.name}: {error}") from None
        if any(self.traces) and self.duty_cycle < 1:
            raise ValueError(f"link {self.name}: with a duty cycle it follows no trace")

    def capacities(self) -> tuple[Capacity | None, Capacity | None]:
        """What it can send, up and down, where a trace says so."""
        own = (self.up_bps, self.down_bps)
        up, down = (Capacity(a, b, self.period_ns) if b else None for a, b in zip(own, self.traces, strict=True))
        return up, down

    def within(self, most_bps: float) -> LinkRow:
        """The same link with no rate above this one."""
        up, down = (tuple((time, min(rate, most_bps)) for time, rate in trace) for trace in self.traces)
        return replace(
            self, up_bps=min(self.up_bps, most_bps), down_bps=min(self.down_bps, most_bps), traces=(up, down)
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut of a link: its mode, the added loss if it is lossy, and the direction that a one-way cut silences
    (0: from the link's first node to its second, 1: back)."""

    mode: str
    loss: float = 0.0
    direction: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"no mode {self.mode!r}: one of {', '.join(MODES)}")
        if (self.mode == LOSSY) != (0 < self.loss < 1):
            raise ValueError("a lossy cut has a loss above 0 and below 1, another one has none")
        if self.direction not in (0, 1):
            raise ValueError("a direction is 0 or 1")


@dataclass(frozen=True, slots=True)
class LinkState:
    """What all cuts of a link together make of it. `blocked` and `loss` are by direction."""

    mode: str = ""  # empty: whole
    blocked: tuple[str, str] = ("", "")  # "silent", "refused" or empty
    loss: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def under(cls, row: LinkRow, cuts: tuple[Cut, ...]) -> LinkState:
        """The state of a link under these cuts: silence hides a refusal, losses add up as independent chances."""
        modes = {cut.mode for cut in cuts}
        through = (1 - row.loss) * prod(1 - cut.loss for cut in cuts)
        everywhere = SILENT if SILENT in modes or APART in modes else REFUSED if REFUSED in modes else ""
        silenced = {cut.direction for cut in cuts if cut.mode == ONE_WAY}
        up, down = (SILENT if direction in silenced else everywhere for direction in (0, 1))
        return cls(next((m for m in MODES if m in modes), ""), (up, down), (1 - through, 1 - through))


class Outages:
    """When something was down: what decides whether a message under way met it."""

    __slots__ = ("_ends", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []  # one shorter while it is down

    def begin(self, now: int) -> None:
        """It goes down; it must be up."""
        self._starts.append(now)

    def end(self, now: int) -> None:
        """It comes back; it must be down."""
        self._ends.append(now)

    def met(self, enter: int, leave: int) -> bool:
        """Whether it was down at any time strictly before `leave` and after `enter`.

        What has left by the instant of a failure has passed; what enters at the instant of a recovery passes too.
        """
        last = bisect_left(self._starts, leave) - 1  # the last outage that began before leaving
        return last >= 0 and (last >= len(self._ends) or self._ends[last] > enter)
