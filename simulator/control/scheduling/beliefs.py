"""What stands behind a policy's view: answers that one scheduling cycle computes when it is asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from simulator.control.scheduling.belief import NodeBelief
from simulator.policy import PodView, Reason
from simulator.policy.view import Bools, Floats, Ints
from simulator.units import SECOND
from simulator.world.pod import PodTemplate

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle

# (to, names) -> seconds from each of these nodes to a node, or the nearest of a zone
Distances = Callable[[str, tuple[str, ...]], Floats]


class Beliefs:
    """`simulator.policy.view.Knowledge` of one cycle."""

    __slots__ = ("_cycle", "_distances", "_now", "_uniform")

    def __init__(self, cycle: Cycle, now: int, uniform: Callable[[str], Floats], distances: Distances | None) -> None:
        self._cycle, self._now, self._uniform, self._distances = cycle, now, uniform, distances

    def age_s(self) -> Floats:
        return self._cycle.info.age_ns(self._now) / SECOND

    def feasible(self, pod: PodView) -> Bools:
        return self._of(pod).feasible()

    def why_not(self, pod: PodView) -> tuple[Reason, ...]:
        cycle = self._of(pod)
        return tuple(reason for row in np.flatnonzero(~cycle.passing()) for reason in cycle.reasons(int(row)))

    def scores(self, pod: PodView, where: Bools) -> Floats:
        cycle = self._of(pod)
        column, rows = np.zeros(len(where)), np.flatnonzero(where)
        column[rows] = sum(weight * scores for _, weight, scores in cycle.scores(rows))
        return column

    def image_bytes(self, pod: PodView) -> Ints:
        cycle = self._of(pod)
        return cycle.info.row_column(cycle.profile, "image bytes", _image_bytes, np.int64)

    def latency_s(self, to: str) -> Floats:
        if self._distances is None:
            raise KeyError(f"nobody has a map of the way to {to}")
        return self._distances(to, self._cycle.info.names)

    def uniform(self, name: str) -> Floats:
        return self._uniform(name)

    def _of(self, pod: PodView) -> Cycle:
        if pod is not self._cycle.pod_view:
            raise ValueError("the view answers only about the pod that is to be placed")
        return self._cycle


def _image_bytes(template: PodTemplate) -> tuple[frozenset[str], Callable[[NodeBelief], Any]]:
    images = frozenset(container.image for container in template.init_containers + template.containers)
    return images, lambda node: sum(node.images.get(image, 0) for image in images)
