"""Who is called inside a block, and nobody else."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def profiled(look: Callable[[FrameType, str, Any], None]) -> Iterator[None]:
    """Tell `look` of every call, as `sys.setprofile` does; a garbage collection that falls into the block waits, since
    others may have hung calls on it."""
    before, collects = sys.getprofile(), gc.isenabled()
    gc.disable()
    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
