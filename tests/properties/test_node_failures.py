"""Power under any mixture of causes: a machine is up when none is left and it has booted, and is told of it in turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from networks import World
from simulator.faults import Failing, Power, apply_crash, apply_failures, apply_power_cut
from simulator.physics.distributions import Uniform
from simulator.streams import Rng

BOOT, END = 7, 400
spans = st.tuples(st.integers(0, 200), st.integers(1, 60))


@dataclass
class Agent:
    """What lives on the machine."""

    up: bool = True
    told: list[str] = field(default_factory=list)

    def crash(self) -> None:
        self.told.append("crash")
        self.up = False

    def boot(self) -> None:
        self.told.append("boot")
        self.up = True


@given(st.lists(spans, max_size=5), st.lists(spans, max_size=3), st.integers(0, 3))
@settings(deadline=None, max_examples=150)
def test_up_means_no_cause_and_booted(
    cuts: list[tuple[int, int]], crashes: list[tuple[int, int]], random_causes: int
) -> None:
    world, agent = World(1, [], boot_ns=BOOT), Agent()
    machine = Power(world.clock, world.network, world.nodes, world.recorder, 0, agent=agent)
    for at, lasts in cuts:
        apply_power_cut(world.clock, [machine], at=at, duration=lasts)
    for at, lasts in crashes:
        apply_crash(world.clock, machine, at=at, reboot_after=lasts)
    for number in range(random_causes):
        how = Failing(f"f{number}", Uniform(20, 90), Uniform(1, 40))
        apply_failures(world.clock, Rng(number), how, [("n0", [machine])], at=0)
    back = 0  # since when no cut has held it
    for now in range(END):
        world.clock.run(now)
        cut = any(at <= now < at + lasts for at, lasts in cuts)
        back = now + 1 if cut else back
        assert not (cut and machine.runs)
        assert agent.up == machine.runs == world.network.is_up(0)
        if not crashes and not random_causes and now >= back + BOOT:
            assert machine.runs
    assert agent.told == [("crash", "boot")[i % 2] for i in range(len(agent.told))]
    states = [state for *_, state in world.rows("nodes")]
    assert states == [("down", "up")[i % 2] for i in range(len(states))]
    kinds = [kind for _, kind, *_ in world.rows("events")]
    lost = sum(kind in ("PowerLost", "NodeCrashed") for kind in kinds)
    assert 0 <= lost - kinds.count("Booting") <= 1  # each end of all causes begins one boot
    assert kinds.count("NodeBooted") == states.count("up") <= kinds.count("Booting")
