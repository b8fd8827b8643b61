"""Where a control plane keeps its objects: on which of its machines, who leads them, and hence whether its API answers.

SQLite lives on one machine, and the API is gone while that is. A Raft group (etcd) writes while a majority of its
machines sees each other: when the leader is lost the others wait for an election time-out, drawn anew each time, and
the first to wait it out leads. An external database is somebody else's: any one machine serves. Agents and clients
turn to the machine that leads, so the API moves with it; those whose connection led elsewhere notice as they notice
any other loss. Simplified: until the election is over nobody reads either, pre-vote makes split votes rare enough to
be left out, and an external database never fails (a stop of the api-server stands for that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from simulator.control.api.server import ApiServer
from simulator.control.delivery.reach import Reach
from simulator.engine.clock import Clock, Timer
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key
from simulator.world.network import Network
from simulator.world.node import NodeTable


@dataclass(frozen=True, slots=True)
class DatastoreSettings:
    """Times in ns. With a quorum of the majority a follower campaigns election × U(1, 2) after the last heartbeat that
    it heard; where one machine is enough nobody is elected. `start_ns` is how long a server's processes take once its
    machine is up."""

    quorum: str  # one, or majority: of the machines, without which nobody can write
    heartbeat_ns: int = 0
    election_ns: int = 0
    start_ns: int = 0


class Hosted(Protocol):
    """What has a copy on each machine of the control plane, or its only one on the first."""

    def set_machine(self, host: int, up: bool) -> None:
        """Its processes on that machine are gone with it, or run again."""


class Switch(Protocol):
    """A component without copies."""

    def set_up(self, up: bool) -> None:
        """Stop or start it."""


class Single:
    """A component with one copy, on the first machine: it runs while that does and nobody has stopped it."""

    __slots__ = ("_allowed", "_component", "_powered")

    def __init__(self, component: Switch) -> None:
        self._component = component
        self._allowed = self._powered = True

    def set_up(self, up: bool) -> None:
        """Stop or start it."""
        self._allowed = up
        self._component.set_up(self._allowed and self._powered)

    def set_machine(self, host: int, up: bool) -> None:
        """Its machine is lost, or its processes run again."""
        if host == 0:
            self._powered = up
            self._component.set_up(self._allowed and self._powered)


class Datastore:
    """The machines of one control plane, by number from 0; the first leads at the beginning.

    `hosted` are the components that elect a leader of their own among the machines. It is the switch of the API
    server: that answers while somebody leads and nobody has stopped it.
    """

    __slots__ = ("_allowed", "_clock", "_election", "_hosted", "_machines", "_names", "_network", "_quorum", "_reach",
                 "_recorder", "_rng", "_rounds", "_runs", "_server", "_serves", "_settings", "_starting",
                 "leader")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        nodes: NodeTable,
        network: Network,
        *,
        server: ApiServer,
        reach: Reach,
        machines: Sequence[int],
        settings: DatastoreSettings,
        hosted: Sequence[Hosted],
    ) -> None:
        self._clock, self._rng, self._recorder = clock, rng, recorder
        self._network, self._server, self._reach = network, server, reach
        self._machines = tuple(machines)
        self._names = [nodes.names[machine] for machine in machines]
        self._settings = settings
        self._hosted = tuple(hosted)
        self._quorum = len(machines) // 2 + 1 if settings.quorum == "majority" else 1
        self._runs = set(range(len(machines)))  # machines whose server processes run
        self._starting: dict[int, Timer] = {}
        self._election: tuple[int, Timer] | None = None  # who will win, and when
        self._rounds = 0  # elections so far, to name their draws
        self._serves = self._allowed = True
        self.leader = 0
        network.after_change.append(self._look)

    def set_up(self, up: bool) -> None:
        """Stop or start the API server's processes, all of them."""
        self._allowed = up
        self._server.set_up(self._serves and self._allowed)

    def _look(self) -> None:
        """The network has changed: power, or a link between machines of the control plane."""
        for host, machine in enumerate(self._machines):
            if not self._network.is_up(machine):
                if (timer := self._starting.pop(host, None)) is not None:
                    timer.cancel()
                if host in self._runs:
                    self._runs.remove(host)
                    self._tell(host, up=False)
            elif host not in self._runs and host not in self._starting:
                if self._settings.start_ns:
                    self._starting[host] = self._clock.after(self._settings.start_ns, self._started, host)
                else:
                    self._run(host)
        self._settle()

    def _started(self, host: int) -> None:
        del self._starting[host]
        self._run(host)
        self._settle()

    def _run(self, host: int) -> None:
        self._runs.add(host)
        self._tell(host, up=True)

    def _tell(self, host: int, up: bool) -> None:
        for component in self._hosted:
            component.set_machine(host, up)

    def _peers(self, host: int) -> list[int]:
        """The other machines with which it can talk, both ways."""
        access, machine = self._network.access, self._machines
        return [
            other
            for other in sorted(self._runs - {host})
            if access(machine[host], machine[other]) == "ok" == access(machine[other], machine[host])
        ]

    def _can_lead(self, host: int) -> bool:
        return host in self._runs and (self._quorum == 1 or 1 + len(self._peers(host)) >= self._quorum)

    def _settle(self) -> None:
        """Keep the leader, or see who follows."""
        if self._serves and self._can_lead(self.leader):
            return
        candidates = [host for host in sorted(self._runs) if self._can_lead(host)]
        if self._election is not None and self._election[0] not in candidates:
            self._election[1].cancel()
            self._election = None
        just_lost = self._serves
        if candidates and self._quorum == 1:
            self._win(candidates[0])
            return
        if just_lost:
            self._serves = False
            self._server.set_up(False)
        if candidates and self._election is None:
            self._rounds += 1
            wait, winner = min((self._patience(host, just_lost), host) for host in candidates)
            self._election = winner, self._clock.after(wait, self._elected, winner)

    def _patience(self, host: int, just_lost: bool) -> int:
        """How long this machine will wait until it campaigns, and then for the votes of a majority.

        A leader that is lost was heard less than a heartbeat ago. Without a leader machines campaign again and again:
        when enough of them are back, each is somewhere in its wait.
        """
        s, name = self._settings, key(self._names[host])
        wait = s.election_ns * (1 + self._rng.draw("raft-election", name, self._rounds))
        if just_lost:
            wait -= s.heartbeat_ns * self._rng.draw("raft-heartbeat", key(self._names[self.leader]), self._rounds)
        else:
            wait *= self._rng.draw("raft-waited", name, self._rounds)
        there = sorted(
            self._network.delay_ns(self._machines[host], self._machines[other], 0) or 0 for other in self._peers(host)
        )
        return round(wait) + 2 * there[self._quorum - 2]

    def _elected(self, host: int) -> None:
        self._election = None
        self._win(host)

    def _win(self, host: int) -> None:
        self._serves = True
        if len(self._machines) > 1:
            self._recorder.events.add(
                self._clock.now, "LeaderElection", "datastore", self._names[host], "became leader"
            )
        # The server first: whoever is told of the move then finds it answering.
        self._server.set_up(self._allowed)
        self.leader = host
        self._reach.move(self._machines[host])
