"""What a system can be asked at all."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Part, Some, Words


class Replicas(Part):
    """The system places the copies that a workload wants wherever they fit."""

    kind: Literal["replicas"]


class NodeMatch(Part):
    """One instance on every node whose properties and architecture match; what needs more than that is refused."""

    kind: Literal["node-match"]
    per: Literal["architecture"]
    refuses: Words  # kinds of objects, and fields of pods
    nodes: Some  # that one user may register
