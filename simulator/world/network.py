"""The network: links that fail and heal, routes over what is up, messages lost on the way, bulk transfers.

Routing converges at once: a message sent after a cut takes the shortest way that is left, and only where none is
left does the cut's mode show.

Bulk and small traffic share a link by priority: messages, requests and telemetry are sent as if no transfer were on it,
and are taken to be so little that transfers have the whole rate left. Telemetry that takes a noticeable share of a link
is a warning (`simulator.traffic.telemetry`). A radio that sleeps (`simulator.world.promotion`) is woken and kept awake
by all of them alike.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from math import inf
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.engine.clock import Clock
from simulator.engine.sharing import Transfer
from simulator.errors import Problem, UserError
from simulator.physics.tcp import TcpBounds
from simulator.physics.transmission import serialisation_ns
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.world.bulk import Bulk
from simulator.world.clocks import Clocks
from simulator.world.link import APART, Cut, LinkRow, LinkState, Outages
from simulator.world.message import Courier, MessageCounts, Retransmission
from simulator.world.node import NodeTable
from simulator.world.obstacles import Access, Obstacles
from simulator.world.promotion import Promotion, promotions
from simulator.world.rates import follow
from simulator.world.route import Route, Router

_CALLED: Final = {"": "up", APART: APART}  # the state of a link by its mode; with any other, cut


class Network:
    """Every link between the nodes, with its state. Directed link 2·i leads from `a` to `b` of link i, 2·i+1 back.

    Whoever keeps state that links and nodes decide (streams of requests, liveness, channels) appends to
    `before_change`, to settle itself up to now, and to `after_change`, to look again. The first is called, too, before
    it matters whether requests have kept a radio awake. Rates that follow a trace are no change of state, for what is
    sent follows its `capacities`: `before_rates` is called before each, `after_stall` when one has become 0, or no
    longer is.
    """

    __slots__ = (
        "_at",
        "_bulk",
        "_clock",
        "_courier",
        "_cuts",
        "_link_outages",
        "_node_outages",
        "_nodes",
        "_obstacles",
        "_recorder",
        "_router",
        "_tokens",
        "_watchers",
        "after_change",
        "after_stall",
        "before_change",
        "before_rates",
        "capacities",
        "changes",
        "clocks",
        "index",
        "links",
        "radios",
        "rate_bps",
        "states",
    )

    def __init__(
        self,
        clock: Clock,
        nodes: NodeTable,
        links: Sequence[LinkRow],
        recorder: Recorder,
        rng: Rng,
        *,
        retransmission: Retransmission | None = None,
        bounds: TcpBounds | None = None,
    ) -> None:
        self._clock, self._nodes, self._recorder = clock, nodes, recorder
        self.links = tuple(links)
        self.index = {row.name: i for i, row in enumerate(self.links)}
        if len(self.index) != len(self.links):
            raise ValueError("two links have one name")
        self.rate_bps = [rate for row in self.links for rate in (row.up_bps, row.down_bps)]  # by directed link
        self.states = [LinkState.under(row, ()) for row in self.links]
        self.radios = promotions(self.links)  # by link, where one sleeps
        self.changes = 0  # of state, so far
        self.clocks = Clocks(clock)  # of the nodes: who opens a connection looks at a certificate by them
        self._watchers: list[set[int]] = []
        self.before_change: list[Callable[[], None]] = []
        self.after_change: list[Callable[[], None]] = []
        self.before_rates: list[Callable[[], None]] = []
        self.after_stall: list[Callable[[], None]] = []
        self.capacities = [each for row in self.links for each in row.capacities()]  # by directed link, with a trace
        self._at: list[list[int]] = [[] for _ in range(len(nodes))]  # links at each node
        for i, row in enumerate(self.links):
            self._at[row.a].append(i)
            self._at[row.b].append(i)
        self._cuts: list[dict[int, Cut]] = [{} for _ in self.links]
        self._tokens = 0
        self._link_outages = [Outages() for _ in self.rate_bps]
        self._node_outages = [Outages() for _ in range(len(nodes))]
        self._router = Router(len(nodes), self.links, radios=True)
        self._obstacles = Obstacles(nodes, self.links, self.states, self._router, self.route)
        self._bulk = Bulk(
            clock, self.links, self.rate_bps, loss=self.loss, radios=self.radios, bounds=bounds,
            settle=partial(_call, self.before_change),
        )  # fmt: skip
        self._courier = Courier(clock, rng, self, retransmission)
        traces = {
            2 * i + way: (trace, row.period_ns)
            for i, row in enumerate(self.links)
            for way, trace in enumerate(row.traces)
            if trace
        }
        if traces:
            follow(clock, traces, self._set_rates)

    # What is there.

    def route(self, a: int, b: int) -> Route | None:
        """The shortest route by latency, then hops, over links and nodes that are up; None when there is none.

        The same object as long as it is the same way.
        """
        if a == b and not self._nodes.up[a]:
            return None
        return self._router.route(a, b)

    def only_way_out(self, node: int, ignoring: Collection[int]) -> int | None:
        """The directed link with which every way from a node begins now, but to those that are ignored; None where
        there is none, or a choice."""
        usable, ends = self._router.usable, self._router.ends
        out = [hop for link in self._at[node] if usable[hop := 2 * link + (self.links[link].b == node)]]
        out = [hop for hop in out if ends(hop)[1] not in ignoring]
        return out[0] if len(out) == 1 else None

    def decider(self, link: int) -> int:
        """See `Router.decider`."""
        return self._router.decider(link)

    def decided_by(self, a: int, b: int) -> tuple[set[int], tuple[int, int] | None]:
        """See `Router.decided_by`."""
        return self._router.decided_by(a, b)

    def across(self, a: int, b: int) -> tuple[int, ...] | None:
        """See `Router.across`."""
        return self._router.across(a, b)

    @property
    def core_changes(self) -> int:
        """How often what can be used of the core has changed."""
        return self._router.core_changes

    def intact(self, a: int, b: int) -> Route | None:
        """The route that there would be if nothing had failed and every radio reached all of its cells."""
        return self._obstacles.intact(a, b)

    def access(self, a: int, b: int) -> Access:
        """What somebody at `a` who sends to `b` meets now; what the answer meets is `access(b, a)`.

        Loss counts as ok. Where no way is left, the first obstacle on the way that an intact network offers answers:
        a dead node and a silent link with silence, a refused link, or a network that never had a way, with a refusal.
        """
        return "ok" if self.route(a, b) is not None else self.obstacle(a, b)[0]

    def delay_ns(self, a: int, b: int, size_bytes: int) -> int | None:
        """Σ over hops of (latency + serialisation of the whole message), with no queue; None when not reachable.

        A link that follows a trace counts with its largest rate.
        """
        route = self.route(a, b)
        if route is None:
            return None
        return route.latency_ns + sum(self.sends_ns(hop, size_bytes) for hop in route.hops)

    def sends_ns(self, hop: int, size_bytes: int) -> int:
        """How long a directed link takes to send a message, at the largest rate of its trace if it follows one."""
        capacity = self.capacities[hop]
        return serialisation_ns(size_bytes, self.rate_bps[hop] if capacity is None else capacity.fastest_bps)

    def sent(self, hop: int, size_bytes: int, start: int) -> int:
        """When a message is sent over a directed link that begins to be sent at `start`, and waits for no other."""
        capacity = self.capacities[hop]
        if capacity is None:
            return start + serialisation_ns(size_bytes, self.rate_bps[hop])
        return capacity.after(start, 8 * size_bytes)

    def stalled(self, route: Route | None) -> bool:
        """Whether nothing moves on a route now, for a rate of 0 in a trace."""
        return route is not None and any(not self.rate_bps[hop] for hop in route.hops)

    def loss(self, hop: int) -> float:
        """The probability that a directed link loses a packet now."""
        return self.states[hop >> 1].loss[hop & 1]

    def must_be_free(self, hops: Sequence[int], what: str) -> None:
        """Refuse what is no telemetry over links on which one may send in a share of time only. Raises UserError."""
        for hop in hops:
            row = self.links[hop >> 1]
            if row.duty_cycle < 1:
                said = f"{what} lead over link {row.name}, which has a duty cycle"
                raise UserError(Problem(said, hint="only telemetry is sent over such links"))

    def is_up(self, node: int) -> bool:
        """Whether a node has power."""
        return bool(self._nodes.up[node])

    def powered(self) -> NDArray[np.bool_]:
        """Whether each node has power now."""
        return self._nodes.up.copy()

    def obstacle(self, a: int, b: int) -> tuple[Access, tuple[int, ...]]:
        """Where there is no route: what the first obstacle answers, and the directed links up to it."""
        return self._obstacles.first(a, b)

    def failed_under(self, hop: int, enter: int, out: int, leave: int, kept: int) -> bool:
        """Whether something failed under what crossed a directed link from `enter` to `leave`: the link meanwhile, its
        sender before the last bit was `out`, or its receiver from then until the message was no longer `kept` there."""
        sender, receiver = self._router.ends(hop)
        return (
            self._node_outages[sender].met(enter, out)
            or self._link_outages[hop].met(enter, leave)
            or self._node_outages[receiver].met(leave, kept)
        )

    @property
    def messages(self) -> MessageCounts:
        """Control messages so far, by outcome."""
        return self._courier.counts

    @property
    def bytes_carried(self) -> list[float]:
        """By directed link: bytes that have crossed it so far, in messages and in transfers."""
        return [count + self._bulk.sharing.carried(hop) for hop, count in enumerate(self._courier.carried)]

    def watch(self) -> set[int]:
        """Links, all at first, that change, in their rates, too, or an end of which does, from now on: for somebody to
        look at and empty."""
        self._watchers.append(set(range(len(self.links))))
        return self._watchers[-1]

    # What is sent.

    def send(
        self,
        a: int,
        b: int,
        size_bytes: int,
        arrive: Callable[..., object],
        *args: Any,
        failed: Callable[[], object] | None = None,
        lost: Callable[..., object] | None = None,
    ) -> None:
        """Send a control message: `arrive(*args)` when it has crossed its route, with jitter and, where packets are
        lost, TCP's waits before repetition; nothing at all when it is lost. Where it is refused, `failed()` after the
        round trip to the point of refusal. Control messages wait in no queue.

        `lost(*args)`, which only a record may ask for, is called when it is lost: at once, or when it would have
        arrived.

        From one node to another messages arrive in the order in which they were sent, as on one TCP connection
        (client-go multiplexes all calls of a client on one HTTP/2 connection).
        """
        self._courier.send(a, b, size_bytes, arrive, args=args, failed=failed, lost=lost)

    def connected(self, radio: Promotion, hop: int, size_bytes: int) -> int:
        """When a message that is at the radio of a directed link now begins to be sent."""
        now = self._clock.now
        if not radio.awake(now):
            _call(self.before_change)
            radio.meet(now)
        start = max(now, radio.ready)
        radio.note(now, self.sent(hop, size_bytes, start))
        return start

    def transfer(self, a: int, b: int, size_bytes: int, limit_bps: float = inf) -> Transfer:
        """Bulk bytes from `a` to `b` from now on: `.done` succeeds with True when all have crossed the links, with
        False as soon as one of the links or nodes goes down in either direction; at once if there is no way.

        Fluid: the route's latency is not in it (a caller that opens a connection adds its round trips). Transfers share
        links by max–min fairness; none is faster than its limit, nor than TCP allows at its route's round trip and
        loss, as they are now. A link that loses packets hands on rate · (1 − loss) of all transfers together, since
        what is lost and repeated has used its time too; what each connection's congestion control makes of the loss
        bounds it by itself. It begins when all radios on the way are connected.
        """
        route = self.route(a, b)
        if route is not None:
            self.must_be_free(route.hops, "transfers")
        if route is None or not all(self._router.usable[hop ^ 1] for hop in route.hops):
            return self._bulk.never(size_bytes)
        return self._bulk.begin(route.hops, size_bytes, limit_bps)

    # What fails and heals.

    def cut(self, link: int, mode: str, loss: float = 0.0, direction: int = 0) -> int:
        """Cut a link; the token returned ends this cut. `loss` is a lossy cut's; `direction` what a one-way cut
        silences (0: from the link's first node to its second). Cuts of one link overlap freely."""
        cut = Cut(mode, loss, direction)
        if cut.loss:
            self._courier.expect_loss()
        self._tokens += 1
        self._cuts[link][self._tokens] = cut
        self._derive(link)
        return self._tokens

    def mend(self, link: int, token: int) -> None:
        """End one cut; the link is whole when all its cuts have ended. Raises KeyError for one that has ended."""
        del self._cuts[link][token]
        self._derive(link)

    def _set_rates(self, rates_bps: Mapping[int, float]) -> None:
        """These directed links have other rates (bit/s) from now on, as their traces say: transfers follow."""
        new = {hop: rate for hop, rate in rates_bps.items() if rate != self.rate_bps[hop]}
        if not new:
            return
        _call(self.before_rates)
        stalls = any(not (rate and self.rate_bps[hop]) for hop, rate in new.items())
        for hop, rate in new.items():
            self.rate_bps[hop] = rate
            self._bulk.rate_changed(hop, rate)
        if stalls:
            for touched in self._watchers:
                touched.update(hop >> 1 for hop in new)
            _call(self.after_stall)

    def set_node(self, node: int, up: bool) -> None:
        """A node loses power or has it back. Down, it neither sends, forwards nor receives."""
        if self.is_up(node) == up:
            return
        _call(self.before_change)
        now = self._clock.now
        self._nodes.up[node] = up
        outages = self._node_outages[node]
        if up:
            self._nodes.boots[node] += 1
            outages.end(now)
        else:
            outages.begin(now)
        self._recorder.nodes.add(now, self._nodes.names[node], "running", "up" if up else "down")
        self._changed([hop for link in self._at[node] for hop in (2 * link, 2 * link + 1)])

    def _derive(self, link: int) -> None:
        """Bring a link into the state that its cuts make, if that is another."""
        new, old = LinkState.under(self.links[link], tuple(self._cuts[link].values())), self.states[link]
        if new == old:
            return
        _call(self.before_change)
        now = self._clock.now
        self.states[link] = new
        if new.mode != old.mode:
            self._recorder.links.add(now, self.links[link].name, _CALLED.get(new.mode, "cut"), new.mode)
        hops = [2 * link, 2 * link + 1]
        for hop, was, blocked in zip(hops, old.blocked, new.blocked, strict=True):
            if blocked and not was:
                self._link_outages[hop].begin(now)
            elif was and not blocked:
                self._link_outages[hop].end(now)
            self._bulk.rate_changed(hop, self.rate_bps[hop])
            if new.loss != old.loss:
                self._bulk.loss_changed(hop)
        self._changed(hops)

    def _changed(self, hops: list[int]) -> None:
        """These directed links, or nodes at their ends, have changed: see what can be used, and tell everybody."""
        self.changes += 1
        for touched in self._watchers:
            touched.update(hop >> 1 for hop in hops)
        usable = self._router.usable
        flipped = []
        for hop in hops:
            row = self.links[hop >> 1]
            now_usable = not self.states[hop >> 1].blocked[hop & 1] and self.is_up(row.a) and self.is_up(row.b)
            if usable[hop] != now_usable:
                usable[hop] = now_usable
                flipped.append(hop)
        if flipped:
            self._router.changed(flipped)
            down = [end for hop in flipped if not usable[hop] for end in (hop, hop ^ 1)]
            self._bulk.stop_on(down)
        _call(self.after_change)


def _call(hooks: list[Callable[[], None]]) -> None:
    for hook in hooks:
        hook()
