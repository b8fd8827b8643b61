"""Routes, exact message times, and what each mode of a cut does to messages, transfers, hooks and tables."""

import networkx as nx
import numpy as np
import pytest

from networks import World, link, node_row
from simulator.streams import Rng
from simulator.units import MS, SECOND
from simulator.world.link import LinkRow, Outages
from simulator.world.network import Network
from simulator.world.node import NodeTable
from simulator.world.route import Router

CHAIN = [link(0, 1), link(1, 2, 20 * MS, 80e6)]  # 0 –10 ms, 8 Mbit/s– 1 –20 ms, 80 Mbit/s– 2
TRIANGLE = [link(0, 1), link(1, 2), link(0, 2, 50 * MS)]


# Routes.


def random_links(draws: np.random.Generator, nodes: int, extra: int) -> list[LinkRow]:
    """A random tree with some links more: parts that are pruned, and a core with cycles and parallel links."""
    pairs = [(int(draws.integers(0, i)), i) for i in range(1, nodes)]
    pairs += [tuple(draws.choice(nodes, 2, replace=False).tolist()) for _ in range(extra)]
    return [LinkRow(f"l{i}", a, b, int(draws.integers(0, 50)), 1e6, 1e6) for i, (a, b) in enumerate(pairs)]


@pytest.mark.parametrize("extra", [0, 1, 15])
def test_latencies_are_networkx_s_with_links_and_directions_down(extra: int) -> None:
    draws = np.random.default_rng(extra)
    for _ in range(6):
        links = random_links(draws, 25, extra)
        router = Router(25, links)
        for _ in range(3):  # each round takes more directed links down, and asks again
            graph = nx.MultiDiGraph()
            graph.add_nodes_from(range(25))
            for hop in range(2 * len(links)):
                if router.usable[hop]:
                    graph.add_edge(*router.ends(hop), weight=links[hop >> 1].latency_ns)
            truth = dict(nx.all_pairs_dijkstra_path_length(graph))
            for a in range(25):
                for b in range(25):
                    route = router.route(a, b)
                    assert (route.latency_ns if route else None) == truth[a].get(b)
                    if route:
                        assert sum(links[hop >> 1].latency_ns for hop in route.hops) == route.latency_ns
                        at = [a] + [router.ends(hop)[1] for hop in route.hops]
                        assert at == [router.ends(hop)[0] for hop in route.hops] + [b]
            down = draws.choice(2 * len(links), 3, replace=False).tolist()
            for hop in down:
                router.usable[hop] = False
            router.changed(down)


def test_of_two_ways_with_the_same_latency_the_one_with_fewer_hops_is_taken() -> None:
    # 0–1–2–4 has 1 + 1 + 8 ms and is found first, 0–3–4 has 9 + 1.
    links = [link(0, 1, MS), link(1, 2, MS), link(2, 4, 8 * MS), link(0, 3, 9 * MS), link(3, 4, MS)]
    router = Router(5, links)
    assert router.route(0, 4).hops == (6, 8)  # type: ignore[union-attr]
    assert router.route(4, 0).hops == (9, 7)  # type: ignore[union-attr]


def test_the_bottleneck_is_the_slowest_rate_in_the_route_s_direction() -> None:
    router = Router(2, [LinkRow("l", 0, 1, 1, 1e6, 9e6)])
    assert router.route(0, 1).bottleneck_bps == 1e6  # type: ignore[union-attr]
    assert router.route(1, 0).bottleneck_bps == 9e6  # type: ignore[union-attr]


def test_a_route_stays_the_same_object_while_it_is_the_same_way() -> None:
    world = World(4, [*TRIANGLE, link(2, 3)])
    before = world.network.route(0, 2)
    world.network.cut(3, "silent")
    assert world.network.route(0, 2) is before
    world.network.cut(0, "silent")
    assert world.network.route(0, 2).hops == (4,)  # type: ignore[union-attr]


def test_traffic_goes_round_a_cut_where_there_is_a_way_round() -> None:
    world = World(3, TRIANGLE)
    token = world.network.cut(1, "silent")
    world.send(0, 2)
    world.clock.run(SECOND)
    assert world.arrived == [("m", 50 * MS)]
    world.network.mend(1, token)
    assert world.network.delay_ns(0, 2, 0) == 20 * MS


