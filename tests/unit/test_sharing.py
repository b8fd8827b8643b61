"""The life of a transfer: cut off, cancelled, sped up, and what its links have counted by then."""

import pytest

from simulator.engine.clock import Clock
from simulator.engine.sharing import Sharing, Transfer
from simulator.units import SECOND

MB = 1_000_000
BYTE_PER_NS = 8e9  # bit/s


def test_cancelling_one_leaves_its_share_to_the_others() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8 * MB])  # 1 MB/s
    one, other = sharing.open([0], 2 * MB), sharing.open([0], 2 * MB)
    clock.at(2 * SECOND, one.cancel)  # each has had 1 MB
    clock.run(3 * SECOND - 1)
    assert other.active
    clock.run(3 * SECOND)
    assert one.done.value is False
    assert other.done.value is True
    assert one.remaining() == MB
    assert sharing.carried(0) == 3 * MB


def test_stop_on_cuts_off_only_what_crosses_the_link() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8 * MB, 8 * MB, 8 * MB])
    crossing, beside = sharing.open([0, 1], MB), sharing.open([2], MB)
    clock.at(SECOND // 2, sharing.stop_on, [1])
    clock.run(10 * SECOND)
    assert (crossing.done.value, beside.done.value) == (False, True)
    assert [sharing.carried(link) for link in range(3)] == [MB / 2, MB / 2, MB]
    assert [sharing.flows_on(link) for link in range(3)] == [0, 0, 0]


def test_a_capacity_change_takes_effect_at_once() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8 * MB])
    flow = sharing.open([0], 3 * MB)
    clock.at(SECOND, sharing.set_capacity, 0, 16 * MB)  # 2 MB left at 2 MB/s
    clock.run(2 * SECOND - 1)
    assert flow.active
    clock.run(2 * SECOND)
    assert not flow.active


def test_rates_read_at_the_instant_of_a_change_are_the_new_ones() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8 * MB])
    one = sharing.open([0], MB)
    assert one.rate_bps == 8 * MB
    other = sharing.open([0], MB)
    assert one.rate_bps == other.rate_bps == 4 * MB
    other.cancel()
    assert (one.rate_bps, other.rate_bps) == (8 * MB, 0)


@pytest.mark.parametrize(("path", "size"), [([], MB), ([0], 0)])
def test_nothing_to_carry_is_done_at_once(path: list[int], size: int) -> None:
    clock = Clock()
    flow = Sharing(clock, [8 * MB]).open(path, size)
    clock.run(0)
    assert (flow.done.value, flow.remaining()) == (True, 0)


def test_a_transfer_that_never_began_can_be_cancelled() -> None:
    flow = Transfer(Clock(), MB)
    flow.cancel()
    assert flow.done.value is False
    assert flow.remaining() == MB


def test_the_bytes_carried_grow_while_a_flow_lasts() -> None:
    clock = Clock()
    sharing = Sharing(clock, [BYTE_PER_NS])
    sharing.open([0], 1000)
    clock.run(400)
    assert sharing.carried(0) == 400
    clock.run(5000)
    assert sharing.carried(0) == 1000


def test_a_thousand_flows_that_start_together_are_solved_once_and_not_a_thousand_times() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8e9] + [8e6] * 1000)
    before = clock.fired
    for i in range(1000):
        sharing.open([0, 1 + i], MB)
    clock.run(0)
    assert clock.fired - before == 2  # one solution, one timer for the first end


@pytest.mark.parametrize("core", [1e6, 1e12])  # the core link holds them down, or their access links do
def test_no_event_costs_more_for_there_being_more_access_links(core: float) -> None:
    assert visits_per_event(100, core) == visits_per_event(10_000, core) < 20


def visits_per_event(links: int, core: float) -> float:
    """Bundles, classes and links looked at for each flow that comes or goes, on access links that have up to three."""
    sharing = Sharing(clock := Clock(), [core * links] + [1e7] * links)
    flows = [sharing.open((0, 1 + i), 1000 * MB) for i in range(links)]
    flows += [sharing.open((0, 1 + i), 1000 * MB) for i in range(links // 2)]
    clock.run(0)
    before = sharing.visited
    for i in range(40):
        flow = sharing.open((0, 1 + i), 1000 * MB)
        clock.run(clock.now + 1)
        (flow if i % 2 else flows[i]).cancel()
        clock.run(clock.now + 1)
    return (sharing.visited - before) / 80


def test_a_change_that_no_full_link_joins_to_others_is_theirs_alone() -> None:
    # Two hundred sites of two nodes each; their uplinks are full, the core is not.
    sharing = Sharing(clock := Clock(), [1e12] + [1e6] * 200 + [1e9] * 400)
    for i in range(400):
        sharing.open((0, 1 + i // 2, 201 + i), MB)
    clock.run(0)
    before = sharing.visited
    sharing.open((0, 1, 201), MB)
    clock.run(1)
    assert 0 < sharing.visited - before < 10


def test_a_cap_holds_and_leaves_the_rest_to_others() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8 * MB])
    capped, free = sharing.open([0], MB, 2 * MB), sharing.open([0], MB)
    assert (capped.rate_bps, free.rate_bps) == (2 * MB, 6 * MB)
    clock.at(SECOND, sharing.set_caps, 0, lambda path: 1.0 * MB * len(path))
    clock.run(SECOND)
    assert (capped.rate_bps, free.rate_bps) == (MB, MB)


def test_a_flow_s_own_limit_outlives_a_change_of_what_its_path_allows() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8e6])
    limited, free = sharing.open([0], 10_000_000, 6e6, 1e6), sharing.open([0], 10_000_000, 6e6)
    assert (limited.rate_bps, free.rate_bps) == (1e6, 6e6)
    sharing.set_caps(0, lambda _: 0.5e6)
    assert (limited.rate_bps, free.rate_bps) == (0.5e6, 0.5e6)
    sharing.set_caps(0, lambda _: 9e6)
    assert (limited.rate_bps, free.rate_bps) == (1e6, 7e6)
    with pytest.raises(ValueError, match="positive"):
        sharing.open([0], 1, 6e6, 0.0)


def test_an_end_at_the_instant_of_a_stop_ends_no_other_flow_early() -> None:
    clock = Clock()
    sharing = Sharing(clock, [8 * MB])
    first, second = sharing.open([0], MB), sharing.open([0], 2 * MB)
    clock.at(2 * SECOND, first.cancel)  # made before the timer for its end, so called before it
    clock.run(2 * SECOND)
    assert (first.done.value, second.active, second.remaining()) == (False, True, MB)


@pytest.mark.parametrize("cap", [0, -1.0])
def test_a_flow_that_may_not_move_is_refused(cap: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Sharing(Clock(), [1.0]).open([0], 1, cap)


@pytest.mark.parametrize("bad", [-1.0, float("nan")])
def test_a_capacity_below_zero_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="negative"):
        Sharing(Clock(), [1.0]).set_capacity(0, bad)


def test_an_infinite_link_carries_in_no_time() -> None:
    clock = Clock()
    sharing = Sharing(clock, [float("inf")])
    one, other = sharing.open([0], MB), sharing.open([0], 2 * MB)
    clock.run(0)
    assert (one.done.value, other.done.value, sharing.carried(0)) == (True, True, 3 * MB)
