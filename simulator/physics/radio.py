"""The power of a radio or a wired port: what it takes at rest, connected and while it sends, and what each bit adds.

While bits pass, power is linear in throughput, as Huang et al. ("A close examination of performance and power
characteristics of 4G LTE networks", MobiSys 2012) found phones on LTE, 3G and WiFi to be, on top of a base. The part
that grows with throughput is the same energy for each bit, however fast it passes; the base counts as long as it lasts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RadioLaw:
    """W, and J for each bit and frame. `rest_w` is what it takes when it is awake and no bit passes; one that sleeps
    takes `idle_w` asleep and `promotion_w` while it wakes. `send_w` and `receive_w` take the place of `rest_w` as long
    as bits pass; where both directions pass at once, both add what they are above it. `frame_j` is what each reading
    costs beside its airtime. Raises ValueError where sending or receiving would take less than rest, or that less than
    sleep."""

    rest_w: float
    idle_w: float = 0.0
    promotion_w: float = 0.0
    send_w: float = 0.0
    receive_w: float = 0.0
    send_bit_j: float = 0.0
    receive_bit_j: float = 0.0
    frame_j: float = 0.0

    def __post_init__(self) -> None:
        if min(self.send_w, self.receive_w) < self.rest_w:
            raise ValueError("a radio takes no less when it sends or receives than at rest")
        if self.rest_w < self.idle_w:
            raise ValueError("a radio takes no less at rest, awake, than asleep")

    def most_w(self, up_bps: float, down_bps: float) -> float:
        """The most that it can take, at these rates; frames aside."""
        busy = self.send_w + self.receive_w - self.rest_w
        return max(self.promotion_w, busy + self.send_bit_j * up_bps + self.receive_bit_j * down_bps)
