"""Whatever power and network do, a machine runs its old operating system or the new one, and keeps no bad one."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from networks import World, link
from simulator.faults import (
    HostImage,
    HostSettings,
    HostSystem,
    Power,
    Rollout,
    apply_crash,
    apply_host_update,
    apply_power_cut,
)
from simulator.units import SECOND

END = 2000  # s; all that happens at random happens before 200, and nothing takes 300 by itself
times = st.integers(0, 200)


class Agent:
    """What lives on the machine."""

    def __init__(self) -> None:
        self.up = True

    def crash(self) -> None:
        assert self.up
        self.up = False

    def boot(self) -> None:
        assert not self.up
        self.up = True


@given(
    st.builds(
        HostSettings,
        rolls_back=st.just(True),
        commits_after_ns=st.integers(0, 60).map(lambda s: s * SECOND),
        gives_up_after_ns=st.integers(1, 60).map(lambda s: s * SECOND),
        needs_contact=st.booleans(),
        tries_again=st.booleans(),
        resumes=st.booleans(),
        retry_ns=st.integers(1, 20).map(lambda s: s * SECOND),
        reboot_delay_ns=st.integers(0, 5).map(lambda s: s * SECOND),
    ),
    st.booleans(),
    st.lists(st.tuples(times, st.integers(0, 20)), max_size=5),
    st.lists(st.tuples(times, st.integers(1, 60)), max_size=3),
)
@settings(deadline=None, max_examples=60)
def test_old_or_new_and_no_bad_one_for_good(
    how: HostSettings, good: bool, cuts: list[tuple[int, int]], silences: list[tuple[int, int]]
) -> None:
    world, agent = World(2, [link(0, 1)], boot_ns=10 * SECOND), Agent()
    clock, network = world.clock, world.network
    image = HostImage("new", 8_000_000, 500_000_000, good)
    system = HostSystem(clock, network, world.nodes, world.recorder, 0, source=1, settings=how, agent=agent)
    apply_host_update(clock, [Rollout(image, [system], None)], at=10 * SECOND)
    machine = Power(clock, network, world.nodes, world.recorder, 0, agent=system)
    for number, (at, dark) in enumerate(cuts):
        if number % 2:
            apply_crash(clock, machine, at=at * SECOND, reboot_after=dark * SECOND)
        else:  # which may come while it boots
            apply_power_cut(clock, [machine], at=at * SECOND, duration=dark * SECOND)
    for at, lasts in silences:
        clock.at(
            at * SECOND,
            lambda lasts=lasts: clock.after(lasts * SECOND, network.mend, 0, network.cut(0, "silent")),  # type: ignore[misc]
        )
    for second in range(0, 400, 3):
        clock.run(second * SECOND + 1)
        assert system.runs in (None, image)
        assert system.kept in (None, image)
        assert system.kept is None or good
        assert agent.up == (network.is_up(0) and (system.runs is None or good))
    clock.run(END * SECOND)
    kinds = [kind for _, kind, *_ in world.rows("events")]
    assert kinds.count("HostUpdateStarted") == 1
    assert kinds.count("HostUpdateCommitted") + kinds.count("HostRolledBack") == 1
    assert "HostBroken" not in kinds
    assert network.is_up(0)
    assert agent.up
    assert system.runs is system.kept
    assert good or system.kept is None
