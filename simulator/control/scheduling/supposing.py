"""A scheduler's what-if: its belief of one node with some pods less, and some more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from simulator.control.scheduling.info import NodeInfo, Placed


@contextmanager
def supposing(info: NodeInfo, row: int, *, gone: Iterable[Placed] = (), come: Sequence[Placed] = ()) -> Iterator[None]:
    """While it lasts, these placed pods of the node in this row do not count there, and these others do. What is asked
    inside must be asked anew: nothing computed before knows of it."""
    away = list(gone)
    extra = [Placed(pod.profile, pod.node, {}) for pod in come]
    for sign, pods in ((-1, away), (1, extra)):
        for pod in pods:
            _enter(info, row, pod, sign)
    try:
        yield
    finally:
        for sign, pods in ((-1, extra), (1, away)):
            for pod in pods:
                _enter(info, row, pod, sign)


def _enter(info: NodeInfo, row: int, pod: Placed, sign: int) -> None:
    info.account(row, pod, sign)
    if not pod.leaving:
        for count in pod.profile.early_counts:
            count.values[row] += sign
