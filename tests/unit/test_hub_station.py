"""A hub's station and intake against an independent queue, closed forms, and heartbeats that never heard of a hub."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from controlkit import Cluster, Numbers
from horizons import Horizon, per_node
from simulator.control.api.client import TokenBucket
from simulator.control.delivery.intake import Intake
from simulator.control.delivery.station import HubStation, StationSettings
from simulator.control.liveness.lease import NEVER
from simulator.control.liveness.stream import HubStream
from simulator.engine.clock import Clock
from simulator.facts import Catalogue
from simulator.physics.distributions import Constant, Exponential
from simulator.simulation.settings.station import station as of_page
from simulator.spec.mechanism import Server, Station
from simulator.spec.orchestrator import load_orchestrator
from simulator.streams import Rng, key
from simulator.units import MS, SECOND

ONE = StationSettings(1, Constant(10 * MS))


def station(workers: int, service: Any, **more: Any) -> HubStation:
    return HubStation(Rng(3), "hub", StationSettings(workers, service, **more))


# The station.
def simpy_queue(workers: int, arrivals: list[int], services: list[int]) -> list[int]:
    """When each customer is taken, in a queue of SimPy's."""
    env, taken = simpy.Environment(), [-1] * len(arrivals)
    desk = simpy.Resource(env, workers)

    def customer(i: int) -> Generator[Any, Any, None]:
        yield env.timeout(arrivals[i])
        with desk.request() as turn:
            yield turn
            taken[i] = int(env.now)
            yield env.timeout(services[i])

    for i in range(len(arrivals)):
        env.process(customer(i))
    env.run()
    return taken


@given(
    st.integers(1, 4),
    st.lists(st.integers(0, 3 * 10**9), min_size=1, max_size=60).map(sorted),
    st.lists(st.integers(0, 4), min_size=60, max_size=60),
)
def test_who_is_taken_when_equals_a_queue_of_simpys(workers: int, arrivals: list[int], senders: list[int]) -> None:
    law, rng = Exponential(0.3 * SECOND), Rng(3)
    hub = station(workers, law)
    taken = [hub.arrive(at, sender) for at, sender in zip(arrivals, senders, strict=False)]
    seen: dict[int, int] = {}
    services = []
    for sender in senders[: len(arrivals)]:
        services.append(law.tick(rng.draw("hub-service/hub", sender, seen.get(sender, 0))))
        seen[sender] = seen.get(sender, 0) + 1
    assert taken == simpy_queue(workers, arrivals, services)
    assert hub.busy_until == max(t + s for t, s in zip(taken, services, strict=True))


