"""Where messages for the cloud wait on an edge node."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Part, Rate, Some


class HubChannel(Part):
    """All messages of a node, readings and its session's, pass one bounded channel and a token bucket; readings wait
    while there is no connection."""

    kind: Literal["hub-channel"]
    rate: Rate
    burst: Some
    messages: Some  # that wait
    store: Literal["memory", "disk"]  # memory: gone with the process
    first_lost: bool  # the message in hand when a break shows
    when_full: Literal["lose", "wait"]  # what a producer does with a message that finds no room
