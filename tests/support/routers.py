"""Routers for tests of a request plane by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from simulator.policy import EndpointsView, ProxyView, Split
from simulator.policy.reference import instantiate
from simulator.policy.view import Floats
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.traffic.routing import Balancer, Router, Splitter
from simulator.world.network import Network
from simulator.world.node import NodeTable


class Uneven(Split):
    """The first gets nothing, the second 1, the third 2, and so on; all to one where there is but one."""

    def weights(self, proxy: ProxyView, endpoints: EndpointsView) -> Floats:
        n = len(endpoints)
        return np.arange(n, dtype=float) if n > 1 else np.ones(1)


def ask(_subject: str, fault_of: Callable[[Any], str], decide: Callable[..., Any], *seen: Any, at: int = 0) -> Any:
    """What it answers, which must be sound."""
    said = decide(*seen)
    assert fault_of(said) == "", at
    return said


def router(policy: Any, rng: Rng, recorder: Recorder, nodes: NodeTable, network: Network) -> Router:
    """Of a policy, or a shipped one by name."""
    if policy == "uneven":
        policy = Uneven()
    made = instantiate(f"routing/{policy}", {}, Path(), given=2) if isinstance(policy, str) else policy
    if isinstance(made, Split):
        return Splitter(made, ask, nodes, network, rng=rng)
    return Balancer(made, ask, nodes, network, recorder=recorder)
