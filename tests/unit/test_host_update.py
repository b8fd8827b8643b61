"""The operating system of a machine is replaced: when, what power and the network do to it, and which one stays."""

from __future__ import annotations

from dataclasses import replace

import pytest

from networks import World, link
from simulator.faults import HostImage, HostSettings, HostSystem, Power, Rollout, apply_crash, apply_host_update
from simulator.units import SECOND

# A download of 8 MB at 8 Mbit/s, 100 MB to write at 100 MB/s, a boot of 10 s: written after 9 s, up after 19 s.
GOOD = HostImage("new", 8_000_000, 100_000_000)
BAD = replace(GOOD, good=False)
FETCHED, WRITTEN, UP = 8, 9, 19
BASE = HostSettings(
    rolls_back=True, commits_after_ns=60 * SECOND, gives_up_after_ns=30 * SECOND, needs_contact=True, tries_again=False,
    resumes=True, retry_ns=5 * SECOND, reboot_delay_ns=0,
)  # fmt: skip


class Agent:
    """What lives on the machine: told of power, and whether it is up."""

    def __init__(self) -> None:
        self.up, self.told = True, 0

    def crash(self) -> None:
        assert self.up, "it is down already"
        self.up = False

    def boot(self) -> None:
        assert not self.up, "it is up already"
        self.up, self.told = True, self.told + 1


class Host:
    """Machine 0, whose images come from machine 1 over the one link."""

    def __init__(self, settings: HostSettings = BASE) -> None:
        self.world = World(2, [link(0, 1)], boot_ns=10 * SECOND)
        self.agent = Agent()
        world = self.world
        self.system = HostSystem(
            world.clock, world.network, world.nodes, world.recorder, 0, source=1, settings=settings, agent=self.agent
        )

    def update(self, image: HostImage = GOOD, at: int = 0) -> None:
        apply_host_update(self.world.clock, [Rollout(image, [self.system], None)], at=at * SECOND)

    def power(self, at: float, dark: float = 1) -> None:
        world = self.world
        machine = Power(world.clock, world.network, world.nodes, world.recorder, 0, agent=self.system)
        apply_crash(world.clock, machine, at=round(at * SECOND), reboot_after=round(dark * SECOND))

    def silence(self, begin: float, end: float) -> None:
        clock, network = self.world.clock, self.world.network
        clock.at(
            round(begin * SECOND),
            lambda: clock.at(round(end * SECOND), network.mend, 0, network.cut(0, "silent")),
        )

    def ran(self, until: int = 1000) -> list[tuple[float, str, str]]:
        """Run; what was noted of updates: (time in s, kind, detail)."""
        self.world.clock.run(until * SECOND)
        rows = self.world.rows("events")
        return [(t / SECOND, kind, detail) for t, kind, *_, detail in rows if kind.startswith("Host")]  # type: ignore[operator,attr-defined]

    def last(self, until: int = 1000) -> tuple[float, str, str]:
        return self.ran(until)[-1]


def test_a_good_image_is_fetched_written_booted_tried_and_kept() -> None:
    host = Host()
    host.update()
    assert host.ran() == [
        (0, "HostUpdateStarted", "new"),
        (WRITTEN, "HostUpdateWritten", "new"),
        (UP + 60, "HostUpdateCommitted", "new"),
    ]
    assert (host.system.runs, host.system.kept) == (GOOD, GOOD)
    assert host.agent.up
    assert host.agent.told == 1


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        ({"delta": 0.25}, UP - 6 + 60),
        ({"reboot_delay_ns": 20 * SECOND}, UP + 20 + 60),
        ({"commits_after_ns": 90 * SECOND}, UP + 90),
        ({"rolls_back": False}, UP),
    ],
)
def test_what_each_number_moves(change: dict[str, float], kept: float) -> None:
    host = Host(replace(BASE, **change))  # type: ignore[arg-type]
    host.update()
    assert host.last() == (kept, "HostUpdateCommitted", "new")


def test_a_bad_image_starts_nothing_and_the_machine_goes_back() -> None:
    host = Host(replace(BASE, reboot_delay_ns=4 * SECOND))
    host.update(BAD)
    host.world.clock.run((UP + 4 + 29) * SECOND)
    assert host.world.network.is_up(0)
    assert not host.agent.up
    assert host.last() == (UP + 4 + 30 + 4 + 10, "HostRolledBack", "unhealthy")
    assert (host.system.runs, host.system.kept) == (None, None)
    assert host.agent.up


