"""What stands behind a policy's view: answers that scheduling cycles compute when they are asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from simulator.control.scheduling.belief import NodeBelief
from simulator.policy import PodView, Reason
from simulator.policy.view import Bools, Floats, Ints
from simulator.units import SECOND
from simulator.world.pod import PodTemplate

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle
    from simulator.control.scheduling.info import NodeInfo
    from simulator.control.scheduling.truth import Known


class Atlas(Protocol):
    """What is known of nodes without hearing from them, a column for these names; `ClusterView` says what each is."""

    def latency_s(self, to: str, names: tuple[str, ...]) -> Floats: ...

    def idle_w(self, names: tuple[str, ...]) -> Floats: ...

    def core_w(self, names: tuple[str, ...]) -> Floats: ...

    def carbon_g_per_kwh(self, names: tuple[str, ...], now: int) -> Floats: ...


class Beliefs:
    """`simulator.policy.view.Knowledge` of the cycles of one moment, each about one pod; maybe of none."""

    __slots__ = ("_atlas", "_cycles", "_info", "_now", "_uniform", "known")

    def __init__(
        self, info: NodeInfo, cycles: Sequence[Cycle], now: int, uniform: Callable[[str], Floats],
        atlas: Atlas | None, *, known: Known | None = None,
    ) -> None:  # fmt: skip
        self._cycles = {id(cycle.pod_view): cycle for cycle in cycles}  # the cycle keeps the view, and so its id
        self._info, self.known = info, known  # known: how nodes really are, where that is to be seen
        self._now, self._uniform, self._atlas = now, uniform, atlas

    def age_s(self) -> Floats:
        return self._info.age_ns(self._now) / SECOND if self.known is None else np.zeros(len(self._info.names))

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
        return self._map().latency_s(to, self._info.names)

    def idle_w(self) -> Floats:
        return self._map().idle_w(self._info.names)

    def core_w(self) -> Floats:
        return self._map().core_w(self._info.names)

    def carbon_g_per_kwh(self) -> Floats:
        return self._map().carbon_g_per_kwh(self._info.names, self._now)

    def uniform(self, name: str) -> Floats:
        return self._uniform(name)

    def _map(self) -> Atlas:
        if self._atlas is None:
            raise LookupError("nobody has a map of these nodes")
        return self._atlas

    def _of(self, pod: PodView) -> Cycle:
        cycle = self._cycles.get(id(pod))
        if cycle is None:
            raise ValueError("the view answers only about the pods that are to be placed")
        return cycle


def _image_bytes(template: PodTemplate) -> tuple[frozenset[str], Callable[[NodeBelief], Any]]:
    images = frozenset(container.image for container in template.init_containers + template.containers)
    return images, lambda node: sum(node.images.get(image, 0) for image in images)
