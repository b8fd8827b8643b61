"""Autoscaling as an environment: one step is one answered ask of the loop that sets a Deployment's replicas.

Dense terms of its reward, of the step from one ask to the next, or to the scenario's end:

- `replica_s`: the answer, times the seconds that passed.
- `change`: by how much the answer differs from the number before.
- `masked`: 1 if the action was one that the mask forbids, so that the number was left.
- `latency_s`: the sum of the latencies of the requests to the service that were completed meanwhile.
- `unanswered`: requests issued meanwhile less those completed: over an episode, those that never were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from gymnasium import spaces

from simulator.control.loops.autoscaler import ScaleAsk
from simulator.policy.view import Bools
from simulator.rl.episodes import Episodes
from simulator.rl.practice import practice_service
from simulator.rl.reward import Reward
from simulator.rl.service import ServiceObservation, see, space
from simulator.spec.scenario import Scenario
from simulator.units import SECOND

DENSE: Final = ("replica_s", "change", "masked", "latency_s", "unanswered")
# A second of a request's latency weighs as much as one of a replica; no answer as ten such seconds: assumed.
DEFAULT: Final[Mapping[str, float]] = {"replica_s": -1.0, "latency_s": -1.0, "unanswered": -10.0, "masked": -1.0}


@dataclass(frozen=True, slots=True)
class ScaleStep:
    """What happened between two asks: the terms by their names."""

    replica_s: float
    change: int
    masked: bool
    latency_s: float
    unanswered: int


class AutoscalingEnv(Episodes[ServiceObservation]):
    """How many replicas does this service have until the next ask? An action is their number.

    The loop is that of the scenario's policy for autoscaling, which says by its `every_s` how far asks lie apart, and
    is not asked itself. `action_masks()` is true from `least` to `most`; an action that it forbids leaves the number as
    it is (the term `masked` counts it). Other Deployments keep theirs.

    `scenario`: one, or the file or shipped experiment that has it; without one, `practice_service()`. `service`: the
    Deployment; without one, the first that is asked about. `reward`: weights by name, of the terms above and of metrics
    (`simulator.rl.reward`). `max_steps`: after so many steps the episode is cut off (truncated); it is over
    (terminated) when the scenario's time is.
    """

    def __init__(
        self,
        scenario: Scenario | str | Path | None = None,
        *,
        service: str | None = None,
        least: int = 1,
        most: int = 10,
        reward: Mapping[str, float] = DEFAULT,
        max_steps: int | None = None,
        render_mode: None = None,
    ) -> None:
        """Build the scenario once. Raises UserError for what is wrong with it, or with `reward`."""
        if not 0 <= least <= most:
            raise ValueError("0 <= least <= most")
        super().__init__(practice_service() if scenario is None else scenario, None, max_steps, render_mode)
        self.service = service
        self.observation_space = space()
        self.action_space = spaces.Discrete(most + 1)
        self._allowed: Bools = np.arange(most + 1) >= least
        self._allowed.flags.writeable = False
        self._reward = Reward(reward, DENSE)
        self._asks: Iterator[ScaleAsk] = iter(())
        self._ask: ScaleAsk | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ServiceObservation, dict[str, Any]]:
        """Begin an episode at its first ask. Raises ValueError where nothing is asked, or never about the service."""
        self._begin(seed, options)
        self._asks = self.simulation.decisions(point="autoscaling")
        self._go_on()
        if self._ask is None:
            raise ValueError(f"the scenario asks for no replicas of {self.service or 'any Deployment'}")
        return self._seen(), self._info()

    def step(self, action: np.int64 | int) -> tuple[ServiceObservation, float, bool, bool, dict[str, Any]]:
        """Answer, and go on to the next ask. Raises ValueError for an action out of range, or with nothing asked."""
        ask, wanted = self._ask, int(action)
        if ask is None:
            raise ValueError("nothing is asked: reset first")
        if not 0 <= wanted < len(self._allowed):
            raise ValueError(f"{wanted} is no number of replicas up to {len(self._allowed) - 1}")
        masked = not self._allowed[wanted]
        replicas = ask.service.replicas if masked else wanted
        issued, done, latency_s = self.simulation.answered(ask.subject)
        began_s = self.simulation.now_s
        self.simulation.answer(ask, replicas)
        self._go_on()
        self._steps += 1
        issued_then, done_then, latency_then_s = self.simulation.answered(ask.subject)
        step = ScaleStep(
            replicas * (self.simulation.now_s - began_s), abs(replicas - ask.service.replicas), masked,
            latency_then_s - latency_s, (issued_then - issued) - (done_then - done),
        )  # fmt: skip
        over, reward, info = self._ask is None, self._reward.of(_term, step), self._info()
        if over and self._reward.metrics:
            info["metrics"] = dict(self.simulation.finish().summary)
            reward += self._reward.at_end(info["metrics"])
        return self._seen(), reward, over, not over and self._steps == self._most, info

    def action_masks(self) -> Bools:
        """Which numbers of replicas may be answered; none once nothing is asked."""
        return self._allowed if self._ask is not None else np.zeros_like(self._allowed)

    @property
    def ask(self) -> ScaleAsk | None:
        """What is asked, with the `ServiceView` that a policy would see; None once nothing is."""
        return self._ask

    def _go_on(self) -> None:
        """Run to the next ask about the service, if one comes."""
        for ask in self._asks:
            if self.service in (None, ask.subject):
                self.service, self._ask = ask.subject, ask
                return
            self.simulation.answer(ask, ask.service.replicas)
        self._ask = None

    def _seen(self) -> ServiceObservation:
        return see(None if self._ask is None else self._ask.service, self.simulation.duration_ns / SECOND)

    def _info(self) -> dict[str, Any]:
        return {"time_s": self.simulation.now_s, "service": self.service}


def _term(name: str, step: ScaleStep) -> float:
    return float(getattr(step, name))
