"""Store and forward at a gateway: what waits there for the way to come back, how much of it, and for how long."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from simulator.spec.base import Name, Spec
from simulator.spec.behaviour import Wait
from simulator.spec.quantity import Size

Importance = Annotated[int, Field(strict=True, ge=0, le=9)]


class Spool(Spec):
    """What a gateway keeps of the messages that it cannot send on, and in which order it gives up on them.

    `size` counts whole messages as they are on the wire. Kept in `store: memory` they are gone when the gateway loses
    power, on `disk` they are not. A message that has waited for `ttl` is given up. Where one more finds no room,
    `drop` goes: the `oldest`, the `newest` (the one that comes), or the `least-important`, of equals the oldest.
    A device that moves on leaves what waits at a gateway there, and sends through the next one.
    `at: device`: each device has a spool of its own, and needs none at the gateway. Flows that give their spools one
    `name` share one at each gateway, and must describe it alike.
    """

    name: Name | None = None
    at: Literal["gateway", "device"] = "gateway"
    size: Annotated[Size, Field(gt=0)]
    store: Literal["memory", "disk"] = "memory"
    ttl: Wait | None = None
    drop: Literal["oldest", "newest", "least-important"] = "oldest"
