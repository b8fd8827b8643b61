"""A client of the API server: a token bucket in front of it, latency to it, and patience while it is down."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from simulator.control.api.server import ApiServer
from simulator.engine.clock import Clock
from simulator.units import SECOND


class TokenBucket:
    """client-go's limiter: `burst` tokens at the start, `qps` more a second. Exact in integer ns."""

    __slots__ = ("_burst_ns", "_full_at", "_step_ns")

    def __init__(self, qps: float, burst: int) -> None:
        self._step_ns = round(SECOND / qps)  # one token's time
        self._burst_ns = (burst - 1) * self._step_ns
        self._full_at = 0  # when the bucket would be full again

    def take(self, now: int) -> int:
        """Take one token; the time (ns, not before now) at which its holder may go."""
        start = max(now, self._full_at - self._burst_ns)
        self._full_at = max(now, self._full_at) + self._step_ns
        return start

    @property
    def next_ns(self) -> int:
        """When the next token is there, if it is not taken before (ns; it may be past)."""
        return self._full_at - self._burst_ns


class Client:
    """One controller's, or the scheduler's, way to write. Calls are made in order, each when it has a token.

    `latency_ns` is the time from a token to the write at the server. While the server is down, calls wait.
    """

    __slots__ = ("_bucket", "_clock", "_latency_ns", "_server", "_waiting")

    def __init__(self, clock: Clock, server: ApiServer, qps: float, burst: int, latency_ns: int) -> None:
        self._clock = clock
        self._server = server
        self._bucket = TokenBucket(qps, burst)
        self._latency_ns = latency_ns
        self._waiting: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        server.up_hooks.append(self._server_changed)

    @property
    def next_ns(self) -> int:
        """When the next token is there (ns; it may be past)."""
        return self._bucket.next_ns

    def call(self, write: Callable[..., object], *args: Any) -> None:
        """Make `write(*args)` at the server as soon as the limits allow."""
        at = self._bucket.take(self._clock.now) + self._latency_ns
        self._clock.at(at, self._arrive, write, args)

    def _arrive(self, write: Callable[..., object], args: tuple[Any, ...]) -> None:
        if self._server.up:
            write(*args)
        else:
            self._waiting.append((write, args))

    def _server_changed(self, up: bool) -> None:
        if up:
            waiting, self._waiting = self._waiting, deque()
            for write, args in waiting:
                self.call(write, *args)
