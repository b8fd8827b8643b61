"""What readings give links to send, against one that counts each reading by itself."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulator.traffic.calls import Steps
from simulator.traffic.sent import Sent

INTERVAL, INTERVALS, HOPS = 10, 12, 6
WAYS = st.lists(st.integers(0, HOPS - 1), unique=True, max_size=HOPS)
RUNS = st.tuples(WAYS, st.integers(1, 99), st.integers(0, 150), st.integers(1, 40), st.integers(1, 9))
SOME = st.tuples(WAYS, st.integers(1, 99), st.lists(st.integers(0, 150), max_size=9))


def steps(hops: list[int], bits: int) -> Steps:
    return tuple((hop, 1, 1, 0, "", bits) for hop in hops)


@given(runs=st.lists(RUNS), some=st.lists(SOME))
def test_a_reading_counts_on_each_link_in_the_interval_in_which_it_sets_out(
    runs: list[tuple[list[int], int, int, int, int]], some: list[tuple[list[int], int, list[int]]]
) -> None:
    sent, bits, frames = Sent(INTERVAL), Counter[tuple[int, int]](), Counter[tuple[int, int]]()
    for hops, size, first, every, number in runs:
        sent.run(steps(hops, size), first, every, number)
    for hops, size, times in some:
        sent.some(steps(hops, size), np.array(times, np.int64))
    each = [(hops, size, list(range(first, first + n * every, every))) for hops, size, first, every, n in runs]
    for hops, size, times in (*some, *each):
        for hop in hops:
            for time in times:
                interval = min(time // INTERVAL, INTERVALS - 1)
                bits[interval, hop] += size
                frames[interval, hop] += 1
    found = list(sent.by_interval(INTERVALS, HOPS))
    assert len(found) == INTERVALS
    for i, one in enumerate(found):
        assert one.tolist() == [[count[i, hop] for hop in range(HOPS)] for count in (bits, frames)]
    assert sent.total(HOPS).tolist() == sum(found).tolist()  # type: ignore[union-attr]
