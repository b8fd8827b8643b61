"""Somebody who wants something of the API server, and tries again while it does not answer."""

from __future__ import annotations

from collections.abc import Callable

from simulator.control.api.server import ApiServer
from simulator.engine.clock import Clock


def once_up(clock: Clock, server: ApiServer, at: int, act: Callable[[], object]) -> None:
    """Do `act()` at `at` (ns), or as soon as the server answers after it."""
    clock.at(at, _begin, clock, server, act)


def _begin(clock: Clock, server: ApiServer, act: Callable[[], object]) -> None:
    if server.up:
        act()
        return

    def again(up: bool) -> None:
        if up:
            server.up_hooks.remove(again)
            clock.after(0, _begin, clock, server, act)

    server.up_hooks.append(again)
