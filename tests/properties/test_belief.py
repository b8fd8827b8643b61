"""Whatever fails and heals, after quiet the control plane believes what is."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from controlkit import Cluster, Numbers, template
from simulator.control.api.objects import DaemonSet, Deployment, Node, Pod
from simulator.control.delivery.reach import OK
from simulator.units import SECOND

WORKERS = 5
ROWS = st.integers(0, WORKERS - 1)
QUIET_S = 900  # longer than an eviction, a limiter's turn for each node, a reconnection and a grace period


class Belief(RuleBasedStateMachine):
    """Cuts, mends, crashes, boots, deletions, stopped servers and dead leaders, in any order; agents that are fakes."""

    real = False

    def __init__(self) -> None:
        super().__init__()
        zones = ["a", "a", "a", "b", "b"]
        self.cluster = Cluster(WORKERS, Numbers(copies=2), zones=zones, proxies=[0, 4], real=self.real)
        self.cuts: list[tuple[int, int]] = []
        self.down: set[int] = set()
        self.unknown: dict[str, int] = {}  # node -> when it last ceased to be Ready
        self.cluster.server.watch(Node, self.note)
        self.cluster.server.create(Deployment(name="web", template=template(), replicas=4))
        self.cluster.server.create(DaemonSet(name="log", template=template("log")))
        self.cluster.run(30)

    def note(self, _event: str, node: Node) -> None:
        if node.ready == "True":
            self.unknown.pop(node.name, None)
        else:
            self.unknown.setdefault(node.name, self.cluster.clock.now)

    @rule(seconds=st.floats(0.01, 60) | st.floats(60, 500))
    def wait(self, seconds: float) -> None:
        self.cluster.clock.run(self.cluster.clock.now + round(seconds * SECOND))

    @rule(row=ROWS, mode=st.sampled_from(["silent", "refused", "lossy", "one-way"]), direction=st.integers(0, 1))
    def cut(self, row: int, mode: str, direction: int) -> None:
        how = {"lossy": {"loss": 0.6}, "one-way": {"direction": direction}}.get(mode, {})
        self.cuts.append((row, self.cluster.cut(row, mode, **how)))

    @precondition(lambda self: self.cuts)
    @rule(data=st.data())
    def mend(self, data: st.DataObject) -> None:
        self.cluster.network.mend(*self.cuts.pop(data.draw(st.integers(0, len(self.cuts) - 1))))

    @rule(row=ROWS)
    def crash(self, row: int) -> None:
        if row not in self.down:
            self.down.add(row)
            self.cluster.crash(row)

    @precondition(lambda self: self.down)
    @rule()
    def boot(self) -> None:
        self.cluster.boot(self.down.pop())

    @rule(number=st.integers(0, 20))
    def delete(self, number: int) -> None:
        pods = list(self.cluster.server.list(Pod))
        if pods and self.cluster.server.up:
            pod = pods[number % len(pods)]
            delete: Callable[[Pod], None] = self.cluster.server.mark_deleted if pod.node else self.cluster.server.remove
            delete(pod)

    @rule()
    def stop_or_start_server(self) -> None:
        self.cluster.server.set_up(not self.cluster.server.up)

    @rule()
    def kill_leader(self) -> None:
        self.cluster.manager.set_up(False, leader=True)
        self.cluster.manager.set_up(True, leader=True)

    def teardown(self) -> None:
        """What is broken now stays so; the server works; then comes quiet."""
        cluster = self.cluster
        if not cluster.server.up:
            cluster.server.set_up(True)
        lossy = {row for row, _token in self.cuts if cluster.reach.loss[row] > 0}
        for row, token in self.cuts:
            if row in lossy:
                cluster.network.mend(row, token)
        cluster.clock.run(cluster.clock.now + QUIET_S * SECOND)
        reachable = [row for row in range(WORKERS) if cluster.reach.state[row] == OK]
        for row, node in enumerate(cluster.nodes):
            assert (node.ready == "True") == (row in reachable), node
            if row in reachable:
                assert node.taints == []
        for row in reachable:
            believed = {pod.uid: pod for pod in cluster.server.list(Pod) if pod.node == f"w{row}"}
            assert all(pod.deletion_ns is None for pod in believed.values())
            assert {uid for uid, pod in believed.items() if pod.phase == "Running"} == cluster.runs(row)
            assert all(pod.ready for pod in believed.values())
        for row in set(range(WORKERS)) - set(reachable):
            # A report that came after its node had turned Unknown is believed, as in Kubernetes.
            since = self.unknown[f"w{row}"]
            assert not any(
                p.ready and (p.ready_ns or 0) < since for p in cluster.server.list(Pod) if p.node == f"w{row}"
            )
        if reachable:
            there = {f"w{row}" for row in reachable}  # of the others a late report may be believed, see above
            ready = [pod for pod in cluster.server.list(Pod) if pod.active and pod.ready and pod.node in there]
            assert sum(pod.template.workload == "log" for pod in ready) == len(reachable)
            web = [pod for pod in cluster.server.list(Pod) if pod.active and pod.template.workload == "web"]
            assert len(web) == 4


class BeliefOfRealAgents(Belief):
    """The same with the simulator's own node agents, which start, restart and end pods as a kubelet does."""

    real = True


TestBelief = Belief.TestCase
TestBelief.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBeliefOfRealAgents = BeliefOfRealAgents.TestCase
TestBeliefOfRealAgents.settings = settings(TestBelief.settings, max_examples=30)
