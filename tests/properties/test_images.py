"""A disk of images under random pulls, deletions and removals: what it holds is what its images and pulls have."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kubelets import PULLS, SETTINGS, kubelets
from simulator.runtime.image_settings import EnginePull, ImageGcSettings
from simulator.units import MINUTE
from simulator.world.image import Image, ImageStore, Layer

LAYERS = [Layer(f"l{i}", 3 + i, 10 + 7 * i) for i in range(6)]
images = st.lists(st.sampled_from(LAYERS), min_size=1, max_size=4, unique=True)


def size(layers: set[Layer], keeps: bool) -> int:
    return sum(layer.unpacked + (layer.compressed if keeps else 0) for layer in layers)


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), images, st.booleans()), max_size=30),
    st.booleans(),
    st.integers(0, 250),
)
def test_a_store_holds_the_union_of_the_layers_of_its_images(
    steps: list[tuple[str, list[Layer], bool]], keeps: bool, capacity: int
) -> None:
    store, there = ImageStore(capacity, keeps), dict[str, set[Layer]]()
    for name, layers, add in steps:
        if not add and name in there:
            before = store.used_bytes
            del there[name]
            assert store.remove(name) == before - store.used_bytes
        elif add and name not in there and store.preload(Image(name, tuple(layers))):
            there[name] = set(layers)
        assert store.used_bytes == size(set().union(*there.values()), keeps) <= capacity
        assert {image.name for image in store} == there.keys()


class Disk(RuleBasedStateMachine):
    """A node whose disk is too small for all images, in any engine's way of pulling."""

    @initialize(
        overlap=st.booleans(), pipelined=st.booleans(), keeps=st.booleans(), parallel=st.booleans(),
        lazy=st.sampled_from([1.0, 0.2]), delta=st.sampled_from([1.0, 0.1]), width=st.sampled_from([1, 3]),
    )  # fmt: skip
    def begin(
        self, *, overlap: bool, pipelined: bool, keeps: bool, parallel: bool, lazy: float, delta: float, width: int
    ) -> None:
        base = Image.equal("base", compressed=3_000_000, unpacked=10_000_000, layers=2)
        made = [
            Image.equal(f"app:{i}", compressed=(4 + i) * 1_000_000, unpacked=(12 + 3 * i) * 1_000_000, layers=3 + i,
                        base=base.layers if i % 2 else ())
            for i in range(6)
        ]  # fmt: skip
        engine = EnginePull(overlap, pipelined, keeps, unpack_bytes_per_s=8e6, delta=delta, lazy=lazy)
        pulls = replace(
            PULLS, parallel=parallel, layers_at_once=width, engine=engine,
            gc=ImageGcSettings(0.85, 0.80, 2 * MINUTE, 5 * MINUTE),
        )  # fmt: skip
        self.kit = kubelets(
            images=made, cached=False, settings=replace(SETTINGS, pulls=pulls), disk_bytes_per_s=20e6, bps=20e6
        )
        self.store = self.kit.agent.images
        self.store.capacity_bytes, self.store.keeps_archives = 60_000_000, keeps
        self.now = 0.0
        self.cut: int | None = None

    @rule(number=st.integers(0, 5))
    def admit(self, number: int) -> None:
        self.kit.admit(image=f"app:{number}")

    @rule(pick=st.integers(0, 99))
    def remove(self, pick: int) -> None:
        stored = sorted(self.kit.agent.stored())
        if stored:
            self.kit.agent.remove(stored[pick % len(stored)], 0)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 7.0, 60.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.kit.run(self.now)

    @precondition(lambda self: self.cut is None)
    @rule(mode=st.sampled_from(["silent", "refused"]))
    def sever(self, mode: str) -> None:
        self.cut = self.kit.network.cut(0, mode)

    @precondition(lambda self: self.cut is not None)
    @rule()
    def mend(self) -> None:
        assert self.cut is not None
        self.kit.network.mend(0, self.cut)
        self.cut = None

    @rule()
    def reboot(self) -> None:
        self.kit.network.set_node(1, False)
        self.kit.agent.crash()
        self.wait(3.0)
        self.kit.network.set_node(1, True)
        self.kit.agent.boot()
        self.wait(1.0)

    @invariant()
    def the_disk_never_holds_more_than_it_can(self) -> None:
        store = self.store
        complete = {layer for image in store for layer in image.layers}
        assert size(complete, keeps=False) <= store.used_bytes <= store.capacity_bytes

    @invariant()
    def what_runs_has_its_image(self) -> None:
        for run in self.kit.agent.running():
            for container in run.containers:
                assert container.state != "running" or container.template.image in self.store

    def teardown(self) -> None:
        """Left alone, every pull ends, and nothing is on the disk but the layers of its images."""
        if self.cut is not None:
            self.mend()
        self.wait(60.0)
        self.kit.agent.sync([])
        self.wait(2000.0)
        assert not self.kit.agent._puller._pulls
        self.store.prune()
        held = sum(layer.unpacked for layer in {layer for image in self.store for layer in image.layers})
        archives = self.store.used_bytes - held
        assert archives >= 0
        assert archives == 0 or self.store.keeps_archives
        assert self.store.used_bytes < 0.85 * self.store.capacity_bytes


Disk.TestCase.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestDisk = Disk.TestCase
