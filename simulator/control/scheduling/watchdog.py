"""A limit in wall-clock time on one call: a policy that hangs is ended, wherever the simulation runs.

In the main thread of a process the operating system's timer interrupts the call, again and again until it obeys.
Elsewhere (a worker thread) there are no signals, and the time is looked at before each line that the call executes,
through the thread's trace function. Both end any loop of Python code; a call into C code is ended when it returns.
The exception is no `Exception`, so that a policy's own `except Exception` does not swallow it.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from time import monotonic
from types import FrameType
from typing import Any, Final

LIMIT_S: Final = 10.0  # of one answer
_AGAIN_S: Final = 0.1


class Overtime(BaseException):
    """The call took longer than it may."""


def limited(limit_s: float, call: Callable[..., Any], *args: Any) -> Any:
    """`call(*args)`; raises Overtime when it takes longer than `limit_s` seconds. 0 means no limit."""
    if limit_s <= 0:
        return call(*args)
    if threading.current_thread() is threading.main_thread() and hasattr(signal, "setitimer"):
        return _by_signal(limit_s, call, args)
    return _by_trace(limit_s, call, args)


def _by_signal(limit_s: float, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    running = True

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if running:
            raise Overtime

    before = signal.signal(signal.SIGALRM, ring)
    others_s, others_period_s = signal.setitimer(signal.ITIMER_REAL, limit_s, _AGAIN_S)
    began = monotonic() if others_s else 0.0
    try:
        try:
            return call(*args)
        finally:
            running = False
    finally:  # reached even if it rings in the line above
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if others_s:  # somebody else's timer goes on where it stood
            signal.setitimer(signal.ITIMER_REAL, max(others_s - (monotonic() - began), 1e-6), others_period_s)


def _by_trace(limit_s: float, call: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    end = monotonic() + limit_s

    def look(_frame: FrameType, _event: str, _arg: object) -> Any:
        if monotonic() > end:
            raise Overtime
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        return call(*args)
    finally:
        sys.settrace(before)
