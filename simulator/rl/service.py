"""What a learner of autoscaling sees of one ask: the `ServiceView` as an array, every number with its unit and range.

`service` has these columns:

| column | unit | range |
|---|---|---|
| `replicas` | wanted | 0 … 10000 |
| `pods` | neither finished nor being deleted | 0 … 10000 |
| `ready` | of them, as the control plane believes | 0 … 10000 |
| `read` | of them, those that could be read for the next three | 0 … 10000 |
| `in_flight` | requests at a pod, mean | 0 … 1000000 |
| `busy` | share of a pod's workers that have a request, mean | 0 … 1 |
| `served_per_s` | answers per second and pod, mean | 0 … 1000000 |
| `now_s` | seconds since the scenario began | 0 … 31536000 |
| `left_s` | seconds until its end | 0 … 31536000 |

What lies beyond a range is shown as its end. Once nothing is asked any more, all are zeros.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from gymnasium import spaces

from simulator.policy import ServiceView
from simulator.policy.observation import Floats32

COLUMNS: Final = ("replicas", "pods", "ready", "read", "in_flight", "busy", "served_per_s", "now_s", "left_s")
HIGH: Final = np.array((1e4, 1e4, 1e4, 1e4, 1e6, 1, 1e6, 31_536_000, 31_536_000), np.float32)
ServiceObservation = dict[str, Floats32]


def space() -> spaces.Space[ServiceObservation]:
    """The observations of a service."""
    of: dict[str, spaces.Space[Any]] = {"service": spaces.Box(np.zeros_like(HIGH), HIGH, dtype=np.float32)}
    made: spaces.Space[Any] = spaces.Dict(of)
    return made


def see(service: ServiceView | None, end_s: float) -> ServiceObservation:
    """An ask as an array of its own; None: nothing is asked."""
    if service is None:
        return {"service": np.zeros(len(COLUMNS), np.float32)}
    seen = (
        service.replicas, service.pods, service.ready, service.read, service.in_flight, service.busy,
        service.served_per_s, service.now_s, end_s - service.now_s,
    )  # fmt: skip
    return {"service": np.minimum(np.array(seen, np.float32), HIGH)}
