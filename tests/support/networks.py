"""Small networks for tests: nodes that only forward, and links between them."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.units import MS
from simulator.world.link import LinkRow
from simulator.world.message import Retransmission
from simulator.world.network import Network
from simulator.world.node import NodeRow, NodeTable

LINUX = Retransmission(least_ns=200 * MS, most_ns=120_000 * MS, tries=15)


def node_row(name: str, boot_ns: int = 0) -> NodeRow:
    """A machine of no importance."""
    return NodeRow(
        name=name,
        model="box",
        zone="z",
        role="worker",
        platform="linux/amd64",
        cores=1,
        speed=1.0,
        ram_bytes=1 << 30,
        disk_bytes=1 << 34,
        disk_write_bytes_per_s=1e8,
        boot_ns=boot_ns,
    )


def link(a: int, b: int, latency_ns: int = 10 * MS, rate_bps: float = 8e6, **more: float) -> LinkRow:
    """A link named after its ends."""
    return LinkRow(f"{a}-{b}", a, b, latency_ns, rate_bps, more.pop("down_bps", rate_bps), **more)  # type: ignore[arg-type]


class World:
    """A network over n nodes with its clock, its tables, and a list that messages arrive in."""

    def __init__(self, n: int, links: Sequence[LinkRow], seed: int = 1, boot_ns: int = 0) -> None:
        self.clock = Clock()
        self.recorder = Recorder()
        self.nodes = NodeTable([node_row(f"n{i}", boot_ns) for i in range(n)])
        self.network = Network(self.clock, self.nodes, links, self.recorder, Rng(seed), retransmission=LINUX)
        self.arrived: list[tuple[str, int]] = []

    def send(self, a: int, b: int, size: int = 0, name: str = "m") -> None:
        """Send a message; its name and the time are noted when it arrives, or is refused."""
        self.network.send(a, b, size, self._note, name, failed=lambda: self._note(f"refused {name}"))

    def _note(self, name: str) -> None:
        self.arrived.append((name, self.clock.now))

    def rows(self, table: str) -> list[tuple[object, ...]]:
        """A recorded table's rows, times in ns."""
        return [
            tuple(round(value * 1e9) if column == "time_s" else value for column, value in row.items())
            for row in getattr(self.recorder, table).frame().to_dicts()
        ]
