"""A node under random admissions, deletions, loads, hangs, cuts, crashes and reboots: what must hold at all times."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kubelets import COSTS, IMAGE, MEMORY, MI, PULLS, SETTINGS, kubelets
from simulator.physics.distributions import Uniform
from simulator.runtime.agent import NodeAgent
from simulator.runtime.pod_run import PodRun
from simulator.runtime.status import DesiredPod
from simulator.units import MS, SECOND
from simulator.world.image import Image
from simulator.world.pod import ContainerTemplate, PodTemplate, Probe

RAM = 1024 * MI
ORDER = ("Pending", "Running", "Succeeded", "Failed")
COMMON = Image.equal("other", compressed=30_000_000, unpacked=30_000_000, layers=4, base=IMAGE.layers)
FOREIGN = Image.equal("foreign", compressed=1000, unpacked=1000, layers=1, platforms=frozenset({"linux/arm64"}))

containers = st.builds(
    ContainerTemplate,
    name=st.just("main"),
    image=st.sampled_from(["app", "app", "other", "foreign", "nowhere"]),
    pull_policy=st.sampled_from(["IfNotPresent", "Always", "Never"]),
    cpu_m=st.sampled_from([0, 500, 2000]),
    ram_bytes=st.sampled_from([0, 100 * MI, 400 * MI]),
    ram_limit_bytes=st.sampled_from([None, None, 300 * MI]),
    ram_idle_bytes=st.sampled_from([0, 50 * MI, 250 * MI, 700 * MI]),
    ram_per_request_bytes=st.sampled_from([0, MI]),
    run_ns=st.sampled_from([None, None, 0, 5 * SECOND, 700 * SECOND]),
    exit_code=st.sampled_from([0, 1]),
    start_ns=st.sampled_from([0, 3 * SECOND, 40 * SECOND]),
    liveness=st.sampled_from([None, Probe()]),
    readiness=st.sampled_from([None, Probe(period_ns=3 * SECOND, success_threshold=2)]),
    startup=st.sampled_from([None, None, Probe(failure_threshold=2)]),
)


@st.composite
def templates(draw: st.DrawFn) -> PodTemplate:
    made = [draw(containers)]
    if draw(st.booleans()):
        made.append(replace(draw(containers), name="side"))
    init = (replace(draw(containers), name="init", run_ns=SECOND),) if draw(st.integers(0, 3)) == 0 else ()
    return PodTemplate(
        "shop",
        {},
        tuple(made),
        init,
        cpu_m=sum(c.cpu_m for c in made),
        ram_bytes=sum(c.ram_bytes for c in made),
        qos=draw(st.sampled_from(["Guaranteed", "Burstable", "BestEffort"])),
        priority=draw(st.sampled_from([0, 10, 2_000_000_000])),
        restart_policy=draw(st.sampled_from(["Always", "OnFailure", "Never"])),
        runtime_class=draw(st.sampled_from(["", "", "", "kata"])),
    )


class Node(RuleBasedStateMachine):
    """One node, its link, and whoever sends it pods."""

    def __init__(self) -> None:
        super().__init__()
        self.uids: list[int] = []
        self.known: dict[int, DesiredPod] = {}
        self.lost: set[int] = set()  # stored when the node lost power, or sent while it had none
        self.removed: set[int] = set()
        self.tokens: list[int] = []

    @initialize(
        threshold=st.sampled_from([None, 100 * MI]),
        parallel=st.booleans(),
        after=st.sampled_from([(), ("keep", "restart")]),
        stop_s=st.sampled_from([0, 60]),
    )
    def build(self, threshold: int | None, parallel: bool, after: tuple[str, ...], stop_s: int) -> None:
        self.kit = kubelets(
            images=[IMAGE, COMMON, FOREIGN],
            cached=False,
            settings=replace(
                SETTINGS,
                memory=replace(MEMORY, threshold_bytes=threshold),
                pulls=replace(PULLS, parallel=parallel),
                after_reboot=after,
            ),
            costs=replace(COSTS, stop=Uniform(0, stop_s * SECOND + 1), ram_bytes=MI),
            ram_bytes=RAM,
            system_bytes=100 * MI,
            latency_ns=5 * MS,
            disk_bytes_per_s=20e6,
        )

    @property
    def agent(self) -> NodeAgent:
        return self.kit.agent

    def one(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.uids))

    @rule(template=templates())
    def admit(self, template: PodTemplate) -> None:
        desired = self.kit.desired()
        desired.template = template
        self.uids.append(desired.uid)
        self.known[desired.uid] = desired
        if self.agent.up:
            self.agent.admit(desired)
        else:
            self.lost.add(desired.uid)

    @precondition(lambda self: self.uids)
    @rule(data=st.data(), grace_s=st.sampled_from([None, 0, 5]))
    def remove(self, data: st.DataObject, grace_s: int | None) -> None:
        uid = self.one(data)
        if self.agent.up:
            self.removed.add(uid)
            self.lost.discard(uid)
            self.agent.remove(uid, None if grace_s is None else grace_s * SECOND)

    @precondition(lambda self: self.uids)
    @rule(data=st.data(), kind=st.sampled_from(["liveness", "readiness"]), on=st.booleans())
    def hang(self, data: st.DataObject, kind: str, on: bool) -> None:
        self.agent.hang(self.one(data), kind, on)

    @precondition(lambda self: self.uids)
    @rule(data=st.data(), count=st.integers(0, 1500))
    def load(self, data: st.DataObject, count: int) -> None:
        self.agent.set_in_flight(self.one(data), count)

    @rule(milliseconds=st.sampled_from([1, 300, 1_000, 7_000, 31_000, 400_000]))
    def wait(self, milliseconds: int) -> None:
        self.kit.clock.run(self.kit.clock.now + milliseconds * MS + 1)

    @rule(mode=st.sampled_from(["silent", "refused"]))
    def cut(self, mode: str) -> None:
        self.tokens.append(self.kit.network.cut(0, mode))

    @precondition(lambda self: self.tokens)
    @rule()
    def mend(self) -> None:
        self.kit.network.mend(0, self.tokens.pop())

    @precondition(lambda self: self.agent.up)
    @rule()
    def crash(self) -> None:
        before = set(self.agent.stored())
        self.kit.network.set_node(1, False)
        self.agent.crash()
        self.lost |= before - set(self.agent.stored())

    @precondition(lambda self: not self.agent.up)
    @rule()
    def boot(self) -> None:
        self.kit.network.set_node(1, True)
        self.agent.boot()

    @precondition(lambda self: self.agent.up)
    @rule(data=st.data())
    def sync(self, data: st.DataObject) -> None:
        """A list of what is still wanted; some deletions went unheard while the node was away."""
        wanted = [uid for uid in self.uids if uid not in self.removed and data.draw(st.integers(0, 4))]
        self.removed |= set(self.uids) - set(wanted)
        self.lost -= set(wanted)
        self.agent.sync([self.known[uid] for uid in wanted])

    @invariant()
    def ram_is_never_exceeded(self) -> None:
        pods: list[PodRun] = list(self.agent.running())
        held = sum(pod.ram_bytes for pod in pods)
        assert held <= RAM - 100 * MI
        assert self.agent.available_ram_bytes == RAM - 100 * MI - held
        for pod in pods:
            for c in (*pod.init_containers, *pod.containers):
                assert c.template.ram_limit_bytes is None or c.working_set(pod.in_flight) <= c.template.ram_limit_bytes

    @invariant()
    def a_pod_is_stored_or_confirmed_or_lost_with_its_node(self) -> None:
        stored, confirmed = set(self.agent.stored()), set(self.kit.upstream.confirmed)
        for uid in self.uids:
            assert (uid in stored) + (uid in confirmed) + (uid in self.lost) == 1
        assert {pod.uid for pod in self.agent.running()} <= stored

    @invariant()
    def nothing_runs_on_a_dead_node(self) -> None:
        if not self.agent.up:
            assert list(self.agent.running()) == []
        up: dict[int, bool] = {}
        for _, uid, is_up, _ in self.kit.served:
            assert up.get(uid, False) != is_up  # up and down take turns
            up[uid] = is_up
        serving = {pod.uid for pod in self.agent.running() if pod.serving}
        assert {uid for uid, is_up in up.items() if is_up} == serving

    @invariant()
    def phases_move_only_forward(self) -> None:
        for uid in self.uids:
            ranks = [ORDER.index(status.phase) for status in self.kit.upstream.of(uid)]
            assert ranks == sorted(ranks)
            assert len({rank for rank in ranks if rank > 1}) <= 1
            restarts = [status.restarts for status in self.kit.upstream.of(uid)]
            assert restarts == sorted(restarts)

    def teardown(self) -> None:
        """After quiet, and with every deletion heard, nothing is left."""
        if not self.agent.up:
            self.boot()
        while self.tokens:
            self.mend()
        self.agent.sync([])
        self.kit.clock.run(self.kit.clock.now + 61 * SECOND)
        assert list(self.agent.stored()) == []
        assert list(self.agent.running()) == []
        assert self.agent.available_ram_bytes == RAM - 100 * MI
        state: dict[str, list[str]] = {}
        for _, pod, change in self.kit.pods("running"):
            state.setdefault(pod, []).append(change)
        for changes in state.values():
            assert changes == ["started", "stopped"] * (len(changes) // 2)


Node.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestNode = Node.TestCase
