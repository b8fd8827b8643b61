"""What somebody meets where no way is left: the first obstacle on the way that is tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from simulator.world.link import REFUSED, LinkRow, LinkState
from simulator.world.node import NodeTable
from simulator.world.route import Route, Router

Access = Literal["ok", "silent", "refused"]
Tried = tuple[Access, tuple[int, ...]]  # what the first obstacle answers, and the directed links up to it


class Obstacles:
    """Looks at the network as it is; `route` finds the ways that are left, and `states` are those of the links."""

    __slots__ = ("_intact", "_links", "_nodes", "_route", "_router", "_states")

    def __init__(
        self, nodes: NodeTable, links: Sequence[LinkRow], states: Sequence[LinkState], router: Router,
        route: Callable[[int, int], Route | None],
    ) -> None:  # fmt: skip
        self._nodes, self._links, self._states, self._router, self._route = nodes, links, states, router, route
        self._intact: Router | None = None  # as if nothing had failed; made when first needed

    def intact(self, a: int, b: int) -> Route | None:
        """The route that there would be if nothing had failed and every radio reached all of its cells."""
        if self._intact is None:
            self._intact = Router(len(self._nodes), self._links)
        return self._intact.route(a, b)

    def first(self, a: int, b: int) -> Tried:
        """The first obstacle from `a` to `b`, where there is no route."""
        if not self._nodes.up[a]:
            return "silent", ()
        way = self.intact(a, b)
        if way is None:
            return "refused", ()
        for i, hop in enumerate(way.hops):
            if (answer := self._answer(hop)) is not None:
                return answer, way.hops[:i]
        return self._of_its_cell(a, b)

    def _of_its_cell(self, a: int, b: int) -> Tried:
        """The intact way leads over a link of a radio that is on another one now: that one's obstacle."""
        own = self._router.swings(a)
        if own is not None:
            cell = self._router.ends(own)[1]
            if (answer := self._answer(own)) is not None:
                return answer, ()
            if self._route(cell, b) is None:
                access, hops = self.first(cell, b)
                return access, (own, *hops)
        back = self._router.swings(b)
        assert back is not None  # or else the way that is tried would be the intact one
        cell = self._router.ends(back)[1]
        route = self._route(a, cell)
        if route is None:
            return self.first(a, cell)
        return self._answer(back ^ 1) or "silent", route.hops

    def _answer(self, hop: int) -> Access | None:
        """What one meets who sends over a directed link; None where it gets through."""
        blocked = self._states[hop >> 1].blocked[hop & 1]
        if blocked or not self._nodes.up[self._router.ends(hop)[1]]:
            return "refused" if blocked == REFUSED else "silent"
        return None
