"""Periodic loops without periodic events: a loop is its origin and its period, and its next pass is computed."""

from __future__ import annotations


def next_tick(origin: int, period: int, now: int) -> int:
    """The first pass at or after `now` of a loop with passes at origin, origin + period, … (ns)."""
    if now <= origin:
        return origin
    return origin - (origin - now) // period * period


def last_tick(origin: int, period: int, now: int) -> int:
    """The last pass at or before `now`; `origin` where there was none yet."""
    if now <= origin:
        return origin
    return origin + (now - origin) // period * period
