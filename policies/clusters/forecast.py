"""By the room that each member is forecast to have: a plug-in that learns from the history of load.

Idea: smooth the level and the trend of each member's used cpu (Holt's linear method), with the mean of each phase of
the day taken out before and put back after where a season is given (Winters 1960, doi 10.1287/mnsc.6.3.324), look
`horizon_s` ahead, and divide what is missing by the room that is left then. What was before the first sample is taken
to have been as that one is.
Complexity: O(samples · members + replicas · members) numpy. Caveats: the history is what the hub believed, and it is
used cpu as requested, not as burnt; a forecast of a flat past is flat, and of none that of now.
"""

import numpy as np

from simulator.policy import ClusterPolicy, Divide, Division, MembersView, Wait, WorkloadView
from simulator.policy.division import dynamic_weight
from simulator.policy.view import Floats


class Forecast(ClusterPolicy):
    """Holt-Winters. `level` and `trend` are the smoothing weights; `season_s` 0 means none."""

    def __init__(self, horizon_s: float = 900.0, level: float = 0.5, trend: float = 0.2, season_s: float = 0.0) -> None:
        self.horizon_s = horizon_s
        self.level = level
        self.trend = trend
        self.season_s = season_s

    def divide(self, workload: WorkloadView, members: MembersView) -> Division:
        """As dynamic-weight, but by the room at the horizon."""
        used = self.forecast(members.history_cpu_m, members.history_step_s)
        free = np.minimum(members.allocatable_cpu_m - used, members.free_cpu_m)  # what is taken now is no room either
        room = np.minimum(members.available(workload), np.maximum(free, 0) // max(workload.cpu_m, 1)).astype(np.int64)
        found = dynamic_weight(workload.replicas, room, members.replicas, backwards=workload.backwards)
        return Wait() if found is None else Divide(found)

    def forecast(self, history: Floats, step_s: float) -> Floats:
        """Used cpu of each member at the horizon; history has the shape (members, samples), NaN: unknown."""
        ahead, season, samples = round(self.horizon_s / step_s), round(self.season_s / step_s), history.shape[1]
        unknown = np.isnan(history)  # the first so many of each row
        past = np.where(unknown, history[np.arange(len(history)), unknown.argmin(1), None], history)
        season = season if 1 < season <= samples // 2 else 1  # two seasons must be known
        phase = (np.arange(samples) - samples) % season  # the newest sample ends a season
        typical = np.stack([past[:, phase == k].mean(1) for k in range(season)], 1)
        typical -= typical.mean(1, keepdims=True)
        plain = (past - typical[:, phase]).T
        mean, slope = plain[0], np.zeros(len(past))
        for value in plain[1:]:
            before, mean = mean, self.level * value + (1 - self.level) * (mean + slope)
            slope = self.trend * (mean - before) + (1 - self.trend) * slope
        return mean + ahead * slope + typical[:, (ahead - 1) % season]
