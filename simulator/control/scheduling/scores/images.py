"""ImageLocality: nodes that hold the pod's images already, less so the fewer nodes hold them.

Init containers count too, as in Kubernetes since 1.30 (kubernetes/kubernetes#123366).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator.control.scheduling.scores.base import MOST, Score
from simulator.policy.view import Ints

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulator.control.scheduling.belief import NodeBelief
    from simulator.control.scheduling.cycle import Cycle
    from simulator.world.pod import PodTemplate


class ImageLocality(Score):
    """Sum over containers of size * share of all nodes that have the image, scaled between two bounds."""

    def __init__(self, least_bytes: int, most_bytes: int) -> None:
        self._least = least_bytes
        self._most = most_bytes

    def scores(self, cycle: Cycle, rows: Ints) -> Ints | None:
        """A column for each container; nothing where no image counts."""
        containers = cycle.template.init_containers + cycle.template.containers
        found = np.zeros(len(rows), np.int64)
        for container in containers:
            sizes = cycle.info.row_column(cycle.profile, f"image {container.image}", _make(container.image), np.int64)
            holders = np.count_nonzero(sizes)
            if holders:
                found += (sizes[rows] * (holders / len(sizes))).astype(np.int64)
        if not found.any():
            return None
        most = self._most * len(containers)
        return MOST * (np.clip(found, self._least, most) - self._least) // (most - self._least)


def _make(image: str) -> Callable[[PodTemplate], tuple[str, Callable[[NodeBelief], int]]]:
    return lambda _template: (image, lambda node: node.images.get(image, 0))
