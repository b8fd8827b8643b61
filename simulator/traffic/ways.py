"""The links as requests meet them: one queue for each direction of each link, and the ways that lead over them."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.streams import key
from simulator.traffic.calls import Choice, Step, Steps
from simulator.traffic.kernels.capacity import Line
from simulator.traffic.tries import ARRIVE, BACK, LINK
from simulator.units import SECOND
from simulator.world.link import LinkState
from simulator.world.message import Retransmission
from simulator.world.network import Network
from simulator.world.node import NodeTable
from simulator.world.promotion import Promotion

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

OUT: Final = "out"
HOME: Final = "back"
_REMEMBERED: Final = 1 << 17  # ways


class Oddity:
    """What sets a directed link apart now: it is blocked, or it jitters, or it loses packets, or its radio sleeps, or
    its rate follows a trace, and its queue is a `line`."""

    __slots__ = ("blocked", "jitter_ns", "line", "loss", "radio", "spread_ns")

    def __init__(
        self, blocked: str, jitter_ns: int, loss: float, radio: Promotion | None = None, line: Line | None = None
    ) -> None:
        self.blocked, self.jitter_ns, self.loss, self.radio, self.line = blocked, jitter_ns, loss, radio, line
        self.spread_ns = 2 * jitter_ns

    def jittered(self, latency_ns: int, u: float) -> int:
        """The latency of one message, uniform over latency ± jitter."""
        return latency_ns + int(u * self.spread_ns + 0.5) - self.jitter_ns


class Ways:
    """Every directed link's queue: `free[d]` is when it has sent all that it was given so far (ns), `lines[d]` the
    queue itself where its rate follows a trace."""

    __slots__ = ("_latency", "_network", "_nodes", "_seen_up", "_states", "_steps", "_touched", "free", "lines", "odd",
                 "retransmission", "up")  # fmt: skip

    def __init__(self, network: Network, nodes: NodeTable, retransmission: Retransmission | None) -> None:
        self._network, self._nodes = network, nodes
        self.retransmission = retransmission
        self._latency = [row.latency_ns for row in network.links]
        self.free = [0] * (2 * len(network.links))
        self.lines = [None if each is None else Line(each) for each in network.capacities]
        self.odd: list[Oddity | None] = [None] * len(self.free)
        self._touched = network.watch()
        self._states: list[LinkState | None] = [None] * len(network.links)
        for radio in network.radios:
            if radio is not None:
                radio.queues = self.free
        self.up: list[bool] = nodes.up.tolist()
        self._seen_up = nodes.up.copy()
        self._steps: dict[tuple[tuple[int, ...], int, str], Steps] = {}
        self.refresh(0)

    def ends(self, hop: int) -> tuple[int, int]:
        """The nodes that a directed link leads from and to."""
        row = self._network.links[hop >> 1]
        return (row.b, row.a) if hop & 1 else (row.a, row.b)

    def blocked(self, hop: int) -> str:
        """ "silent", "refused", or empty where a directed link takes messages."""
        odd = self.odd[hop]
        return "" if odd is None else odd.blocked

    def radio(self, hop: int) -> Promotion | None:
        """The radio behind a directed link, if it is one that sleeps."""
        return self._network.radios[hop >> 1]

    def refresh(self, now: int) -> list[int]:
        """Look at the network again; the directed links that are blocked now and were not. Their queues are gone."""
        up, stopped = self.up.copy(), list[int]()
        for node in np.flatnonzero(self._nodes.up != self._seen_up).tolist():
            up[node] = not up[node]
        for i in sorted(self._touched):
            row = self._network.links[i]
            a, b, state, seen = row.a, row.b, self._network.states[i], self._states[i]
            if state is seen and up[a] == self.up[a] and up[b] == self.up[b]:
                continue
            self._states[i] = state
            radio = self._network.radios[i]
            for hop in (2 * i, 2 * i + 1):
                blocked = state.blocked[hop & 1] if up[a] and up[b] else "silent"
                loss, line = state.loss[hop & 1], self.lines[hop]
                if blocked and not self.blocked(hop):
                    stopped.append(hop)
                    if radio is not None:
                        radio.stopped(hop, now)
                    self.free[hop] = 0
                    if line is not None:
                        line.given = 0
                plain = not (blocked or row.jitter_ns or loss or radio or line)
                self.odd[hop] = None if plain else Oddity(blocked, row.jitter_ns, loss, radio, line)
        self.up = up
        self._seen_up = self._nodes.up.copy()
        self._touched.clear()
        if len(self._steps) > _REMEMBERED:
            self._steps.clear()
        return stopped

    def steps(self, hops: tuple[int, ...], size_bytes: int, then: int, name: str) -> Steps:
        """A way of a message of this size, the same object as long as it is remembered: every hop takes at least 1 ns.
        `then` follows the last; `name`, of the site and there or back, decides it and names the draws on the way."""
        known = self._steps.get((hops, size_bytes, name))
        if known is None:
            last = len(hops) - 1
            known = self._steps[hops, size_bytes, name] = tuple(
                (
                    hop,
                    max(1, self._network.sends_ns(hop, size_bytes)),
                    self._latency[hop >> 1],
                    then if i == last else LINK,
                    f"hop/{name}/{i}",
                    max(1, 8 * size_bytes),
                )
                for i, hop in enumerate(hops)
            )
        return known

    def airtime(self, step: Step) -> int:
        """How long a sender is not free for another message of this size (ns): while it sends, and, where it may do so
        only in a share of the time, while it is silent for that. Over a link with a trace: at its mean rate."""
        line = self.lines[step[0]]
        if line is not None:
            return ceil(step[5] * SECOND / line.capacity.mean_bps)
        duty = self._network.links[step[0] >> 1].duty_cycle
        return step[1] if duty == 1 else ceil((step[1] + step[2]) / duty)

    def limited(self, hops: tuple[int, ...]) -> str:
        """The name of a link among these on which one may send only in a share of the time; empty if there is none."""
        rows = (self._network.links[hop >> 1] for hop in hops)
        return next((row.name for row in rows if row.duty_cycle < 1), "")

    def travel(self, step: Step, odd: Oddity, round_trip_ns: int, jitter: float, loss: float) -> int:
        """How long a message travels over a link that jitters or loses packets, from uniforms; -1 if it is lost.

        Jitter is uniform. A packet that is lost is repeated by TCP, as often as it is lost again: pure delay, which
        holds nobody up (`simulator.world.message.Retransmission` says how long); without TCP the message is lost.
        """
        travels = odd.jittered(step[2], jitter)
        chance, repeated, tcp = odd.loss, 0, self.retransmission
        while loss < chance:
            if tcp is None or repeated == tcp.tries:
                return -1
            travels += min((round_trip_ns + tcp.least_ns) << repeated, tcp.most_ns)
            repeated += 1
            chance *= odd.loss
        return travels

    def travel_all(
        self,
        travels: Ints,
        jitter_ns: Ints,
        chance: Floats,
        round_trip_ns: Ints,
        *,
        jitter: Floats,
        loss: Floats,
        repeats: Retransmission | None,
    ) -> Ints:
        """`travel` for many messages at once, with what is lost repeated this way."""
        travels = travels + (jitter * (2 * jitter_ns) + 0.5).astype(np.int64) - jitter_ns
        repeated, chances = 0, chance.copy()
        while (again := np.flatnonzero(loss < chances)).size:
            if repeats is None or repeated == repeats.tries:
                travels[again] = -1
                break
            travels[again] += np.minimum((round_trip_ns[again] + repeats.least_ns) << repeated, repeats.most_ns)
            repeated += 1
            chances *= chance
        return travels

    def find(self, choice: Choice) -> None:
        """The way to an endpoint as the network is now, and back."""
        network, site = self._network, choice.site
        route = network.route(choice.asker, choice.station.node)
        if route is None:
            choice.blocked, there = network.obstacle(choice.asker, choice.station.node)
            choice.notice_ns = max(1, 2 * sum(self._latency[hop >> 1] for hop in there))
        else:
            network.must_be_free(route.hops, f"requests of {site.name}")
            choice.out = self.steps(route.hops, site.request_bytes, ARRIVE, f"{site.name}/{OUT}")
        self.find_back(choice)

    def find_back(self, choice: Choice) -> None:
        """The way back from an endpoint as the network is now."""
        site, route = choice.site, self._network.route(choice.station.node, choice.asker)
        choice.back = None
        if route is not None:
            choice.back = self.steps(route.hops, site.response_bytes, BACK, f"{site.name}/{HOME}")
        choice.seen = self._network.changes

    def notice_ns(self, sender: int, asker: int) -> int | None:
        """How long a refusal or a reset takes from a node to who asked; None if it never gets there.

        It is small: it waits in no queue, and jitter and loss leave it alone.
        """
        route = self._network.route(sender, asker)
        return None if route is None else max(1, route.latency_ns)


def round_trip(steps: Steps) -> int:
    """Twice the latency of a way, in ns."""
    return 2 * sum(step[2] for step in steps)


def identity(name: str, number: int, user: int | None = None) -> int:
    """The identity of a source in draws: its node's name, told apart where a node is named twice or has users."""
    text = name if number == 0 else f"{name}#{number}"
    return key(text if user is None else f"{text}@{user}")
