"""Radios of nodes that move, or stand, among cells: which cell serves each, as its links are cut and mended.

The next change is known from where everything goes, so nothing happens between two of them; it is worked out anew where
a cell loses power or has it back. A node without power goes on moving.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.engine.clock import Clock, Timer
from simulator.physics.coverage import NONE, Reach
from simulator.physics.distributions import Distribution
from simulator.record.buffer import Recorder
from simulator.streams import Rng, key
from simulator.units import SECOND
from simulator.world.link import APART
from simulator.world.network import Network
from simulator.world.node import NodeTable


@dataclass(frozen=True, slots=True)
class Radio:
    """A radio of a node: the cells that ever cover it (`reach`, as positions in `cells`), its link to each, and how
    long it takes to join one (ns)."""

    name: str
    node: int
    reach: Reach
    cells: tuple[int, ...]
    links: tuple[int, ...]
    joins: Distribution


class Roaming:
    """All radios of a simulation, from its beginning on. Who wants to know of a node that has joined a cell, and has a
    way again, appends to `joined`."""

    __slots__ = ("_cells", "_radios", "_up", "clock", "joined", "network", "nodes", "recorder", "rng")

    def __init__(
        self, clock: Clock, rng: Rng, recorder: Recorder, nodes: NodeTable, *, network: Network, radios: Sequence[Radio]
    ) -> None:
        self.clock, self.rng, self.recorder, self.nodes, self.network = clock, rng, recorder, nodes, network
        self.joined: list[Callable[[int], None]] = []
        self._radios = [_Roamer(self, radio) for radio in radios]
        self._cells: NDArray[np.int64] = np.unique([cell for radio in radios for cell in radio.cells]).astype(np.int64)
        self._up = nodes.up[self._cells]
        for radio in self._radios:
            radio.begin()
        if len(self._cells):
            network.after_change.append(self._look)

    def _look(self) -> None:
        up = self.nodes.up[self._cells]
        changed = self._cells[up != self._up]
        if changed.size:
            self._up = up
            # Others who look at this change have to be done with it first.
            self.clock.after(0, self._again, frozenset(changed.tolist()))

    def _again(self, cells: frozenset[int]) -> None:
        for radio in self._radios:
            if not cells.isdisjoint(radio.of.cells):
                radio.again()


class _Roamer:
    """One radio, and the cell that serves it or that it joins."""

    __slots__ = ("_among", "_draws", "_joined", "_key", "_time", "_timer", "_tokens", "_whose", "of", "own")

    def __init__(self, among: Roaming, radio: Radio) -> None:
        self._among, self.of, self.own = among, radio, NONE
        self._whose, self._draws = among.nodes.names[radio.node], f"handover/{radio.name}"
        self._key = key(self._whose)
        self._joined = 0  # cells, so far
        self._time = 0.0  # of the last change, in s: exact, where the clock's is rounded
        self._tokens: dict[int, int] = {}  # of links that are apart, by position of their cell
        self._timer: Timer | None = None

    def begin(self) -> None:
        """At the beginning whoever is covered is served already."""
        self.own = self.of.reach.nearest(0.0, self._up())
        for cell, link in enumerate(self.of.links):
            if cell != self.own:
                self._tokens[cell] = self._among.network.cut(link, APART)
        if self.own == NONE:
            self._tell("CoverageLost", NONE)
        else:
            self._tell("CellJoined", self.own)
        self._schedule()

    def again(self) -> None:
        """A cell has gone down or come up: work out the next change anew, unless one is joined just now."""
        if self.own in self._tokens:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._time = max(self._time, self._among.clock.now / SECOND)
        self._schedule()

    def _up(self) -> list[bool]:
        up: list[bool] = self._among.nodes.up[list(self.of.cells)].tolist()
        return up

    def _schedule(self) -> None:
        change = self.of.reach.change(self._time, self.own, self._up())
        self._timer = None
        if change is not None:
            when, cell = change
            self._timer = self._among.clock.at(
                max(self._among.clock.now, round(when * SECOND)), self._change, when, cell
            )

    def _change(self, when: float, cell: int) -> None:
        before, self.own, self._time, self._timer = self.own, cell, when, None
        if before != NONE:
            self._tokens[before] = self._among.network.cut(self.of.links[before], APART)
        if cell == NONE:
            self._tell("CoverageLost", before)
            self._schedule()
            return
        takes = self.of.joins.tick(self._among.rng.draw(self._draws, self._key, self._joined))
        self._joined += 1
        self._time += takes / SECOND
        if before != NONE:
            self._tell("HandoverStarted", cell)
        if takes:
            self._among.clock.after(takes, self._join, before)
        else:
            self._join(before)

    def _join(self, before: int) -> None:
        self._among.network.mend(self.of.links[self.own], self._tokens.pop(self.own))
        self._tell("CellJoined" if before == NONE else "HandoverEnded", self.own)
        for hook in self._among.joined:
            hook(self.of.node)
        self._schedule()

    def _tell(self, what: str, cell: int) -> None:
        name = "" if cell == NONE else self._among.nodes.names[self.of.cells[cell]]
        self._among.recorder.events.add(
            self._among.clock.now, what, self._whose, self._whose, f"{self.of.name} {name}".strip()
        )
