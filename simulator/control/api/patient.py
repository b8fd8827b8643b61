"""Somebody who wants something of the API server, and tries again while it does not answer."""

from __future__ import annotations

from collections.abc import Callable

from simulator.control.api.server import ApiServer
from simulator.engine.clock import Clock


def once_up(clock: Clock, server: ApiServer, at: int, act: Callable[[], object]) -> None:
    """Do `act()` at `at` (ns), or as soon as the server answers after it."""

    def begin() -> None:
        if server.up:
            act()
        else:
            server.up_hooks.append(again)

    def again(up: bool) -> None:
        if up:
            server.up_hooks.remove(again)
            clock.after(0, begin)

    clock.at(at, begin)
