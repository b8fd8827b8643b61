"""What is installed on which machine, and what it takes there."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Millicores, Part, Some, Words


class Minimum(Part):
    """The smallest machine that the component's makers support."""

    ram: Bytes
    cores: Some | None = None


class Server(Part):
    """What runs on the control plane's machines, and what it takes there."""

    kind: Literal["server"]
    name: str
    on: Literal["control-plane"]
    processes: Words
    ram: Bytes
    cpu: Millicores
    minimum: Minimum
    architectures: Words
    taints: Words  # key:effect, of machines whose role is control-plane

    @property
    def node_taints(self) -> list[tuple[str, str, str]]:
        """The taints as (key, value, effect)."""
        return [(key, "", effect) for key, _, effect in (text.rpartition(":") for text in self.taints)]


class NodeAgent(Part):
    """What runs on every node, and what it takes there."""

    kind: Literal["agent"]
    name: str
    on: Literal["every-node"]
    processes: Words
    ram: Bytes
    cpu: Millicores
    minimum: Minimum
    architectures: Words
