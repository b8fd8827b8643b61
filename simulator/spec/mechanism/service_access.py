"""Where requests may go."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Part, Period, Some


class EndpointsFromApi(Part):
    """Each node's proxy programs what the API server's endpoints say, at most once per `min_sync`."""

    kind: Literal["endpoints-from-api"]
    min_sync: Period
    burst: Some  # syncs that may follow at once
    slice_bytes: Bytes
    endpoint_bytes: Bytes
