"""Max–min fair transfers against closed forms, and against a recomputation of every rate in exact fractions."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil, inf, sqrt

import numpy as np
import pytest

from flows import Flow, fair_rates, finish_times
from networks import LINUX, node_row
from simulator.engine.clock import Clock
from simulator.engine.sharing import Sharing
from simulator.physics.tcp import TcpBounds
from simulator.record.buffer import Recorder
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow
from simulator.world.network import Network
from simulator.world.node import NodeTable

MB = 1_000_000


def exact_times(capacities: Sequence[int], flows: Sequence[Flow]) -> list[Fraction]:
    """When each flow ends by brute force: at each start or end every rate is computed anew, in rational numbers."""
    now = Fraction(0)
    left = {i: Fraction(size * 8 * SECOND) for i, (_, _, size, _) in enumerate(flows)}
    ends: dict[int, Fraction] = {}
    while len(ends) < len(flows):
        active = [i for i, (start, *_) in enumerate(flows) if start <= now and i not in ends]
        caps = [None if flows[i][3] == inf else Fraction(flows[i][3]) for i in active]
        rates = dict(zip(active, fair_rates(capacities, [flows[i][1] for i in active], caps), strict=True))
        events = [now + left[i] / rates[i] for i in active] + [Fraction(f[0]) for f in flows if f[0] > now]
        until = min(events)
        for i in active:
            left[i] -= rates[i] * (until - now)
            if left[i] == 0:
                ends[i] = until
        now = until
    return [ends[i] for i in range(len(flows))]


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_n_equal_flows_finish_together_at_n_times_the_size_over_the_rate(n: int) -> None:
    rate = 10 * MB * 8
    exact = Fraction(n * 45 * MB * 8 * SECOND, rate)
    for end in finish_times([rate], [(0, (0,), 45 * MB, inf)] * n):
        assert 0 <= end - exact < 2  # rounded up to a nanosecond, and never early


def test_an_end_between_two_nanoseconds_is_rounded_up() -> None:
    assert finish_times([3e9], [(0, (0,), 1, inf)]) == [3]  # 8/3 ns


def test_a_flow_alone_takes_its_bottleneck_s_time() -> None:
    assert finish_times([80 * MB, 8 * MB, 800 * MB], [(0, (0, 1, 2), MB, inf)]) == [SECOND]


def test_a_late_joiner_doubles_what_the_first_has_left() -> None:
    # W = 1 MB/s. First: 3 MB from 0, second: 1 MB from 1 s. Both at W/2 until the second ends at 1 + 2·1 = 3 s;
    # the first has had 1 + 1 MB then, and its last MB takes until 4 s.
    assert finish_times([8 * MB], [(0, (0,), 3 * MB, inf), (SECOND, (0,), MB, inf)]) == [4 * SECOND, 3 * SECOND]


def test_what_a_flow_slow_elsewhere_leaves_is_handed_on() -> None:
    # 1/8 MB/s over the slow link leaves 7/8 MB/s of link 0: 4 MB in 32/7 s, where an equal share would take 8 s.
    slow_and_fast = [(0, (0, 1), MB, inf), (0, (0,), 4 * MB, inf)]
    assert finish_times([8 * MB, 1 * MB], slow_and_fast)[1] == ceil(Fraction(32 * SECOND, 7))


def test_e14_three_flows_on_a_line_of_two_links() -> None:
    # One crosses both links, one each. 10 and 4 Mbit/s: the second link holds two flows at 2, the first has 8 for its
    # own. 4 and 10: 2, 2 and 8. Equal links: half each, whoever crosses both.
    for capacities, rates in (((10, 4), (2, 8, 2)), ((4, 10), (2, 2, 8)), ((6, 6), (3, 3, 3))):
        sharing = Sharing(Clock(), [capacity * 1e6 for capacity in capacities])
        flows = [sharing.open(path, MB) for path in ((0, 1), (0,), (1,))]
        assert [flow.rate_bps for flow in flows] == [rate * 1e6 for rate in rates]


@pytest.mark.parametrize("loss", [0.0001, 0.004, 0.03])
def test_e14_no_transfer_is_faster_than_tcp_s_loss_bound(loss: float) -> None:
    # MSS / (RTT √(2p/3)), with RTT 40 ms there and back over two links, one of which loses packets.
    network = two_links(TcpBounds(1 << 40, 1460), loss)
    bound = 1460 * 8 / (0.04 * sqrt(2 * loss / 3))
    alone = network.transfer(0, 2, 100 * MB)
    assert alone.rate_bps == pytest.approx(bound)
    flows = [network.transfer(0, 2, 100 * MB) for _ in range(50)]
    share = 1e9 * (1 - loss) / 51
    assert [flow.rate_bps for flow in flows] == pytest.approx([min(bound, share)] * 50)


def test_a_window_a_round_trip_is_the_most() -> None:
    for window in (1_000_000, 3 << 20):
        assert two_links(TcpBounds(window, 1460)).transfer(0, 2, MB).rate_bps == pytest.approx(window * 8 / 0.04)


def test_a_lossy_cut_bounds_what_is_under_way_until_it_is_mended() -> None:
    network = two_links(TcpBounds(1 << 40, 1460))
    flow = network.transfer(0, 2, 100 * MB)
    assert flow.rate_bps == 1e9
    cut = network.cut(0, "lossy", 0.06)
    assert flow.rate_bps == pytest.approx(1460 * 8 / (0.04 * sqrt(2 * 0.06 / 3)))
    network.mend(0, cut)
    assert flow.rate_bps == 1e9


def two_links(bounds: TcpBounds, loss: float = 0.0) -> Network:
    """A way of 20 ms over two links of 1 Gbit/s, the first of which loses packets."""
    links = [LinkRow("a", 0, 1, 15 * MS, 1e9, 1e9, loss=loss), LinkRow("b", 1, 2, 5 * MS, 1e9, 1e9)]
    nodes = NodeTable([node_row(f"n{i}") for i in range(3)])
    return Network(Clock(), nodes, links, Recorder(), Rng(1), retransmission=LINUX, bounds=bounds)


def test_random_flows_end_when_exact_arithmetic_says() -> None:
    draws = np.random.default_rng(7)
    for _ in range(25):
        capacities = [int(c) * 8_000 for c in draws.integers(1, 50, 5)]
        flows: list[Flow] = []
        for _ in range(12):
            path = tuple(draws.permutation(5)[: draws.integers(1, 4)].tolist())
            cap = int(draws.integers(1, 20)) * 8_000 if draws.random() < 0.3 else inf
            flows.append((int(draws.integers(0, 4)) * SECOND // 3, path, int(draws.integers(1, 20_000)), cap))
        got = finish_times(capacities, flows)
        for end, exact in zip(got, exact_times(capacities, flows), strict=True):
            # Each earlier end is late by less than a nanosecond, which hands on at most as much.
            assert abs(end - ceil(exact)) <= 12, (capacities, flows)
