"""Whatever fails and heals at random: nothing is lost without being counted, and no byte appears or vanishes."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from networks import World
from simulator.engine.sharing import Transfer
from simulator.units import MS
from simulator.world.link import LinkRow

NODES = 6
# A core of four with a cycle and a parallel link, and two nodes that hang from it.
LINKS = [
    LinkRow("ab", 0, 1, 3 * MS, 8e6, 4e6, jitter_ns=MS),
    LinkRow("bc", 1, 2, 2 * MS, 8e6, 8e6),
    LinkRow("ca", 2, 0, 4 * MS, 16e6, 8e6, loss=0.05),
    LinkRow("ca2", 2, 0, 4 * MS, 8e6, 8e6),
    LinkRow("cd", 2, 3, 1 * MS, 8e6, 8e6),
    LinkRow("ae", 0, 4, 5 * MS, 2e6, 8e6),
    LinkRow("ef", 4, 5, 1 * MS, 8e6, 8e6, jitter_ns=MS // 2),
]
TIMES = st.integers(0, 60).map(lambda n: n * MS)
MODES = [("silent", 0.0, 0), ("refused", 0.0, 0), ("lossy", 0.4, 0), ("one-way", 0.0, 0), ("one-way", 0.0, 1)]
CUTS = st.tuples(st.just("cut"), TIMES, st.integers(0, len(LINKS) - 1), st.integers(0, 30), st.sampled_from(MODES))
CRASHES = st.tuples(st.just("crash"), TIMES, st.integers(0, NODES - 1), st.integers(1, 30), st.none())
PLACES = st.integers(0, NODES - 1)
SENDS = st.tuples(st.sampled_from(["send", "pull"]), TIMES, PLACES, PLACES, st.integers(0, 20_000))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(CUTS, CRASHES), max_size=8), st.lists(SENDS, min_size=1, max_size=25))
def test_messages_and_bytes_are_conserved(failures: list[tuple], sends: list[tuple]) -> None:  # type: ignore[type-arg]
    world = World(NODES, LINKS)
    clock, network = world.clock, world.network
    pulls: list[tuple[tuple[int, ...], Transfer]] = []
    told: Counter[int] = Counter()  # how often each message arrived or was refused
    order: dict[tuple[int, int], list[int]] = {}

    def cut(link: int, length: int, how: tuple[str, float, int]) -> None:
        clock.after(length * MS, network.mend, link, network.cut(link, *how))

    def crash(node: int, length: int) -> None:
        network.set_node(node, False)
        clock.after(length * MS, network.set_node, node, True)

    def arrived(i: int, a: int, b: int) -> None:
        told[i] += 1
        order.setdefault((a, b), []).append(i)

    def send(i: int, a: int, b: int, size: int) -> None:
        network.send(a, b, size, arrived, i, a, b, failed=lambda: told.update([i]))

    def pull(_i: int, a: int, b: int, size: int) -> None:
        route = network.route(a, b)
        pulls.append((route.hops if route else (), network.transfer(a, b, size)))

    for kind, at, where, length, how in failures:
        clock.at(at, cut, where, length, how) if kind == "cut" else clock.at(at, crash, where, length)
    numbered = sorted(enumerate(sends), key=lambda item: item[1][1])
    for i, (kind, at, a, b, size) in numbered:
        clock.at(at, send if kind == "send" else pull, i, a, b, size)

    def by_messages() -> list[float]:
        """What each directed link has carried beside the transfers."""
        carried = network.bytes_carried
        for hops, flow in pulls:
            for hop in hops:
                carried[hop] -= flow.size - flow.remaining()
        return carried

    clock.run(45 * MS)
    assert all(abs(rest - round(rest)) < 1e-3 for rest in by_messages())  # whole messages, with transfers under way
    while clock.step():
        pass

    # Each message has one outcome, counted once, and whoever was to be told was told once.
    counts = network.messages
    assert counts.sent == sum(kind == "send" for kind, *_ in sends)
    assert counts.sent == counts.delivered + counts.lost + counts.refused
    assert sum(told.values()) == counts.delivered + counts.refused
    assert set(told.values()) <= {1}
    # From one node to another, in the order sent.
    rank = {i: n for n, (i, _) in enumerate(numbered)}
    for arrivals in order.values():
        assert arrivals == sorted(arrivals, key=rank.__getitem__)
    # Every transfer has ended, and its links have carried what it got.
    assert all(flow.done.triggered and (flow.remaining() == 0 or not flow.done.value) for _, flow in pulls)
    rest = by_messages()
    assert all(bytes_ > -1e-3 and abs(bytes_ - round(bytes_)) < 1e-3 for bytes_ in rest)
    travelled = sum(sends[i][4] for (a, b), arrivals in order.items() for i in arrivals if a != b)
    assert sum(rest) > travelled - 1e-3  # each message that arrived has crossed a link at least
    # All is whole again.
    assert [state.mode for state in network.states] == [""] * len(LINKS)
    assert all(network.access(a, b) == "ok" for a in range(NODES) for b in range(NODES))
