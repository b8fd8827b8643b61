"""What an edge node keeps for the devices behind it."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Part


class Twin(Part):
    """Each property of a device has a twin, on disk: without a connection only its last value is kept, and sent then.

    It takes what a scenario's telemetry reports `via: twin`; its messages leave through the node's buffer.
    """

    kind: Literal["twin"]
    keeps: Literal["last-value"]
