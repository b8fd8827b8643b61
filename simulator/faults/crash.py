"""A node crashes, and may boot again."""

from __future__ import annotations

from simulator.engine.clock import Clock
from simulator.faults.power import Power


def apply_crash(clock: Clock, machine: Power, *, at: int, reboot_after: int | None) -> None:
    """The machine goes down at `at` (ns); `reboot_after` ns later (None: never) its firmware begins to boot it.

    A machine that is down already cannot crash: then nothing happens, and the earlier cause decides when it boots.
    """

    def crash() -> None:
        if machine.runs:
            machine.off("NodeCrashed")
            if reboot_after is not None:
                clock.after(reboot_after, machine.on)

    clock.at(at, crash)
