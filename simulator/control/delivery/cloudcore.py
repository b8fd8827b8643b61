"""CloudCore: the process in the cloud that holds every edge node's session. Without it nothing crosses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simulator.control.delivery.intake import Intake
from simulator.control.delivery.reach import OK, Reach
from simulator.control.delivery.session import Session, SessionSettings
from simulator.engine.clock import Clock
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.world.network import Network


class CloudCore:
    """A component that can be stopped. It serves at most `limit` nodes; `sessions` go by the index of their machine.

    `reach` must be a look at the way to this process (`listen`): its being stopped is refusal. `intake` is where what
    nodes send on their sessions waits; None: it never waits.
    """

    __slots__ = ("_by_row", "_clock", "_limit", "_network", "_reach", "_recorder", "_rng", "_served", "_settings",
                 "intake", "node", "sessions", "up", "up_hooks")  # fmt: skip

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        recorder: Recorder,
        network: Network,
        *,
        node: int,
        limit: int,
        settings: SessionSettings,
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._recorder = recorder
        self._network = network
        self._limit = limit
        self._settings = settings
        self.node = node
        self.intake: Intake | None = None
        self.up = True
        self.up_hooks: list[Callable[[bool], None]] = []
        self.sessions: dict[int, Session] = {}
        self._by_row: dict[int, Session] = {}
        self._served: set[str] = set()
        self._reach: Reach

    def listen(self, reach: Reach) -> None:
        """Be told through `reach` who gets here."""
        self._reach = reach
        reach.tell(self._paths_changed)

    def attach(self, name: str, row: int) -> Session:
        """The session of the node of this name, whose row in `reach` this is. `begin` it once its hooks are set."""
        node = self._reach.rows[row]
        session = Session(
            self._clock, self._rng, self._recorder, self._network, self, node=node, name=name, settings=self._settings
        )
        self.sessions[node] = self._by_row[row] = session
        self._reach.keep(row, lambda: session.online)
        session.closed = partial(self._reach.closed, row)
        return session

    def begin(self, row: int) -> None:
        """At the beginning of time, once everything listens to its hooks: the session stands where it can."""
        if self._reach.state[row] == OK:
            self._by_row[row].begin(int(self._reach.delay_ns[row]), float(self._reach.loss[row]))
        else:
            self._paths_changed([row], [row])

    def set_up(self, up: bool) -> None:
        """Stop or start the process. What it kept in memory, every session, is gone."""
        if up != self.up:
            self.up = up
            if not up:
                for session in self.sessions.values():
                    session.hub_stopped()
            for hook in self.up_hooks:
                hook(up)

    def admit(self, session: Session) -> bool:
        """Whether one more is served."""
        if session.name not in self._served and len(self._served) >= self._limit:
            return False
        self._served.add(session.name)
        return True

    def ended(self, session: Session) -> None:
        """Its place is free."""
        self._served.discard(session.name)

    def _paths_changed(self, rows: list[int], booted: list[int]) -> None:
        fresh, reach = set(booted), self._reach
        for row in rows:
            session = self._by_row.get(row)
            if session is not None:
                path, delay, loss = int(reach.state[row]), int(reach.delay_ns[row]), float(reach.loss[row])
                session.path_changed(path, delay, loss, row in fresh)
