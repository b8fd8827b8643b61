"""The space that observations are from; `simulator.policy.observation` says what is in them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from simulator.policy.observation import NODE_HIGH, POD_HIGH, QUEUE_HIGH, Observation


def space(nodes: int) -> spaces.Space[Observation]:
    """The observations over so many nodes."""
    high = np.tile(NODE_HIGH, (nodes, 1))
    of: dict[str, spaces.Space[Any]] = {
        "nodes": spaces.Box(np.zeros_like(high), high, dtype=np.float32),
        "pod": spaces.Box(np.zeros_like(POD_HIGH), POD_HIGH, dtype=np.float32),
        "queue": spaces.Box(np.zeros_like(QUEUE_HIGH), QUEUE_HIGH, dtype=np.float32),
    }
    made: spaces.Space[Any] = spaces.Dict(of)
    return made
