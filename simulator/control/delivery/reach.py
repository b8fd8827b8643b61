"""Whether the agents and their API server reach each other: one look at the network for all who ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from simulator.world.dependents import Dependents
from simulator.world.network import Network
from simulator.world.route import Route

# What a node's agent meets when it talks to the API server.
OK: Final = 0
SILENT: Final = 1  # packets vanish: nothing comes back, and only time-outs tell
REFUSED: Final = 2  # an answer says no: noticed at once
DOWN: Final = 3  # the node has no power, or its agent has not started yet: there is nobody to talk


class Listener(Protocol):
    """A process that is talked to; stopped, it refuses."""

    up: bool
    up_hooks: list[Callable[[bool], None]]


class Ways(Protocol):
    """What agents meet on their way to who hears their heartbeats: columns as `Reach` has them."""

    state: NDArray[np.int8]
    delay_ns: NDArray[np.int64]
    loss: NDArray[np.float64]

    def tell(self, changed: Callable[[list[int], list[int]], None]) -> None:
        """Call `changed(rows, booted)` after those rows have changed."""


class Reach:
    """Columns over a cluster's nodes: the way between each agent and the API server, as it is now.

    A connection needs both directions, so a cut in one of them is silence for both ends, and so is a rate of 0 in a
    trace. A server process that is stopped on a live machine refuses. `api_node` is the machine to which agents turn;
    it moves where a control plane has several (`move`). `delay_ns` is one way, for a message of `size_bytes`, and 0
    unless OK; `loss` is the probability that a packet, or the answer to it, is lost on a way that is OK.

    Connections are opened by TLS: a node whose clock says that the certificate is not valid is refused on a whole way,
    unless its connection stands (`keep`).
    """

    __slots__ = (
        "_absent",
        "_awaited",
        "_cut_off",
        "_dependents",
        "_distrusting",
        "_kept",
        "_moved",
        "_network",
        "_server",
        "_size_bytes",
        "_told",
        "_touched",
        "_up",
        "_was_up",
        "_ways",
        "api_node",
        "delay_ns",
        "loss",
        "rows",
        "state",
    )  # fmt: skip

    def __init__(self, network: Network, server: Listener, api_node: int, rows: Sequence[int], size_bytes: int) -> None:
        self._network = network
        self._server = server
        self.api_node = api_node
        self._size_bytes = size_bytes
        self.rows = tuple(rows)  # the world's node index of each row
        self.state: NDArray[np.int8] = np.full(len(rows), OK, np.int8)
        self.delay_ns: NDArray[np.int64] = np.zeros(len(rows), np.int64)
        self.loss: NDArray[np.float64] = np.zeros(len(rows), np.float64)
        self._ways: list[tuple[Route | None, Route | None]] = [(None, None)] * len(rows)  # there and back
        self._was_up = server.up
        self._moved = False
        self._absent: set[int] = set()  # rows whose machine may have power, but whose agent does not run
        self._awaited: dict[int, Callable[[], None]] = {}
        self._distrusting: set[int] = set()  # rows that have no connection, and can open none
        self._kept: dict[int, Callable[[], bool]] = {}
        self._told: list[Callable[[list[int], list[int]], None]] = []
        self._cut_off: set[int] = set()  # rows with power, but no way: why may change where that would be
        self._dependents: Dependents[int] = Dependents(network)
        self._touched = network.watch()
        self._touched.clear()  # nobody has looked at any of them
        self._up = network.powered()  # as it was last seen
        self._look(range(len(rows)))
        network.after_change.append(self._changed)
        network.after_stall.append(self._changed)
        row_of = {node: row for row, node in enumerate(self.rows)}
        network.clocks.after_change.append(lambda node: self._changed((row_of[node],)) if node in row_of else None)
        server.up_hooks.append(lambda _up: self._changed())

    def tell(self, changed: Callable[[list[int], list[int]], None]) -> None:
        """Call `changed(rows, booted)` after the state, delay or loss of those rows has changed.

        `booted` are those among them that have lost or regained power: what they remembered is gone.
        """
        self._told.append(changed)

    def move(self, api_node: int) -> None:
        """Agents turn to another machine from now on. Every row is told, for a connection to the old one is gone."""
        if api_node != self.api_node:
            self.api_node, self._moved = api_node, True
            self._changed()

    def set_agent(self, row: int, up: bool) -> None:
        """The agent of this row has started, or is gone with its machine's power."""
        if up:
            self._absent.discard(row)
        else:
            self._absent.add(row)
        self._changed((row,))

    def keep(self, row: int, stands: Callable[[], bool]) -> None:
        """`stands` says whether the connection of this row's agent does, as far as the agent knows; without it, every
        break of the way ends it."""
        self._kept[row] = stands

    def closed(self, row: int) -> None:
        """The connection of this row's agent has ended, and its way may be whole."""
        if not self._trusts(self.rows[row]):
            self._changed((row,))

    def when_open(self, row: int, call: Callable[[], None]) -> None:
        """Call once the way between this row's machine and the API server is OK, whether or not its agent runs."""
        if self._opens(self.rows[row]):
            call()
        else:
            self._awaited[row] = call

    def _changed(self, also: Iterable[int] = ()) -> None:
        rows, booted = self._look(self._concerned(also))
        if rows:
            for changed in self._told:
                changed(rows, booted)
        for row in tuple(self._awaited):
            if row in self._awaited and self._opens(self.rows[row]):
                self._awaited.pop(row)()

    def _opens(self, node: int) -> bool:
        return self._meets(node, self._broken(node))[0] == OK and self._trusts(node)

    def _trusts(self, node: int) -> bool:
        return self._network.clocks.trusts(node, "cluster")

    def _stands(self, row: int) -> bool:
        """Whether a connection that is there now outlives what happens, if the way is whole after it."""
        state, kept = self.state[row], self._kept.get(row)
        return not self._moved and (state == OK if kept is None else state in (OK, SILENT) and kept())

    def _broken(self, node: int) -> bool:
        return None in (self._network.route(node, self.api_node), self._network.route(self.api_node, node))

    def _concerned(self, also: Iterable[int]) -> Iterable[int]:
        """Rows for which something may be other than when they were last looked at, in order."""
        up = self._network.powered()
        found = {*also, *self._cut_off}
        found.update(self._dependents.of_change(self._touched, np.flatnonzero(up != self._up).tolist()))
        self._touched.clear()
        self._up = up
        everything = self._moved or self._server.up != self._was_up
        return range(len(self.rows)) if everything else sorted(found)

    def _look(self, rows: Iterable[int]) -> tuple[list[int], list[int]]:
        network, api = self._network, self.api_node
        changed, booted = [], []
        for row in rows:
            node = self.rows[row]
            self._dependents.looked(row, ((node, api), (api, node)), (node,), -1)
            way = (network.route(node, api), network.route(api, node))
            (self._cut_off.add if None in way and self._up[node] else self._cut_off.discard)(row)
            loss = self._loss(way)
            absent, distrusts = row in self._absent, not self._trusts(node)
            stalled = any(map(network.stalled, way))
            odd = stalled or distrusts or row in self._distrusting
            same_way = None not in way and way == self._ways[row] and self._server.up == self._was_up and not odd
            if same_way and loss == self.loss[row] and absent == (self.state[row] == DOWN) and not self._moved:
                continue
            state, delay = (DOWN, 0) if absent else self._meets(node, None in way)
            self._distrusting.discard(row)
            if distrusts and state == OK and not self._stands(row):
                state, delay = REFUSED, 0
                self._distrusting.add(row)
            if self._moved or (state, delay, loss) != (self.state[row], self.delay_ns[row], self.loss[row]):
                if (state == DOWN) != (self.state[row] == DOWN):
                    booted.append(row)
                self.state[row], self.delay_ns[row], self.loss[row] = state, delay, loss
                changed.append(row)
            self._ways[row] = (None, None) if stalled else way
        self._was_up, self._moved = self._server.up, False
        return changed, booted

    def _loss(self, way: tuple[Route | None, Route | None]) -> float:
        kept = 1.0
        for direction in way:
            for hop in direction.hops if direction is not None else ():
                kept *= 1.0 - self._network.loss(hop)
        return 1.0 - kept

    def _meets(self, node: int, broken: bool) -> tuple[int, int]:
        network, api = self._network, self.api_node
        if not network.is_up(node):
            return DOWN, 0
        if broken and "silent" in (network.access(node, api), network.access(api, node)):
            return SILENT, 0
        if broken or not self._server.up:
            return REFUSED, 0
        if network.stalled(network.route(node, api)) or network.stalled(network.route(api, node)):
            return SILENT, 0
        return OK, network.delay_ns(node, api, self._size_bytes) or 0
