"""The members of a hub: registered, heard of, tainted by their condition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.control.api.client import Client
from simulator.control.api.objects import Taint
from simulator.control.api.server import ApiServer
from simulator.control.clusters.lease import GraceSettings, Lease
from simulator.control.clusters.objects import Member
from simulator.control.clusters.probe import Probe, ProbeSettings
from simulator.control.clusters.site import Site
from simulator.control.clusters.summary import Summary
from simulator.control.delivery.reach import DOWN, OK, Reach
from simulator.control.liveness.lease import LeaseSettings
from simulator.control.liveness.passes import Passes
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.units import SECOND
from simulator.world.network import Network

NOT_READY: Final = "cluster.karmada.io/not-ready"
UNREACHABLE: Final = "cluster.karmada.io/unreachable"
_TAINTS: Final = {"False": NOT_READY, "Unknown": UNREACHABLE}
_WORDS: Final = {"True": "Ready", "False": "NotReady", "Unknown": "Unknown"}


def taint(member: Member, effect: str) -> Taint | None:
    """The taint that stands for the member's condition; None where it is ready."""
    return (_TAINTS[member.ready], "", effect) if member.ready in _TAINTS else None


@dataclass(frozen=True, slots=True)
class RosterSettings:
    """How members are heard of, in both modes; `status_bytes` of a poll or a status."""

    probe: ProbeSettings
    renew: LeaseSettings
    grace: GraceSettings
    status_bytes: int


class Roster:
    """One hub's members, in the order of the scenario. It works between `start` and `stop`."""

    __slots__ = ("_client", "_clock", "_lives", "_network", "_open", "_recorder", "_server", "_silences", "_silent",
                 "members", "passes", "row", "sites", "summaries", "ways")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        network: Network,
        server: ApiServer,
        *,
        client: Client,
        hub_node: int,
        sites: Sequence[Site],
        settings: RosterSettings,
    ) -> None:
        self._clock, self._recorder, self._network = clock, recorder, network
        self._server, self._client = server, client
        self.sites = tuple(sites)
        self.row = {site.name: row for row, site in enumerate(self.sites)}
        self.members = tuple(server.create(Member(site.name)) for site in self.sites)
        self.ways = tuple(site.way(network, server, hub_node, settings.status_bytes) for site in self.sites)
        self.summaries = tuple(Summary(clock, site.server) for site in self.sites)
        grace = settings.grace
        first = round(grace.monitor_ns * rng.draw("cluster-monitor-phase"))
        self.passes = Passes(
            rng, "cluster-monitor-work", "hub", start=first, period_ns=grace.monitor_ns, extra_ns=grace.work_ns
        )
        self._lives = [self._life(rng, row, settings) for row in range(len(self.sites))]
        # Per member, when nothing got through: for how old a belief of the past was.
        self._silent: list[int | None] = [None] * len(self.sites)
        self._silences: list[list[tuple[int, int]]] = [[] for _ in self.sites]
        self._open: list[bool | None] = [None] * len(self.sites)  # the path, as it was last recorded
        for row, way in enumerate(self.ways):
            recorder.clusters.add(clock.now, self.sites[row].name, "believed", "Ready")
            recorder.clusters.add(clock.now, self.sites[row].name, "running", "up")
            self.sites[row].server.up_hooks.append(partial(self._server_changed, row))
            self._look(row)
            way.tell(partial(self._path_changed, row))

    def _life(self, rng: Rng, row: int, settings: RosterSettings) -> Probe | Lease:
        site, way = self.sites[row], self.ways[row]
        if site.mode == "push":
            return Probe(
                self._clock, rng, site.name, way, settings=settings.probe, turned=lambda ok: self._turn(row, str(ok))
            )  # fmt: skip
        lease = Lease(
            self._clock, rng, site.name, way, passes=self.passes, renew=settings.renew, settings=settings.grace,
            turned=lambda condition: self._turn(row, condition),
        )  # fmt: skip
        own = Reach(self._network, site.server, site.node, [site.node], settings.status_bytes)
        Probe(self._clock, rng, site.name, own, settings=settings.probe, turned=lease.own_api_server).start()
        return lease

    # Its process.
    def start(self) -> None:
        """Hear of all members from now on."""
        for life in self._lives:
            life.start()

    def stop(self, forget: bool) -> None:
        """Hear of nobody; `forget`: the process has ended, and what it had in memory."""
        for life in self._lives:
            life.stop()
            if forget and isinstance(life, Probe):
                life.forget()

    # What is believed.
    def heard_ns(self, row: int) -> int:
        """When the hub last had a status of this member (ns)."""
        self._lives[row].advance(self._clock.now)
        return self._lives[row].heard_ns

    def latency_ns(self) -> NDArray[np.int64]:
        """A column: half the round trip of each member's last status."""
        return np.array([life.latency_ns for life in self._lives], np.int64)

    def summary(self, row: int) -> NDArray[np.int64]:
        """The resource summary in the last status of this member."""
        return self.summaries[row].at(self.heard_ns(row))

    def summary_at(self, row: int, time: int) -> NDArray[np.int64]:
        """The resource summary that was believed at a time of the past, within one poll."""
        spells = self._silences[row]
        since = self._silent[row]
        if since is not None and since <= time:
            time = since
        for began, ended in reversed(spells):
            if began <= time < ended:
                time = began
        return self.summaries[row].at(time)

    # What is written.
    def _turn(self, row: int, condition: str) -> None:
        self._client.call(self._write, row, condition)

    def _write(self, row: int, condition: str) -> None:
        member, now = self.members[row], self._clock.now
        if member.ready == condition:
            return
        for old in tuple(member.taints):
            if old[0] in _TAINTS.values():
                self.remove_taint(member, old)
        member.ready, member.since_ns = condition, now
        self._recorder.clusters.add(now, member.name, "believed", _WORDS[condition])
        heard = (now - self.heard_ns(row)) / SECOND
        self._recorder.events.add(now, f"Cluster{_WORDS[condition]}", member.name, "", f"last heard {heard:.1f} s ago")
        new = taint(member, "NoSchedule")
        if new is not None:
            self.add_taint(member, new)
        self._server.changed(member)

    def add_taint(self, member: Member, new: Taint) -> None:
        """Write a taint."""
        member.taints.append(new)
        self._recorder.events.add(self._clock.now, "TaintAdded", member.name, "", f"{new[0]}:{new[2]}")

    def remove_taint(self, member: Member, old: Taint) -> None:
        """Write that a taint is gone."""
        member.taints.remove(old)
        self._recorder.events.add(self._clock.now, "TaintRemoved", member.name, "", f"{old[0]}:{old[2]}")

    # The truth: for the record, and for how old a belief of the past was.
    def _path_changed(self, row: int, _rows: list[int], _booted: list[int]) -> None:
        self._look(row)

    def _server_changed(self, row: int, up: bool) -> None:
        self._recorder.clusters.add(self._clock.now, self.sites[row].name, "running", "up" if up else "down")

    def _look(self, row: int) -> None:
        way, now, since = self.ways[row], self._clock.now, self._silent[row]
        if way.state[0] != OK and since is None:
            self._silent[row] = now
        elif way.state[0] == OK and since is not None:
            self._silences[row].append((since, now))
            self._silent[row] = None
        if way.state[0] == DOWN:
            return
        there, back = way.rows[0], way.api_node
        whole = self._network.access(there, back) == "ok" and self._network.access(back, there) == "ok"
        if self._open[row] is not whole:
            self._open[row] = whole
            self._recorder.clusters.add(now, self.sites[row].name, "path", "open" if whole else "cut")
