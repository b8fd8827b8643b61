"""Cuts, crashes and stops: when each begins and ends, in what order it tells whom, and how they overlap."""

import pytest

from networks import World, link
from simulator.faults import Component, Power, apply_crash, apply_cut, apply_stop
from simulator.units import SECOND


class Told:
    """An agent, or a switch, that notes what it is told and what the network is then."""

    def __init__(self, world: World) -> None:
        self.world, self.seen = world, []  # type: ignore[var-annotated]

    def crash(self) -> None:
        self.seen.append(("crash", self.world.clock.now, self.world.network.is_up(0)))

    def boot(self) -> None:
        self.seen.append(("boot", self.world.clock.now, self.world.network.is_up(0)))

    def set_up(self, up: bool) -> None:
        self.seen.append((up, self.world.clock.now))


def machine(world: World, agent: Told) -> Power:
    return Power(world.clock, world.network, world.nodes, world.recorder, 0, agent=agent)


def test_a_cut_lasts_its_duration_and_is_recorded() -> None:
    world = World(2, [link(0, 1)])
    apply_cut(world.clock, world.network, world.recorder, 0, at=5, duration=10, mode="silent")
    states = []
    for time in (4, 5, 14, 15):
        world.clock.run(time)
        states.append(world.network.access(0, 1))
    assert states == ["ok", "silent", "silent", "ok"]
    assert world.rows("events") == [(5, "CutStarted", "0-1", "", "silent"), (15, "CutEnded", "0-1", "", "silent")]


def test_overlapping_cuts_are_recorded_each_and_end_together() -> None:
    world = World(2, [link(0, 1)])
    apply_cut(world.clock, world.network, world.recorder, 0, at=5, duration=10, mode="silent")
    apply_cut(world.clock, world.network, world.recorder, 0, at=8, duration=20, mode="silent")
    world.clock.run(20)
    assert world.network.access(0, 1) == "silent"
    world.clock.run(28)
    assert world.network.access(0, 1) == "ok"
    assert [row[:2] for row in world.rows("events")] == [
        (5, "CutStarted"),
        (8, "CutStarted"),
        (15, "CutEnded"),
        (28, "CutEnded"),
    ]
    assert [row[0] for row in world.rows("links")] == [5, 28]


def test_a_cut_without_duration_stays() -> None:
    world = World(2, [link(0, 1)])
    apply_cut(world.clock, world.network, world.recorder, 0, at=5, duration=None, mode="lossy", loss=0.3)
    world.clock.run(1000 * SECOND)
    assert world.network.loss(1) == pytest.approx(0.3)


def test_a_node_boots_after_its_pause_and_its_own_boot_time() -> None:
    world = World(2, [link(0, 1)], boot_ns=40)
    agent = Told(world)
    apply_crash(world.clock, machine(world, agent), at=5, reboot_after=100)
    world.clock.run(1000)
    # The agent hears of a crash when the network is down already, and of the boot when it is up again.
    assert agent.seen == [("crash", 5, False), ("boot", 145, True)]
    assert [row[:4] for row in world.rows("events")] == [
        (5, "NodeCrashed", "n0", "n0"),
        (105, "Booting", "n0", "n0"),
        (145, "NodeBooted", "n0", "n0"),
    ]
    assert world.rows("nodes") == [(5, "n0", "running", "down"), (145, "n0", "running", "up")]


def test_a_node_that_is_down_does_not_crash_again() -> None:
    world = World(2, [link(0, 1)])
    agent = Told(world)
    power = machine(world, agent)
    for at in (5, 50):
        apply_crash(world.clock, power, at=at, reboot_after=100)
    world.clock.run(1000)
    assert [seen[:2] for seen in agent.seen] == [("crash", 5), ("boot", 105)]
    assert [row[1] for row in world.rows("events")] == ["NodeCrashed", "Booting", "NodeBooted"]


def test_a_node_without_reboot_stays_down_and_a_router_has_no_agent_to_tell() -> None:
    world = World(3, [link(0, 1), link(1, 2)])
    power = Power(world.clock, world.network, world.nodes, world.recorder, 1, agent=None)
    apply_crash(world.clock, power, at=5, reboot_after=None)
    world.clock.run(1000 * SECOND)
    assert world.network.access(0, 2) == "silent"


def test_a_component_is_stopped_as_long_as_one_of_its_stops_lasts() -> None:
    world = World(1, [])
    switch = Told(world)
    component = Component("scheduler", switch, node="n0")
    for at, duration in ((5, 10), (8, 20)):
        apply_stop(world.clock, world.recorder, component, at=at, duration=duration)
    world.clock.run(1000)
    assert switch.seen == [(False, 5), (True, 28)]
    assert world.rows("events") == [
        (5, "ComponentStopped", "scheduler", "n0", ""),
        (8, "ComponentStopped", "scheduler", "n0", ""),
        (15, "ComponentStarted", "scheduler", "n0", ""),
        (28, "ComponentStarted", "scheduler", "n0", ""),
    ]


def test_a_stop_without_duration_is_for_good() -> None:
    world = World(1, [])
    switch = Told(world)
    apply_stop(world.clock, world.recorder, Component("api-server", switch), at=5, duration=None)
    world.clock.run(1000 * SECOND)
    assert switch.seen == [(False, 5)]