def test_a_clocked_stream_and_a_burst_at_several_workers() -> None:
    """D/D/c: nobody waits as long as c services fit into c intervals; of a burst the i-th is taken after ⌊i/c⌋."""
    hub = station(3, Constant(30 * MS))
    assert [hub.arrive(i * 10 * MS) for i in range(50)] == [i * 10 * MS for i in range(50)]
    hub = station(3, Constant(30 * MS))
    assert [hub.arrive(7) for _ in range(10)] == [7 + (i // 3) * 30 * MS for i in range(10)]
    assert (hub.free_at, hub.busy_until) == (7 + 90 * MS, 7 + 120 * MS)


@pytest.mark.parametrize(
    ("workers", "service", "many", "wait_ms"),
    [
        (1, Constant(8 * MS), 300_000, 8 * 0.8 / 0.2 / 2),
        (1, Exponential(8 * MS), 300_000, 8 * 0.8 / 0.2),
        (2, Exponential(10 * MS), 100_000, 10 * 0.5**2 / (1 - 0.5**2)),
    ],
    ids=["M/D/1", "M/M/1", "M/M/2"],
)
def test_mean_waits_are_those_of_pollaczek_and_khinchine_and_of_erlang(
    workers: int, service: Any, many: int, wait_ms: float
) -> None:
    """At a load ρ one worker makes ρ·s/(1−ρ) times (1 + c²)/2 of waiting, two ρ²·s/(1−ρ²)."""
    hub, rng = station(workers, service), np.random.default_rng(5)
    arrivals = np.cumsum(np.rint(rng.exponential(10 * MS, many)).astype(np.int64)).tolist()
    waits = np.array([hub.arrive(at) - at for at in arrivals]) / MS
    assert waits.mean() == pytest.approx(wait_ms, rel=0.05)


@given(st.lists(st.integers(0, 2 * 10**9), min_size=1, max_size=80).map(sorted), st.integers(1, 3))
def test_calls_are_limited_as_by_a_token_bucket(arrivals: list[int], workers: int) -> None:
    """With workers to spare the station is the bucket; with few of them no second has more calls than it allows."""
    free, bucket = station(1000, Constant(SECOND), limit=(20.0, 5)), TokenBucket(20.0, 5)
    assert [free.arrive(at) for at in arrivals] == [bucket.take(at) for at in arrivals]
    busy = station(workers, Constant(100 * MS), limit=(20.0, 5))
    taken = []
    for at in arrivals:
        before = busy.free_at
        taken.append(busy.arrive(at))
        assert taken[-1] == max(at, before)
    assert all(b - a >= SECOND for a, b in zip(taken, taken[25:], strict=False))
    assert all(a <= b for a, b in pairwise(taken))


def test_another_sender_shifts_nobodys_service() -> None:
    law = Exponential(10 * MS)
    alone, together = station(1, law), station(1, law)
    gaps = []
    for hub in (alone, together):
        if hub is together:
            hub.arrive(0, 8)
        hub.arrive(0, 7)
        before = hub.busy_until
        hub.arrive(0, 7)
        gaps.append(hub.busy_until - before)
    assert gaps[0] == gaps[1]


def sorted_by_simpy(workers: int, places: int, messages: list[tuple[int, bool]]) -> list[int]:
    """When each message is taken, or each heartbeat has passed: one dispatcher before a channel of so many places."""
    env, taken = simpy.Environment(), [-1] * len(messages)
    line, channel = simpy.Store(env), simpy.Store(env, places)

    def bring() -> Generator[Any, Any, None]:
        for number, (at, beat) in enumerate(messages):
            yield env.timeout(at - env.now)
            line.put((number, beat))

    def dispatch() -> Generator[Any, Any, None]:
        while True:
            number, beat = yield line.get()
            if beat:
                taken[number] = int(env.now)
            else:
                yield channel.put(number)

    def worker() -> Generator[Any, Any, None]:
        while True:
            number = yield channel.get()
            taken[number] = int(env.now)
            yield env.timeout(10)

    for process in (bring(), dispatch(), *(worker() for _ in range(workers))):
        env.process(process)
    env.run(10**6)
    return taken


@given(
    st.integers(1, 3),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 150), st.booleans()), min_size=1, max_size=60).map(sorted),
)
def test_a_heartbeat_overtakes_those_that_wait_behind_the_dispatcher(
    workers: int, places: int, messages: list[tuple[int, bool]]
) -> None:
    hub = station(workers, Constant(10), heartbeat=0.0, overtakes=places)
    ours = []
    for at, beat in messages:
        if beat:
            assert max(at, hub.heartbeat_at) == hub.arrive(at, share=0.0)
        ours.append(hub.arrive(at, share=0.0 if beat else 1.0))
    assert ours == sorted_by_simpy(workers, places, messages)


# The intake.
def test_an_idle_hub_passes_at_once_and_without_an_event() -> None:
    clock = Clock()
    intake, got = Intake(clock, station(1, Constant(10 * MS))), []
    for second in range(1, 6):
        clock.run(second * SECOND)
        intake.send(1, got.append, second)
        assert got[-1] == second
    assert clock.fired == 0


