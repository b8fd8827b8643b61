"""What a learner sees of one request that may be offloaded: arrays of fixed shape, each number with its unit and range.

`tiers` has a row for each of device, edge and cloud, in this order, and these columns:

| column | unit | range |
|---|---|---|
| `endpoints` | endpoints that the proxy has there | 0 … 1000 |
| `outstanding` | tries outstanding at the one that would serve: with the fewest, of equals the nearest | 0 … 1000 |
| `rtt_s` | seconds of the round trip to it, by the map of the network | 0 … 10 |
| `age_s` | seconds since the proxy heard of it last; 3600 if it never did | 0 … 3600 |

A tier without an endpoint is all zeros. `request` is the try that is asked about:

| column | unit | range |
|---|---|---|
| `request_bytes` | bytes on the way there | 0 … 1000000000 |
| `response_bytes` | bytes on the way back | 0 … 1000000000 |
| `attempt` | the how-manieth try it is | 1 … 1000 |

What lies beyond a range is shown as its end. Once nothing is asked any more, everything is zeros.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulator.policy.routing import BalancerView, RequestView

VERSION: Final = 1  # of this layout
TIERS: Final = ("device", "edge", "cloud")
TIER_COLUMNS: Final = ("endpoints", "outstanding", "rtt_s", "age_s")
REQUEST_COLUMNS: Final = ("request_bytes", "response_bytes", "attempt")
TIER_HIGH: Final = np.array((1000, 1000, 10, 3600), np.float32)
REQUEST_HIGH: Final = np.array((1e9, 1e9, 1000), np.float32)

Observation = dict[str, NDArray[np.float32]]


class Tiers:
    """Sorts endpoints into tiers: on the node that asks; on nodes that match `cloud`; on others that match `edge`."""

    __slots__ = ("_cloud", "_edge", "_known")

    def __init__(self, edge: str, cloud: str) -> None:
        self._edge, self._cloud = edge, cloud
        self._known: dict[str, int] = {}

    def of(self, request: RequestView, endpoints: BalancerView) -> list[list[int]]:
        """The rows of each tier, the one that would serve first."""
        found: list[list[int]] = [[], [], []]
        for row, node in enumerate(endpoints.nodes):
            tier = 0 if node == request.source else self._tier(node)
            if tier >= 0:
                found[tier].append(row)
        for rows in found:
            rows.sort(key=lambda row: (endpoints.outstanding[row], endpoints.rtt_s[row]))
        return found

    def _tier(self, node: str) -> int:
        if node not in self._known:
            tier = 2 if fnmatchcase(node, self._cloud) else 1 if fnmatchcase(node, self._edge) else -1
            self._known[node] = tier
        return self._known[node]


def seen(request: RequestView | None, endpoints: BalancerView | None, tiers: list[list[int]]) -> Observation:
    """An ask as arrays of their own; none as zeros."""
    table, of = np.zeros((len(TIERS), len(TIER_COLUMNS)), np.float32), np.zeros(len(REQUEST_COLUMNS), np.float32)
    if request is not None and endpoints is not None:
        of[:] = request.request_bytes, request.response_bytes, request.attempt
        for tier, rows in enumerate(tiers):
            if rows:
                row = rows[0]
                table[tier] = len(rows), endpoints.outstanding[row], endpoints.rtt_s[row], endpoints.age_s[row]
    return {"tiers": np.minimum(table, TIER_HIGH), "request": np.minimum(of, REQUEST_HIGH)}