def test_a_dead_node_forwards_nothing() -> None:
    world = World(3, CHAIN)
    world.network.set_node(1, False)
    assert [world.network.access(0, 2), world.network.access(0, 1), world.network.access(1, 0)] == ["silent"] * 3
    assert world.network.access(1, 1) == "silent"
    world.network.set_node(1, True)
    assert world.network.access(0, 2) == "ok"
    assert world.nodes.boots.tolist() == [1, 2, 1]


# Messages.


def test_a_message_takes_latency_and_serialisation_of_each_hop() -> None:
    world = World(3, CHAIN)
    world.send(0, 2, 1000)  # 1 ms on 8 Mbit/s, 0.1 ms on 80
    world.clock.run(SECOND)
    assert world.arrived == [("m", 10 * MS + 1 * MS + 20 * MS + MS // 10)]
    assert world.network.delay_ns(0, 2, 1000) == world.arrived[0][1]
    assert world.network.bytes_carried == [1000, 0, 1000, 0]


def test_a_message_to_oneself_arrives_at_once() -> None:
    world = World(3, CHAIN)
    world.send(1, 1, 10_000)
    world.clock.run(0)
    assert world.arrived == [("m", 0)]


def test_a_short_message_does_not_overtake_a_long_one() -> None:
    world = World(3, CHAIN)
    world.send(0, 2, 100_000, "long")
    world.send(0, 2, 10, "short")
    world.clock.run(SECOND)
    assert [name for name, _ in world.arrived] == ["long", "short"]


# A message of 0 → 2 over CHAIN without bytes is on the first link until 10 ms, on the second until 30 ms.
@pytest.mark.parametrize(
    ("link_cut", "at", "until", "arrives"),
    [
        (0, 5 * MS, 6 * MS, False),  # under it
        (0, 10 * MS, 90 * MS, True),  # it has just left
        (1, 5 * MS, 9 * MS, True),  # whole again when it gets there
        (1, 5 * MS, 10 * MS, True),  # at that very nanosecond
        (1, 5 * MS, 10 * MS + 1, False),
        (1, 29 * MS, 29 * MS + 1, False),  # one nanosecond is enough
        (1, 30 * MS, 90 * MS, True),
    ],
)
def test_a_message_is_lost_exactly_when_a_link_fails_under_it(
    link_cut: int, at: int, until: int, arrives: bool
) -> None:
    world = World(3, CHAIN)
    world.send(0, 2)

    def cut() -> None:
        world.clock.at(until, world.network.mend, link_cut, world.network.cut(link_cut, "silent"))

    world.clock.at(at, cut)
    world.clock.run(SECOND)
    assert bool(world.arrived) == arrives
    assert (world.network.messages.delivered, world.network.messages.lost) == (arrives, not arrives)


# With 1000 bytes it is sent until 1 ms, at node 1 at 11 ms, sent on until 11.1 ms, and at node 2 at 31.1 ms.
@pytest.mark.parametrize(
    ("node", "at", "arrives"),
    [
        (0, MS // 2, False),  # the sender dies while it speaks
        (0, 1 * MS, True),  # after its last bit
        (1, 11 * MS + MS // 20, False),  # the router dies while it forwards
        (1, 12 * MS, True),
        (1, 3 * MS, False),  # dead when the message comes
        (2, 31 * MS, False),
        (2, 31 * MS + MS // 10, False),  # at that very instant: nobody is called on a dead node
        (2, 40 * MS, True),
    ],
)
def test_a_message_is_lost_exactly_when_a_node_that_holds_it_dies(node: int, at: int, arrives: bool) -> None:
    world = World(3, CHAIN)
    world.clock.at(at, world.network.set_node, node, False)
    world.send(0, 2, 1000)
    world.clock.run(SECOND)
    assert bool(world.arrived) == arrives


def test_what_waits_at_a_receiver_for_an_earlier_message_dies_with_it() -> None:
    world = World(2, [link(0, 1)])
    world.send(0, 1, 100_000, "long")  # until 110 ms
    world.send(0, 1, 0, "short")  # there at 10 ms, handed over at 110 ms
    for at, up in ((50 * MS, False), (60 * MS, True)):
        world.clock.at(at, world.network.set_node, 1, up)
    world.clock.run(SECOND)
    assert [name for name, _ in world.arrived] == ["long"]  # a router that rebooted meanwhile is in time for that one


# Modes.


def test_silence_loses_and_tells_nobody() -> None:
    world = World(3, CHAIN)
    world.network.cut(1, "silent")
    world.send(0, 2)
    world.clock.run(10 * SECOND)
    assert world.arrived == []
    assert (world.network.access(0, 2), world.network.access(0, 1)) == ("silent", "ok")


def test_a_refusal_takes_the_round_trip_to_where_it_is_made() -> None:
    world = World(3, CHAIN)
    world.network.cut(1, "refused")
    world.send(0, 2, 1000)
    world.send(1, 2, 1000, "next to it")
    world.clock.run(SECOND)
    assert world.arrived == [("refused next to it", 0), ("refused m", 20 * MS)]
    assert world.network.access(0, 2) == "refused"
    assert world.network.messages.refused == 2


def test_the_first_obstacle_answers() -> None:
    world = World(4, [*CHAIN, link(2, 3)])
    world.network.cut(1, "refused")
    world.network.cut(2, "silent")
    assert (world.network.access(0, 3), world.network.access(3, 0)) == ("refused", "silent")


def test_nodes_that_no_link_joins_are_refused() -> None:
    assert World(3, [link(0, 1)]).network.access(0, 2) == "refused"


def test_a_one_way_cut_is_silent_in_its_direction_only() -> None:
    world = World(3, CHAIN)
    world.network.cut(0, "one-way", direction=1)
    assert (world.network.access(0, 2), world.network.access(2, 0)) == ("ok", "silent")


def test_a_lossy_cut_still_counts_as_reachable() -> None:
    world = World(2, [link(0, 1)])
    world.network.cut(0, "lossy", loss=0.5)
    assert world.network.access(0, 1) == "ok"
    assert world.network.loss(0) == 0.5


def test_overlapping_cuts_nest_and_the_link_is_up_when_all_have_ended() -> None:
    world = World(2, [link(0, 1)])
    network = world.network
    first = network.cut(0, "silent")
    second = network.cut(0, "refused")
    assert network.access(0, 1) == "silent"  # silence hides the refusal
    network.mend(0, first)
    assert network.access(0, 1) == "refused"
    network.mend(0, second)
    assert network.access(0, 1) == "ok"
    assert [row[2:] for row in world.rows("links")] == [("cut", "silent"), ("cut", "refused"), ("up", "")]
    with pytest.raises(KeyError):
        network.mend(0, second)


def test_losses_of_link_and_cuts_add_up_as_independent_chances() -> None:
    world = World(2, [link(0, 1, loss=0.1)])
    world.network.cut(0, "lossy", loss=0.5)
    assert world.network.loss(1) == pytest.approx(1 - 0.9 * 0.5)


def test_waits_for_repetition_double_and_their_numbers_are_geometric() -> None:
    """A try is lost with p: a share p^k (1-p) of messages has waited k times, Σ_{i<k} (2·10 ms + 200 ms)·2^i."""
    world = World(2, [link(0, 1)])
    world.network.cut(0, "lossy", loss=0.3)
    n, step = 4000, 200_000 * SECOND
    for i in range(n):  # far apart, so that none waits for the one before
        world.clock.at(i * step, world.send, 0, 1)
    world.clock.run(n * step)
    waits = np.array([at % step - 10 * MS for _, at in world.arrived])
    for k in range(4):
        share = float(np.mean(waits == (2**k - 1) * 220 * MS))
        expected = 0.3**k * 0.7
        assert share == pytest.approx(expected, abs=4 * (expected * (1 - expected) / n) ** 0.5)


def test_a_repeated_message_holds_up_those_behind_it() -> None:
    world = World(2, [link(0, 1)])
    world.network.cut(0, "lossy", loss=0.5)
    for i in range(50):
        world.clock.at(i * MS, world.send, 0, 1, 0, f"{i}")
    world.clock.run(100_000 * SECOND)
    assert [name for name, _ in world.arrived] == [f"{i}" for i in range(50)]


def test_jitter_is_uniform_around_the_latency() -> None:
    world = World(2, [link(0, 1, 10 * MS, jitter_ns=4 * MS)])
    n = 3000
    for i in range(n):
        world.clock.at(i * SECOND, world.send, 0, 1)
    world.clock.run(n * SECOND)
    delays = np.sort([at % SECOND / MS for _, at in world.arrived])
    assert delays[0] >= 6
    assert delays[-1] <= 14
    # Kolmogorov–Smirnov against the uniform law, at the 0.1 % level.
    assert np.abs(delays - (6 + 8 * (np.arange(n) + 0.5) / n)).max() / 8 < 1.95 / n**0.5


def test_one_link_s_jitter_does_not_depend_on_another_s_messages() -> None:
    def times(disturbed: bool) -> list[tuple[str, int]]:
        world = World(3, [link(0, 1, jitter_ns=MS), link(0, 2, jitter_ns=MS)])
        for i in range(20):
            if disturbed:
                world.clock.at(i * SECOND, world.network.send, 0, 2, 0, int)
            world.clock.at(i * SECOND, world.send, 0, 1)
        world.clock.run(60 * SECOND)
        return world.arrived

    assert times(disturbed=True) == times(disturbed=False)


def test_loss_needs_to_be_told_how_packets_are_repeated() -> None:
    world = World(2, [link(0, 1)])
    network = Network(world.clock, world.nodes, [link(0, 1)], world.recorder, Rng(1))
    with pytest.raises(ValueError, match="retransmission"):
        network.cut(0, "lossy", loss=0.1)
    with pytest.raises(ValueError, match="retransmission"):
        Network(world.clock, world.nodes, [link(0, 1, loss=0.1)], world.recorder, Rng(1))


# Transfers.


def test_a_transfer_ends_false_when_a_link_of_it_goes_down_in_either_direction() -> None:
    for direction in (0, 1):
        world = World(3, CHAIN)
        flow = world.network.transfer(0, 2, 1_000_000)  # 1 s at 8 Mbit/s
        world.clock.run(SECOND // 4)
        world.network.cut(1, "one-way", direction=direction)
        world.clock.run(SECOND)
        assert flow.done.value is False
        assert world.network.bytes_carried == [250_000, 0, 250_000, 0]


def test_a_transfer_ends_false_when_its_server_dies_and_at_once_without_a_way() -> None:
    world = World(3, CHAIN)
    flow = world.network.transfer(0, 2, 1_000_000)
    world.network.set_node(0, False)
    later = world.network.transfer(0, 2, 1_000_000)
    world.clock.run(0)
    assert (flow.done.value, later.done.value) == (False, False)


def test_a_lossy_link_carries_only_what_gets_through() -> None:
    world = World(2, [link(0, 1)])
    world.network.cut(0, "lossy", loss=0.5)
    flow = world.network.transfer(0, 1, 1_000_000)
    world.clock.run(2 * SECOND - 1)
    assert flow.active
    world.clock.run(2 * SECOND)
    assert flow.done.value is True


# Hooks and tables.


def test_hooks_frame_every_change_of_state_and_nothing_else() -> None:
    world = World(2, [link(0, 1)])
    network, seen = world.network, []
    network.before_change.append(lambda: seen.append(f"before {network.access(0, 1)}"))
    network.after_change.append(lambda: seen.append(f"after {network.access(0, 1)}"))
    first = network.cut(0, "silent")
    second = network.cut(0, "silent")  # nothing changes
    network.mend(0, first)  # nor here
    network.set_node(1, True)  # nor here
    network.mend(0, second)
    assert seen == ["before ok", "after silent", "before silent", "after ok"]


def test_the_tables_have_a_row_for_each_change() -> None:
    world = World(2, [link(0, 1)])
    world.clock.run(5)
    token = world.network.cut(0, "one-way")
    world.network.set_node(1, False)
    world.clock.run(9)
    world.network.mend(0, token)
    world.network.set_node(1, True)
    assert world.rows("links") == [(5, "0-1", "cut", "one-way"), (9, "0-1", "up", "")]
    assert world.rows("nodes") == [(5, "n1", "running", "down"), (9, "n1", "running", "up")]


@pytest.mark.parametrize(
    ("mode", "loss", "direction"),
    [("mute", 0, 0), ("lossy", 0, 0), ("lossy", 1, 0), ("silent", 0.1, 0), ("one-way", 0, 2)],
)
def test_a_cut_that_means_nothing_is_refused(mode: str, loss: float, direction: int) -> None:
    with pytest.raises(ValueError, match=r"mode|lossy|direction"):
        World(2, [link(0, 1)]).network.cut(0, mode, loss, direction)


@pytest.mark.parametrize(
    ("change", "says"),
    [({"b": 0}, "itself"), ({"latency_ns": -1}, "latency"), ({"jitter_ns": 11}, "jitter"), ({"up_bps": 0}, "rate"),
     ({"loss": 1.0}, "loss")],
)  # fmt: skip
def test_a_link_that_cannot_be_is_refused(change: dict[str, float], says: str) -> None:
    good = {"name": "l", "a": 0, "b": 1, "latency_ns": 10, "up_bps": 1.0, "down_bps": 1.0}
    with pytest.raises(ValueError, match=says):
        LinkRow(**{**good, **change})  # type: ignore[arg-type]


def test_two_links_of_one_name_are_refused() -> None:
    world = World(2, [])
    with pytest.raises(ValueError, match="one name"):
        Network(world.clock, NodeTable([node_row("a"), node_row("b")]), [link(0, 1)] * 2, world.recorder, Rng(1))


def test_outages_answer_for_any_interval() -> None:
    outages = Outages()
    for start, end in ((10, 20), (30, 30), (40, 50)):
        outages.begin(start)
        outages.end(end)
    outages.begin(60)

    def by_hand(enter: int, leave: int) -> bool:
        downs = [(10, 20), (30, 30), (40, 50), (60, 10**9)]
        return any(start < leave and end > enter for start, end in downs)

    for enter in range(0, 70):
        for leave in range(enter, 70):
            assert outages.met(enter, leave) == by_hand(enter, leave), (enter, leave)


def test_a_node_behind_one_radio_hangs_in_a_tree_on_whichever_of_its_links_is_whole() -> None:
    """A bus with a camera behind it, among three cells in a ring: the ways are those that a search finds."""
    cells = [LinkRow(f"ring-{i}", i, (i + 1) % 3, 5 + i, 1e6, 1e6) for i in range(3)]
    radio = [LinkRow(f"lte.bus.{i}", 3, i, 7, 1e6, 1e6, radio="lte.bus") for i in range(3)]
    links = [*cells, *radio, LinkRow("cabin", 4, 3, 1, 1e6, 1e6)]
    swings, searches = Router(5, links, radios=True), Router(5, links)
    assert swings._parent[3] >= 0
    assert searches._parent[3] < 0
    before = None
    for served in (0, 2, 1, None, 1):
        flips = [2 * (3 + i) + way for i in (before, served) if i is not None for way in (0, 1)]
        if before is None and served == 0:
            flips = [2 * (3 + i) + way for i in range(3) for way in (0, 1)]
        for router in (swings, searches):
            for i in range(3):
                router.usable[2 * (3 + i)] = router.usable[2 * (3 + i) + 1] = i == served
            router.changed(flips)
        before = served
        for a in range(5):
            for b in range(5):
                ways = [router.route(a, b) for router in (swings, searches)]
                assert [way and way.hops for way in ways] == [ways[0] and ways[0].hops] * 2
        assert (swings.route(4, 0) is None) == (served is None)


@pytest.mark.parametrize(
    ("cut", "direction", "obstacle"),
    [
        (1, 1, {(0, 3): "ok", (3, 0): ("silent", (5,))}),  # the cell cannot send to it: on it, and lost
        (2, 0, {(0, 3): ("silent", (2,)), (3, 0): "ok"}),  # what leaves the cell is lost
    ],
)
def test_a_radio_meets_what_its_own_cell_meets_though_another_cell_is_whole(
    cut: int, direction: int, obstacle: dict[tuple[int, int], object]
) -> None:
    """Node 0 has a radio that is on cell 2, whose way is longer; cell 1, which is out of reach, is nearer. Both lead to
    node 3."""
    links = [link(0, 1, MS, radio="r"), link(0, 2, 9 * MS, radio="r"), link(2, 3), link(1, 3)]
    w = World(4, links)
    token = w.network.cut(0, "silent")  # it goes to the other cell
    assert w.network.route(0, 3).hops == (2, 4)
    w.network.mend(0, token)
    w.network.cut(cut, "one-way", direction=direction)
    for (a, b), said in obstacle.items():
        if said == "ok":
            assert w.network.access(a, b) == "ok"
        else:
            assert w.network.obstacle(a, b) == said
