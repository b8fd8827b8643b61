"""What the environments have in common: a scenario, and its replications as episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

import gymnasium
import numpy as np

from simulator.simulation.simulation import Simulation
from simulator.spec.scenario import Scenario

Seen = TypeVar("Seen")
_SEEDS = 2**31


class Episodes(gymnasium.Env[Seen, np.int64]):
    """`reset(seed=s)` begins replication 0 of seed s, and each reset without a seed the next one;
    `options={"replication": r}` asks for one. One place for all replications of a seed; what happens there differs, by
    the same named draws as in any study (common random numbers): so two policies meet the same pods and requests.

    Metrics as rewards use polars, whose threads do not survive a fork: where the process has used polars before, give
    Gymnasium's `make_vec(…, vectorization_mode="async")` the `vector_kwargs={"context": "spawn"}`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  # Gymnasium's own declaration

    def __init__(
        self,
        scenario: Scenario | str | Path,
        fidelity: Literal["full", "scheduling"] | None,
        max_steps: int | None,
        render_mode: None,
    ) -> None:
        """Build the scenario once. Raises UserError for what is wrong with it."""
        read = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
        if fidelity is not None:
            read = read.model_copy(update={"fidelity": fidelity}).placed(read.folder, read.facts)
        if max_steps is not None and max_steps < 1:
            raise ValueError("max_steps is at least 1")
        self.scenario = read
        self.render_mode = render_mode
        self.simulation = Simulation(read)
        self._most = max_steps
        self._steps = 0
        self._seed: int | None = None
        self._replication = 0

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> None:
        """The simulation of the next episode."""
        super().reset(seed=seed)
        if seed is not None or self._seed is None:
            self._seed = int(self.np_random.integers(_SEEDS)) if seed is None else seed
            self._replication = 0
        else:
            self._replication += 1
        self._replication = int((options or {}).get("replication", self._replication))
        self.simulation = Simulation(self.scenario, self._seed, self._replication, like=self.simulation)
        self._steps = 0
