"""What a node agent is told and what it reports. Values only: who carries them, and when, is delivery's business."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from simulator.world.device import Held
from simulator.world.pod import PodTemplate


@dataclass(frozen=True, slots=True)
class Origin:
    """The running pod that another is to go on with: on this node, of this uid; `how` is live or state."""

    node: str
    uid: int
    how: str


@dataclass(slots=True)
class DesiredPod:
    """A pod that the control plane wants on this node."""

    uid: int
    name: str
    template: PodTemplate
    static: bool = False  # from a manifest on the node's own disk
    devices: Held = field(default_factory=dict)  # accelerators that the control plane has chosen; empty: it leaves it
    origin: Origin | None = None  # it is not started anew, but goes on with the memory of this one


@dataclass(frozen=True, slots=True)
class PodStatus:
    """What the agent says of one pod: `reason` is the word that `kubectl get pods` shows, empty when all is well."""

    phase: str  # Pending Running Succeeded Failed
    ready: bool = False
    reason: str = ""
    restarts: int = 0


class Upstream(Protocol):
    """The way from an agent to its control plane."""

    def status(self, uid: int, status: PodStatus) -> None:
        """Report a pod's status."""

    def gone(self, uid: int) -> None:
        """Confirm that a deleted pod has ended and is forgotten here."""

    def node_status(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        """Report the node's pressure conditions, and its images with their unpacked sizes in bytes."""


class Nobody:
    """The upstream of an agent that is not connected yet: reports go nowhere."""

    def status(self, uid: int, status: PodStatus) -> None:
        """Nobody hears it."""

    def gone(self, uid: int) -> None:
        """Nobody hears it."""

    def node_status(self, conditions: dict[str, bool], images: dict[str, int]) -> None:
        """Nobody hears it."""
