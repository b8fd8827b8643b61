"""Heartbeats that travel through sessions: what an agent meets is its session's state, not the network's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from simulator.control.api.server import ApiServer
from simulator.control.delivery.reach import DOWN, OK, REFUSED, Reach
from simulator.control.delivery.session import Session


class SessionWays:
    """Columns like `reach`'s, for heartbeats. Rows without a session, of plain kubelets, are as `reach` says.

    A session that is broken, unknown to its edge, is silence; one that the edge knows to be gone answers at once that
    there is no connection. CloudCore without its API server refuses.
    """

    __slots__ = ("_reach", "_server", "_sessions", "_told", "delay_ns", "loss", "state")

    def __init__(self, reach: Reach, server: ApiServer, sessions: Mapping[int, Session]) -> None:
        self._reach = reach
        self._server = server
        self._sessions = dict(sessions)  # by row
        self.state: NDArray[np.int8] = reach.state.copy()
        self.delay_ns: NDArray[np.int64] = reach.delay_ns.copy()
        self.loss: NDArray[np.float64] = reach.loss.copy()
        self._told: list[Callable[[list[int], list[int]], None]] = []
        for row, session in self._sessions.items():
            self.state[row], self.delay_ns[row], self.loss[row] = self._meets(row)
            session.changed = partial(self._look, [row])
        reach.tell(lambda rows, _booted: self._look([row for row in rows if row not in self._sessions]))
        server.up_hooks.append(lambda _up: self._look(list(self._sessions)))

    def tell(self, changed: Callable[[list[int], list[int]], None]) -> None:
        """Call `changed(rows, booted)` as `Reach.tell` says."""
        self._told.append(changed)

    def _meets(self, row: int) -> tuple[int, int, float]:
        session = self._sessions.get(row)
        if session is None:
            return int(self._reach.state[row]), int(self._reach.delay_ns[row]), float(self._reach.loss[row])
        state, delay, loss = session.meets()
        return (REFUSED, 0, 0.0) if state == OK and not self._server.up else (state, delay, loss)

    def _look(self, rows: list[int]) -> None:
        changed, booted = [], []
        for row in rows:
            new = self._meets(row)
            if new != (self.state[row], self.delay_ns[row], self.loss[row]):
                if (new[0] == DOWN) != (self.state[row] == DOWN):
                    booted.append(row)
                self.state[row], self.delay_ns[row], self.loss[row] = new
                changed.append(row)
        if changed:
            for tell in self._told:
                tell(changed, booted)
