"""Offloading as an environment: one step is one answered ask of a request that has several endpoints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from simulator.policy.tiers import REQUEST_HIGH, TIER_HIGH, TIERS, Observation, Tiers, seen
from simulator.policy.view import Bools
from simulator.rl.episodes import Episodes
from simulator.rl.practice import offloading
from simulator.rl.reward import Reward
from simulator.spec.scenario import Scenario
from simulator.traffic.routing import RouteAsk
from simulator.traffic.tries import COMPLETED
from simulator.units import SECOND

# Terms of the step from one ask to the next: requests that were answered, seconds that these took in all, requests
# that were not, and 1 for an action that the mask forbids.
DENSE: Final = ("completed", "latency_s", "failed", "masked")
DEFAULT: Final[Mapping[str, float]] = {"latency_s": -1.0, "failed": -1.0, "masked": -1.0}


class OffloadingEnv(Episodes[Observation]):
    """Who serves this request: the device itself (0), the edge (1) or the cloud (2)?

    `simulator.policy.tiers` says which endpoint serves in a tier, and what is seen. `action_masks()` are the tiers that
    have one; an action that it forbids goes to the first that it allows (the term `masked` of the reward counts it). A
    try whose endpoints are in no tier goes to the nearest, and one with a single endpoint there: neither is a step.

    `scenario`: one, or the file or shipped experiment that has it; without one, `practice.offloading()`. A service that
    is `per: node` is asked within a zone: over all tiers it has them in one zone, or is a manifest's. `edge` and
    `cloud` are globs over nodes. `reward`: weights of `completed`, `latency_s`, `failed` and `masked`, of each step, or
    of metrics, once at the end. `max_steps`: after so many steps the episode is cut off (truncated); it is over
    (terminated) when the scenario's time is, and what is still under way then has no outcome.
    """

    def __init__(
        self,
        scenario: Scenario | str | Path | None = None,
        *,
        edge: str = "edge*",
        cloud: str = "cloud*",
        reward: Mapping[str, float] = DEFAULT,
        max_steps: int | None = None,
        render_mode: None = None,
    ) -> None:
        """Build the scenario once. Raises UserError for what is wrong with it, or with `reward`."""
        super().__init__(offloading() if scenario is None else scenario, None, max_steps, render_mode)
        low = np.zeros((len(TIERS), len(TIER_HIGH)), np.float32)
        of: dict[str, spaces.Space[Any]] = {
            "tiers": spaces.Box(low, np.tile(TIER_HIGH, (len(TIERS), 1)), dtype=np.float32),
            "request": spaces.Box(np.zeros_like(REQUEST_HIGH), REQUEST_HIGH, dtype=np.float32),
        }
        space: spaces.Space[Any] = spaces.Dict(of)
        self.observation_space = space
        self.action_space = spaces.Discrete(len(TIERS))
        self._reward = Reward(reward, DENSE)
        self._sort = Tiers(edge, cloud)
        self._asks: Iterator[RouteAsk] = iter(())
        self._ask: RouteAsk | None = None
        self._rows: list[list[int]] = [[] for _ in TIERS]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode at its first ask; what has ended before that is in no reward. Raises ValueError where the
        scenario asks nothing."""
        self._begin(seed, options)
        self._asks = self.simulation.decisions(point="routing")
        self._go_on()
        if self._ask is None:
            raise ValueError("no request of the scenario has a choice between these tiers")
        return self._seen(), self._info()

    def step(self, action: np.int64 | int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Answer, and go on to the next ask. Raises ValueError for an action that is no tier, or with nothing asked."""
        ask, tier = self._ask, int(action)
        if ask is None:
            raise ValueError("nothing is asked: reset first")
        if not 0 <= tier < len(TIERS):
            raise ValueError(f"{tier} is no tier")
        rows = self._rows[tier]
        self.simulation.answer(ask, (rows or next(filter(None, self._rows)))[0])
        completed, latency_s, failed = self._go_on()
        self._steps += 1
        over = self._ask is None
        terms = {"completed": completed, "latency_s": latency_s, "failed": failed, "masked": float(not rows)}
        reward = self._reward.of(terms.__getitem__)
        info = {**self._info(), **terms}
        if over and self._reward.metrics:
            info["metrics"] = dict(self.simulation.finish().summary)
            reward += self._reward.at_end(info["metrics"])
        return self._seen(), reward, over, not over and self._steps == self._most, info

    def action_masks(self) -> Bools:
        """Which tiers have an endpoint for the request that is asked about."""
        return np.array([bool(rows) for rows in self._rows])

    @property
    def ask(self) -> RouteAsk | None:
        """What is asked, with the views that a policy would see; None once nothing is."""
        return self._ask

    def _go_on(self) -> tuple[float, float, float]:
        """Run to the next ask about a tier, if one comes: requests answered, seconds that they took, requests not."""
        completed, latency_s, failed = 0.0, 0.0, 0.0
        while True:
            ask = next(self._asks, None)
            issued, ended, outcome = self.simulation.outcomes()
            done = outcome == COMPLETED
            completed += float(done.sum())
            failed += float((~done).sum())
            latency_s += float((ended - issued)[done].sum()) / SECOND
            rows = [[] for _ in TIERS] if ask is None else self._sort.of(ask.request, ask.endpoints)
            if ask is None or any(rows):
                self._ask, self._rows = ask, rows
                return completed, latency_s, failed
            self.simulation.answer(ask, int(np.argmin(ask.endpoints.rtt_s)))

    def _seen(self) -> Observation:
        ask = self._ask
        return seen(None, None, []) if ask is None else seen(ask.request, ask.endpoints, self._rows)

    def _info(self) -> dict[str, Any]:
        ask = self._ask
        at = self.simulation.now_s if ask is None else ask.request.now_s
        return {"time_s": at, "source": "" if ask is None else ask.request.source}