def bounded(workers: int, places: int, messages: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """(taken, sender, number) by the intake, in the order of taking."""
    clock = Clock()
    intake = Intake(clock, station(workers, Constant(10), queue=places))
    got: list[tuple[int, int, int]] = []

    def send(sender: int, number: int) -> None:
        intake.send(sender, lambda: got.append((clock.now, sender, number)))

    for number, (at, sender) in enumerate(messages):
        clock.at(at, send, sender, number)
    clock.run(10**6)
    return got


def bounded_by_simpy(workers: int, places: int, messages: list[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """The same with a store of SimPy's, into which each sender puts one message after the other."""
    env, got = simpy.Environment(), []
    queue = simpy.Store(env, places)
    lines = {sender: simpy.Store(env) for _, sender in messages}

    def bring() -> Generator[Any, Any, None]:
        for number, (at, sender) in enumerate(messages):
            yield env.timeout(at - env.now)
            yield lines[sender].put((sender, number))

    def door(line: Any) -> Generator[Any, Any, None]:
        while True:
            message = yield line.get()
            yield queue.put(message)

    def worker() -> Generator[Any, Any, None]:
        while True:
            message = yield queue.get()
            got.append((int(env.now), *message))
            yield env.timeout(10)

    for line in lines.values():
        env.process(door(line))
    for _ in range(workers):
        env.process(worker())
    env.process(bring())
    env.run(10**6)
    return got


@given(
    st.integers(1, 2),
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=40).map(sorted),
)
def test_a_full_queue_holds_senders_back_as_a_bounded_store_does(
    workers: int, places: int, drawn: list[tuple[int, int]]
) -> None:
    """Arrivals lie between the instants at which workers change: no tie decides."""
    messages = [(at * 7 * 10 + 1 + i % 9, sender) for i, (at, sender) in enumerate(drawn)]
    messages = [(at, sender) for at, sender in sorted(dict(messages).items())]
    assert bounded(workers, places, messages) == bounded_by_simpy(workers, places, messages)


def test_behind_a_flood_wait_all_of_its_sender_but_one_of_each_other() -> None:
    """Sender 0 brings 100 messages, then sender 1 one: it waits for 100 services, or for the 4 places and one more."""
    messages = [(1, 0)] * 100 + [(2, 1)]
    clock = Clock()
    taken = {}
    for places in (None, 4):
        clock, seen = Clock(), []
        intake = Intake(clock, station(1, Constant(10), queue=places))
        for at, sender in messages:
            clock.at(at, intake.send, sender, lambda who, c=clock, s=seen: s.append((c.now, who)), sender)
        clock.run(5000)
        assert len(seen) == 101
        taken[places] = next(t for t, who in seen if who == 1)
    assert taken == {None: 1001, 4: 61}  # one is served, four wait, one of sender 0 stands at the door


def test_what_was_in_a_hub_that_stops_is_lost_and_said_to_be() -> None:
    clock = Clock()
    intake = Intake(clock, station(1, Constant(10), queue=2))
    got: list[int] = []
    lost: list[int] = []
    for number in range(6):
        intake.send(0, got.append, number, lost=lost.append)
    clock.run(15)
    intake.server_changed(False)
    intake.server_changed(True)
    intake.send(0, got.append, 9)
    clock.run(1000)
    assert got == [0, 1, 9]
    assert sorted(lost) == [2, 3, 4, 5]


def test_many_that_come_at_once_are_put_one_after_the_other() -> None:
    """Who is told of each asks about all others at once, and there are more than the stack is deep."""

    class Beats:
        def __init__(self) -> None:
            self.next = np.full(2000, 100, np.int64)

        def advance_all(self, now: int) -> None:
            pass

        def due(self) -> Any:
            return self.next.copy()

        def due_of(self, row: int) -> int:
            return int(self.next[row])

        def take(self, row: int) -> None:
            self.next[row] = NEVER

        def through(self, row: int, now: int) -> None:
            heard.append(row)

        def forget(self, now: int) -> None:
            pass

    clock, heard = Clock(), list[int]()
    hub = station(1, Constant(50), heartbeat=0.0)
    stream = HubStream(
        clock, Intake(clock, hub), Beats(), keys={row: row for row in range(1999)}, rate=0.0, waits=lambda _row: None,
        heard=lambda _row: stream.catch_up(),
    )  # fmt: skip
    hub.arrive(51)
    stream.look()
    clock.run(200)
    assert heard == list(range(1999))  # the last does not pass here


# Heartbeats.
def arrivals(cluster: Cluster, until_s: float, step_s: float = 0.01) -> list[list[int]]:
    """Each node's heartbeats as the API server sees them, read often enough to miss none."""
    seen: list[list[int]] = [[] for _ in cluster.nodes]
    for step in range(1, int(until_s / step_s) + 1):
        cluster.run(step * step_s)
        for row, at in enumerate(cluster.beats.heard(cluster.clock.now).tolist()):
            if at >= 0 and seen[row][-1:] != [at]:
                seen[row].append(at)
    return seen


def test_a_station_that_is_idle_costs_nothing_and_changes_nothing() -> None:
    timers = []
    heard = []
    for settings in (None, ONE):
        cluster = Cluster(50, schedule=False, station=settings)
        cluster.run(1000)
        timers.append(cluster.clock.fired)
        heard.append(cluster.beats.heard(cluster.clock.now).tolist())
    assert timers[0] == timers[1]
    assert heard[0] == heard[1]


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_both_ways_agree_to_the_nanosecond_where_nobody_waits(loss: float) -> None:
    """Forty heartbeats, one by one past a hub with workers to spare: the instants are those that are computed."""
    wide = StationSettings(1000, Constant(10 * MS))
    seen = []
    for one_by_one in (False, True):
        cluster = Cluster(40, schedule=False, station=wide)
        for row in range(40):
            if loss:
                cluster.cut(row, "lossy", loss=loss)
        hub = cluster.beats._hub
        assert hub is not None
        if one_by_one:
            hub._always = True
            hub.look()
        before = cluster.clock.fired
        seen.append(arrivals(cluster, 40))
        made = cluster.clock.fired - before
    assert seen[0] == seen[1]
    assert made >= sum(map(len, seen[1]))  # they did pass one by one


def polls(hub: Horizon, until_s: int) -> list[list[int]]:
    """Each node's polls as the Exchange hears them, looked at twice a second."""
    heard: list[list[int]] = [[] for _ in range(20)]
    for half in range(2 * until_s):
        hub.run(half / 2)
        for row in range(20):
            at = hub.cluster.exchange.heard(row + 1)
            if heard[row][-1:] != [at]:
                heard[row].append(at)
    return heard


@pytest.mark.parametrize("loss", [0.0, 0.2])
def test_both_ways_of_polls_agree_where_nobody_waits(loss: float) -> None:
    """Twenty agents agree, and then poll ever less often: the same one by one. One is cut off for a while."""
    seen, fired = [], []
    for one_by_one in (False, True):
        hub = Horizon(20, loss=loss)
        stream = hub.cluster.exchange._stream
        assert stream is not None
        if one_by_one:
            stream._always = True
            stream.look()
        hub.apply(per_node())
        hub.cut(3, 300.2, 100)
        seen.append(polls(hub, 900))
        fired.append(hub.clock.fired)
    assert seen[0] == seen[1]
    assert loss or fired[1] - fired[0] >= 200  # they did pass one by one


def dues(cluster: Cluster, now_s: float) -> list[tuple[int, int]]:
    """(when, row) of the next heartbeats, in order."""
    cluster.run(now_s)
    return sorted((cluster.beats.upcoming(row) or 0, row) for row in range(len(cluster.nodes)))


def test_at_the_border_a_backlog_of_a_nanosecond_more_makes_one_heartbeat_wait_that_nanosecond() -> None:
    base = Cluster(30, schedule=False, station=ONE)
    (first, row), (second, _) = dues(base, 100)[:2]
    assert second - first > 40 * MS  # the one that waits makes no other wait
    reference = arrivals(base, 130)
    for late in (0, 1):
        cluster = Cluster(30, schedule=False, station=ONE)
        cluster.run(100)
        intake = cluster.server.intake
        assert intake is not None
        cluster.clock.at(first - 10 * MS + late, intake.send, 0, lambda: None)
        before = cluster.clock.fired
        seen = arrivals(cluster, 130)
        expected = [times.copy() for times in reference]
        expected[row] = [at + late if at == first else at for at in expected[row]]
        assert seen == expected
        assert cluster.clock.fired - before == (0, 3)[late]  # the heartbeat, its turn, and a plan that proved needless


def test_a_backlog_delays_heartbeats_as_a_queue_of_simpys_does() -> None:
    """3000 messages and the heartbeats of 60 nodes in one line of two workers; each agent sends its next heartbeat
    when its last one is through."""
    cluster = Cluster(60, Numbers(grace=3000), schedule=False, station=StationSettings(2, Constant(20 * MS)))
    intake = cluster.server.intake
    assert intake is not None
    cluster.run(50)
    times = np.sort(np.random.default_rng(2).integers(50 * SECOND, 60 * SECOND, 3000)).tolist()
    for at in times:
        cluster.clock.at(at, intake.send, 0, lambda: None)
    seen = arrivals(cluster, 100)

    env, expected = simpy.Environment(), [[] for _ in range(60)]
    desk, rng, delay = simpy.Resource(env, 2), Rng(1), int(cluster.reach.delay_ns[0])

    def serve(taken: Any) -> Generator[Any, Any, None]:
        with desk.request() as turn:
            yield turn
            taken.succeed()
            yield env.timeout(20 * MS)

    def messages() -> Generator[Any, Any, None]:
        for at in times:
            yield env.timeout(at - env.now)
            env.process(serve(env.event()))

    def agent(row: int) -> Generator[Any, Any, None]:
        name, k = key(f"w{row}"), 0
        at = round(rng.draw("lease-phase", name) * 10 * SECOND)
        while True:
            if at + delay > 50 * SECOND:
                yield env.timeout(at + delay - env.now)
                taken = env.event()
                env.process(serve(taken))
                yield taken
                expected[row].append(int(env.now))
            at = max(at + round(10 * SECOND * (1 + 0.04 * rng.draw("lease-jitter", name, k))), int(env.now))
            k += 1

    for row in range(60):
        env.process(agent(row))
    env.process(messages())
    env.run(100 * SECOND)
    late = [[at for at in row if at > 50 * SECOND] for row in seen]
    assert max(b - a for row in late for a, b in pairwise(row)) > 15 * SECOND
    assert late == expected
    assert unasked(times) == [row[-1] for row in seen]


def unasked(times: list[int]) -> list[int]:
    """The last heartbeats of the same run when nobody asks before its end."""
    cluster = Cluster(60, Numbers(grace=3000), schedule=False, station=StationSettings(2, Constant(20 * MS)))
    assert cluster.server.intake is not None
    for at in times:
        cluster.clock.at(at, cluster.server.intake.send, 0, lambda: None)
    cluster.run(100)
    return cluster.beats.heard(cluster.clock.now).tolist()


def test_a_hub_that_heartbeats_alone_overload_is_loaded_from_the_beginning() -> None:
    """200 heartbeats in 10 s, each of 60 ms: the line grows until all 200 agents stand in it, which is 12 s long."""
    cluster = Cluster(200, schedule=False, station=StationSettings(1, Constant(60 * MS)))
    cluster.run(400)
    through = [at for at in cluster.beats.heard(cluster.clock.now).tolist() if at >= 0]
    gaps = np.diff(sorted(through))
    assert gaps.min() == gaps.max() == 60 * MS
    assert cluster.server.intake is not None
    assert cluster.server.intake.station.free_at - cluster.clock.now == pytest.approx(12 * SECOND, abs=60 * MS)


def test_a_page_may_give_each_of_its_servers_a_station() -> None:
    page = load_orchestrator(Catalogue(), "kubeedge")
    assert of_page(page) == StationSettings(200, Constant(10 * MS))
    edge = StationSettings(100, Constant(10 * MS), limit=(2500.0, 5000), heartbeat=0.0, overtakes=1024)
    assert of_page(page, "cloudcore") == edge
    server = page.get(Server)
    written = Station(workers=4, service="20 ms", queue=1024, qps=2500.0, burst=5000, heartbeat=0.5)
    page.mechanisms["components"] = (server.model_copy(update={"station": written}),)
    assert of_page(page) == StationSettings(4, Constant(20 * MS), 1024, (2500.0, 5000), 0.5)
    page.mechanisms["components"] = (server.model_copy(update={"station": None}),)
    assert of_page(page) is None
