"""The node lifecycle controller: who is not heard of any more becomes Unknown, is tainted, and in the end evicted.

Kubernetes' controller passes over all nodes every few seconds. Here a pass is made only where it would find
something: for each node the first pass that matters is computed from the renewals that get through, the passes and
the grace, and computed anew when the path, the belief or the leader changes. A healthy cluster costs no event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.control.api.client import Client
from simulator.control.api.objects import ApiObject, Node
from simulator.control.api.server import ApiServer
from simulator.control.controllers.index import PodIndex
from simulator.control.liveness import taints
from simulator.control.liveness.heartbeat import Heartbeats
from simulator.control.liveness.lease import LeaseSettings
from simulator.control.liveness.limiter import ZoneQueue
from simulator.control.liveness.passes import Passes
from simulator.control.liveness.writer import NodeWriter
from simulator.control.liveness.zones import ZoneSettings, ZoneState, rate, zone_state
from simulator.engine.clock import Clock, Timer
from simulator.errors import Problem, UserError
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """Times in ns. A pass starts `monitor_ns` plus its own work (uniform in `work_ns`) after the one before."""

    monitor_ns: int
    work_ns: tuple[int, int]
    grace_ns: int  # node-monitor-grace-period
    loop_ns: int  # of the queue that adds NoExecute taints
    zones: ZoneSettings

    def check(self, lease: LeaseSettings) -> None:
        """Raise UserError where every healthy node would flap."""
        longest = round(lease.renew_ns * (1 + lease.jitter)) + self.monitor_ns + self.work_ns[1]
        if self.grace_ns <= longest:
            raise UserError(
                Problem(
                    "the grace period is no longer than one renewal and one pass: healthy nodes would turn Unknown",
                    hint=f"choose more than {longest / 1e9:g} s, or renew and look more often",
                )
            )


class NodeLifecycle:
    """One control plane's node lifecycle controller. It works between `start` and `stop`: while its process leads."""

    __slots__ = (
        "_beats",
        "_clock",
        "_due",
        "_due_at",
        "_floor",
        "_leading",
        "_nodes",
        "_passed",
        "_passes",
        "_pods",
        "_queues",
        "_ready",
        "_rng",
        "_seen",
        "_server",
        "_settings",
        "_states",
        "_term",
        "_writer",
        "_zone_of",
        "_zones",
    )

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        server: ApiServer,
        client: Client,
        *,
        beats: Heartbeats,
        pods: PodIndex,
        settings: MonitorSettings,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._server = server
        self._beats = beats
        self._pods = pods
        self._settings = settings
        self._nodes = beats.nodes
        self._zones = sorted({node.zone for node in beats.nodes})
        self._zone_of: NDArray[np.int64] = np.array([self._zones.index(n.zone) for n in beats.nodes], np.int64)
        self._leading = False
        self._term = 0
        self._passes: Passes | None = None
        self._passed = -1  # the last pass that was made
        self._floor = 0  # no probe is older than this
        self._seen = [node.ready for node in beats.nodes]  # the Ready condition that the next pass will observe
        self._ready: NDArray[np.bool_] = np.ones(len(beats.nodes), np.bool_)  # as the last pass left it
        self._due: dict[int, tuple[Timer, set[int]]] = {}  # pass -> the rows that it has to look at
        self._due_at: dict[int, int] = {}
        self._queues: list[ZoneQueue] = []
        self._states: list[ZoneState] = []
        self._writer = NodeWriter(
            clock, recorder, server, client, missed=self._missed, silent=self._silent, heard=self._heard
        )
        beats.hooks.append(self._prospects_changed)
        server.watch(Node, self._node_changed)
        server.up_hooks.append(self._server_changed)

    def start(self, first_pass: int) -> None:
        """Begin to lead: every node's grace starts anew with the first pass (ns, not before now)."""
        self._leading = True
        self._term += 1
        s, now = self._settings, self._clock.now
        name = f"term-{self._term}"
        self._passes = Passes(
            self._rng, "monitor-work", name, start=first_pass, period_ns=s.monitor_ns, extra_ns=s.work_ns
        )
        self._floor = first_pass
        self._seen = [node.ready for node in self._nodes]
        self._ready[:] = [node.ready == "True" for node in self._nodes]
        self._states = [ZoneState.INITIAL] * len(self._zones)
        self._queues = [ZoneQueue(self._clock, s.zones.node_rate, s.loop_ns, self._taint) for _ in self._zones]
        for row, node in enumerate(self._nodes):
            self._writer.no_schedule(node)
            self._plan(row)
        for row in np.flatnonzero(~self._ready).tolist():  # the first pass finds the zones' states
            self._look_at(self._passes.at_or_after(now), row)

    def stop(self) -> None:
        """Lead no longer: probe times, queues and writes under way are forgotten."""
        self._leading = False
        self._forget_passes()
        self._writer.close()
        for queue in self._queues:
            queue.close()

    # When the next pass matters.
    def _plan(self, row: int) -> None:
        """Find the first pass at which this node, if nothing changes, is anything but healthy."""
        self._undue(row)
        if not (self._leading and self._server.up) or self._nodes[row].deleted:
            return
        passes, now = self._passes, self._clock.now
        assert passes is not None
        soonest = passes.at_or_after(max(now, self._passed + 1))
        if self._seen[row] == "True":
            if not self._ready[row] or self._to_be_cleared(row):
                self._look_at(soonest, row)
                return
            detected = max(passes.after(self._probe(row, now) + self._settings.grace_ns), soonest)
            arrival = self._beats.upcoming(row)
            noticed = None if arrival is None else passes.at_or_after(arrival + self._server.watch_ns)
            if noticed is None or noticed > detected:
                self._look_at(detected, row)
            elif self._beats.unsteady(row):  # only here does every heartbeat cost an event
                self._look_at(max(noticed, soonest), row)
        elif not self._tainted(row) and row not in self._queues[self._zone_of[row]]:
            self._look_at(soonest, row)

    def _probe(self, row: int, by: int) -> int:
        """The pass that noticed the last renewal seen by `by`: the probe time."""
        assert self._passes is not None
        arrived = self._beats.last(row, by)
        return max(self._floor, self._passes.at_or_after(arrived + self._server.watch_ns))

    def _look_at(self, time: int, row: int) -> None:
        self._undue(row)
        if time not in self._due:
            self._due[time] = (self._clock.at(time, self._pass, time), set())
        self._due[time][1].add(row)
        self._due_at[row] = time

    def _undue(self, row: int) -> None:
        time = self._due_at.pop(row, None)
        if time is not None and (found := self._due.get(time)):
            found[1].discard(row)
            if not found[1]:
                found[0].cancel()
                del self._due[time]

    def _forget_passes(self) -> None:
        for timer, _rows in self._due.values():
            timer.cancel()
        self._due.clear()
        self._due_at.clear()

    # What tells it to plan anew.
    def _prospects_changed(self, rows: list[int]) -> None:
        for row in rows:
            self._plan(row)

    def _server_changed(self, up: bool) -> None:
        if up:
            self._prospects_changed(list(range(len(self._nodes))))
        else:
            self._forget_passes()

    def _node_changed(self, _event: str, obj: ApiObject) -> None:
        assert isinstance(obj, Node)
        if not self._leading:
            return
        row = self._beats.row(obj)
        if obj.deleted:
            self._undue(row)
            self._queues[self._zone_of[row]].remove(row)
            return
        self._writer.no_schedule(obj)
        if not self._writer.writes(obj, "Ready"):
            self._seen[row] = obj.ready
        self._plan(row)

    # The pass.
    def _pass(self, time: int) -> None:
        _timer, rows = self._due.pop(time)
        self._passed = time
        for row in rows:
            del self._due_at[row]
        for row in sorted(rows):
            self._examine(row, time)
        self._disruption(time)
        for row in rows:
            if row not in self._due_at:
                self._plan(row)

    def _examine(self, row: int, time: int) -> None:
        node, observed = self._nodes[row], self._seen[row]
        if self._writer.writes(node, "Ready"):  # the pass before has not got there yet
            assert self._passes is not None
            self._look_at(self._passes.after(time), row)
            return
        current = observed
        if observed != "Unknown" and self._silent(node):
            current = "Unknown"
            self._writer.unknown(node, self._pods.on(node.name) if observed == "True" else ())
        self._ready[row] = current == "True"
        # Taints follow the condition as it was observed, before this pass changed it: one pass later.
        queue = self._queues[self._zone_of[row]]
        if observed == "True":
            queue.remove(row)
            self._writer.no_execute(node, None)
        elif not self._tainted(row):
            if taints.condition_no_execute(node):  # of the other condition: swapped without waiting for a turn
                self._taint(row)
            else:
                queue.add(row)
        if current != observed:
            assert self._passes is not None
            self._seen[row] = current
            self._look_at(self._passes.after(time), row)

    def _silent(self, node: Node) -> bool:
        """Whether it has not been heard of for the grace period."""
        now = self._clock.now
        probe = self._probe(self._beats.row(node), now - self._server.watch_ns)
        return not node.deleted and now > probe + self._settings.grace_ns

    def _missed(self, node: Node) -> None:
        """It has become Unknown."""
        self._beats.missed(self._beats.row(node))

    def _heard(self, node: Node) -> None:
        """It was to become Unknown, and was heard of before."""
        if not node.deleted:
            assert self._passes is not None
            row = self._beats.row(node)
            self._seen[row], self._ready[row] = node.ready, node.ready == "True"
            self._look_at(self._passes.after(self._clock.now), row)

    def _disruption(self, time: int) -> None:
        """Zone states after a pass, and the rates that follow from them (handleDisruption)."""
        settings, n = self._settings.zones, len(self._zones)
        alive = np.array([not node.deleted for node in self._nodes])
        total = np.bincount(self._zone_of[alive], minlength=n)
        ready = np.bincount(self._zone_of[alive & self._ready], minlength=n)
        states = [zone_state(int(r), int(t - r), settings) for r, t in zip(ready, total, strict=True)]
        all_full = all(state is ZoneState.FULL for state in states)
        all_were = all(state is ZoneState.FULL for state in self._states)
        if all_full and all_were:
            return
        if all_full:
            for row, node in enumerate(self._nodes):
                self._queues[self._zone_of[row]].remove(row)
                self._writer.no_execute(node, None)
            for queue in self._queues:
                queue.set_rate(0.0)
        else:
            if all_were:  # silence was ours, not theirs: everybody's grace starts anew
                self._floor = time
            for zone, state in enumerate(states):
                if all_were or state is not self._states[zone]:
                    self._queues[zone].set_rate(rate(state, int(total[zone]), settings))
        self._states = states
        if all_full or all_were:
            for row in range(len(self._nodes)):
                self._plan(row)

    # Taints.
    def _tainted(self, row: int) -> bool:
        node = self._nodes[row]
        return taints.wanted_no_execute(self._seen[row]) in node.taints or self._writer.writes(node, "NoExecute")

    def _to_be_cleared(self, row: int) -> bool:
        node = self._nodes[row]
        return bool(taints.condition_no_execute(node)) and not self._writer.writes(node, "NoExecute")

    def _taint(self, row: int) -> None:
        """This node's turn has come in its zone's queue."""
        wanted = taints.wanted_no_execute(self._seen[row])
        if wanted is not None and not self._nodes[row].deleted:
            self._writer.no_execute(self._nodes[row], wanted)


def first_pass(rng: Rng, now: int, monitor_ns: int) -> int:
    """When a controller that has long been leading makes its next pass: at a random phase."""
    return now + round(monitor_ns * rng.draw("monitor-phase", key("node-lifecycle")))