def test_without_contact_a_good_image_goes_back_and_with_it_again_its_time_begins_anew() -> None:
    """E-P23: contact lost for less than the limit resets the time of good health; for longer, the machine goes back."""
    host = Host()
    host.update()
    host.silence(UP + 20, UP + 40)
    assert host.last() == (UP + 40 + 60, "HostUpdateCommitted", "new")
    host = Host()
    host.update()
    host.silence(UP + 20, UP + 200)
    assert host.last() == (UP + 20 + 30 + 10, "HostRolledBack", "no contact")
    assert host.agent.told == 2  # in the new image, and in the old one


def test_a_system_that_asks_nobody_keeps_its_image_without_contact() -> None:
    host = Host(replace(BASE, needs_contact=False))
    host.update()
    host.silence(UP + 20, UP + 200)
    assert host.last() == (UP + 60, "HostUpdateCommitted", "new")


@pytest.mark.parametrize(("resumes", "more"), [(True, 4), (False, 8)])
def test_a_download_that_broke_off_goes_on_or_begins_again(resumes: bool, more: int) -> None:
    """Cut from 4 s to 7 s; it tries again 5 s after it broke off, at 9 s."""
    host = Host(replace(BASE, resumes=resumes))
    host.update()
    host.silence(4, 7)
    assert host.ran()[1] == (9 + more + 1, "HostUpdateWritten", "new")


@pytest.mark.parametrize(
    ("cut", "written"),
    [(4, 4 + 11 + 4 + 1), (FETCHED + 0.5, FETCHED + 0.5 + 11 + 1)],
    ids=["in the download", "in the write"],
)
def test_a_power_cut_before_it_is_written_leaves_the_old_image_and_the_update_goes_on(
    cut: float, written: float
) -> None:
    host = Host()
    host.update()
    host.power(cut)
    host.world.clock.run(round((cut + 11) * SECOND))
    assert host.system.runs is None
    assert host.agent.up
    assert host.ran()[1] == (written, "HostUpdateWritten", "new")
    assert host.last() == (written + 10 + 60, "HostUpdateCommitted", "new")


def test_a_power_cut_in_the_trial_goes_back_or_tries_again() -> None:
    host = Host()
    host.update()
    host.power(UP + 30)
    assert host.last() == (UP + 30 + 11, "HostRolledBack", "power cut")
    assert host.system.runs is None
    host = Host(replace(BASE, tries_again=True))
    host.update()
    host.power(UP + 30)
    assert host.last() == (UP + 30 + 11 + 60, "HostUpdateCommitted", "new")
    host = Host(replace(BASE, tries_again=True))
    host.update(BAD)
    host.power(UP + 20)
    assert host.last() == (UP + 20 + 11 + 30 + 10, "HostRolledBack", "unhealthy")


def test_a_system_that_writes_over_itself_does_not_survive_a_power_cut_in_the_write_only() -> None:
    host = Host(replace(BASE, whole=False))
    host.update()
    host.power(4)
    assert host.last()[1] == "HostUpdateCommitted"
    host = Host(replace(BASE, whole=False))
    host.update()
    host.power(FETCHED + 0.5)
    assert host.last() == (FETCHED + 0.5 + 11, "HostBroken", "new")
    assert not host.agent.up
    assert not host.world.network.is_up(0)


def test_without_a_trial_a_bad_image_stays_and_no_other_machine_gets_it() -> None:
    """k3OS: one machine after another, and nobody goes back."""
    world = World(3, [link(0, 2), link(1, 2)], boot_ns=10 * SECOND)
    settings = replace(BASE, rolls_back=False)
    for image, last in ((GOOD, [UP, UP + UP]), (BAD, [UP])):
        world = World(3, [link(0, 2), link(1, 2)], boot_ns=10 * SECOND)
        systems = [
            HostSystem(world.clock, world.network, world.nodes, world.recorder, node, source=2, settings=settings,
                       agent=Agent())
            for node in (0, 1)
        ]  # fmt: skip
        apply_host_update(world.clock, [Rollout(image, systems, 1)], at=0)
        world.clock.run(1000 * SECOND)
        rows = world.rows("events")
        assert [t / SECOND for t, kind, *_ in rows if kind == "HostUpdateCommitted"] == last  # type: ignore[operator]


def test_updates_of_one_machine_wait_for_each_other_and_for_power() -> None:
    host = Host()
    newer = replace(GOOD, name="newer")
    host.power(0, dark=20)
    host.update(at=5)
    host.update(newer, at=6)
    kept = [(t, detail) for t, kind, detail in host.ran() if kind == "HostUpdateCommitted"]
    assert kept == [(30 + UP + 60, "new"), (30 + 2 * (UP + 60), "newer")]


def test_a_machine_that_loses_power_between_write_and_reboot_boots_what_was_written() -> None:
    host = Host(replace(BASE, reboot_delay_ns=30 * SECOND))
    host.update()
    host.power(WRITTEN + 10)
    assert host.last() == (WRITTEN + 10 + 11 + 60, "HostUpdateCommitted", "new")
