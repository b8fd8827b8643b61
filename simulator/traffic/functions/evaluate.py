"""One function's requests over arrays: boots are known, nothing fails."""

from __future__ import annotations

from collections.abc import Callable

from simulator.traffic.functions.outcome import Outcome
from simulator.traffic.functions.pool import NEVER, Book, Freeze, Ints, Limits, Pool


def evaluate(
    arrive: Ints,
    work: Ints,
    limits: Limits,
    *,
    boot: Callable[[int], int],
    until: int,
    first: Ints | None = None,
    freeze: Freeze = (0, 0),
) -> Outcome:
    """Everything up to and at `until`.

    `arrive` (not decreasing, from 0 on), `work` and `first` (of an instance's first request; without it `work`): shape
    (n,), ns. `boot(j)` is the time in ns that the instance number j, counted from 0 in the order of starts, takes from
    its start until it is up; `freeze` what it takes to pause and to resume one.
    """
    book = Book(arrive, work, first)
    pool = Pool(book, limits)
    started, up, gone = list[int](), list[int](), list[int]()
    while True:
        for number in pool.started:
            started.append(pool.now)
            up.append(pool.now + boot(number))
            gone.append(NEVER)
            pool.expect(number, up[number], freeze)
        for number in pool.stopped:
            gone[number] = pool.now
        pool.started.clear()
        pool.stopped.clear()
        if pool.run(until) is None:
            return Outcome.of(book, started, up, gone, until)
