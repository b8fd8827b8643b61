"""A running pod on its way to another node: its memory is sent, and it goes on there without a start of its own.

The twin's agent asks for the memory once all but the application is prepared. Then, by how it moves:

- *live* is pre-copy (C. Clark et al., Live migration of virtual machines, NSDI 2005; QEMU, Cloud Hypervisor): all that
  is in use is sent, then what was written meanwhile, and so on. With V bytes in use, d written and r sent each second,
  round i sends V (d / r)^i, never more than V. The rounds end when what is left can be sent within the allowed
  downtime, when there were as many as allowed, or when a round would be no smaller than the one before. Then the source
  is stopped, what is left is sent, and the target goes on. After n rounds the downtime is V (d / r)^n / r and a
  latency, and V (1 − (d / r)^(n+1)) / (1 − d / r) bytes were sent.
- *state* stops first: a Wasm instance's memory, a machine's snapshot. The downtime is V / r, a latency, and what it
  takes to save the state and to load it.

Both give up where the way breaks, a node dies, either pod ends or time runs out: the source goes on, and the twin
fails. Both nodes see a broken way at once. From the instant at which all has come the source is ended for good: there
are never two that answer, and if the target dies before it goes on, none is left. What requests are in the source when
it stops die with it, as at every stop.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf, nan
from typing import TYPE_CHECKING

from simpy.events import Event

from simulator.engine.clock import Clock, Timer
from simulator.engine.sharing import Transfer
from simulator.record.buffer import Recorder
from simulator.runtime.status import Origin
from simulator.units import SECOND
from simulator.world.network import Network

if TYPE_CHECKING:
    from simulator.runtime.agent import NodeAgent
    from simulator.runtime.worker import PodWorker


class Migrations:
    """The way from any of these agents to any other."""

    __slots__ = ("agents", "clock", "network", "recorder")

    def __init__(self, clock: Clock, network: Network, recorder: Recorder, agents: Iterable[NodeAgent]) -> None:
        self.clock, self.network, self.recorder = clock, network, recorder
        self.agents = {agent.name: agent for agent in agents}
        for agent in self.agents.values():
            agent.moves_by(self)

    def ask(self, twin: PodWorker, origin: Origin) -> None:
        """All but the application is prepared: ask the node of the running pod to send it."""
        Migration(self, twin, origin).begin()


class Migration:
    """One pod's way. Times in ns, sizes in bytes."""

    __slots__ = (
        "_began",
        "_committed",
        "_deadline",
        "_of",
        "_origin",
        "_over",
        "_paused_ns",
        "_round_ns",
        "_rounds",
        "_sent",
        "_source",
        "_timer",
        "_transfer",
        "_twin",
    )

    def __init__(self, of: Migrations, twin: PodWorker, origin: Origin) -> None:
        self._of, self._twin, self._origin = of, twin, origin
        self._source: PodWorker | None = None  # once it has agreed
        self._began = of.clock.now
        self._round_ns = 0  # when this round began
        self._rounds = 0  # while the source runs
        self._sent = 0.0
        self._paused_ns: int | None = None
        self._transfer: Transfer | None = None
        self._timer: Timer | None = None
        self._deadline: Timer | None = None
        self._committed = False  # the source has ended for good
        self._over = False

    def begin(self) -> None:
        """Ask the source."""
        of, twin = self._of, self._twin
        twin.moving.migration = self
        patience = twin.moving.rules.patience_ns(twin.run.ram_bytes)
        self._deadline = of.clock.after(patience, self.abort, "time ran out")
        source = of.agents[self._origin.node]
        of.network.send(
            twin.run.node, source.node, 0, self._asked, source, failed=lambda: self.abort("the source refuses")
        )

    def _asked(self, agent: NodeAgent) -> None:
        """The question has reached the source's node."""
        if self._over:
            return
        source = agent.worker(self._origin.uid)
        if source is None or not source.moving.able:
            self.abort("the source does not serve")
            return
        self._source, source.moving.migration = source, self
        if self._origin.how == "live":
            self._send(self._whole())
        else:
            self._stop(self._whole())

    def _whole(self) -> float:
        """What is in use: of its containers, and of the machine or instance around them."""
        assert self._source is not None
        run = self._source.run
        return self._source.moving.rules.guest_bytes + sum(c.working_set(run.in_flight) for c in run.containers)

    def _send(self, size: float) -> None:
        """A round, or the last of all that is left."""
        assert self._source is not None
        source, network = self._source, self._of.network
        self._round_ns = self._of.clock.now
        limit = 8 * source.moving.rules.bandwidth
        self._transfer = network.transfer(source.run.node, self._twin.run.node, round(size), limit)
        self._transfer.done.callbacks.append(self._came)

    def _came(self, event: Event) -> None:
        transfer = self._transfer
        if self._over or transfer is None or transfer.done is not event:
            return
        if not event.value:
            self.abort("the way broke")
            return
        self._transfer = None
        self._sent += transfer.size
        if self._paused_ns is not None:
            self._switch()
            return
        assert self._source is not None
        rules = self._source.moving.rules
        self._rounds += 1
        took = (self._of.clock.now - self._round_ns) / SECOND
        rate = transfer.size / took if took else inf
        left = min(self._source.moving.dirty * took, self._whole())
        if left <= rate * rules.downtime_ns / SECOND or self._rounds >= rules.rounds or left >= transfer.size:
            self._stop(left)
        else:
            self._send(left)

    def _stop(self, left: float) -> None:
        assert self._source is not None
        self._paused_ns = self._of.clock.now
        self._source.moving.pause()
        wait = self._source.run.freeze[0]
        wait += self._source.moving.rules.save_ns(left) if self._origin.how == "state" else 0
        self._timer = self._of.clock.after(wait, self._send, left)

    def _switch(self) -> None:
        """All has come: from here on the pod is the target's."""
        assert self._source is not None
        source, twin = self._source, self._twin
        route = self._of.network.route(source.run.node, twin.run.node)
        wait = twin.run.freeze[1] + (0 if route is None else route.latency_ns)
        wait += twin.moving.rules.load_ns if self._origin.how == "state" else 0
        assert self._deadline is not None
        self._deadline.cancel()
        self._committed, source.moving.migration = True, None
        source.moving.leave()
        self._timer = self._of.clock.after(wait, self._arrive)

    def _arrive(self) -> None:
        assert self._source is not None
        assert self._paused_ns is not None
        self._end()
        now, name = self._of.clock.now, self._source.run.name
        self._of.recorder.events.add(now, "Migrated", name, self._twin.moving.host, f"as {self._twin.run.name}")
        self._record("done", (now - self._paused_ns) / SECOND)
        self._twin.moving.go_on()

    def abort(self, why: str) -> None:
        """Give up. Harmless when it is over."""
        if self._over:
            return
        now, source, twin = self._of.clock.now, self._source, self._twin
        self._end()
        if self._transfer is not None:
            self._sent += self._transfer.size - self._transfer.remaining()
            self._transfer.cancel()
        name = twin.run.name if source is None else source.run.name
        self._of.recorder.events.add(now, "MigrationFailed", name, self._origin.node, why)
        down = 0.0 if self._paused_ns is None else (now - self._paused_ns) / SECOND
        self._record("failed", nan if self._committed else down)
        if source is not None:
            source.moving.migration = None
            if self._paused_ns is not None and not source.over:  # it is, once all has come
                source.moving.resume()
        if not (twin.over or twin.stopping):
            twin.end("Failed", "MigrationFailed")

    def _end(self) -> None:
        self._over = True
        self._twin.moving.migration = None
        for timer in (self._timer, self._deadline):
            if timer is not None:
                timer.cancel()

    def _record(self, outcome: str, downtime_s: float) -> None:
        pod = "" if self._source is None else self._source.run.name
        self._of.recorder.migrations.add(
            self._began, pod, self._twin.run.name, self._origin.node, self._twin.moving.host, self._origin.how,
            outcome, self._rounds, self._sent, downtime_s, (self._of.clock.now - self._began) / SECOND,
        )  # fmt: skip
