"""How what is wanted reaches the nodes."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Ns, Part


class Watch(Part):
    """Agents list and watch the API server; changes are pushed to them, and a lost watch relists in full."""

    kind: Literal["watch"]
    write_latency: Ns  # of the API server, for one write
    watch_latency: Ns  # from a write to the control plane's own watchers
    relist: Literal["per-object-bytes"]
    pod_bytes: Bytes
    status_bytes: Bytes
    request_bytes: Bytes
