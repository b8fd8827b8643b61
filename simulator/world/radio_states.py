"""How long a radio that sleeps has been in which state: what its energy follows."""

from __future__ import annotations

from simulator.world.promotion import Promotion


class RadioStates:
    """Looks at one radio from time to time; work grows with how often it wakes, not with what it sends."""

    __slots__ = ("_connected", "_radio", "_waking", "_which")

    def __init__(self, radio: Promotion) -> None:
        self._radio = radio
        self._which = 0  # of its wakings, the first that may still change
        self._waking = self._connected = 0  # ns, in those before

    def until(self, now: int) -> tuple[int, int]:
        """How long it has been waking, and connected, from the beginning up to now (ns); else it slept. All traffic up
        to now has been told."""
        radio = self._radio
        radio.catch_up(now)
        while self._which < len(radio.woken) - 1:
            waking, connected = self._cycle(radio.woken[self._which + 1], radio.slept[self._which + 1])
            self._waking, self._connected = self._waking + waking, self._connected + connected
            self._which += 1
        waking, connected = self._cycle(now, radio.connected_until(now)) if radio.woken else (0, 0)
        return self._waking + waking, self._connected + connected

    def _cycle(self, end: int, slept: int) -> tuple[int, int]:
        woken = self._radio.woken[self._which]
        ready = min(end, woken + self._radio.delay_ns)
        return ready - woken, max(0, slept - ready)
