"""What a system can be asked at all."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Part


class Replicas(Part):
    """The system places the copies that a workload wants wherever they fit."""

    kind: Literal["replicas"]
