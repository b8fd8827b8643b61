"""Which stages follow which: links and stations as requests pass them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from simulator.traffic.calls import Choice, Steps

Path = list[int]  # stages in order: directed links and stations


def links(steps: Steps) -> Path:
    """The directed links of a way."""
    return [step[0] for step in steps]


class Graph:
    """The stages that some requests pass, and what comes after each."""

    __slots__ = ("_known", "after")

    def __init__(self, others: Iterable[Graph] = ()) -> None:
        self.after: dict[int, set[int]] = {}
        self._known: dict[int, Steps] = {}  # ways that are in it already
        for other in others:
            for stage, following in other.after.items():
                self.after.setdefault(stage, set()).update(following)

    def add(self, path: Path) -> None:
        """Add a path."""
        for stage in path:
            self.after.setdefault(stage, set())
        for a, b in pairwise(path):
            self.after[a].add(b)

    def add_choice(self, choice: Choice) -> None:
        """Add the passage to an endpoint, through it, and back."""
        out, back = choice.out, choice.back or ()
        for steps in (out, back):
            if id(steps) not in self._known:
                self._known[id(steps)] = steps
                self.add(links(steps))
        self.add([*links(out[-1:]), choice.station.stage, *links(back[:1])])

    def levels(self) -> dict[int, int] | None:
        """A level for each stage, above those of all stages that lead to it; None if there is a circle."""
        before = dict.fromkeys(self.after, 0)
        for following in self.after.values():
            for stage in following:
                before[stage] += 1
        level = {stage: 0 for stage, count in before.items() if not count}
        ready = list(level)
        for stage in ready:  # grows meanwhile
            for later in self.after[stage]:
                level[later] = max(level.get(later, 0), level[stage] + 1)
                before[later] -= 1
                if not before[later]:
                    ready.append(later)
        return level if len(ready) == len(self.after) else None
