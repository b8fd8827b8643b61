"""What a node does by itself."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Part


class Autonomy(Part):
    """What a node does by itself while cut off, and after a reboot while cut off.

    `cache` is what it remembers the control plane's objects by, if it does; pods with `label` (key=value) are left
    where they are however long their node is lost.
    """

    kind: Literal["agent"]
    offline: tuple[Literal["keep"], Literal["restart"]]
    after_reboot_offline: tuple[Literal["static-pods", "keep", "restart"], ...]
    cache: Literal["edge-database"] | None = None
    label: str | None = None
