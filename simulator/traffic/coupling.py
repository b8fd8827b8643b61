"""Which flows can be evaluated as streams: those whose stages form no circle, alone and with all who share them.

A request that calls, is tried again or comes from a user who waits for its outcome closes a circle: the loop takes
it, and with it every flow that shares a link or a station with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from simulator.traffic.calls import Choice, Site, Steps
from simulator.traffic.tries import BACK, DONE, LINK, Try

if TYPE_CHECKING:
    from simulator.traffic.plane import RequestPlane

Path = list[int]  # stages in order: directed links and stations


class Coupling:
    """What touches what, as of one version of the plane: by flow the paths of those that may be streams, and the
    stages that belong to the loop."""

    __slots__ = ("_paths", "_plane", "_seen", "_taken")

    def __init__(self, plane: RequestPlane) -> None:
        self._plane = plane
        self._taken: set[int] = set()
        self._seen: set[tuple[str, int]] = set()
        self._paths: dict[int, list[Path]] = {}
        for flow, root in enumerate(plane.roots):
            if plane.arrivals[flow] is not None and not root.retries:
                self._paths[flow] = []
        asks = {(origin.flow, origin.place) for origin in plane.origins}
        for flow, place in sorted(asks):
            if flow in self._paths:
                found = [_path(choice) for choice in plane.choices(plane.roots[flow], place)]
                plain = [path for path in found if path is not None]
                if plain and len(plain) == len(found):
                    self._paths[flow] += plain
                else:
                    del self._paths[flow]
        for flow, place in sorted(asks):
            if flow not in self._paths:
                self._reach(plane.roots[flow], place)

    def streams(self) -> list[int]:
        """The flows that can be streams now, by number: what is under way may be on ways that are no longer taken."""
        plane = self._plane
        paths = {flow: list(mine) for flow, mine in self._paths.items()}
        before, self._taken = self._taken, set(self._taken)
        for x in plane.loop.tries():
            flow = x.request.origin.flow
            if flow in paths:
                if not x.moves:
                    continue
                rest = self._rest(x)
                if rest is not None:
                    paths[flow].append(rest)
                    continue
                for path in paths.pop(flow):
                    self._taken.update(path)
            self._reach_from(x)
        found = _without_circles(paths, self._taken)
        self._taken = before
        return found

    def _rest(self, x: Try) -> Path | None:
        """The stages that a try has still before it; None where that is no plain passage."""
        plane, choice, station = self._plane, x.choice, x.choice.station
        if choice.seen != plane.network.changes:
            plane.ways.find_back(choice)
        if choice.back is None or choice.visit.calls:
            return None
        if x.kind == DONE:
            return _links(choice.back)
        rest = _links(x.steps[x.hop :]) if x.kind == LINK else []
        if any(plane.ways.blocked(hop) for hop in rest):
            return None
        if x.kind == BACK or x.steps[-1][3] == BACK:
            return rest
        return [*rest, station.stage, *_links(choice.back)] if station.running else None

    def _reach(self, site: Site, place: int) -> None:
        """Take every stage that a request from this place, and its calls, can touch."""
        if (site.name, place) in self._seen:
            return
        self._seen.add((site.name, place))
        for choice in self._plane.choices(site, place):
            self._taken.update(_links(choice.out), [choice.station.stage], _links(choice.back or ()))
            for call in choice.visit.calls:
                self._reach(call, choice.station.place)

    def _reach_from(self, x: Any) -> None:
        """Take every stage that a try under way, and those who wait for it, can still touch."""
        while x is not None:
            choice = x.choice
            if choice.seen != self._plane.network.changes:
                self._plane.ways.find_back(choice)
            self._taken.update(_links(x.steps), [choice.station.stage], _links(choice.back or ()))
            for call in choice.visit.calls:
                self._reach(call, choice.station.place)
            x = x.parent


def levels(paths: Iterable[Path]) -> dict[int, int] | None:
    """A level for each stage, above those of all stages before it on any path; None if there is a circle."""
    after: dict[int, set[int]] = {}
    for path in paths:
        for stage in path:
            after.setdefault(stage, set())
        for a, b in pairwise(path):
            after[a].add(b)
    before = dict.fromkeys(after, 0)
    for following in after.values():
        for stage in following:
            before[stage] += 1
    level = {stage: 0 for stage, count in before.items() if not count}
    ready = list(level)
    for stage in ready:  # grows meanwhile
        for following_stage in after[stage]:
            level[following_stage] = max(level.get(following_stage, 0), level[stage] + 1)
            before[following_stage] -= 1
            if not before[following_stage]:
                ready.append(following_stage)
    return level if len(ready) == len(after) else None


def _path(choice: Choice) -> Path | None:
    """All stages of a request to this endpoint; None where it is no plain passage there and back."""
    if choice.blocked or choice.back is None or not choice.station.running or choice.visit.calls:
        return None
    return [*_links(choice.out), choice.station.stage, *_links(choice.back)]


def _links(steps: Steps) -> Path:
    return [step[0] for step in steps]


def _without_circles(paths: dict[int, list[Path]], taken: set[int]) -> list[int]:
    owner: dict[int, int] = {}  # stage -> a flow of its component
    parent = {flow: flow for flow in paths}

    def find(flow: int) -> int:
        while parent[flow] != flow:
            flow = parent[flow]
        return flow

    for flow, mine in paths.items():
        for path in mine:
            for stage in path:
                parent[find(flow)] = find(owner.setdefault(stage, flow))
    components: dict[int, list[int]] = {}
    for flow in paths:
        components.setdefault(find(flow), []).append(flow)
    found = []
    for flows in components.values():
        together = [path for flow in flows for path in paths[flow]]
        if not any(stage in taken for path in together for stage in path) and levels(together) is not None:
            found += flows
    return sorted(found)
