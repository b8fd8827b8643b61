"""A user's score among Kubernetes' own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from simulator import policy
from simulator.control.scheduling.scores.base import MOST, Score
from simulator.policy.api import ScoreFunction
from simulator.policy.view import Floats, Ints

if TYPE_CHECKING:
    from simulator.control.scheduling.cycle import Cycle


class PluginScore(Score):
    """Asks the plug-in, or the function, and holds its answer to be a column from 0 to 100."""

    def __init__(self, plugin: policy.Score | ScoreFunction) -> None:
        self._plugin = plugin
        self._score: ScoreFunction = plugin.score if isinstance(plugin, policy.Score) else plugin

    @property
    def name(self) -> str:
        """The plug-in's class, or the function's name."""
        return str(getattr(self._plugin, "__name__", type(self._plugin).__name__))

    def scores(self, cycle: Cycle, rows: Ints) -> Floats | None:
        """Raises TypeError for an answer that is no column of numbers, ValueError for one outside 0 to 100."""
        where = np.zeros(len(cycle.info.names), np.bool_)
        where[rows] = True
        answer = self._score(cycle.pod_view, cycle.view(), where)
        if not isinstance(answer, np.ndarray) or answer.dtype.kind not in "fiub" or answer.shape != where.shape:
            raise TypeError(f"score {self.name} answered {answer!r}: it must be a column of numbers, a row per node")
        found = answer[rows].astype(np.float64)
        if not np.all((found >= 0) & (found <= MOST)):
            raise ValueError(f"score {self.name} answered {found.min()} to {found.max()}: it must be 0 to {MOST}")
        return found
