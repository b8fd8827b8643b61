"""Control messages: in order, repeated where packets are lost, and gone when something fails under them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.engine.clock import Clock
from simulator.streams import Rng, key
from simulator.world.route import Route

if TYPE_CHECKING:
    from simulator.world.network import Network


@dataclass(frozen=True, slots=True)
class Retransmission:
    """How TCP repeats what was lost. The k-th wait is min((round trip + `least_ns`) · 2^k, `most_ns`), k from 0, as
    Linux computes it on a path whose round trip is steady (RFC 6298 with a lower bound on the variance term); after
    `tries` repetitions the message is given up."""

    least_ns: int
    most_ns: int
    tries: int

    def waits(self, round_trip_ns: int) -> Iterator[int]:
        """How long it waits (ns) for the answer to each try: the first, and every repetition."""
        wait = round_trip_ns + self.least_ns
        for _ in range(self.tries + 1):
            yield min(wait, self.most_ns)
            wait *= 2


@dataclass(slots=True)
class MessageCounts:
    """Control messages, each counted at its own event; those sent and neither delivered, lost nor refused are under
    way."""

    sent: int = 0
    delivered: int = 0
    lost: int = 0
    refused: int = 0


class _Message:
    """A control message under way. `outs` are the times at which it is on each hop as a whole, `leaves` those at which
    it leaves it; `due` is when it would arrive if none were before it, -1 as long as that is not known."""

    __slots__ = ("args", "arrive", "changes", "due", "hops", "leaves", "lost", "outs", "sent", "size", "to")

    def __init__(
        self,
        to: int,
        size: int,
        arrive: Callable[..., object],
        args: tuple[Any, ...],
        lost: Callable[..., object] | None,
    ) -> None:
        self.to = to
        self.size = size
        self.arrive = arrive
        self.lost = lost
        self.args = args
        self.hops: tuple[int, ...] = ()
        self.due = -1
        self.outs: list[int] = []
        self.leaves: list[int] = []
        self.sent = 0
        self.changes = 0  # of the network when it was sent: as long as there are no more, nothing can have failed


class Courier:
    """Carries control messages over a network. One event each, when it arrives or would have; one more where it comes
    to a radio that may sleep then."""

    __slots__ = (
        "_clock",
        "_jittered",
        "_keys",
        "_last",
        "_lost",
        "_network",
        "_retransmission",
        "_rng",
        "_waiting",
        "carried",
        "counts",
    )

    def __init__(self, clock: Clock, rng: Rng, network: Network, retransmission: Retransmission | None) -> None:
        self._clock, self._rng, self._network, self._retransmission = clock, rng, network, retransmission
        self._keys = [key(f"{row.name}/{direction}") for row in network.links for direction in (0, 1)]
        self._jittered = [0] * len(self._keys)  # draws made, by directed link
        self._lost = [0] * len(self._keys)
        self._last: dict[tuple[int, int], int] = {}  # arrival of the last message from one node to another
        self._waiting: dict[tuple[int, int], deque[_Message]] = {}  # from the first on that is not known to arrive
        self.carried = [0] * len(self._keys)  # bytes, by directed link
        self.counts = MessageCounts()
        if any(row.loss for row in network.links):
            self.expect_loss()

    def expect_loss(self) -> None:
        """Packets will be lost. Raises ValueError if nobody said how they are repeated."""
        if self._retransmission is None:
            raise ValueError("a network that loses packets must be told how they are repeated: retransmission=…")

    def send(
        self,
        a: int,
        b: int,
        size_bytes: int,
        arrive: Callable[..., object],
        *,
        args: tuple[Any, ...],
        failed: Callable[[], object] | None,
        lost: Callable[..., object] | None,
    ) -> None:
        """What `Network.send` says."""
        self.counts.sent += 1
        network = self._network
        route = network.route(a, b)
        if route is None:
            answer, way = network.obstacle(a, b)
            if answer == "refused":
                there = sum(network.links[hop >> 1].latency_ns for hop in way)
                self._clock.after(2 * there, self._refused, failed)
            else:
                self._lose(lost, args)
            return
        waited = self._waits(route)
        if waited is None:
            self._lose(lost, args)
            return
        network.must_be_free(route.hops, "control messages")
        message = _Message(b, size_bytes, arrive, args, lost)
        message.hops, message.changes = route.hops, network.changes
        message.sent = self._clock.now + waited
        if (a, b) in self._waiting:
            self._waiting[a, b].append(message)
        self._carry(message, a, message.sent)

    def _carry(self, message: _Message, a: int, time: int) -> None:
        """Follow a message from `a` from this time on, up to the next radio that may sleep when it gets there."""
        hops, done, pair = message.hops, len(message.outs), (a, message.to)
        for i in range(done, len(hops)):
            radio = self._network.radios[hops[i] >> 1]
            if radio is not None:
                if time > self._clock.now:
                    if not done:
                        self._waiting.setdefault(pair, deque()).append(message)
                    self._clock.at(time, self._carry, message, a, time)
                    return
                time = self._network.connected(radio, hops[i], message.size)
            time = self._network.sent(hops[i], message.size, time)
            message.outs.append(time)
            time += self._latency(hops[i])
            message.leaves.append(time)
        message.due = time
        line = self._waiting.get(pair) or deque([message])
        while line and line[0].due >= 0:
            first = line.popleft()
            self._last[pair] = max(first.due, self._last.get(pair, 0))
            self._clock.at(self._last[pair], self._arrive, first)
        if not line:
            self._waiting.pop(pair, None)

    def _latency(self, hop: int) -> int:
        """A link's latency for the next message over it: uniform over latency ± jitter."""
        row = self._network.links[hop >> 1]
        if not row.jitter_ns:
            return row.latency_ns
        u = self._rng.draw("message-jitter", self._keys[hop], self._jittered[hop])
        self._jittered[hop] += 1
        return row.latency_ns + round((2 * u - 1) * row.jitter_ns)

    def _waits(self, route: Route) -> int | None:
        """How long TCP waits until a try gets through; None: it gives up.

        A message counts as one packet. A try fails when any hop loses it, by a draw for each (directed link, number
        of draws it has made).
        """
        lossy = [hop for hop in route.hops if self._network.loss(hop)]
        if not lossy or self._retransmission is None:
            return 0
        waited = 0
        for wait in self._retransmission.waits(2 * route.latency_ns):
            if not any(self._loses(hop) for hop in lossy):
                return waited
            waited += wait
        return None

    def _loses(self, hop: int) -> bool:
        u = self._rng.draw("message-loss", self._keys[hop], self._lost[hop])
        self._lost[hop] += 1
        return u < self._network.loss(hop)

    def _arrive(self, message: _Message) -> None:
        network = self._network
        crossed = len(message.hops) if message.changes == network.changes else self._crossed(message)
        for hop in message.hops[:crossed]:
            self.carried[hop] += message.size
        if crossed < len(message.hops) or not network.is_up(message.to):
            self._lose(message.lost, message.args)
            return
        self.counts.delivered += 1
        message.arrive(*message.args)

    def _crossed(self, message: _Message) -> int:
        """How many hops a message got across before something on its way failed under it."""
        enter = message.sent
        for i, (hop, out, leave) in enumerate(zip(message.hops, message.outs, message.leaves, strict=True)):
            # What waits at the receiver for an earlier message is lost with it.
            kept = self._clock.now if i + 1 == len(message.hops) else leave
            if self._network.failed_under(hop, enter, out, leave, kept):
                return i
            enter = leave
        return len(message.hops)

    def _lose(self, lost: Callable[..., object] | None, args: tuple[Any, ...]) -> None:
        self.counts.lost += 1
        if lost is not None:
            lost(*args)

    def _refused(self, failed: Callable[[], object] | None) -> None:
        self.counts.refused += 1
        if failed is not None:
            failed()
