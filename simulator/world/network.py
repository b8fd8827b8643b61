"""The network: links that fail and heal, routes over what is up, messages that are lost on the way, bulk transfers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from simulator.engine.activity import Activity
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.world.link import LinkRow
from simulator.world.node import NodeTable
from simulator.world.route import Retransmission, Route

Access = Literal["ok", "silent", "refused"]


class Network:
    """Every link between the nodes, with its state. Directed link 2·i leads from `a` to `b` of link i, 2·i+1 back."""

    def __init__(
        self,
        clock: Clock,
        nodes: NodeTable,
        links: Sequence[LinkRow],
        recorder: Recorder,
        rng: Rng,
        retransmission: Retransmission | None = None,
    ) -> None:
        self.links: tuple[LinkRow, ...] = tuple(links)
        self.index: dict[str, int] = {}  # link name -> link
        self.rate_bps: list[float] = []  # by directed link
        self.before_change: list[Callable[[], None]] = []
        self.after_change: list[Callable[[], None]] = []

    def route(self, a: int, b: int) -> Route | None:
        """The shortest route by latency (then hops) over links and nodes that are up; None when there is none."""

    def access(self, a: int, b: int) -> Access:
        """What somebody at `a` who sends to `b` meets now."""

    def delay_ns(self, a: int, b: int, size_bytes: int) -> int | None:
        """Σ over hops of (latency + `transmission_ns(size, rate)`), no queues; None when not reachable."""

    def send(
        self,
        a: int,
        b: int,
        size_bytes: int,
        arrive: Callable[..., object],
        *args: Any,
        failed: Callable[[], object] | None = None,
    ) -> None:
        """A control message. From one node to another messages arrive in the order sent (one TCP connection)."""

    def transfer(self, a: int, b: int, size_bytes: int) -> Activity:
        """Bulk bytes from `a` to `b` from now on; `.done` succeeds True when all are there, False when cut."""

    def cut(self, link: int, mode: str, loss: float = 0.0, direction: int = 0) -> int:
        """Cut a link; the token ends this cut. `loss` for lossy; one-way cuts `direction` (0: a→b)."""

    def mend(self, link: int, token: int) -> None:
        """End one cut. The link is whole when all have ended."""

    def set_node(self, node: int, up: bool) -> None:
        """A node loses or regains power: down, it neither sends, forwards nor receives."""

    @property
    def bytes_carried(self) -> list[float]:
        """By directed link: bytes that have crossed it, messages and transfers."""
