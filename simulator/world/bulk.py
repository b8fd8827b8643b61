"""Bulk transfers over the network's links: shared by max–min fairness, bounded by TCP, begun once radios are awake."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from math import inf, prod

from simulator.engine.clock import Clock
from simulator.engine.sharing import Sharing, Transfer
from simulator.physics.tcp import TcpBounds
from simulator.world.link import LinkRow
from simulator.world.promotion import Promotion
from simulator.world.woken import Woken


class Bulk:
    """All transfers that are under way. `loss` is that of a directed link now; `settle` is called before it matters
    whether requests have kept a radio awake. Without `bounds` a transfer takes all that the links give it."""

    __slots__ = ("_bounds", "_clock", "_links", "_loss", "_radios", "_settle", "_woken", "sharing")

    def __init__(
        self, clock: Clock, links: Sequence[LinkRow], rate_bps: Sequence[float], *, loss: Callable[[int], float],
        radios: Sequence[Promotion | None], bounds: TcpBounds | None, settle: Callable[[], None],
    ) -> None:  # fmt: skip
        self._clock, self._links, self._loss, self._radios = clock, links, loss, radios
        self._bounds, self._settle = bounds, settle
        self._woken: dict[Woken, None] = {}  # that wait for a radio, or have kept one awake since
        self.sharing = Sharing(clock, [rate * (1 - loss(hop)) for hop, rate in enumerate(rate_bps)])

    def begin(self, hops: tuple[int, ...], size_bytes: int, limit_bps: float) -> Transfer:
        """A transfer over these directed links: now, or once all radios on the way are connected."""
        radios = {radio: None for hop in hops if (radio := self._radios[hop >> 1]) is not None}
        if not radios:
            return self._open(hops, size_bytes, limit_bps)
        self._settle()
        now = self._clock.now
        ready = max(radio.meet(now) for radio in radios)
        for radio in radios:
            radio.hold(now)
        transfer = Woken(self._clock, size_bytes, hops, lambda: self._open(hops, size_bytes, limit_bps))
        transfer.done.callbacks.append(lambda _: self._ended(transfer, radios))
        self._woken[transfer] = None
        transfer.begin(max(now, ready))
        return transfer

    def never(self, size_bytes: int) -> Transfer:
        """One for which there is no way: it has ended."""
        transfer = Transfer(self._clock, size_bytes)
        transfer.cancel()
        return transfer

    def rate_changed(self, hop: int, rate_bps: float) -> None:
        """A directed link gives this rate from now on, less what it loses."""
        self.sharing.set_capacity(hop, rate_bps * (1 - self._loss(hop)))

    def loss_changed(self, hop: int) -> None:
        """What TCP makes of its loss bounds each transfer over a directed link anew."""
        self.sharing.set_caps(hop, self._bound_bps)

    def stop_on(self, hops: Collection[int]) -> None:
        """Transfers over these directed links end in vain."""
        self.sharing.stop_on(hops)
        for transfer in [transfer for transfer in self._woken if not set(hops).isdisjoint(transfer.hops)]:
            transfer.cancel()

    def _open(self, hops: tuple[int, ...], size_bytes: int, limit_bps: float) -> Transfer:
        return self.sharing.open(hops, size_bytes, self._bound_bps(hops), limit_bps)

    def _ended(self, transfer: Woken, radios: Iterable[Promotion]) -> None:
        self._settle()
        del self._woken[transfer]
        for radio in radios:
            radio.release(self._clock.now)

    def _bound_bps(self, hops: Sequence[int]) -> float:
        """What TCP allows one transfer over these directed links."""
        if self._bounds is None:
            return inf
        round_trip = 2 * sum([self._links[hop >> 1].latency_ns for hop in hops])
        return self._bounds.rate_bps(round_trip, 1 - prod([1 - self._loss(hop) for hop in hops]))
