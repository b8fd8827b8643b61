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


class StaticAddress(Part):
    """A service is reached at the addresses of nodes, as they were configured; nobody looks whether it answers."""

    kind: Literal["static-address"]


class EdgeMesh(Part):
    """Endpoints come down a node's session into its own database, and are known there after a reboot."""

    kind: Literal["edge-mesh"]
