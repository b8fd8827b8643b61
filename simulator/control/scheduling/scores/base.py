"""What a score is to the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.policy.view import Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle

MOST: Final = 100  # MaxNodeScore


class Score:
    """One preference. Without state: what it caches lives in NodeInfo."""

    @property
    def name(self) -> str:
        """As Kubernetes calls it."""
        return type(self).__name__

    def scores(self, cycle: Cycle, rows: Ints) -> NDArray[Any] | None:
        """0 to 100 for each of these nodes, normalised over them; None where the score has nothing to say."""
        raise NotImplementedError


def share_of_largest(values: Ints, *, less_is_better: bool = False) -> Ints:
    """Kubernetes' DefaultNormalizeScore: value * 100 / largest, in integers; all 0 (or all 100) where that is 0."""
    largest = values.max(initial=0)
    shares: Ints = values * MOST // largest if largest else np.zeros_like(values)
    return MOST - shares if less_is_better else shares
