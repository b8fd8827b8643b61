"""How a lost connection comes back."""

from __future__ import annotations

from typing import Literal

from simulator.spec.mechanism.part import Bytes, Factor, Part, Period, Ratio, Some


class Reconnect(Part):
    """How a lost connection is noticed (a ping after silence), dialled again, and what is sent then."""

    kind: Literal["backoff"]
    first: Period
    factor: Factor
    cap: Period
    jitter: Ratio  # a wait is stretched by U(1, 1 + jitter)
    reset: Period
    ping_idle: Period
    ping_timeout: Period
    dial_timeout: Period
    syn_timeout: Period
    retransmit: Period
    status_flush: Period
    resync: Literal["full-list"]
    duplicates: Literal["delete-stale"]


class DialCycle(Part):
    """Rounds of `dials`, each failure followed by `gap`, a round by `pause`; then only what has changed is sent."""

    kind: Literal["dial-cycle"]
    dials: Some
    gap: Period
    pause: Period
    pause_first: bool  # also between noticing and the first dial
    handshake_timeout: Period
    syn_timeout: Period
    handshake_bytes: Bytes
    status_flush: Period
    resync: Literal["changed-only"]
