"""Which flows can be evaluated as streams: those whose stages form no circle, alone and with all who share them.

A request that calls, is tried again or comes from a user who waits for its outcome closes a circle: the loop takes
it, and with it every flow that shares a link or a station with it; so it does with requests over a radio that sleeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.traffic.calls import Choice, Site, Steps
from simulator.traffic.graph import Graph, links
from simulator.traffic.tries import BACK, DONE, LINK, Try

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane


class Coupling:
    """What touches what, as of one version of the plane: by flow the stages of those that may be streams, and the
    stages that belong to the loop."""

    __slots__ = ("_graphs", "_plane", "_seen", "_settled", "_taken")

    def __init__(self, plane: RequestPlane) -> None:
        self._plane = plane
        self._taken: set[int] = set()
        self._seen: set[tuple[str, int]] = set()
        self._graphs: dict[int, Graph] = {}
        for flow, root in enumerate(plane.roots):
            if plane.arrivals[flow] is not None and not root.retries:
                self._graphs[flow] = Graph()
        asks = sorted({(origin.flow, origin.place) for origin in plane.origins})
        for flow, place in asks:
            if flow in self._graphs:
                found = plane.choices(plane.roots[flow], place)
                if found and all(map(self._plain, found)):
                    for choice in found:
                        self._graphs[flow].add_choice(choice)
                else:
                    del self._graphs[flow]
        for flow, place in asks:
            if flow not in self._graphs:
                self._reach(plane.roots[flow], place)
        self._settled = _without_circles(self._graphs, self._taken)

    def streams(self) -> list[int]:
        """The flows that can be streams now, by number: what is under way may be on ways that are no longer taken."""
        strays = [x for x in self._plane.loop.tries() if _strays(x)]
        if not strays:
            return self._settled
        before, graphs, own = set(self._taken), dict(self._graphs), set[int]()
        for x in strays:
            flow = x.request.origin.flow
            if flow in graphs:
                if not x.moves:
                    continue
                if self._passes(x):
                    if flow not in own:
                        own.add(flow)
                        graphs[flow] = Graph([graphs[flow]])
                    # All of its passage, for that is what `Passages` lays out, not only what it has still before it.
                    graphs[flow].add_choice(x.choice)
                    graphs[flow].add(links(x.steps))
                    continue
                self._taken.update(graphs.pop(flow).after)
            self._reach_from(x)
        found = _without_circles(graphs, self._taken)
        self._taken = before
        return found

    def _passes(self, x: Try) -> bool:
        """Whether what a try has still before it is a plain passage."""
        plane, choice, station = self._plane, x.choice, x.choice.station
        if choice.seen != plane.network.changes:
            plane.ways.find_back(choice)
        if choice.back is None or choice.visit.calls or self._sleep(choice.back):
            return False
        if x.kind == DONE:
            return True
        rest = links(x.steps[x.hop :]) if x.kind == LINK else []
        if any(plane.ways.blocked(hop) or plane.ways.radio(hop) for hop in rest):
            return False
        return x.kind == BACK or x.steps[-1][3] == BACK or station.running

    def _reach(self, site: Site, place: int) -> None:
        """Take every stage that a request from this place, and its calls, can touch."""
        if (site.name, place) in self._seen:
            return
        self._seen.add((site.name, place))
        for choice in self._plane.choices(site, place):
            self._taken.update(links(choice.out), [choice.station.stage], links(choice.back or ()))
            for call in choice.visit.calls:
                self._reach(call, choice.station.place)

    def _reach_from(self, stray: Try) -> None:
        """Take every stage that a try under way, and those who wait for it, can still touch."""
        x: Try | None = stray
        while x is not None:
            choice = x.choice
            if choice.seen != self._plane.network.changes:
                self._plane.ways.find_back(choice)
            self._taken.update(links(x.steps), [choice.station.stage], links(choice.back or ()))
            for call in choice.visit.calls:
                self._reach(call, choice.station.place)
            x = x.parent

    def _plain(self, choice: Choice) -> bool:
        """Whether a request to this endpoint passes there, through it and back, and that is all."""
        if choice.blocked or choice.back is None or choice.visit.calls or not choice.station.running:
            return False
        return not self._sleep(choice.out + choice.back)

    def _sleep(self, steps: Steps) -> bool:
        """Whether a radio on this way sleeps: what comes first to either of its directions wakes it."""
        return any(self._plane.ways.radio(hop) for hop in links(steps))


def _strays(x: Try) -> bool:
    """Whether a try, or one that waits for it, went another way than it would go now."""
    while x.choice.current:
        if x.parent is None:
            return False
        x = x.parent
    return True


def _without_circles(graphs: dict[int, Graph], taken: set[int]) -> list[int]:
    owner: dict[int, int] = {}  # stage -> a flow of its component
    parent = {flow: flow for flow in graphs}

    def find(flow: int) -> int:
        while parent[flow] != flow:
            flow = parent[flow]
        return flow

    for flow, graph in graphs.items():
        for stage in graph.after:
            parent[find(flow)] = find(owner.setdefault(stage, flow))
    components: dict[int, list[int]] = {}
    for flow in graphs:
        components.setdefault(find(flow), []).append(flow)
    found = []
    for flows in components.values():
        together = Graph(graphs[flow] for flow in flows)
        if taken.isdisjoint(together.after) and together.levels() is not None:
            found += flows
    return sorted(found)
