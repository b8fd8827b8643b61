"""The node table: what the machines physically are, one column per property, one row per node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulator.world.device import Accelerators

# A role says what the machine is for. Only workers and control planes can be members of a cluster; routers
# forward, devices (tills, cameras) produce and consume, a registry serves images.
ROLES = ("worker", "control-plane", "router", "device", "registry")


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One machine as it is built, every quantity in base units."""

    name: str
    model: str
    zone: str
    role: str
    platform: str  # OCI platform: linux/amd64, linux/arm64, linux/arm/v7, …
    cores: int
    speed: float  # of one core, relative to the reference core
    ram_bytes: int
    disk_bytes: int
    disk_write_bytes_per_s: float
    boot_ns: int
    max_pods: int = 110
    runtimes: tuple[str, ...] = ()
    extended: dict[str, int] = field(default_factory=dict)  # extended resources, accelerators among them
    accelerators: tuple[Accelerators, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[tuple[str, str, str], ...] = ()  # (key, value, effect)
    latitude: float = float("nan")
    longitude: float = float("nan")
    system: str = ""  # the host's operating system, where it is one of the catalogue
    system_bytes: int = 0  # RAM that it holds
    boot_stages: tuple[tuple[str, int], ...] = ()  # event and ns after power of each known stage but the last


class NodeTable:
    """All machines of the world. A control plane never reads it: it reads what it was told."""

    __slots__ = (
        "boots",
        "cores",
        "extended",
        "index",
        "max_pods",
        "names",
        "platform",
        "ram_bytes",
        "role",
        "rows",
        "speed",
        "up",
        "zone",
    )

    def __init__(self, rows: Sequence[NodeRow]) -> None:
        self.rows = tuple(rows)
        self.names = tuple(r.name for r in rows)
        self.index = {name: i for i, name in enumerate(self.names)}
        if len(self.index) != len(self.names):
            raise ValueError("two nodes have one name")
        self.zone = tuple(r.zone for r in rows)
        self.role = tuple(r.role for r in rows)
        self.platform = tuple(r.platform for r in rows)
        self.cores: NDArray[np.int64] = np.array([r.cores for r in rows], np.int64)
        self.speed: NDArray[np.float64] = np.array([r.speed for r in rows], np.float64)
        self.ram_bytes: NDArray[np.int64] = np.array([r.ram_bytes for r in rows], np.int64)
        self.max_pods: NDArray[np.int64] = np.array([r.max_pods for r in rows], np.int64)
        kinds = sorted({kind for r in rows for kind in r.extended})
        self.extended: dict[str, NDArray[np.int64]] = {
            kind: np.array([r.extended.get(kind, 0) for r in rows], np.int64) for kind in kinds
        }
        self.up: NDArray[np.bool_] = np.ones(len(rows), np.bool_)
        self.boots: NDArray[np.int64] = np.ones(len(rows), np.int64)

    def __len__(self) -> int:
        return len(self.names)

    def members(self) -> list[int]:
        """Indices of the nodes that a cluster may have: workers and control planes."""
        return [i for i, role in enumerate(self.role) if role in ("worker", "control-plane")]
