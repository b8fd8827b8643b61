"""A client's connection to an API server, from a page."""

from __future__ import annotations

from simulator.control.delivery.channel import ChannelSettings
from simulator.control.delivery.dialer import BackoffSettings
from simulator.spec.mechanism import Reconnect
from simulator.spec.orchestrator import Orchestrator


def channel(page: Orchestrator, request_bytes: int) -> ChannelSettings:
    """How a client keeps, loses and restores its connection; `request_bytes` is the size of a small request of it."""
    back = page.get(Reconnect)
    return ChannelSettings(
        ping_idle_ns=back.ping_idle,
        ping_timeout_ns=back.ping_timeout,
        retransmit_ns=back.retransmit,
        flush_ns=back.status_flush,
        request_bytes=request_bytes,
        backoff=BackoffSettings(
            first_ns=back.first,
            factor=back.factor,
            cap_ns=back.cap,
            jitter=back.jitter,
            reset_ns=back.reset,
            syn_ns=back.syn_timeout,
            dial_ns=back.dial_timeout,
        ),
    )
