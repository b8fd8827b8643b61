"""What everything on one node shares: its identity, its agent's rhythms, and ways to draw, note and report."""

from __future__ import annotations

from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.runtime.load import Load
from simulator.runtime.settings import AgentSettings
from simulator.runtime.status import Upstream
from simulator.runtime.ticks import next_tick
from simulator.streams import Rng, key
from simulator.world.node import NodeTable


class Host:
    """One node as its agent's parts see it."""

    __slots__ = (
        "_relist_origin",
        "_status_origin",
        "clock",
        "identity",
        "index",
        "load",
        "name",
        "recorder",
        "rng",
        "row",
        "settings",
        "speed",
        "started_ns",
        "upstream",
    )

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        nodes: NodeTable,
        node: int,
        *,
        settings: AgentSettings,
        upstream: Upstream,
    ) -> None:
        self.clock = clock
        self.rng = rng
        self.recorder = recorder
        self.index = node
        self.name = nodes.names[node]
        self.row = nodes.rows[node]
        self.speed = float(nodes.speed[node])
        self.identity = key(self.name)
        self.load = Load(clock)
        self.settings = settings
        self.upstream = upstream
        self.start(0)
        self.started_ns: int | None = None  # when the agent started; None: long ago

    def start(self, boot: int) -> None:
        """The agent starts: its loops get their phases, drawn by the node's name and the number of this boot."""
        self.started_ns = now = self.clock.now
        self._relist_origin = now + self.phase("relist-phase", boot, self.settings.relist_ns)
        self._status_origin = now + self.phase("node-status-phase", boot, self.settings.status_ns)

    def phase(self, name: str, boot: int, period: int) -> int:
        """Where in its period a loop of this node begins, in ns."""
        return int(self.rng.draw(name, self.identity, boot) * period)

    def noticed(self) -> int:
        """When the agent sees what a container does now: at the next relist."""
        return next_tick(self._relist_origin, self.settings.relist_ns, self.clock.now)

    def next_status(self) -> int:
        """When the agent computes its node's status next."""
        return next_tick(self._status_origin, self.settings.status_ns, self.clock.now)

    def synced(self, first: int, due: int, identity: int, k: int) -> int:
        """When a pod whose sync failed at `first` is synced at or after `due`: its syncs come at drawn intervals."""
        base, jitter, draw = self.settings.resync_ns, self.settings.resync_jitter, self.rng.draw
        at, i = first, 0
        while at < due:
            at += round(base * (1 + jitter * draw("resync", identity, k << 16 | i)))
            i += 1
        return at

    def note(self, kind: str, subject: str, detail: str = "") -> None:
        """Add a row to the events table."""
        self.recorder.events.add(self.clock.now, kind, subject, self.name, detail)

    def record(self, pod: str, workload: str, truth: str, state: str) -> None:
        """Add a row to the pods table: a truth of this node about a pod has changed."""
        self.recorder.pods.add(self.clock.now, pod, workload, self.name, truth, state)
