"""What a node does by itself."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Part


class Autonomy(Part):
    """What a node does by itself while cut off, and after a reboot while cut off."""

    kind: Literal["agent"]
    offline: tuple[Literal["keep"], Literal["restart"]]
    after_reboot_offline: tuple[Literal["static-pods", "keep", "restart"], ...]
