"""Heartbeats of the agents: what the API server has heard, and the status that an agent posts when it is missed."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.control.api.objects import Node
from simulator.control.api.server import ApiServer
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.reach import OK, Ways
from simulator.control.liveness.lease import LeaseSettings, Renewals
from simulator.control.liveness.stream import HubStream
from simulator.engine.clock import Clock, Timer
from simulator.streams import Rng, key
from simulator.units import SECOND


class Heartbeats:
    """The agents' side of liveness. A heartbeat of a node that is believed Ready costs nothing, unless it has to wait
    at a loaded hub: at `intake`, where there is one, except those of the rows in `direct`.

    With its first heartbeat that gets through to a server which does not believe it Ready, an agent also posts its
    status, and Ready becomes True. (Kubernetes' agent posts status in a second loop of the same period; here it is
    one loop.) `hooks` are called with the rows whose prospects have changed.
    """

    __slots__ = ("_clock", "_hub", "_posts", "_reach", "_renewals", "_row", "_server", "hooks", "nodes")

    def __init__(
        self,
        clock: Clock,
        rng: Rng,
        server: ApiServer,
        reach: Ways,
        *,
        nodes: Sequence[Node],
        settings: LeaseSettings,
        intake: Intake | None = None,
        direct: Container[int] = (),
    ) -> None:
        self._clock = clock
        self._server = server
        self._reach = reach
        self.nodes = tuple(nodes)
        self._row = {node.name: row for row, node in enumerate(nodes)}
        self._renewals = Renewals(rng, [node.name for node in nodes], settings)
        self._posts: dict[int, Timer] = {}
        self.hooks: list[Callable[[list[int]], None]] = []
        self._hub: HubStream | None = None
        for row in range(len(nodes)):
            self._meets(row, booted=False)
        if intake is not None:
            keys = {row: key(node.name) for row, node in enumerate(nodes) if row not in direct}
            rate = len(keys) * SECOND / settings.renew_ns
            self._hub = HubStream(
                clock, intake, self._renewals, keys=keys, rate=rate, waits=self._waits, heard=self._heard
            )
        reach.tell(self._changed)

    def row(self, node: Node) -> int:
        """The row of a node."""
        return self._row[node.name]

    def last(self, row: int, by: int) -> int:
        """When the last heartbeat that had arrived by `by` (ns, not long before now) arrived; −1 if none had."""
        self._advance(row)
        arrived = int(self._renewals.arrived[row])
        return arrived if arrived <= by else int(self._renewals.before[row])

    def upcoming(self, row: int) -> int | None:
        """When the next heartbeat will arrive if nothing changes; None if none will, or if one waits at the hub."""
        self._advance(row)
        return self._renewals.arrival(row)

    def attempt(self, row: int) -> int:
        """When the agent will try to renew next, whether or not it gets through (ns)."""
        self._advance(row)
        return int(self._renewals.upcoming[row])

    def unsteady(self, row: int) -> bool:
        """Whether packets are lost on its way, so that each heartbeat is a matter of luck."""
        return self._renewals.unsteady(row)

    def heard_ns(self, node: Node, now: int) -> int:
        """When the API server last heard of this node (ns), computed on demand."""
        row = self._row[node.name]
        self._renewals.advance(row, now)
        return max(node.heard_ns, int(self._renewals.arrived[row]))

    def heard(self, now: int) -> NDArray[np.int64]:
        """A column: when the API server last had a heartbeat of each node (ns; −1: never), in the order of `nodes`."""
        self._renewals.advance_all(now)
        return self._renewals.arrived

    def missed(self, row: int) -> None:
        """The node is not believed Ready (any more): with its next heartbeat the agent will say that it is."""
        arrival = self.upcoming(row)
        posted = self._posts.pop(row, None)
        if posted is not None:
            posted.cancel()
        if arrival is not None:
            self._posts[row] = self._clock.at(arrival, self._post, row)

    def _post(self, row: int) -> None:
        del self._posts[row]
        if self._hub is None or self.last(row, self._clock.now) == self._clock.now:  # else it waits at the hub
            self._say_ready(row)

    def _say_ready(self, row: int) -> None:
        node = self.nodes[row]
        if node.ready != "True" and not node.deleted:
            node.ready = "True"
            node.heard_ns = self._clock.now
            self._server.changed(node)

    def _changed(self, rows: list[int], booted: list[int]) -> None:
        fresh = set(booted)
        if self._hub is not None:
            self._hub.catch_up()
        for row in rows:
            state = self._meets(row, row in fresh)
            if self.nodes[row].ready != "True":
                self.missed(row)
            elif state != OK and row in self._posts:
                self._posts.pop(row).cancel()
        for hook in self.hooks:
            hook(rows)

    def _meets(self, row: int, booted: bool) -> int:
        reach, now = self._reach, self._clock.now
        state, delay_ns, loss = int(reach.state[row]), int(reach.delay_ns[row]), float(reach.loss[row])
        self._renewals.change(row, now, state=state, delay_ns=delay_ns, loss=loss, booted=booted)
        if self._hub is not None:
            self._hub.again(row)
        return state

    def _advance(self, row: int) -> None:
        if self._hub is not None:
            self._hub.catch_up()
        self._renewals.advance(row, self._clock.now)

    # At a loaded hub.
    def _waits(self, row: int) -> None:
        posted = self._posts.pop(row, None)
        if posted is not None:
            posted.cancel()
        for hook in self.hooks:
            hook([row])

    def _heard(self, row: int) -> None:
        if self.nodes[row].ready != "True":
            posted = self._posts.pop(row, None)
            if posted is not None:
                posted.cancel()
            self._say_ready(row)
        for hook in self.hooks:
            hook([row])
