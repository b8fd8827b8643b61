"""Tells a policy what became of the pods that it placed, as the scheduler's watch shows it."""

from __future__ import annotations

import math
from collections.abc import Callable

from simulator.control.api.objects import Pod
from simulator.control.scheduling.asking import Asker
from simulator.policy import PodView
from simulator.units import SECOND

Heard = Callable[[PodView, str, float], None]


class Feedback:
    """Pods that were bound and are not ready yet. What it knows is memory of the scheduler."""

    __slots__ = ("_asker", "_heard", "_waits")

    def __init__(self, heard: Heard, asker: Asker) -> None:
        self._heard, self._asker = heard, asker
        self._waits: dict[int, tuple[PodView, str, int]] = {}  # by uid: the pod, its node, since when

    def clear(self) -> None:
        """The scheduler has died."""
        self._waits.clear()

    def bound(self, uid: int, pod: PodView, node: str, now: int) -> None:
        """The policy has chosen a node for this pod."""
        self._waits[uid] = pod, node, now

    def seen(self, pod: Pod, now: int) -> None:
        """The watch shows this pod. One that ends before it is ready never was, unless it has done its work."""
        ended = pod.deleted or pod.phase in ("Succeeded", "Failed")
        if pod.uid not in self._waits or not (pod.ready or ended):
            return
        view, node, since = self._waits.pop(pod.uid)
        good = pod.ready or pod.phase == "Succeeded"
        took = (now - since) / SECOND if good else math.inf
        self._asker.ask(pod.name, lambda _: "", self._heard, view, node, took)
